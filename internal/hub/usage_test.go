package hub_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/wire"
)

func (h *testHub) usage(query string) wire.UsageSummary {
	h.t.Helper()
	var out wire.UsageSummary
	h.want(http.StatusOK, http.MethodGet, "/api/usage/summary?"+query, nil, &out)
	return out
}

func claudeSaid(id, model string, input, output, read, write int) string {
	return fmt.Sprintf(`{"role":"agent","content":{"type":"output","data":{"type":"assistant","message":{"id":%q,"model":%q,"content":[{"type":"text","text":"x"}],`+
		`"usage":{"input_tokens":%d,"output_tokens":%d,"cache_read_input_tokens":%d,"cache_creation_input_tokens":%d}}}}}`, id, model, input, output, read, write)
}

func codexTotal(turn string, in, cached, out, lastIn, lastOut int) string {
	return fmt.Sprintf(`{"role":"agent","content":{"type":"codex","data":{"type":"token_count","usageSchema":"hapi.usage.v1","inputTokenSemantics":"includes-cache","threadId":"th","turnId":%q,"scopeRole":"parent","model":"gpt",`+
		`"info":{"total":{"inputTokens":%d,"cachedInputTokens":%d,"outputTokens":%d},"last":{"inputTokens":%d,"outputTokens":%d}}}}}`, turn, in, cached, out, lastIn, lastOut)
}

func counts(in, out, read, write, requests int64) wire.UsageCounts {
	return wire.UsageCounts{
		InputTokens: in, OutputTokens: out, CacheReadTokens: read, CacheCreationTokens: write,
		TotalTokens: in + out, UncachedTokens: max(0, in-read) + out, Requests: requests,
	}
}

func TestUsageOfClaudeCountsEachRequestOnce(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	p.says(t, claudeSaid("m1", "opus", 400, 1, 800, 50))
	p.says(t, claudeSaid("m1", "opus", 400, 3, 800, 50)) // the same request, grown
	if got := h.usage("").Totals.UsageCounts; got != counts(1250, 3, 800, 50, 1) {
		t.Errorf("first %+v", got)
	}
	p.says(t, claudeSaid("m1", "opus", 400, 5, 800, 50)) // grows on after it was counted
	p.says(t, claudeSaid("m2", "opus", 100, 1, 0, 0))
	p.says(t, `{"role":"agent","content":{"type":"output","data":{"type":"system","subtype":"turn_duration","resultSummary":{"usage":{"input_tokens":1350,"output_tokens":70}}}}}`)
	p.says(t, claudeSaid("m3", "haiku", 10, 9, 0, 0))
	p.says(t, `{"role":"agent","content":{"type":"output","data":{"type":"system","subtype":"turn_duration","resultSummary":{"usage":{"input_tokens":10,"output_tokens":9}}}}}`)
	p.says(t, claudeSaid("m4", "opus", 0, 0, 0, 0))
	p.says(t, `{"role":"user","content":{"type":"text","text":"\"usage\" token_count"}}`)
	got := h.usage("range=all")
	if got.Totals.UsageCounts != counts(1360, 79, 800, 50, 3) || got.Totals.Sessions != 1 {
		t.Errorf("totals %+v", got.Totals)
	}
	want := []wire.UsageBucket{{Key: "opus", UsageCounts: counts(1350, 70, 800, 50, 2)}, {Key: "haiku", UsageCounts: counts(10, 9, 0, 0, 1)}}
	if diff := cmp.Diff(want, got.ByModel); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	h.restart()
	if diff := cmp.Diff(want, h.usage("range=all").ByModel); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

func TestUsageOfCodexIsTheDifferenceOfItsTotals(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	p.says(t, codexTotal("t1", 1200, 800, 30, 1200, 30))
	p.says(t, codexTotal("t1", 1200, 800, 30, 1200, 30)) // told again
	p.says(t, codexTotal("t2", 2400, 1600, 60, 1200, 30))
	// Without totals before it, the first one counts as its latest request says.
	if got := h.usage("").Totals.UsageCounts; got != counts(2400, 60, 800, 0, 2) {
		t.Errorf("totals %+v", got)
	}
	p.says(t, codexTotal("t3", 500, 0, 10, 400, 8)) // began anew
	p.says(t, codexTotal("t4", 600, 500, 12, 100, 2))
	p.says(t, codexTotal("t5", 700, 500, 9, 0, 0)) // one counter fell: the last request counts, and it is nothing
	got := h.usage("")
	// t4 says that 500 of 100 were cached, which cannot be.
	if got.Totals.UsageCounts != counts(2900, 70, 800, 0, 5) {
		t.Errorf("totals %+v", got.Totals)
	}
	if got.ByAgent[0].Key != "codex" || got.ByModel[0].Key != "gpt" {
		t.Errorf("got %+v, %+v", got.ByAgent, got.ByModel)
	}
}

func TestUsageOfOtherAgents(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	count := func(fields string) string {
		return `{"role":"agent","content":{"type":"codex","data":{"type":"token_count",` + fields + `}}}`
	}
	tests := []struct {
		name, metadata, row string
		want                wire.UsageCounts
	}{
		{"per request", `"flavor":"opencode"`, count(`"model":"m","info":{"total":{"inputTokens":100,"outputTokens":5,"cachedInputTokens":40}}`), counts(100, 5, 40, 0, 1)},
		{"without a model", `"flavor":"opencode"`, count(`"info":{"inputTokens":100,"outputTokens":5,"cacheReadTokens":40}`), counts(140, 5, 40, 0, 1)},
		{"a null model", `"flavor":"grok"`, count(`"model":null,"info":{"inputTokens":100,"outputTokens":5,"cacheReadTokens":40}`), counts(100, 5, 40, 0, 1)},
		{"kimi", `"flavor":"kimi"`, count(`"info":{"inputTokens":100,"outputTokens":5,"cacheReadTokens":40}`), counts(100, 5, 40, 0, 1)},
		{"declared", `"flavor":"kimi"`, count(`"usageSchema":"hapi.usage.v1","inputTokenSemantics":"excludes-cache","info":{"inputTokens":100,"outputTokens":5,"cacheReadTokens":40}`), counts(140, 5, 40, 0, 1)},
		{"usage", `"flavor":"gemini"`, `{"role":"agent","content":{"type":"codex","data":{"type":"usage","input_tokens":7,"output_tokens":2.9}}}`, counts(7, 2, 0, 0, 1)},
		{"codex with only the last", `"flavor":"codex"`, count(`"info":{"last":{"inputTokens":7,"outputTokens":2}}`), counts(7, 2, 0, 0, 1)},
		{"imported history", `"flavor":"codex"`, count(`"hapiUsageScope":"imported-history","info":{"last":{"inputTokens":7}}`), wire.UsageCounts{}},
		{"imported session", `"flavor":"codex","lifecycleState":"imported"`, count(`"info":{"last":{"inputTokens":7}}`), wire.UsageCounts{}},
		{"nonsense", `"flavor":"codex"`, count(`"info":{"last":{"inputTokens":-7,"outputTokens":"9","cachedInputTokens":1e300}}`), wire.UsageCounts{}},
		{"no info", `"flavor":"gemini"`, count(`"info":5`), wire.UsageCounts{}},
		{"more cached than read", `"flavor":"gemini"`, count(`"model":"m","info":{"inputTokens":5,"cacheReadTokens":3,"cacheWriteInputTokens":3}`), counts(5, 0, 0, 0, 1)},
	}
	var sum wire.UsageCounts
	for _, tt := range tests {
		p := h.newFakeProcess(`{"path":"/","host":"t",` + tt.metadata + `}`)
		p.says(t, tt.row)
		got := h.usage("").Totals.UsageCounts
		diff := wire.UsageCounts{
			InputTokens: got.InputTokens - sum.InputTokens, OutputTokens: got.OutputTokens - sum.OutputTokens,
			CacheReadTokens: got.CacheReadTokens - sum.CacheReadTokens, CacheCreationTokens: got.CacheCreationTokens - sum.CacheCreationTokens,
			TotalTokens: got.TotalTokens - sum.TotalTokens, UncachedTokens: got.UncachedTokens - sum.UncachedTokens, Requests: got.Requests - sum.Requests,
		}
		if diff != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, diff, tt.want)
		}
		sum = got
	}
}

func TestUsageIsSummedByTheDaysOfAZone(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(claudeMetadata)
	at := func(text string) wire.Millis {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return wire.At(when)
	}
	// On 27 October 2024 Berlin went from +02:00 to +01:00; Kathmandu is at +05:45.
	for i, when := range []string{"2024-10-26T21:59:59Z", "2024-10-26T22:00:00Z", "2024-10-27T22:59:59Z", "2024-10-27T23:00:00Z", "2024-10-26T18:14:59Z", "2024-10-26T18:15:00Z"} {
		p.says(t, claudeSaid(fmt.Sprint("m", i), "opus", 1, 1, 0, 0), at(when))
	}
	days := func(zone string) string {
		var list []string
		for _, d := range h.usage("range=all&timeZone=" + zone).Daily {
			list = append(list, fmt.Sprintf("%s:%d", d.Key, d.Requests))
		}
		return strings.Join(list, " ")
	}
	for zone, want := range map[string]string{
		"":               "2024-10-26:4 2024-10-27:2",
		"Europe/Berlin":  "2024-10-26:3 2024-10-27:2 2024-10-28:1",
		"Asia/Kathmandu": "2024-10-26:1 2024-10-27:3 2024-10-28:2",
	} {
		if got := days(zone); got != want {
			t.Errorf("%s: got %s, want %s", zone, got, want)
		}
	}
	if got := h.usage("range=30d"); got.Totals.Requests != 0 || got.Range.From == nil || len(got.Daily) != 0 || got.Daily == nil {
		t.Errorf("the last 30 days: %+v", got)
	}
	if got := h.usage("range=all"); got.Range.From != nil {
		t.Errorf("all of it begins at %d", *got.Range.From)
	}
	if got := h.usage("range=1y"); got.Range.To-*got.Range.From != 7*24*3600_000 {
		t.Errorf("an unknown range: %+v", got.Range)
	}
	for _, tt := range []struct {
		token, query string
		status       int
		text         string
	}{
		{h.jwt, "timeZone=Mars/Base", 400, "Invalid timeZone"},
		{h.jwt, "timeZone=Local", 400, "Invalid timeZone"},
		{h.jwt, "timeZone=../../etc/passwd", 400, "Invalid timeZone"},
		{h.jwt, "timeZone=" + strings.Repeat("a", 101), 400, "Invalid timeZone"},
		{h.signIn(baseToken + ":other"), "timeZone=Mars/Base", 403, "Usage summary is only available to the hub owner"},
	} {
		if status, raw := h.call(tt.token, http.MethodGet, "/api/usage/summary?"+tt.query, nil); status != tt.status || !strings.Contains(string(raw), tt.text) {
			t.Errorf("%.30s: got %d %s", tt.query, status, raw)
		}
	}
}

package hub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/wire"
)

// seqs are the seqs of a page, 0 for null.
func seqs(page wire.Page) []int64 {
	list := []int64{}
	for _, m := range page.Messages {
		if m.Seq == nil {
			list = append(list, 0)
			continue
		}
		list = append(list, *m.Seq)
	}
	return list
}

func agentSaid(i int) string {
	return fmt.Sprintf(`{"role":"agent","content":{"type":"codex","data":{"type":"message","message":"row %d"}}}`, i)
}

func goalStatus(i int) string {
	return fmt.Sprintf(`{"role":"agent","content":{"type":"event","data":{"type":"message","message":"Goal active · %dk / 50k"}}}`, i)
}

// A prompt that is queued among rows and taken after them stands where it was
// taken, on every way of paging.
func TestTakenPromptStandsWhereItWasTaken(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	for i := range 5 {
		p.says(t, agentSaid(i))
	}
	h.send(p.id, "l1", nil)
	for i := range 3 {
		p.says(t, agentSaid(i))
	}
	p.emit(t, wire.EventMessagesConsumed, map[string]any{"sid": p.id, "localIds": []string{"l1"}})
	first := h.page(p.id, "limit=3")
	tests := []struct {
		query string
		want  []int64
		more  bool
	}{
		{"limit=3", []int64{10, 9, 8}, true},
		{"limit=3&beforeSeq=8", []int64{7, 5, 4}, true},
		{"limit=3&beforeSeq=4", []int64{3, 2, 1}, false},
		{"limit=3&beforeSeq=1", []int64{}, false},
		{"limit=3&order=asc", []int64{8, 9, 10}, true},
		{"limit=3&beforeSeq=8&order=asc", []int64{4, 5, 7}, true},
		{fmt.Sprintf("limit=3&beforeSeq=%d&beforeAt=%d", *first.Page.NextBeforeSeq, *first.Page.NextBeforeAt), []int64{4, 5, 7}, true},
		{fmt.Sprintf("limit=3&beforeSeq=%d&beforeAt=%d&order=desc", *first.Page.NextBeforeSeq, *first.Page.NextBeforeAt), []int64{7, 5, 4}, true},
	}
	for _, tt := range tests {
		page := h.page(p.id, tt.query)
		if diff := cmp.Diff(tt.want, seqs(page)); diff != "" || page.HasMore != tt.more || page.Page.HasMore != tt.more {
			t.Errorf("%s: more %t (-want +got):\n%s", tt.query, page.HasMore, diff)
		}
	}
}

func TestWaitingPromptsArePinnedOnlyForWindowingClients(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	h.send(p.id, "waiting", nil)
	h.send(p.id, "later", map[string]any{"scheduledAt": wire.Now() + 3600_000})
	h.send(p.id, "unsettled", nil)
	p.steerState(t, wire.Dispatching, "unsettled")
	for i := range 250 {
		p.says(t, agentSaid(i))
	}
	full := seqs(h.page(p.id, "limit=200"))
	if diff := cmp.Diff([]int64{0, 0, 0}, full[200:]); diff != "" {
		t.Errorf("pinned rows (-want +got):\n%s", diff)
	}
	for _, query := range []string{"", "limit=199", "limit=200&beforeSeq=300"} {
		for _, seq := range seqs(h.page(p.id, query)) {
			if seq == 0 {
				t.Errorf("%q has a pinned row", query)
			}
		}
	}
	head := h.page(p.id, "limit=1").Page
	reset := h.page(p.id, fmt.Sprintf("limit=10&afterSeq=%d&afterAt=%d&epoch=%d", *head.SnapshotHeadSeq, *head.SnapshotHeadAt, head.Epoch+1))
	if got := seqs(reset); !reset.Page.Reset || reset.Page.Direction != wire.Latest || len(got) != 13 || got[0] != 1 || got[12] != 253 {
		t.Errorf("a reset gives %v, %+v", got, reset.Page)
	}
}

func TestHiddenRowsNeverEndAPage(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.emptySession()
	// Rows of before the hub dropped them when they come in: three are shown.
	h.fill(id, 603, func(i int) string {
		if i%201 == 0 {
			return agentSaid(i)
		}
		return goalStatus(i)
	})
	page := h.page(id, "limit=2")
	if diff := cmp.Diff([]int64{403, 202}, seqs(page)); diff != "" || !page.HasMore {
		t.Errorf("newest (-want +got):\n%s", diff)
	}
	older := h.page(id, "limit=2&beforeSeq=202")
	if diff := cmp.Diff([]int64{1}, seqs(older)); diff != "" || older.HasMore {
		t.Errorf("oldest (-want +got):\n%s", diff)
	}
	at := h.page(id, "limit=1&beforeSeq=2").Messages[0].CreatedAt
	after := h.page(id, fmt.Sprintf("limit=200&afterSeq=1&afterAt=%d", at))
	if len(after.Messages) != 0 || !after.HasMore || *after.Page.NextAfterSeq != 201 {
		t.Errorf("an empty page goes on: %+v", after.Page)
	}
	before := h.page(id, fmt.Sprintf("limit=2&beforeSeq=202&beforeAt=%d", at+201))
	if diff := cmp.Diff([]int64{1}, seqs(before)); diff != "" || before.HasMore {
		t.Errorf("by position (-want +got):\n%s", diff)
	}
	var out exported
	h.want(http.StatusOK, http.MethodGet, "/api/sessions/"+string(id)+"/export", nil, &out)
	if len(out.Messages) != 3 {
		t.Errorf("the export has %d messages", len(out.Messages))
	}
}

func TestAfterPagesEndAtTheirSnapshot(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	empty := h.page(p.id, "afterSeq=1&afterAt=0")
	if len(empty.Messages) != 0 || empty.HasMore || *empty.Page.NextAfterSeq != 1 || *empty.Page.NextAfterAt != 0 || empty.Page.SnapshotHeadSeq != nil {
		t.Errorf("an empty session: %+v", empty.Page)
	}
	base := wire.Now() - 100_000
	for i := range 6 {
		p.says(t, agentSaid(i), base+wire.Millis(i))
	}
	tests := []struct {
		query string
		want  []int64
		more  bool
		next  int64
	}{
		{fmt.Sprintf("limit=2&afterSeq=1&afterAt=%d", base), []int64{2, 3}, true, 3},
		{fmt.Sprintf("limit=2&afterSeq=1&afterAt=%d&untilSeq=3&untilAt=%d", base, base+2), []int64{2, 3}, false, 3},
		{fmt.Sprintf("limit=2&afterSeq=1&afterAt=%d&untilSeq=99&untilAt=%d", base, base+99), []int64{2, 3}, true, 3},
		{fmt.Sprintf("limit=2&afterSeq=6&afterAt=%d", base+5), []int64{}, false, 6},
		{fmt.Sprintf("limit=2&afterSeq=9&afterAt=%d", base+9), []int64{}, false, 9},
		{fmt.Sprintf("limit=9&afterSeq=1&afterAt=%d&epoch=0&order=desc", base), []int64{6, 5, 4, 3, 2}, false, 6},
	}
	for _, tt := range tests {
		page := h.page(p.id, tt.query)
		if diff := cmp.Diff(tt.want, seqs(page)); diff != "" || page.HasMore != tt.more || *page.Page.NextAfterSeq != tt.next || page.Page.NextBeforeSeq != nil {
			t.Errorf("%s: %+v (-want +got):\n%s", tt.query, page.Page, diff)
		}
	}
}

func TestPageQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := h.emptySession()
	for query, field := range map[string]string{
		"limit=0":                          "limit",
		"limit=1.5":                        "limit",
		"limit=":                           "limit",
		"beforeSeq=0":                      "beforeSeq",
		"beforeSeq=x":                      "beforeSeq",
		"beforeAt=5":                       "beforeAt",
		"beforeSeq=1&beforeAt=-1":          "beforeAt",
		"afterSeq=1":                       "afterSeq",
		"afterAt=1":                        "afterSeq",
		"afterSeq=1&afterAt=1&beforeSeq=2": "afterSeq",
		"afterSeq=1&afterAt=1&untilSeq=1":  "untilSeq",
		"untilSeq=1&untilAt=1":             "untilSeq",
		"epoch=1":                          "epoch",
		"epoch=-1&afterSeq=1&afterAt=1":    "epoch",
		"order=up":                         "order",
		"limit=99999999999999999999":       "limit",
		"beforeSeq=5&beforeAt=1&afterSeq=1&afterAt=1&untilSeq=2&epoch=x": "epoch",
	} {
		status, raw := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(id)+"/messages?"+query, nil)
		var body struct {
			Error  string      `json:"error"`
			Issues wire.Issues `json:"issues"`
		}
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Fatalf("%s: %v in %s", query, err, raw)
		}
		if status != 400 || body.Error != "Invalid query" || len(body.Issues.FieldErrors[field]) == 0 || body.Issues.FormErrors == nil {
			t.Errorf("%s: got %d %s, want an issue of %s", query, status, raw, field)
		}
	}
}

// Backfill brings what a process may have missed, and nothing it must not run
// a second time.
func TestBackfillLeavesOutWhatIsNotToBeRun(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	h.send(p.id, "taken", nil)
	h.send(p.id, "waiting", nil)
	h.send(p.id, "later", map[string]any{"scheduledAt": wire.Now() + 3600_000})
	h.send(p.id, "due", map[string]any{"scheduledAt": wire.Now() - 1000})
	h.send(p.id, "unsettled", nil)
	p.steerState(t, wire.Dispatching, "unsettled")
	p.says(t, agentSaid(1))
	p.emit(t, wire.EventMessagesConsumed, map[string]any{"sid": p.id, "localIds": []string{"taken"}})
	path := "/cli/sessions/" + string(p.id) + "/messages?"
	backfill := func(query string) string {
		var page struct {
			Messages []wire.BackfillMessage `json:"messages"`
		}
		h.want(http.StatusOK, http.MethodGet, path+query, nil, &page)
		var list []string
		for _, m := range page.Messages {
			name := "said"
			if m.LocalID != nil {
				name = string(*m.LocalID)
			}
			list = append(list, fmt.Sprintf("%d:%s", m.Seq, name))
		}
		return strings.Join(list, " ")
	}
	for query, want := range map[string]string{
		"afterSeq=0":         "2:waiting 4:due 6:said",
		"afterSeq=2":         "4:due 6:said",
		"afterSeq=0&limit=1": "2:waiting",
		"afterSeq=99":        "",
	} {
		if got := backfill(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"", "afterSeq=-1", "afterSeq=x", "afterSeq=0&limit=0", "afterSeq=0&limit=201", "afterSeq=0&limit=x"} {
		if status, raw := h.call(baseToken, http.MethodGet, path+query, nil); status != 400 || string(raw) != `{"error":"Invalid query"}` {
			t.Errorf("%q: got %d %s", query, status, raw)
		}
	}
}

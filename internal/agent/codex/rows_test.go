package codex

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/agent"
)

var update = flag.Bool("update", false, "write what the recorded conversation becomes")

// TestRecordedConversationBecomesRows plays what a real Codex said.
func TestRecordedConversationBecomesRows(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile("testdata/recorded.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/rows.ndjson"
	got := play(t, recorded)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("the rows differ (-want +got):\n%s", diff)
	}
}

// play gives the data of the rows, one on a line. Ids that are made up are left
// out, and so are snapshots, which depend on time.
func play(t *testing.T, recorded []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	r := newRows(func(record agent.Record) {
		var row struct {
			Content struct {
				Data map[string]any `json:"data"`
			} `json:"content"`
		}
		if err := json.Unmarshal(record.Content, &row); err != nil {
			t.Fatal(err)
		}
		d := row.Content.Data
		if d["live"] == true {
			return
		}
		delete(d, "live")
		delete(d, "id")
		if id, ok := d["callId"].(string); ok && len(id) == 36 {
			d["callId"] = "made up"
		}
		out.Write(append(mustMarshal(d), '\n'))
	})
	lines := bufio.NewScanner(bytes.NewReader(recorded))
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		at := readScope(m.Params)
		if m.Method == "turn/completed" {
			r.close(map[string]string{"interrupted": "Interrupted"}[at.Turn.Status])
			continue
		}
		r.convert(m.Method, m.Params, &at, "scripted")
	}
	return out.Bytes()
}

func TestItemsOfEachKindBecomeRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{
			"patch", []string{
				`{"method":"item/started","params":{"item":{"type":"fileChange","id":"p1","changes":[{"path":"a.go","kind":{"type":"add"},"diff":"+x"}],"status":"inProgress"}}}`,
				`{"method":"item/completed","params":{"item":{"type":"fileChange","id":"p1","changes":[{"path":"a.go","kind":{"type":"add"},"diff":"+x"}],"status":"declined"}}}`,
				`{"method":"item/completed","params":{"item":{"type":"fileChange","id":"p1","changes":[],"status":"completed"}}}`,
			},
			[]string{
				`{"callId":"p1","input":{"changes":{"a.go":{"diff":"+x","kind":{"type":"add"},"path":"a.go"}}},"name":"CodexPatch","type":"tool-call"}`,
				`{"callId":"p1","is_error":true,"output":{"status":"declined","success":false},"type":"tool-call-result"}`,
			},
		},
		{
			"search", []string{`{"method":"item/completed","params":{"item":{"type":"webSearch","id":"w1","query":"go","action":{"type":"search"}}}}`},
			[]string{
				`{"callId":"w1","input":{"action":{"type":"search"},"query":"go"},"name":"WebSearch","type":"tool-call"}`,
				`{"callId":"w1","is_error":false,"output":null,"type":"tool-call-result"}`,
			},
		},
		{
			"a kind nobody knows", []string{`{"method":"item/completed","params":{"item":{"type":"teleport","id":"t1","to":"moon"}}}`},
			[]string{
				`{"callId":"t1","input":{"id":"t1","to":"moon","type":"teleport"},"name":"CodexTeleport","type":"tool-call"}`,
				`{"callId":"t1","is_error":false,"output":{"id":"t1","to":"moon","type":"teleport"},"type":"tool-call-result"}`,
			},
		},
		{
			"a tool of an MCP server that fails", []string{`{"method":"item/completed","params":{"item":{"type":"mcpToolCall","id":"m1","server":"shop","tool":"buy","arguments":{"n":1},"error":{"message":"closed"}}}}`},
			[]string{
				`{"callId":"m1","input":{"n":1},"name":"mcp__shop__buy","type":"tool-call"}`,
				`{"callId":"m1","is_error":true,"output":{"message":"closed"},"type":"tool-call-result"}`,
			},
		},
		{
			"plan", []string{`{"method":"turn/plan/updated","params":{"plan":[{"step":"one","status":"inProgress"},{"step":"two","status":"pending"}]}}`},
			[]string{
				`{"callId":"codex-plan-state","input":{"plan":[{"status":"in_progress","step":"one"},{"status":"pending","step":"two"}],"source":"codex"},"name":"update_plan","type":"tool-call"}`,
				`{"callId":"codex-plan-state","is_error":false,"output":{"plan":[{"status":"in_progress","step":"one"},{"status":"pending","step":"two"}],"source":"codex","status":"updated"},"type":"tool-call-result"}`,
			},
		},
		{
			"the same diff twice", []string{
				`{"method":"turn/diff/updated","params":{"diff":"+x"}}`, `{"method":"turn/diff/updated","params":{"diff":"+x"}}`,
			},
			[]string{
				`{"callId":"made up","input":{"unified_diff":"+x"},"name":"CodexDiff","type":"tool-call"}`,
				`{"callId":"made up","is_error":false,"output":{"status":"completed"},"type":"tool-call-result"}`,
			},
		},
		{
			"a compaction that is told twice", []string{
				`{"method":"item/completed","params":{"item":{"type":"contextCompaction","id":"x"}}}`, `{"method":"thread/compacted","params":{}}`,
			},
			[]string{`"type":"context_compacted"`},
		},
		{
			"a text that was cut off", []string{
				`{"method":"item/agentMessage/delta","params":{"itemId":"a1","delta":"half a"}}`,
				`{"method":"turn/completed","params":{"turn":{"status":"interrupted"}}}`,
			},
			[]string{`{"message":"half a","type":"message"}`},
		},
		{
			"a proposed plan", []string{`{"method":"item/completed","params":{"item":{"type":"plan","id":"1","text":"# Plan"}}}`},
			[]string{`"name":"ExitPlanMode"`, `"output":null`},
		},
	} {
		got := strings.Split(strings.TrimSpace(string(play(t, []byte(strings.Join(c.lines, "\n"))))), "\n")
		if len(got) != len(c.want) {
			t.Errorf("%s is %q", c.name, got)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("%s is %s, want %s", c.name, got[i], c.want[i])
			}
		}
	}
}

// FuzzRows feeds what no Codex says.
func FuzzRows(f *testing.F) {
	for _, method := range []string{"item/completed", "item/agentMessage/delta", "turn/plan/updated", "thread/goal/updated", "thread/tokenUsage/updated"} {
		f.Add(method, []byte(`{"item":{"type":"commandExecution","id":"a","command":["x"]}}`))
	}
	f.Fuzz(func(_ *testing.T, method string, params []byte) {
		r := newRows(func(agent.Record) {})
		if json.Valid(params) {
			at := readScope(params)
			r.convert(method, params, &at, "m")
			r.close("over")
		}
	})
}

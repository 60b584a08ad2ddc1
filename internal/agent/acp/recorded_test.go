package acp

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shown is what a conversation has in the end.
type shown struct {
	Messages  []string               `json:"messages"`
	Reasoning []string               `json:"reasoning"`
	Calls     map[string]shownCall   `json:"calls"`
	Results   map[string]shownResult `json:"results"`
	Usage     []map[string]any       `json:"usage"`
}

type shownCall struct {
	Name  string `json:"name"`
	Input any    `json:"input"`
	Kind  string `json:"kind"`
}

type shownResult struct {
	Output  any  `json:"output"`
	IsError bool `json:"is_error"`
}

// TestRecordedOpencodeConversation gives the backend what OpenCode 1.18 said in a
// recorded conversation, and wants the rows that peers had of it.
func TestRecordedOpencodeConversation(t *testing.T) {
	t.Parallel()
	got := shown{Calls: map[string]shownCall{}, Results: map[string]shownResult{}}
	mode := delta
	c := &conversation{spec: OpenCode}
	c.convert = newConverter(mode, func(data map[string]any) { got.add(t, data) }, func(string) string { return "" })
	f, err := os.Open("testdata/opencode.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		replay(t, c, lines.Bytes())
	}
	raw, err := os.ReadFile("testdata/opencode.expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want shown
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the conversation differs (-want +got):\n%s", diff)
	}
}

func replay(t *testing.T, c *conversation, line []byte) {
	t.Helper()
	var m struct {
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
		Result *struct {
			StopReason string `json:"stopReason"`
			Usage      *usage `json:"usage"`
		} `json:"result"`
	}
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	switch {
	case m.Method == "session/update":
		var p struct {
			Update update `json:"update"`
		}
		if err := lenient(json.Unmarshal(m.Params, &p)); err != nil {
			t.Fatal(err)
		}
		if p.Update.isWork() {
			c.convert.take(&p.Update)
		} else {
			c.convert.context(p.Update.Used, p.Update.Size)
		}
	case m.Method == "session/request_permission":
		var p permissionRequest
		if err := lenient(json.Unmarshal(m.Params, &p)); err != nil {
			t.Fatal(err)
		}
		c.request(&p)
	case m.Result != nil:
		c.convert.flush()
		if m.Result.Usage != nil {
			c.convert.usage(m.Result.Usage)
		}
	}
}

func (s *shown) add(t *testing.T, data map[string]any) {
	t.Helper()
	var row struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		CallID  string `json:"callId"`
		Name    string `json:"name"`
		Input   any    `json:"input"`
		Kind    string `json:"nativeKind"`
		Output  any    `json:"output"`
		IsError bool   `json:"is_error"`
		Live    bool   `json:"live"`
		Info    map[string]any
	}
	if err := json.Unmarshal(mustMarshal(data), &row); err != nil {
		t.Fatal(err)
	}
	switch {
	case row.Live:
	case row.Type == "message":
		s.Messages = append(s.Messages, row.Message)
	case row.Type == "reasoning":
		s.Reasoning = append(s.Reasoning, row.Message)
	case row.Type == "tool-call":
		s.Calls[row.CallID] = shownCall{row.Name, row.Input, row.Kind}
	case row.Type == "tool-call-result":
		s.Results[row.CallID] = shownResult{row.Output, row.IsError}
	case row.Type == "token_count":
		if total, _ := row.Info["total"].(map[string]any); total["inputTokens"] != 0.0 {
			s.Usage = append(s.Usage, row.Info)
		}
	}
}

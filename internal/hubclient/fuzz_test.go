package hubclient

import (
	"encoding/json"
	"strings"
	"testing"

	"hapi/internal/wire"
)

// FuzzUpdates takes what no hub says: a prompt is handed on once, and a call is
// answered once.
func FuzzUpdates(f *testing.F) {
	for _, seed := range []string{
		`{"body":{"t":"new-message","sid":"s","message":{"id":"m","content":{"role":"user","content":{"type":"text","text":"x"}}}}}`,
		`{"body":{"t":"update-session","sid":"s","metadata":{"version":2,"value":null},"agentState":{"version":1,"value":{"requests":[]}}}}`,
		`{"body":{"t":"cancel-queued-message","sid":"s","localId":1}}`, `{"method":"s:echo","params":"{"}`, `{"method":"s","params":null}`, `{"method":"s:","params":"1"}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	c := New(Options{BaseURL: "http://127.0.0.1:1", Token: "t"})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // the socket's parser lets no other through
		}
		prompts := 0
		l := c.Link(wire.Session{ID: "s", Metadata: json.RawMessage(`{}`)}, LinkOptions{
			Prompt:  func(wire.DeliveredMessage) { prompts++ },
			Methods: map[string]Method{},
		})
		l.update([]json.RawMessage{raw}, func(...any) {})
		l.update([]json.RawMessage{raw}, func(...any) {})
		if prompts > 1 {
			t.Errorf("%s is a prompt twice", raw)
		}
		answers := 0
		l.serve([]json.RawMessage{raw}, func(args ...any) {
			answers++
			if text, ok := args[0].(string); !ok || !strings.Contains(text, "error") {
				t.Errorf("%s was answered %v", raw, args)
			}
		})
		if answers != 1 {
			t.Errorf("%s was answered %d times", raw, answers)
		}
		_, _ = l.State() // it may be none
	})
}

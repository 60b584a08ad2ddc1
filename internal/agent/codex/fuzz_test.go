package codex

import (
	"encoding/json"
	"testing"

	"hapi/internal/agent"
)

// FuzzRequests reads what a Codex, or an MCP server behind it, may ask, and
// answers of a person to it.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		`{"requestedSchema":{"properties":{"a":{"type":"string","enum":["x"]},"b":{"type":"integer"},"c":{"type":"array","items":{"oneOf":[{"const":1}]}}},"required":["a","z"]}}`,
		`{"request":{"requestedSchema":{"properties":{"a":{"type":"array","items":{"type":"array"}}}}}}`, `{"itemId":"i","command":["ls",1]}`, `{"tool":"t","input":[]}`, `null`,
	} {
		f.Add("item/commandExecution/requestApproval", []byte(seed), []byte(`{"a":{"answers":["x"]},"b":["1e400"],"c":["1","user_note: n"]}`))
	}
	f.Fuzz(func(t *testing.T, method string, params, given []byte) {
		if !json.Valid(params) {
			return // the peer's reader lets no other through
		}
		if a, err := readApproval(&request{method: method, params: params}); err == nil && a.id == "" {
			t.Errorf("%q with %s is asked under no id", method, params)
		}
		e, err := readElicitation(params)
		if err != nil || !e.Schema.askable() {
			return
		}
		mustMarshal(e.Schema.questions())
		mustMarshal(e.Schema.defaults())
		if content, ok := e.Schema.content(answersOf(&agent.Decision{Answers: given})); ok {
			mustMarshal(content)
		}
	})
}

// FuzzRollout reads a file that no Codex wrote.
func FuzzRollout(f *testing.F) {
	f.Add([]byte(eventLine(`{"type":"user_message","message":"m","turn_id":"t"}`)), []byte(answerItem("t", "x", "final")))
	f.Add([]byte(`{"type":"turn_context","payload":{"model":"m","effort":1}}`), []byte(responseItem(`{"type":"function_call","call_id":"c","arguments":"{"}`)))
	f.Add([]byte(eventLine(`{"type":"item_completed","item":{"type":"Plan","text":"p"}}`)), []byte(eventLine(`{"type":"task_complete"}`)))
	f.Fuzz(func(t *testing.T, one, other []byte) {
		r := newRollout(&testHost{t: t, changed: make(chan struct{})}, "T", agent.Config{})
		r.line(one)
		r.line(other)
		r.line([]byte(eventLine(`{"type":"turn_aborted"}`)))
	})
}

package acp

import (
	"encoding/json"
	"testing"
)

// FuzzUpdates feeds what no agent says: rows of it, if any, can be written down.
func FuzzUpdates(f *testing.F) {
	for _, seed := range []string{
		`{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"a"}}`, `{"sessionUpdate":"agent_thought_chunk","content":{"type":"text","text":"{"}}`,
		`{"sessionUpdate":"tool_call","toolCallId":"t","title":"x","kind":"edit","content":[{"type":"diff","path":"p","oldText":null,"newText":"n"}],"locations":[{"path":1}]}`,
		`{"sessionUpdate":"tool_call_update","toolCallId":"t","status":"completed","rawOutput":{"a":[]},"content":[{"type":"terminal","terminalId":"s"}]}`,
		`{"sessionUpdate":"plan","entries":[{"content":"c","priority":"high","status":"pending"},null]}`, `{"sessionUpdate":"agent_message_chunk","content":{"type":"image","mimeType":1}}`,
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		c := newConverter(undecided, func(row map[string]any) {
			if _, err := json.Marshal(row); err != nil {
				t.Errorf("%v of %s and %s: %v", row, one, other, err)
			}
		}, func(string) string { return "said" })
		for _, raw := range [][]byte{one, other, one} {
			var u update
			if lenient(json.Unmarshal(raw, &u)) != nil {
				continue
			}
			c.take(&u)
			c.context(u.Used, u.Size)
			c.show()
		}
		c.flush()
	})
}

// FuzzSession reads how an agent describes its session, and what it asks.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		`{"sessionId":"s","models":{"availableModels":[{"modelId":"m"}],"currentModelId":"m"},"modes":{"availableModes":[{"id":"plan"}],"currentModeId":"x"}}`,
		`{"configOptions":[{"id":"model","options":[{"value":"a"},{"name":"g","options":[{"value":"b"}]},1]}]}`, `{"toolCall":{"toolCallId":"t","kind":1},"options":[{"optionId":"o","kind":"allow_once"},null]}`, ``, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if n, err := readSession(raw); err == nil {
			n.offers()
			n.planMode()
			n.moved("x")
		}
		var in permissionRequest
		if lenient(json.Unmarshal(raw, &in)) == nil {
			in.choices()
		}
	})
}

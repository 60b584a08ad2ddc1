package rpc

import (
	"encoding/json"
	"testing"
)

// FuzzReply reads what processes answer: it is JSON, or an error that has a text.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{`null`, `""`, `"{\"success\":true}"`, `"{"`, `{"error":"e"}`, `"{\"error\":\"e\",\"success\":false}"`, `{"error":1}`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // the socket's parser lets no other through
		}
		answer, err := readReply([]json.RawMessage{raw})
		if err == nil && !json.Valid(answer) {
			t.Errorf("%s became %q", raw, answer)
		}
	})
}

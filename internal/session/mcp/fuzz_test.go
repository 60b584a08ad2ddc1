package mcp

import (
	"encoding/json"
	"testing"

	"hapi/internal/media"
)

type titled struct{ t *testing.T }

func (s titled) SetTitle(title string) {
	if title == "" {
		s.t.Error("an empty title")
	}
}
func (titled) ShowMedia(*media.Item, string) {}

// FuzzArguments calls tools with what no agent passes: what does not fit a
// tool's schema is a failed call, and what fits is read.
func FuzzArguments(f *testing.F) {
	for n, seed := range []string{`{"title":"t"}`, `{"title":""}`, `{"path":"/x","title":1}`, `{"limit":1e99}`, `{"sessionId":"s","message":[]}`, `null`, ``, `[]`} {
		f.Add(uint8(n), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, n uint8, raw []byte) {
		if err := check(tools[int(n)%len(tools)].input, raw); err == nil && len(raw) > 0 && !json.Valid(raw) {
			t.Errorf("%q fits", raw)
		}
		s := &Server{o: Options{Session: titled{t}}}
		if result, err := s.call(t.Context(), "change_title", raw); err != nil || len(result.Content) != 1 {
			t.Errorf("%q: %+v, %v", raw, result, err)
		}
	})
}

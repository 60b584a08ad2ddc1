package sessions

import (
	"encoding/json"
	"testing"
)

// FuzzAbsorb unites the data of two sessions, which processes wrote.
func FuzzAbsorb(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"path":"/a","name":""}`, `{"name":"n","summary":{"text":"t","updatedAt":1}}`}, {`null`, `{}`}, {`[]`, `null`},
		{`{"requests":{"r":{}}}`, `{"completedRequests":{"r":{}},"requests":[]}`}, {`{"requests":null}`, `{"requests":1,"completedRequests":"x"}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		if !json.Valid(one) || !json.Valid(other) {
			return // nothing else is stored
		}
		if m := absorbMetadata(one, other); !json.Valid(m) {
			t.Errorf("metadata %s and %s became %s", one, other, m)
		}
		state := absorbState(one, other)
		var united struct{ Requests, CompletedRequests map[string]json.RawMessage }
		if !json.Valid(state) {
			t.Fatalf("%s and %s became %s", one, other, state)
		}
		if json.Unmarshal(state, &united) == nil {
			for id := range united.CompletedRequests {
				if _, asked := united.Requests[id]; asked {
					t.Errorf("%s and %s: %q is asked again", one, other, id)
				}
			}
		}
	})
}

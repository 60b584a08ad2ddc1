package cliplane

import (
	"encoding/json"
	"testing"
)

// FuzzEvents gives the readers of events any JSON.
func FuzzEvents(f *testing.F) {
	for _, seed := range []string{
		`null`, `[]`, `{}`, `""`, `{"sid":"s","message":{"role":"agent"},"localId":"l","createdAt":1,"clientKey":"k"}`, `{"sid":1,"message":null,"createdAt":"x","clientKey":{}}`,
		`{"sid":"s","message":"{}","sid":"t"}`, `{"token":"t","sessionId":1,"machineId":null}`, `{"sid":"s","time":1e308,"thinking":1,"permissionMode":[],"model":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // the socket's parser lets no other through
		}
		if in, ok := readAppend(raw); ok && (in.SID == "" || !json.Valid(in.Message)) {
			t.Errorf("%s was taken as %+v", raw, in)
		}
		readAlive(raw)
		readHandshake(raw)
		first([]json.RawMessage{raw})
	})
}

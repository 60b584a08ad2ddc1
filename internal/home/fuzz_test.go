package home

import (
	"encoding/json"
	"os"
	"testing"
)

// FuzzSettings starts a hub's configuration from any settings.json: it is read
// or refused, never lost.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"cliApiToken":"a:b"}`, `{"cliApiToken":1,"listenPort":"x","listenHost":[],"corsOrigins":{},"publicUrl":"::"}`,
		`{"listenPort":70000}`, `{"cliApiToken":"abcdefghijklmnopqrstuvwx","unknown":{"kept":true},"corsOrigins":["https://a.example"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		h, err := Open(func(name string) (string, bool) { return dir, name == "HAPI_HOME" })
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.SettingsPath(), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := h.Hub(t.Context(), HubFlags{})
		now, readErr := os.ReadFile(h.SettingsPath())
		if readErr != nil {
			t.Fatal(readErr)
		}
		if err != nil {
			return
		}
		if c.Token.Text == "" {
			t.Errorf("%q: a hub without a token", raw)
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(raw, &before) != nil || json.Unmarshal(now, &after) != nil {
			t.Fatalf("%q was taken and became %q", raw, now)
		}
		for key := range before {
			if _, kept := after[key]; !kept {
				t.Errorf("%q lost %q", raw, key)
			}
		}
	})
}

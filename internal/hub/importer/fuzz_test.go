package importer

import (
	"encoding/json"
	"testing"
)

// FuzzDecode reads contents of another hub's rows.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{`, "\x28\xb5\x2f\xfd\x04\x00\x11\x00\x00{}\x99\xe9\xd8\x51", "\x28\xb5\x2f\xfd"} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, packed bool) {
		var content any = string(raw)
		if packed {
			content = raw
		}
		if got, err := decode(content); err == nil && !json.Valid(got) {
			t.Errorf("%q gave %q", raw, got)
		}
	})
}

package events

import "testing"

// FuzzCursor reads what clients send back as a cursor.
func FuzzCursor(f *testing.F) {
	scheme := cursorScheme{hubID: "hub00001", boot: "boot0001", tag: namespaceTag("hub00001", "default")}
	f.Add(string(scheme.appendID(nil, 118, 42)))
	for _, seed := range []string{"", ":", "a.b:1.2:c", "hub00001.boot0001:-1.2:" + scheme.tag, "hub00001.:9223372036854775808.0:" + scheme.tag} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		c, ok := scheme.parse(id)
		if !ok {
			return
		}
		if c.change < 0 || c.n < 0 || c.boot == "" {
			t.Errorf("%q gave %+v", id, c)
		}
		again, ok := scheme.parse(string(cursorScheme{scheme.hubID, c.boot, scheme.tag}.appendID(nil, c.change, c.n)))
		if !ok || again != c {
			t.Errorf("%q gave %+v, then %+v", id, c, again)
		}
	})
}

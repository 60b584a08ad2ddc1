package socketio

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"unicode/utf8"
)

func FuzzParsePacket(f *testing.F) {
	for _, seed := range []string{
		`0/cli,{"token":"base:ns","clientType":"session-scoped","sessionId":"S1"}`, `0`, `0/cli?a=b,{}`, `1/cli,`,
		`2/cli,7["update-state",{"sid":"S1","expectedVersion":1}]`, `2["x"]`, `2/cli,["a","\"],",[[]],{"b":"}"}]`,
		`3/cli,7[{"result":"success"}]`, `3/cli,3[null]`, `4/cli,{"message":"Invalid token"}`, `4"x"`,
		`51-/cli,["x",{"_placeholder":true}]`, "2[\"\xff\"]", `2[1]`, `299999999999999999999["x"]`, `2[[[[[[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePacket(b)
		if err != nil {
			return
		}
		if len(p.data) > 0 && (!json.Valid(p.data) || !utf8.Valid(p.data)) {
			t.Fatalf("data is not JSON: %q", p.data)
		}
		if p.kind != kindEvent && p.kind != kindAck {
			return
		}
		var want []json.RawMessage
		if err := json.Unmarshal(p.data, &want); err != nil {
			t.Fatalf("%q: %v", p.data, err)
		}
		got := p.args()
		if len(got) != len(want) {
			t.Fatalf("%q: %d arguments, want %d", p.data, len(got), len(want))
		}
		for i := range got {
			if string(got[i]) != string(want[i]) {
				t.Fatalf("%q: argument %d is %q, want %q", p.data, i, got[i], want[i])
			}
		}
		if p.kind != kindEvent {
			return
		}
		name, args, err := p.event()
		if err != nil {
			return
		}
		rest := make([]any, len(args))
		for i := range args {
			rest[i] = args[i]
		}
		encoded, err := encodeEvent(p.namespace, p.id, name, rest)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parsePacket(encoded[1:])
		if err != nil || again.id != p.id || again.namespace != p.namespace {
			if len(p.data) > 0 && p.data[0] == '[' && got[0][0] != '"' {
				return // a numeric name comes back as text
			}
			t.Fatalf("%q encoded as %q: %v", b, encoded, err)
		}
	})
}

// FuzzPolling posts any body to a connection that polls: it is taken, or ends
// that connection and nothing else.
func FuzzPolling(f *testing.F) {
	for _, seed := range []string{
		"40/cli,{\"token\":\"good\"}\x1e42/cli,1[\"echo\",1]", "40\x1e42[\"x\"]\x1e41", "3", "2probe", "5", "1", "6", "\x1e", "4", "40/cli,{}\x1e43/cli,1[]\x1e44/cli,{}", "b4AAAA", "40/nowhere,",
	} {
		f.Add([]byte(seed))
	}
	s := NewServer(ServerOptions{Logger: failOnError(f)})
	declareCLI(s)
	f.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			f.Error(err)
		}
	})
	request := func(method, sid string, body []byte) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, "/socket.io/?EIO=4&transport=polling"+sid, bytes.NewReader(body)))
		return w
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, opened, _ := bytes.Cut(request(http.MethodGet, "", nil).Body.Bytes(), []byte("0"))
		var h handshake
		if err := json.Unmarshal(opened, &h); err != nil {
			t.Fatalf("%s: %v", opened, err)
		}
		if w := request(http.MethodPost, "&sid="+h.ID, body); w.Code != http.StatusOK {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
		s.mu.Lock()
		e := s.engines[h.ID]
		s.mu.Unlock()
		if e != nil {
			e.close("over", polite)
		}
	})
}

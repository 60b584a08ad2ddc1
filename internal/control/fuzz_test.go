package control

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"hapi/internal/wire"
)

// recorder is a runner that only notes what it is asked.
type recorder struct{ t *testing.T }

func (recorder) Status() Status                                      { return Status{} }
func (recorder) List() []Child                                       { return nil }
func (recorder) StopSession(context.Context, string) wire.StopResult { return wire.StopResult{} }
func (recorder) Spawn(context.Context, wire.SpawnRequest) wire.SpawnResult {
	return wire.SpawnResult{Type: wire.SpawnSuccess}
}
func (r recorder) Started(in wire.SessionStarted, known bool) error {
	if in.SessionID == "" || !known {
		r.t.Errorf("%+v was reported, known %v", in, known)
	}
	return nil
}
func (r recorder) Starting(in Start) {
	if in.PID <= 0 {
		r.t.Errorf("%+v is starting", in)
	}
}
func (r recorder) Ending(in wire.SessionStarted) {
	if in.SessionID == "" {
		r.t.Errorf("%+v is ending", in)
	}
}
func (recorder) Stop() {}

// FuzzRequests posts any body to every route of the runner's channel.
func FuzzRequests(f *testing.F) {
	for n, seed := range []string{
		`{"sessionId":"s","metadata":{"hostPid":1}}`, `{"sessionId":1}`, `null`, `[]`, `{"directory":"/w","agent":"claude","sessionType":"worktree"}`, `{"directory":{}}`, ``, `{"sessionId":"s"}{`, `{"pid":1,"doing":"x"}`, `{"pid":-1}`,
	} {
		f.Add(uint8(n), []byte(seed))
	}
	routes := []string{"/session-started", "/session-ending", "/stop-session", "/spawn-session", "/status", "/list", "/session-starting"}
	server, err := Listen(f.Context(), "secret", recorder{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = server.listener.Close() })
	f.Fuzz(func(t *testing.T, route uint8, body []byte) {
		server.h = recorder{t}
		r := httptest.NewRequest(http.MethodPost, routes[int(route)%len(routes)], bytes.NewReader(body))
		r.Host = "127.0.0.1:1"
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		server.http.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%s with %q: %d %s", r.URL.Path, body, w.Code, w.Body)
		}
	})
}

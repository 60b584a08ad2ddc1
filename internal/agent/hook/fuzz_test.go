package hook

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
)

// FuzzHook posts what no agent tells: an event that is taken names its session.
func FuzzHook(f *testing.F) {
	for _, seed := range []string{``, ` {}`, `null`, `{"session_id":1,"sessionId":"s"}`, `{"hook_event_name":"Stop","session_id":"s","background_tasks":[{"type":"subagent","status":"running"},1]}`, `{"session_id":"s"}x`} {
		f.Add([]byte(seed))
	}
	s := &Server{Token: "token"}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(body))
		r.Header.Set(TokenHeader, "token")
		w := httptest.NewRecorder()
		told := false
		s.take(w, r, func(e Event) {
			told = true
			e.Delegated()
			if e.SessionID == "" {
				t.Errorf("%q is told of no session", body)
			}
		})
		if told != (w.Code == http.StatusOK) {
			t.Errorf("%q: answered %d, told %v", body, w.Code, told)
		}
	})
}

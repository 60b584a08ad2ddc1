package hook_test

import (
	"net/http"
	"strings"
	"testing"

	"hapi/internal/agent/hook"
)

func TestHooksTellOfEventsAndRefuseWhatIsNone(t *testing.T) {
	t.Parallel()
	told := make(chan hook.Event, 1)
	s, err := hook.Serve(t.Context(), func(e hook.Event) { told <- e })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, tt := range []struct {
		path, token, body string
		want              int
	}{
		{hook.Path, s.Token, `{"hook_event_name":"Stop","session_id":"s1"}`, 200},
		{hook.Path, s.Token, `{"hook_event_name":"Stop","sessionId":"s1"}`, 200},
		{hook.Path, "wrong", `{"session_id":"s1"}`, 401},
		{hook.Path, "", `{"session_id":"s1"}`, 401},
		{hook.Path, s.Token, `{"session_id":`, 400},
		{hook.Path, s.Token, `null`, 400},
		{hook.Path, s.Token, `[]`, 400},
		{hook.Path, s.Token, ``, 400},
		{hook.Path, s.Token, `{}`, 422},
		{"/hook/pre-tool-use", s.Token, `{"session_id":"s1"}`, 404}, // nothing here decides
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+s.Port+tt.path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(hook.TokenHeader, tt.token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != tt.want {
			t.Errorf("%s with %s: %d, want %d", tt.path, tt.body, res.StatusCode, tt.want)
		}
		if tt.want == 200 {
			if e := <-told; e.Name != "Stop" || e.SessionID != "s1" {
				t.Errorf("told %+v", e)
			}
		}
	}
}

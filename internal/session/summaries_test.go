package session

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

func TestSummariesAreWantedByTheEnvironmentElseByTheHub(t *testing.T) {
	t.Parallel()
	answer := ""
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	t.Cleanup(hub.Close)
	for _, tt := range []struct {
		env  []string
		hub  string
		want bool
	}{
		{nil, `{"session":{"id":"s"}}`, false}, // another hub may not know it
		{nil, `{"session":{"id":"s"},"sessionSummaryContract":true}`, true},
		{[]string{summariesVariable + "off"}, `{"session":{"id":"s"},"sessionSummaryContract":true}`, false},
		{[]string{summariesVariable + "NO"}, `{"session":{"id":"s"},"sessionSummaryContract":true}`, false},
		{[]string{summariesVariable + "1"}, `{"session":{"id":"s"},"sessionSummaryContract":false}`, true},
	} {
		client := hubclient.New(hubclient.Options{BaseURL: hub.URL})
		answer = tt.hub
		if _, err := client.CreateSession(t.Context(), wire.CreateSession{}); err != nil {
			t.Fatal(err)
		}
		s := &Session{client: client}
		s.open.Env = tt.env
		if got := s.options().Summaries; got != tt.want {
			t.Errorf("%v with %s: %v, want %v", tt.env, tt.hub, got, tt.want)
		}
	}
}

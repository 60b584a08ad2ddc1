package hub_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestMetricsCountWhatTheHubDoes(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	say(t, p, "hello")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.stream("all=true", "", true)
	h.page(p.session.ID, "limit=1")
	h.call(h.jwt, http.MethodGet, "/api/sessions/nobody/messages", nil)
	h.call(h.jwt, http.MethodPost, "/api/sessions/"+string(p.session.ID)+"/abort", nil) // nobody serves it
	status, text := h.metrics(nil)
	if status != http.StatusOK {
		t.Fatalf("got %d %s", status, text)
	}
	for _, want := range []string{
		`hapi_requests_total\{route="GET /api/sessions/\{id\}/messages",status="200"\} 1`,
		`hapi_requests_total\{route="GET /api/sessions/\{id\}/messages",status="404"\} 1`,
		`hapi_requests_total\{route="POST /cli/sessions",status="200"\} 1`,
		`hapi_commit_seconds_count [1-9]`, `hapi_commit_jobs_count [1-9]`, `hapi_events_total [1-9]`,
		`hapi_rpc_seconds_count\{method="abort",outcome="failed"\} 1`,
		`hapi_watchers 1`, `hapi_sockets 1`, `hapi_jobs_waiting \d`, `process_resident_memory_bytes \d`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, string(p.session.ID)) {
		t.Error("the metrics name a session")
	}
}

func TestMetricsAreForThisMachineAndTheOwner(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	for name, test := range map[string]struct {
		header http.Header
		status int
	}{
		"this machine":                {nil, http.StatusOK},
		"somebody behind a proxy":     {http.Header{"X-Forwarded-For": {"192.0.2.1"}}, http.StatusNotFound},
		"the owner behind a proxy":    {http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Authorization": {"Bearer " + baseToken}}, http.StatusOK},
		"another namespace behind it": {http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Authorization": {"Bearer " + baseToken + ":alice"}}, http.StatusNotFound},
		"a wrong token behind it":     {http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Authorization": {"Bearer nonsense"}}, http.StatusNotFound},
	} {
		if status, _ := h.metrics(test.header); status != test.status {
			t.Errorf("%s: got %d, want %d", name, status, test.status)
		}
	}
}

func (h *testHub) metrics(header http.Header) (int, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+"/metrics", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

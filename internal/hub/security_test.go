package hub_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"hapi/internal/hub/apitest"
	"hapi/internal/hubclient"
)

func TestEveryAnswerTellsBrowsersWhatItIs(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	for _, path := range []string{
		"/health", "/api", "/api/auth", "/api/sessions", "/api/sessions/" + string(p.session.ID), "/api/nowhere", "/apis", "/metrics",
		"/cli/sessions/" + string(p.session.ID), "/cli/nowhere", "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=3&transport=polling", "/socket.io/x", "/", "/index.html", "/anything",
	} {
		res, _ := h.from("", h.jwt, http.MethodGet, path, "")
		if got := res.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", path, got)
		}
		if got := res.Header.Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %q", path, got)
		}
		if path == "/" || path == "/index.html" || path == "/anything" {
			continue // the web app has tests of its own
		}
		if got := res.Header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || !strings.Contains(got, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy %q", path, got)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

func TestPageOfTheHubItselfMayCallByAnyOfItsNames(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	for origin, want := range map[string]string{
		h.url: h.url, strings.Replace(h.url, "http:", "https:", 1): strings.Replace(h.url, "http:", "https:", 1), // TLS ends at a proxy
		"http://localhost:3006": "http://localhost:3006", "https://evil.example": "", "null": "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		res, err := h.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: got %q", origin, got)
		}
	}
}

func TestBodiesAreBoundedByWhatTheRouteNeeds(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := string(h.newSession(baseToken, nil, false).session.ID)
	for name, test := range map[string]struct {
		token, method, path string
		size                int
		want                int
	}{
		"sign in":            {"", http.MethodPost, "/api/auth", 65 << 10, http.StatusRequestEntityTooLarge},
		"a setting":          {h.jwt, http.MethodPost, "/api/sessions/" + id + "/model", 2 << 20, http.StatusRequestEntityTooLarge},
		"a name":             {h.jwt, http.MethodPatch, "/api/sessions/" + id, 2 << 20, http.StatusRequestEntityTooLarge},
		"a session":          {baseToken, http.MethodPost, "/cli/sessions", 17 << 20, http.StatusRequestEntityTooLarge},
		"a large message":    {h.jwt, http.MethodPost, "/api/sessions/" + id + "/messages", 20 << 20, http.StatusOK},
		"a far larger one":   {h.jwt, http.MethodPost, "/api/sessions/" + id + "/messages", 69 << 20, http.StatusRequestEntityTooLarge},
		"no session, a name": {h.jwt, http.MethodPatch, "/api/sessions/nobody", 100, http.StatusNotFound},
	} {
		body := `{"text":"` + strings.Repeat("x", test.size) + `"}`
		req, err := http.NewRequestWithContext(t.Context(), test.method, h.url+test.path, io.MultiReader(strings.NewReader(body))) // its length is not said
		if err != nil {
			t.Fatal(err)
		}
		if test.token != "" {
			req.Header.Set("Authorization", "Bearer "+test.token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil { // the hub hangs up on a body it does not want
			var broken *net.OpError
			if test.want != http.StatusRequestEntityTooLarge || !errors.As(err, &broken) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		res.Body.Close()
		if res.StatusCode != test.want {
			t.Errorf("%s: got %d, want %d", name, res.StatusCode, test.want)
		}
	}
}

func TestHubShowsItsContract(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.http = http.DefaultClient // who checks the contract reads no pages
	res, page := h.from("", "", http.MethodGet, "/api/docs", "")
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || !strings.Contains(page, "/api/sessions/{id}/messages") {
		t.Errorf("got %d %s", res.StatusCode, res.Header)
	}
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	res, spec := h.from("", "", http.MethodGet, "/api/openapi.json", "")
	if res.StatusCode != http.StatusOK || !json.Valid([]byte(spec)) || !strings.Contains(spec, `"openapi":"3.`) {
		t.Errorf("got %d %.100s", res.StatusCode, spec)
	}
	if res, _ := h.from("", "", http.MethodPost, "/api/docs", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("POST: got %d", res.StatusCode)
	}
}

// lockedBuffer is a log that a test reads while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestNothingSecretIsLogged keeps a hub busy with everything that fails or
// succeeds, and looks for secrets in its log at the lowest level.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	h := &testHub{t: t, dir: t.TempDir(), http: apitest.Client(t), logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	h.start("127.0.0.1:0")
	defer func() { h.stop() }()
	h.jwt = h.signIn(baseToken)
	named := h.newToken(map[string]any{"name": "laptop"})
	namedJWT := h.signIn(named.Secret)

	const body, wrong = "a-text-of-a-person", "a-wrong-token-0123456789"
	p := h.newSession(baseToken, map[string]hubclient.Method{}, true)
	id := string(p.session.ID)
	say(t, p, body+"-said")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, call := range []struct{ token, method, path, body string }{
		{h.jwt, "POST", "/api/sessions/" + id + "/messages", `{"text":"` + body + `","localId":"l1"}`},
		{h.jwt, "POST", "/api/sessions/" + id + "/messages", `{"text":"` + body},
		{h.jwt, "POST", "/api/sessions/" + id + "/upload", `{"filename":"` + body + `","mimeType":"text/plain","content":"` + body + `"}`},
		{h.jwt, "POST", "/api/sessions/" + id + "/scratchlist", `{"text":"` + body + `"}`},
		{h.jwt, "PATCH", "/api/sessions/" + id, `{"name":"` + body + `"}`},
		{h.jwt, "POST", "/api/sessions/" + id + "/permissions/r/deny", `{"reason":"` + body + `"}`},
		{wrong, "GET", "/api/sessions", ""}, {wrong, "GET", "/cli/sessions/" + id, ""},
		{"", "POST", "/api/auth", `{"accessToken":"` + wrong + `"}`},
		{named.Secret, "POST", "/cli/sessions", `{"tag":"t","metadata":{"path":"` + body + `"}}`},
	} {
		h.call(call.token, call.method, call.path, call.body)
	}
	for range 20 {
		h.from("192.0.2.1", wrong, http.MethodGet, "/cli/sessions/"+id, "")
	}
	h.refusedSocket("/cli", wrong)
	h.refusedSocket("/terminal", wrong)
	for _, token := range []string{h.jwt, namedJWT, wrong} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, h.url+"/api/events?all=true&token="+token, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	s := h.stream("all=true&token="+h.jwt, "", true)
	s.next("connection-changed")
	h.want(http.StatusOK, http.MethodDelete, "/api/tokens/laptop", nil, nil)
	h.stop()
	text := log.String()
	if !strings.Contains(text, "attempts to sign in are refused") || !strings.Contains(text, "192.0.2.1") {
		t.Errorf("the guesses are not in the log:\n%s", text)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"the hub's own token": baseToken, "a named token": named.Secret, "a session token": h.jwt, "another session token": namedJWT,
		"a wrong token": wrong, "a person's text": body, "JSON of it": string(encoded), "the secret of session tokens": strings.Repeat("k", 32),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%s is in the log:\n%s", name, text)
		}
	}
}

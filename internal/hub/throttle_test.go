package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// from makes a request as a proxy on this machine passes it on.
func (h *testHub) from(address, bearer, method, path, body string) (*http.Response, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if address != "" {
		req.Header.Set("X-Forwarded-For", address)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := h.http.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res, string(raw)
}

const right = `{"accessToken":"` + baseToken + `"}`

// lockOut guesses until the address has to wait.
func (h *testHub) lockOut(address string) {
	h.t.Helper()
	for range 12 {
		h.from(address, "a-guess", http.MethodGet, "/cli/sessions/nobody", "")
	}
}

func TestGuessingIsAnsweredWithAWaitOnEveryPlane(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	for name, try := range map[string]struct{ address, bearer, method, path, body string }{
		"sign in": {"192.0.2.1", "", http.MethodPost, "/api/auth", `{"accessToken":"a-guess"}`},
		"bind":    {"192.0.2.2", "", http.MethodPost, "/api/bind", `{"accessToken":"a-guess","initData":"x"}`},
		"process": {"192.0.2.3", "a-guess", http.MethodGet, "/cli/machines/nobody", ""},
		"here":    {"", "", http.MethodPost, "/api/auth", `{"accessToken":"a-guess"}`},
	} {
		refused, waited := 0, 0
		for range 20 {
			res, body := h.from(try.address, try.bearer, try.method, try.path, try.body)
			switch res.StatusCode {
			case http.StatusUnauthorized:
				refused++
			case http.StatusTooManyRequests:
				waited++
				seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
				if err != nil || seconds < 1 || !strings.Contains(body, `"code":"too_many_attempts"`) {
					t.Errorf("%s: Retry-After %q, %s", name, res.Header.Get("Retry-After"), body)
				}
			default:
				t.Fatalf("%s: got %d %s", name, res.StatusCode, body)
			}
		}
		if refused < 5 || waited < 5 {
			t.Errorf("%s: refused %d times, told to wait %d times", name, refused, waited)
		}
	}
	// This machine, and addresses that did nothing, are heard.
	for _, address := range []string{"", "198.51.100.1"} {
		if res, body := h.from(address, "", http.MethodPost, "/api/auth", right); res.StatusCode != http.StatusOK {
			t.Errorf("%q: got %d %s", address, res.StatusCode, body)
		}
	}
	if res, _ := h.from("192.0.2.1", "", http.MethodPost, "/api/auth", right); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the address that guessed: got %d", res.StatusCode)
	}
	if res, _ := h.from("192.0.2.1", h.jwt, http.MethodGet, "/api/sessions", ""); res.StatusCode != http.StatusOK {
		t.Errorf("a session token there: got %d", res.StatusCode)
	}
}

func TestProcessAtAnAddressThatHasToWaitConnectsAfterwards(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	row, err := h.client(baseToken).CreateSession(t.Context(), wire.CreateSession{
		Tag: "throttled", Metadata: json.RawMessage(`{"path":"/work","host":"test"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.lockOut("192.0.2.9")
	client := hubclient.New(hubclient.Options{BaseURL: h.url, Token: baseToken, Headers: http.Header{"X-Forwarded-For": {"192.0.2.9"}}})
	var refused *hubclient.StatusError
	if _, err := client.Session(t.Context(), row.ID); !errors.As(err, &refused) || refused.Status != http.StatusTooManyRequests {
		t.Fatalf("got %v", err)
	}
	link := client.Link(row, hubclient.LinkOptions{
		ReconnectMin: 10 * time.Millisecond, ReconnectMax: 100 * time.Millisecond,
		Refused: func(reason string) { t.Errorf("refused for good: %s", reason) },
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- link.Run(ctx) }()
	h.eventually("the process to be let in", link.Connected)
	stop()
	<-ended
}

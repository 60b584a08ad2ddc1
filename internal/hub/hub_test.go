package hub_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hapi/internal/home"
	"hapi/internal/hub"
	"hapi/internal/hub/apitest"
	"hapi/internal/hub/lifecycle"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

const baseToken = "test-base-token-0123456789"

// testHub is a hub in this process, with its data in the test's directory.
type testHub struct {
	t      *testing.T
	hub    *hub.Hub
	change func(*hubConfig) // of the configuration; may be nil
	dir    string
	url    string
	stop   func()
	http   *http.Client // holds traffic against the contract
	jwt    string
	waits  lifecycle.Waits
	logger *slog.Logger // nil: the test fails for errors
	now    func() time.Time
}

func config(dir string) *home.Hub {
	return &home.Hub{
		Token: home.Value{Text: baseToken}, Dir: dir, DBPath: filepath.Join(dir, "hapi.db"), JWTSecret: bytes.Repeat([]byte("k"), 32),
		OwnerID: 7, CORSOrigins: []string{"http://localhost:3006"},
		VAPID: pushKeys(), VAPIDSubject: "mailto:operator@example.com", PushAllowPrivate: true,
	}
}

var pushKeys = sync.OnceValue(func() home.VAPIDKeys {
	keys, err := home.NewVAPIDKeys()
	if err != nil {
		panic(err)
	}
	return keys
})

func newHub(t *testing.T) *testHub {
	t.Helper()
	h := &testHub{t: t, dir: t.TempDir(), http: apitest.Client(t)}
	h.start("127.0.0.1:0")
	t.Cleanup(func() { h.stop() })
	h.jwt = h.signIn(baseToken)
	return h
}

func (h *testHub) start(address string) {
	h.t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		h.t.Fatal(err)
	}
	c := config(h.dir)
	if h.change != nil {
		h.change(c)
	}
	logger := h.logger
	if logger == nil {
		logger = failOnError(h.t)
	}
	running, err := hub.Open(h.t.Context(), c, hub.Options{Logger: logger, Waits: h.waits, Now: h.now})
	if err != nil {
		h.t.Fatal(err)
	}
	h.hub, h.url = running, "http://"+listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- running.Serve(ctx, listener, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		h.t.Fatal(err)
	}
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("the hub ended with %v", err)
		}
		if n := running.Panics(); n != 0 {
			h.t.Errorf("%d handlers panicked", n)
		}
	})
}

// hubConfig is what a test may say of a hub.
type hubConfig = home.Hub

// restartWith restarts the hub with another configuration.
func (h *testHub) restartWith(change func(*hubConfig)) {
	h.t.Helper()
	h.stop()
	h.change = change
	h.start(strings.TrimPrefix(h.url, "http://"))
}

// restart stops the hub in order and starts it at the same address.
func (h *testHub) restart() {
	h.t.Helper()
	h.stop()
	h.start(strings.TrimPrefix(h.url, "http://"))
}

// failOnError fails the test for anything logged as an error.
func failOnError(t *testing.T) *slog.Logger {
	return slog.New(&errorHandler{Handler: slog.DiscardHandler, t: t})
}

type errorHandler struct {
	slog.Handler
	t *testing.T
}

func (h *errorHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

func (h *errorHandler) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	h.t.Errorf("logged: %s", line)
	return nil
}

func (h *errorHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *testHub) signIn(token string) string {
	h.t.Helper()
	var grant struct {
		Token string `json:"token"`
	}
	h.want(http.StatusOK, http.MethodPost, "/api/auth", map[string]string{"accessToken": token}, &grant)
	return grant.Token
}

// call makes a request with a token: a session token for /api, else a raw one.
func (h *testHub) call(token, method, path string, body any) (int, []byte) {
	h.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, reader)
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := h.http.Do(req)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, raw
}

func (h *testHub) want(status int, method, path string, body, out any) {
	h.t.Helper()
	token := h.jwt
	if strings.HasPrefix(path, "/cli") {
		token = baseToken
	}
	got, raw := h.call(token, method, path, body)
	if got != status {
		h.t.Fatalf("%s %s: got %d %s, want %d", method, path, got, raw, status)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(raw, out); err != nil {
		h.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
	}
}

// process is a session process as far as the hub can tell.
type process struct {
	*hubclient.Link
	session wire.Session
	prompts chan wire.DeliveredMessage
}

func (h *testHub) client(token string) *hubclient.Client {
	return hubclient.New(hubclient.Options{BaseURL: h.url, Token: token})
}

// newSession makes a session and connects its process, which takes every prompt
// if takes is set.
func (h *testHub) newSession(token string, methods map[string]hubclient.Method, takes bool) *process {
	h.t.Helper()
	c := h.client(token)
	row, err := c.CreateSession(h.t.Context(), wire.CreateSession{
		Tag: h.t.Name() + time.Now().String(), Metadata: json.RawMessage(`{"path":"/work","host":"test","flavor":"claude"}`), AgentState: json.RawMessage(`{}`),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	p := &process{session: row, prompts: make(chan wire.DeliveredMessage, 10000)}
	p.Link = c.Link(row, hubclient.LinkOptions{
		Methods: methods, ReconnectMin: time.Millisecond, ReconnectMax: 20 * time.Millisecond,
		Prompt: func(m wire.DeliveredMessage) {
			p.prompts <- m
			if takes && m.LocalID != nil {
				if err := p.Consumed(context.Background(), false, *m.LocalID); err != nil {
					h.t.Errorf("consumed: %v", err)
				}
			}
		},
		Cancel: func(wire.CancelQueuedUpdate) wire.CancelAnswer { return wire.CancelAnswer{Removed: true} },
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	h.t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			h.t.Errorf("link: %v", err)
		}
	})
	h.eventually("the session to be active", func() bool {
		row, err := c.Session(h.t.Context(), p.session.ID)
		return err == nil && row.Active
	})
	return p
}

func (h *testHub) detail(id wire.SessionID) wire.Session {
	h.t.Helper()
	var out struct {
		Session wire.Session `json:"session"`
	}
	h.want(http.StatusOK, http.MethodGet, "/api/sessions/"+string(id), nil, &out)
	return out.Session
}

func (h *testHub) eventually(what string, holds func() bool) {
	h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			h.t.Fatalf("waiting for %s", what)
		}
	}
}

func say(t *testing.T, p *process, text string) {
	t.Helper()
	content := fmt.Sprintf(`{"role":"agent","content":{"type":"output","data":{"type":"assistant","text":%q}}}`, text)
	if err := p.Say(t.Context(), json.RawMessage(content), time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func (h *testHub) page(id wire.SessionID, query string) wire.Page {
	h.t.Helper()
	var page wire.Page
	h.want(http.StatusOK, http.MethodGet, "/api/sessions/"+string(id)+"/messages?"+query, nil, &page)
	return page
}

// everything is all messages by the published rule, newest first.
func (h *testHub) everything(id wire.SessionID, limit int) []wire.Message {
	h.t.Helper()
	var all []wire.Message
	query := fmt.Sprintf("limit=%d", limit)
	for {
		page := h.page(id, query)
		all = append(all, page.Messages...)
		if !page.HasMore {
			return all
		}
		lowest := int64(1 << 62)
		for _, m := range page.Messages {
			if m.Seq != nil {
				lowest = min(lowest, *m.Seq)
			}
		}
		query = fmt.Sprintf("limit=%d&beforeSeq=%d", limit, lowest)
	}
}

// stream is an open event stream.
type stream struct {
	t      *testing.T
	cancel context.CancelFunc
	events chan streamed
	last   string // id of the latest event
}

type streamed struct {
	id  string
	raw json.RawMessage
	typ string
}

func (h *testHub) stream(query, lastID string, gzipped bool) *stream {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/api/events?"+query, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.jwt)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	if gzipped {
		req.Header.Set("Accept-Encoding", "gzip")
	} else {
		req.Header.Set("Accept-Encoding", "identity")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		h.t.Fatalf("stream: %s %s", res.Status, res.Header)
	}
	s := &stream{t: h.t, cancel: cancel, events: make(chan streamed, 10000)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(s.events)
		defer res.Body.Close()
		var body io.Reader = res.Body
		if gzipped {
			unzipped, err := gzip.NewReader(res.Body)
			if err != nil {
				return
			}
			body = unzipped
		}
		s.read(bufio.NewReader(body))
	}()
	h.t.Cleanup(func() { cancel(); <-ended })
	return s
}

func (s *stream) read(r *bufio.Reader) {
	var e streamed
	for {
		l, err := r.ReadString('\n')
		if err != nil {
			return
		}
		l = strings.TrimRight(l, "\n")
		switch {
		case strings.HasPrefix(l, "data: "):
			e.raw = json.RawMessage(l[len("data: "):])
			var head struct {
				Type string `json:"type"`
			}
			_ = json.Unmarshal(e.raw, &head)
			e.typ = head.Type
		case strings.HasPrefix(l, "id: "):
			e.id = l[len("id: "):]
		case l == "" && e.raw != nil:
			s.events <- e
			e = streamed{}
		}
	}
}

// next is the next event of a type.
func (s *stream) next(typ string) json.RawMessage {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e, ok := <-s.events:
			if !ok {
				s.t.Fatalf("the stream ended before a %s", typ)
			}
			if e.id != "" {
				s.last = e.id
			}
			if e.typ == typ {
				return e.raw
			}
		case <-deadline:
			s.t.Fatalf("no %s came", typ)
		}
	}
}

// nextSaid waits for messages until one has a text, and gives their texts.
func (s *stream) saidUntil(text string) string {
	s.t.Helper()
	var all strings.Builder
	for !strings.Contains(all.String(), text) {
		all.Write(s.next(wire.MessageReceived))
	}
	return all.String()
}

func TestMain(m *testing.M) {
	if os.Getenv("HAPI_TEST_HUB") != "" {
		os.Exit(runChildHub())
	}
	os.Exit(m.Run())
}

package hubclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"hapi/internal/hubclient"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// peerHub is the socket of a hub and its /health, and nothing else.
type peerHub struct {
	url string

	mu       sync.Mutex
	said     []wire.AppendMessage
	refuse   map[int]wire.AppendAck // by the number of the message that comes
	received chan struct{}
	alive    int // keep-alives that came
}

func newPeerHub(t *testing.T, acknowledges bool) *peerHub {
	t.Helper()
	h := &peerHub{received: make(chan struct{}, 1000), refuse: map[int]wire.AppendAck{}}
	handler, stop := h.serve(t, acknowledges)
	web := httptest.NewServer(handler)
	t.Cleanup(func() {
		stop()
		web.Close()
	})
	h.url = web.URL
	return h
}

// serve makes the hub's handler, and what ends its connections.
func (h *peerHub) serve(t *testing.T, acknowledges bool) (http.Handler, func()) {
	t.Helper()
	server := socketio.NewServer(socketio.ServerOptions{})
	cli := server.Namespace("/cli")
	cli.Handle(wire.EventMessage, func(_ *socketio.Socket, args []json.RawMessage, ack socketio.Ack) {
		var m wire.AppendMessage
		if err := json.Unmarshal(args[0], &m); err != nil {
			t.Errorf("a message: %v", err)
		}
		h.mu.Lock()
		answer, refused := h.refuse[len(h.said)]
		h.said = append(h.said, m)
		h.mu.Unlock()
		if acknowledges {
			if !refused {
				answer = wire.AppendAck{Result: wire.WriteSuccess}
			}
			ack(answer)
		}
		h.received <- struct{}{}
	})
	cli.Handle(wire.EventSessionAlive, func(*socketio.Socket, []json.RawMessage, socketio.Ack) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.alive++
	})
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", server)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(wire.HubHealth{Status: "ok", Capabilities: map[string]bool{wire.CapabilityAcknowledgedMessages: acknowledges}})
	})
	return mux, func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func (h *peerHub) link(t *testing.T) *hubclient.Link {
	t.Helper()
	l := hubclient.New(hubclient.Options{BaseURL: h.url, Token: "token"}).Link(wire.Session{ID: "s1"}, hubclient.LinkOptions{
		ReconnectMin: time.Millisecond, ReconnectMax: 10 * time.Millisecond,
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the link ended with %v", err)
		}
	})
	return l
}

func (h *peerHub) messages(t *testing.T, n int) []wire.AppendMessage {
	t.Helper()
	for range n {
		select {
		case <-h.received:
		case <-time.After(30 * time.Second):
			t.Fatalf("waiting for %d messages", n)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.said
}

func sayLines(t *testing.T, l *hubclient.Link, n int) {
	t.Helper()
	for i := range n {
		if err := l.Say(t.Context(), json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
}

func flush(t *testing.T, l *hubclient.Link) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := l.Flush(ctx); err != nil {
		t.Fatalf("the outbox did not empty: %v", err)
	}
}

func TestAHubThatConfirmsNothingGetsPlainMessagesInOrder(t *testing.T) {
	t.Parallel()
	h := newPeerHub(t, false)
	l := h.link(t)
	sayLines(t, l, 20)
	for i, m := range h.messages(t, 20) {
		if m.ClientKey != "" || string(m.Message) != fmt.Sprintf(`{"n":%d}`, i) {
			t.Errorf("message %d is %s with key %q", i, m.Message, m.ClientKey)
		}
	}
	flush(t, l)
}

func TestConfirmedMessagesHaveKeysOfTheirOwnAndLeaveTheOutbox(t *testing.T) {
	t.Parallel()
	h := newPeerHub(t, true)
	l := h.link(t)
	sayLines(t, l, 20)
	flush(t, l)
	keys := map[string]bool{}
	for i, m := range h.messages(t, 20) {
		if m.ClientKey == "" || keys[m.ClientKey] || string(m.Message) != fmt.Sprintf(`{"n":%d}`, i) {
			t.Errorf("message %d is %s with key %q", i, m.Message, m.ClientKey)
		}
		keys[m.ClientKey] = true
	}
}

func TestAMessageTheHubCouldNotStoreIsSentAgainWithItsKey(t *testing.T) {
	t.Parallel()
	h := newPeerHub(t, true)
	h.refuse[0] = wire.AppendAck{Result: wire.WriteError, Reason: "disk full", Retry: true}
	l := h.link(t)
	sayLines(t, l, 1)
	flush(t, l)
	said := h.messages(t, 2)
	if said[0].ClientKey != said[1].ClientKey {
		t.Errorf("sent again with key %q, first with %q", said[1].ClientKey, said[0].ClientKey)
	}
}

func TestAProcessThatLeavesIsNotTakenForAliveAgain(t *testing.T) {
	t.Parallel()
	h := newPeerHub(t, true)
	l := h.link(t)
	sayLines(t, l, 1)
	flush(t, l)
	l.SetAlive(func(*wire.SessionAlive) {})
	l.Leave()
	l.SetAlive(func(*wire.SessionAlive) {}) // its turn ends
	sayLines(t, l, 1)                       // what follows it is there
	flush(t, l)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.alive != 2 { // at the connect, and before it left
		t.Errorf("%d keep-alives came, want 2", h.alive)
	}
}

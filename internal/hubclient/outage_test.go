package hubclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// line is a network with one address, in this process: it counts who calls, and
// nobody answers while there is no hub.
type line struct {
	mu    sync.Mutex
	calls int
	hub   chan net.Conn // nil: nobody answers
}

func (l *line) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	l.mu.Lock()
	l.calls++
	hub := l.hub
	l.mu.Unlock()
	if hub == nil {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	select {
	case hub <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// listener is the hub's end of a line.
type listener struct {
	accept chan net.Conn
	closed chan struct{}
	close  func()
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, io.EOF
	}
}

func (l *listener) Close() error {
	l.close()
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3006} }

// answer has a hub answer until stop is called.
func (l *line) answer(t *testing.T, h *peerHub) (stop func()) {
	t.Helper()
	handler, end := h.serve(t, true)
	at := &listener{accept: make(chan net.Conn), closed: make(chan struct{})}
	at.close = sync.OnceFunc(func() { close(at.closed) })
	web, ended := &http.Server{Handler: handler}, make(chan struct{})
	go func() {
		defer close(ended)
		_ = web.Serve(at) // ends with stop
	}()
	l.mu.Lock()
	l.hub = at.accept
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		l.hub = nil
		l.mu.Unlock()
		end()
		_ = web.Close()
		<-ended
	}
}

func TestAnHourWithoutTheHubLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &line{}
		transport := &http.Transport{DialContext: network.dial}
		defer transport.CloseIdleConnections()
		h := &peerHub{received: make(chan struct{}, 10_000), refuse: map[int]wire.AppendAck{}}
		stop := network.answer(t, h)
		l := hubclient.New(hubclient.Options{BaseURL: "http://hub", Token: "token", HTTP: &http.Client{Transport: transport, Timeout: time.Minute}}).
			Link(wire.Session{ID: "s1"}, hubclient.LinkOptions{})
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		n := 0
		say := func() {
			n++
			if err := l.Say(t.Context(), json.RawMessage(fmt.Sprint(n)), time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		say()
		flush(t, l)

		stop()
		synctest.Wait()
		network.mu.Lock()
		network.calls = 0
		network.mu.Unlock()
		for range 600 { // an agent that goes on to speak
			time.Sleep(6 * time.Second)
			say()
		}
		if l.Connected() {
			t.Fatal("there is no hub to be connected to")
		}
		network.mu.Lock()
		calls := network.calls
		network.mu.Unlock()
		if calls < 3600/5 || calls > 3600 {
			t.Errorf("the hub was tried %d times in an hour, want every 1 to 5 seconds", calls)
		}

		stop = network.answer(t, h)
		back := time.Now()
		flush(t, l)
		if took := time.Since(back); took > 6*time.Second {
			t.Errorf("it took %s to be back and to have said everything", took)
		}
		for i, m := range h.messages(t, n) {
			if string(m.Message) != fmt.Sprint(i+1) {
				t.Fatalf("message %d is %s: not each once, and in order", i+1, m.Message)
			}
		}
		leave()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the link ended with %v", err)
		}
		stop()
	})
}

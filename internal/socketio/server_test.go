package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// failOnError fails the test when something is logged as an error: the package
// logs nothing but recovered panics at that level.
func failOnError(t testing.TB) *slog.Logger {
	return slog.New(&errorHandler{Handler: slog.DiscardHandler, t: t})
}

type errorHandler struct {
	slog.Handler
	t testing.TB
}

func (h *errorHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

func (h *errorHandler) Handle(_ context.Context, r slog.Record) error {
	h.t.Errorf("logged: %s", r.Message)
	return nil
}

// counter is what a test socket remembers of its `count` events.
type counter struct {
	n       int
	ordered bool
}

// testServer serves the events that the conformance programs speak.
func testServer(t testing.TB, o ServerOptions) (*Server, string) {
	t.Helper()
	o.Logger = failOnError(t)
	s := NewServer(o)
	declareCLI(s)
	s.Namespace("/other").Handle("echo", func(_ *Socket, args []json.RawMessage, ack Ack) {
		ack([]any{"other", args[0]})
	})
	return serve(t, s)
}

// serve runs a server until the test ends, and checks that nothing is left.
func serve(t testing.TB, s *Server) (*Server, string) {
	t.Helper()
	listener := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		listener.Close()
		if n := s.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	return s, listener.URL
}

func declareCLI(s *Server) {
	n := s.Namespace("/cli")
	var late atomic.Int32
	n.OnConnect(func(s *Socket, auth json.RawMessage) error {
		var in struct {
			Token string   `json:"token"`
			Rooms []string `json:"rooms"`
		}
		if err := json.Unmarshal(auth, &in); err != nil {
			return &ConnectError{Message: "Invalid auth"}
		}
		switch in.Token {
		case "good":
		case "later":
			if late.Add(1) <= 2 {
				return errors.New("not ready")
			}
		default:
			return &ConnectError{Message: "Invalid token", Data: json.RawMessage(`{"hint":"log in"}`)}
		}
		for _, room := range in.Rooms {
			s.Join(room)
		}
		s.Data = &counter{ordered: true}
		return nil
	})
	n.Handle("echo", func(_ *Socket, args []json.RawMessage, ack Ack) { ack(args) })
	n.Handle("ask", func(s *Socket, args []json.RawMessage, ack Ack) {
		question := args[0]
		go func() {
			reply, err := s.Call(s.Context(), "question", question)
			if err == nil {
				ack(reply[0])
			}
		}()
	})
	n.Handle("count", func(s *Socket, args []json.RawMessage, _ Ack) {
		c := s.Data.(*counter)
		var i int
		c.ordered = c.ordered && json.Unmarshal(args[0], &i) == nil && i == c.n
		c.n++
	})
	n.Handle("counted", func(s *Socket, _ []json.RawMessage, ack Ack) {
		c := s.Data.(*counter)
		ack(map[string]any{"count": c.n, "ordered": c.ordered})
	})
	n.Handle("flood", func(s *Socket, args []json.RawMessage, _ Ack) {
		var many int
		_ = json.Unmarshal(args[0], &many)
		for i := range many {
			_ = s.Emit("flood", i)
		}
	})
	n.Handle("length", func(_ *Socket, args []json.RawMessage, ack Ack) { ack(len(args[0]) - 2) })
	n.Handle("make", func(_ *Socket, args []json.RawMessage, ack Ack) {
		var size int
		_ = json.Unmarshal(args[0], &size)
		ack(strings.Repeat("x", size))
	})
	n.Handle("drop", func(s *Socket, _ []json.RawMessage, _ Ack) { s.engine.close("dropped by the test", abrupt) })
	n.Handle("leave", func(s *Socket, _ []json.RawMessage, _ Ack) { s.Disconnect() })
	n.Handle("shout", func(s *Socket, args []json.RawMessage, ack Ack) {
		var room string
		_ = json.Unmarshal(args[0], &room)
		_ = n.Emit(room, s, "shouted", args[1])
		ack()
	})
	n.Handle("panic", func(*Socket, []json.RawMessage, Ack) { panic("on purpose") })
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"hapi/internal/socketio"
)

// marker begins what a watcher looks for in an event: "bench:N:SENT:" with the
// number of the message and the nanosecond it was sent.
const marker = "bench:"

// messageBytes is about the size of a message on its way.
const messageBytes = 1024

// speaker is a session process that only speaks.
type speaker struct {
	session string
	client  *socketio.Client
	stop    context.CancelFunc
	ended   chan struct{}
}

// newSpeaker makes a session and connects its process.
func newSpeaker(ctx context.Context, h *target, tag string) (*speaker, error) {
	session, err := h.newSession(ctx, tag)
	if err != nil {
		return nil, err
	}
	s := &speaker{session: session, ended: make(chan struct{})}
	s.client = socketio.NewClient(h.url, socketio.ClientOptions{
		Namespace: "/cli", Logger: slog.New(slog.DiscardHandler),
		Auth: func() any {
			return map[string]string{"token": h.token, "clientType": "session-scoped", "sessionId": session}
		},
	})
	connected, refused := make(chan struct{}, 1), make(chan error, 1)
	s.client.OnConnect(func() { connected <- struct{}{} })
	s.client.OnRefused(func(err error) { refused <- err })
	ctx, s.stop = context.WithCancel(ctx)
	go func() {
		defer close(s.ended)
		_ = s.client.Run(ctx)
	}()
	select {
	case <-connected:
	case err := <-refused:
		s.close()
		return nil, fmt.Errorf("connect a session: %w", err)
	case <-time.After(startWithin):
		s.close()
		return nil, errors.New("a session could not connect")
	}
	return s, s.alive(ctx)
}

// alive makes the session active and returns when the hub has taken that.
func (s *speaker) alive(ctx context.Context) error {
	if err := s.client.Emit("session-alive", map[string]any{"sid": s.session, "time": time.Now().UnixMilli(), "thinking": false}); err != nil {
		return err
	}
	_, err := s.client.Call(ctx, "ping")
	return err
}

// say says message n. The event has no acknowledgement in the protocol; a
// watcher tells when it is stored.
func (s *speaker) say(n int64) error {
	text := marker + strconv.FormatInt(n, 10) + ":" + strconv.FormatInt(time.Now().UnixNano(), 10) + ":"
	text += strings.Repeat("x", max(0, messageBytes-len(text)-200))
	content := `{"role":"agent","content":{"type":"output","data":{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"` +
		text + `"}]}}},"meta":{"sentFrom":"cli"}}`
	return s.client.Emit("message", map[string]any{"sid": s.session, "message": json.RawMessage(content)})
}

func (s *speaker) close() {
	s.stop()
	<-s.ended
}

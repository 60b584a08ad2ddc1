package socketio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// separator stands between the packets of a polling body.
const separator = '\x1e'

// pollCarrier is the server's side of HTTP long-polling: packets wait until the
// client's GET takes them.
type pollCarrier struct {
	poll chan struct{} // of the GET that waits, nil when none does; guarded by the engine's lock
}

func (c *pollCarrier) wake(*engine) {
	if c.poll != nil {
		close(c.poll)
		c.poll = nil
	}
}

func (c *pollCarrier) idle(*engine) bool { return c.poll != nil }

// end does nothing: a waiting poll is woken when the connection is cut.
func (c *pollCarrier) end(farewell) {}

// serveGet answers a poll: what waits, or what comes next.
func (s *Server) serveGet(w http.ResponseWriter, r *http.Request, e *engine) {
	deadlines := http.NewResponseController(w)
	_ = deadlines.SetReadDeadline(time.Time{}) // a poll waits longer than a request may
	_ = deadlines.SetWriteDeadline(time.Time{})
	batch, err := s.waitForPackets(r.Context(), e)
	switch {
	case errors.Is(err, errParallelPoll):
		e.close("transport error", polite)
		w.WriteHeader(http.StatusBadRequest)
		return
	case errors.Is(err, errStopped):
		panic(http.ErrAbortHandler) // the connection just ends
	case errors.Is(err, ErrDisconnected):
		batch = [][]byte{packetClose}
	case err != nil: // the client left its poll
		e.close("transport close", abrupt)
		return
	}
	size := len(batch)
	for _, b := range batch {
		size += len(b)
	}
	body := make([]byte, 0, size)
	for i, b := range batch {
		if i > 0 {
			body = append(body, separator)
		}
		body = append(body, b...)
	}
	writePolled(w, body)
	e.sent(batch)
}

func writePolled(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // a client that left asks for a new connection
}

var (
	errParallelPoll = errors.New("a poll is waiting already")
	errStopped      = errors.New("the server stops")
)

// waitForPackets takes the queue. Without packets it waits, for a noop too.
func (s *Server) waitForPackets(ctx context.Context, e *engine) ([][]byte, error) {
	for {
		e.mu.Lock()
		c, polling := e.carrier.(*pollCarrier)
		switch {
		case e.closed:
			e.mu.Unlock()
			return nil, s.endOfPoll()
		case !polling: // the websocket has taken over; this poll is the last
			e.mu.Unlock()
			return [][]byte{packetNoop}, nil
		case c.poll != nil:
			e.mu.Unlock()
			return nil, errParallelPoll
		case len(e.queue) > 0:
			batch := e.take()
			e.mu.Unlock()
			return batch, nil
		}
		woken := make(chan struct{})
		c.poll = woken
		e.mu.Unlock()
		select {
		case <-woken:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// endOfPoll is what a poll of an ended connection gets.
func (s *Server) endOfPoll() error {
	if s.stopping() {
		return errStopped
	}
	return ErrDisconnected
}

// releasePoll lets a waiting poll return, with a noop if there is nothing else.
func (e *engine) releasePoll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.carrier.(*pollCarrier)
	if !ok || c.poll == nil {
		return
	}
	if len(e.queue) == 0 {
		e.queue = append(e.queue, packetNoop)
		e.waiting += int64(len(packetNoop))
	}
	c.wake(e)
}

// servePost takes the client's packets.
func (s *Server) servePost(w http.ResponseWriter, r *http.Request, e *engine) {
	if r.ContentLength > s.o.MaxPayload {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.o.MaxPayload))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		e.close("transport error", abrupt)
		return
	}
	if err := e.receiveBody(body); errors.Is(err, errViolation) || errors.Is(err, errPacket) {
		e.close("parse error", polite)
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	_, _ = io.WriteString(w, "ok")
}

// receiveBody handles the packets of a polling body.
func (e *engine) receiveBody(body []byte) error {
	for b := range bytes.SplitSeq(body, []byte{separator}) {
		if err := e.receive(b); err != nil {
			return err
		}
	}
	return nil
}

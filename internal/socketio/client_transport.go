package socketio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"github.com/coder/websocket"
)

// address is the server's URL for a transport of a connection.
func (c *Client) address(transport, id string) string {
	q := url.Values{"EIO": {"4"}, "transport": {transport}}
	if id != "" {
		q.Set("sid", id)
	}
	return c.base + c.o.Path + "?" + q.Encode()
}

// dial opens a websocket, for the connection id if it exists already.
func (c *Client) dial(ctx context.Context, id string) (*socketCarrier, error) {
	conn, res, err := websocket.Dial(ctx, c.address("websocket", id), &websocket.DialOptions{
		HTTPClient: c.o.HTTPClient, HTTPHeader: c.o.Header,
	})
	if err != nil {
		return nil, refusedUpgrade(res, err)
	}
	conn.SetReadLimit(c.o.MaxPayload)
	return &socketCarrier{conn: conn, limit: c.o.MaxPayload}, nil
}

// refusedUpgrade says what the server answered instead of a websocket.
func refusedUpgrade(res *http.Response, err error) error {
	if res == nil || res.Body == nil {
		return err
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 256))
	return fmt.Errorf("HTTP %d %q: %w", res.StatusCode, body, err)
}

// openSocket begins a connection on a websocket.
func (l *link) openSocket(ctx, reading context.Context, c *socketCarrier, running *sync.WaitGroup) error {
	b, err := c.read(ctx)
	if err == nil {
		_, err = l.begin(b, c)
	}
	if err != nil {
		_ = c.conn.CloseNow()
		return err
	}
	running.Go(func() { c.readInto(reading, l.engine) })
	return nil
}

// clientPolling is the client's side of HTTP long-polling: one goroutine asks,
// another, while there is something to say, posts.
type clientPolling struct {
	client  *Client
	id      string
	limit   int64 // bytes of a POST, as the server wants it
	ctx     context.Context
	cancel  context.CancelFunc
	asking  chan struct{} // closed when the asking goroutine has returned
	posting bool          // guarded by the engine's lock
	paused  bool          // guarded by the engine's lock; an upgrade is under way
	posted  chan struct{} // signalled when a posting goroutine returns
}

// openPolling begins a connection with a poll, and tries to move it.
func (l *link) openPolling(ctx, reading context.Context, running *sync.WaitGroup) error {
	c := &clientPolling{client: l.client, asking: make(chan struct{}), posted: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(reading)
	body, err := c.get(ctx)
	if err != nil {
		c.cancel()
		return err
	}
	first, rest, more := bytes.Cut(body, []byte{separator})
	h, err := l.begin(first, c)
	if err != nil {
		c.cancel()
		return err
	}
	c.id, c.limit = h.ID, h.MaxPayload
	upgrading := h.upgradable(l.client.o.Transports)
	running.Go(func() {
		defer close(c.asking)
		if more && l.engine.receiveBody(rest) != nil {
			l.engine.close("parse error", polite)
			return
		}
		c.ask(l.engine)
	})
	if upgrading {
		running.Go(func() { l.upgrade(reading, c, running) })
	}
	return nil
}

// ask polls until the connection ends or moves.
func (c *clientPolling) ask(e *engine) {
	for c.active(e) {
		body, err := c.get(c.ctx)
		if err == nil {
			err = e.receiveBody(body)
		}
		switch {
		case err == nil:
		case errors.Is(err, errViolation), errors.Is(err, errPacket):
			e.close("parse error", polite)
			return
		default:
			e.close("transport error", abrupt)
			return
		}
	}
}

func (c *clientPolling) active(e *engine) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.closed && !c.paused && e.carrier == carrier(c)
}

func (c *clientPolling) get(ctx context.Context) ([]byte, error) {
	return c.exchange(ctx, http.MethodGet, nil)
}

func (c *clientPolling) exchange(ctx context.Context, method string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.client.address("polling", c.id), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range c.client.o.Header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	}
	res, err := c.client.o.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(http.MaxBytesReader(nil, res.Body, c.client.o.MaxPayload))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("poll: HTTP %d %.200s", res.StatusCode, answer)
	}
	return answer, nil
}

func (c *clientPolling) wake(e *engine) {
	if !c.posting && !c.paused {
		c.posting = true
		e.running.Go(func() { c.post(e) })
	}
}

func (c *clientPolling) idle(*engine) bool { return !c.posting && !c.paused }

func (c *clientPolling) end(farewell) { c.cancel() }

// post posts what is queued until the queue is empty or the connection moves.
func (c *clientPolling) post(e *engine) {
	for {
		e.mu.Lock()
		if c.paused || len(e.queue) == 0 {
			c.posting = false
			e.mu.Unlock()
			select {
			case c.posted <- struct{}{}:
			default:
			}
			return
		}
		batch := e.take()
		e.mu.Unlock()
		for _, body := range bodies(batch, c.limit) {
			if _, err := c.exchange(c.ctx, http.MethodPost, body); err != nil {
				e.close("transport error", abrupt)
				return
			}
		}
		e.sent(batch)
	}
}

// bodies joins packets, as many as the server takes at once.
func bodies(batch [][]byte, limit int64) [][]byte {
	var list [][]byte
	var body []byte
	for _, b := range batch {
		if body != nil && limit > 0 && int64(len(body)+1+len(b)) > limit {
			list = append(list, body)
			body = nil
		}
		if body != nil {
			body = append(body, separator)
		}
		body = append(body, b...)
	}
	return append(list, body)
}

// upgrade moves the connection to a websocket. If that fails it goes on polling.
func (l *link) upgrade(reading context.Context, c *clientPolling, running *sync.WaitGroup) {
	ctx, cancel := context.WithTimeout(c.ctx, upgradeTimeout)
	defer cancel()
	e := l.engine
	socket, err := l.client.dial(ctx, e.id)
	if err != nil {
		l.client.o.Logger.Debug("no websocket, going on by polling", "err", err)
		return
	}
	if err := socket.conn.Write(ctx, websocket.MessageText, probe); err == nil {
		if b, err := socket.read(ctx); err == nil && string(b) == string(probed) && c.pause(ctx, e) {
			l.move(ctx, reading, socket, running)
			return
		}
	}
	_ = socket.conn.CloseNow()
}

// pause stops asking and posting, and waits until both have stopped.
func (c *clientPolling) pause(ctx context.Context, e *engine) bool {
	for c.pausing(e) {
		select {
		case <-c.posted:
		case <-ctx.Done():
			e.close("transport error", abrupt)
			return false
		}
	}
	select {
	case <-c.asking:
		return true
	case <-ctx.Done():
		e.close("transport error", abrupt)
		return false
	}
}

// pausing lets nothing new be posted, and says whether something still is.
func (c *clientPolling) pausing(e *engine) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	c.paused = true
	return c.posting
}

// move ends the exchange; from here on the websocket carries the connection.
func (l *link) move(ctx, reading context.Context, socket *socketCarrier, running *sync.WaitGroup) {
	if err := socket.conn.Write(ctx, websocket.MessageText, upgrade); err != nil {
		_ = socket.conn.CloseNow()
		l.engine.close("transport error", abrupt)
		return
	}
	if _, ok := l.engine.carryBy(socket); !ok {
		_ = socket.conn.CloseNow()
		return
	}
	running.Go(func() { socket.readInto(reading, l.engine) })
}

package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// ClientOptions of a Client.
type ClientOptions struct {
	Namespace string // "/"
	Path      string // "/socket.io/"
	// Auth is asked for anew at every connect.
	Auth   func() any
	Header http.Header
	// Transports are tried in this order: {"websocket"} or {"polling", "websocket"},
	// which begins with polling and moves to a websocket, or {"polling"}.
	Transports []string
	// After the connection went, the client waits a random time between
	// ReconnectMin (1 s) and ReconnectMax (5 s).
	ReconnectMin, ReconnectMax time.Duration
	// RefusedRetry is the time between attempts while the server refuses the
	// namespace or after it sent the client away (30 s).
	RefusedRetry time.Duration
	// ConnectTimeout bounds one attempt (20 s).
	ConnectTimeout time.Duration
	MaxPayload     int64 // largest message taken, in bytes (128 MiB)
	WriteQueue     int64 // bytes that may wait to be sent (64 MiB)
	HTTPClient     *http.Client
	Logger         *slog.Logger
}

func (o *ClientOptions) setDefaults() {
	setDefault(&o.Namespace, "/")
	setDefault(&o.Path, "/socket.io/")
	setDefault(&o.ReconnectMin, time.Second)
	setDefault(&o.ReconnectMax, 5*time.Second)
	setDefault(&o.RefusedRetry, 30*time.Second)
	setDefault(&o.ConnectTimeout, 20*time.Second)
	setDefault(&o.MaxPayload, maxClientPayload)
	setDefault(&o.WriteQueue, writeQueue)
	setDefault(&o.HTTPClient, http.DefaultClient)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Transports == nil {
		o.Transports = []string{"websocket"}
	}
	if o.Auth == nil {
		o.Auth = func() any { return nil }
	}
}

// Client keeps a connection to one namespace of a server.
type Client struct {
	base string
	o    ClientOptions

	handlers     map[string]Handler
	onConnect    func()
	onDisconnect func(error)
	onRefused    func(error)

	mu   sync.Mutex
	link *link // nil while not connected
}

// NewClient makes a client of the server at base ("http://127.0.0.1:3006").
// Handlers are named before Run.
func NewClient(base string, o ClientOptions) *Client {
	o.setDefaults()
	return &Client{
		base: strings.TrimRight(base, "/"), o: o, handlers: make(map[string]Handler),
		onConnect: func() {}, onDisconnect: func(error) {}, onRefused: func(error) {},
	}
}

// Handle names the handler of an event. Events without one are ignored.
func (c *Client) Handle(event string, h Handler) { c.handlers[event] = h }

// OnConnect is called after each connect, before any event of that connection
// is handled; it may emit.
func (c *Client) OnConnect(f func()) { c.onConnect = f }

// OnDisconnect is called when a connection ended.
func (c *Client) OnDisconnect(f func(err error)) { c.onDisconnect = f }

// OnRefused is called when the server refused the namespace, or sent the client
// away; the client goes on trying at the pace of RefusedRetry.
func (c *Client) OnRefused(f func(err error)) { c.onRefused = f }

// Connected says whether there is a connection now.
func (c *Client) Connected() bool { return c.current() != nil }

func (c *Client) current() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// Emit sends an event. Nothing is kept for later: without a connection it fails
// with ErrDisconnected.
func (c *Client) Emit(event string, args ...any) error {
	l := c.current()
	if l == nil {
		return ErrDisconnected
	}
	b, err := encodeEvent(c.o.Namespace, noID, event, args)
	if err != nil {
		return err
	}
	return l.engine.send(b)
}

// EmitVolatile sends an event only if it can leave at once.
func (c *Client) EmitVolatile(event string, args ...any) {
	l := c.current()
	if l == nil {
		return
	}
	if b, err := encodeEvent(c.o.Namespace, noID, event, args); err == nil {
		l.engine.sendVolatile(b)
	}
}

// Call sends an event and waits for its acknowledgement. It fails with
// ErrDisconnected without a connection, and as soon as it goes.
func (c *Client) Call(ctx context.Context, event string, args ...any) ([]json.RawMessage, error) {
	l := c.current()
	if l == nil {
		return nil, ErrDisconnected
	}
	return l.calls.call(ctx, l.engine.send, c.o.Namespace, event, args)
}

// Send sends an event; its acknowledgement, or ErrDisconnected, goes to done. If
// Send itself fails, done is not called.
func (c *Client) Send(event string, done func(reply []json.RawMessage, err error), args ...any) error {
	l := c.current()
	if l == nil {
		return ErrDisconnected
	}
	_, err := l.calls.send(l.engine.send, c.o.Namespace, event, args, done)
	return err
}

// link is one connection, from its handshake to its end.
type link struct {
	client *Client
	engine *engine
	calls  calls
	ended  chan struct{}
	// patience is how long the server may be silent.
	patience time.Duration

	joined  bool // guarded by the engine's order of messages
	refused error
	reason  string
}

// Run connects, and again whenever the connection went, until ctx ends. It then
// says goodbye and waits for its goroutines.
func (c *Client) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := c.connect(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := c.o.ReconnectMin + rand.N(c.o.ReconnectMax-c.o.ReconnectMin+1)
		var refused *ConnectError
		if errors.As(err, &refused) {
			c.onRefused(refused)
			wait = c.o.RefusedRetry
		}
		c.o.Logger.Debug("connecting again", "after", wait, "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

// connect makes a connection and stays with it until it ends.
func (c *Client) connect(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	// Reading must end after everything else, so it does not end with ctx.
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()
	l := &link{client: c, ended: make(chan struct{})}
	l.engine = &engine{bound: c.o.WriteQueue, running: &running, message: l.receive, beat: l.heard, cut: l.cut, gone: l.gone}
	opening, cancel := context.WithTimeout(ctx, c.o.ConnectTimeout)
	defer cancel()
	if err := l.open(opening, reading, &running); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	deadline := time.AfterFunc(c.o.ConnectTimeout, l.giveUpJoining)
	defer deadline.Stop()
	hello, err := encodePacket(kindConnect, c.o.Namespace, c.o.Auth())
	if err == nil {
		err = l.engine.send(hello)
	}
	if err != nil {
		l.engine.close("handshake failed", abrupt)
	}
	select {
	case <-l.ended:
	case <-ctx.Done():
		l.leave()
		<-l.ended
	}
	if l.refused != nil {
		return l.refused
	}
	return fmt.Errorf("connection ended: %s", l.reason)
}

// open connects the engine over the first transport.
func (l *link) open(ctx, reading context.Context, running *sync.WaitGroup) error {
	c := l.client
	if c.o.Transports[0] == "websocket" {
		carrier, err := c.dial(ctx, "")
		if err != nil {
			return err
		}
		return l.openSocket(ctx, reading, carrier, running)
	}
	return l.openPolling(ctx, reading, running)
}

// begin starts the engine with the server's handshake packet.
func (l *link) begin(b []byte, by carrier) (handshake, error) {
	var h handshake
	if len(b) == 0 || b[0] != engineOpen {
		return h, errViolation
	}
	if err := json.Unmarshal(b[1:], &h); err != nil || h.ID == "" {
		return h, fmt.Errorf("read the handshake: %w", errViolation)
	}
	l.patience = time.Duration(h.PingInterval+h.PingTimeout) * time.Millisecond
	e := l.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	e.id, e.carrier = h.ID, by
	e.running.Add(1) // until gone
	e.timer = time.AfterFunc(l.patience, func() { e.close("ping timeout", abrupt) })
	return h, nil
}

type handshake struct {
	ID           string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // ms
	PingTimeout  int64    `json:"pingTimeout"`  // ms
	MaxPayload   int64    `json:"maxPayload"`   // bytes
}

func (h *handshake) upgradable(transports []string) bool {
	return slices.Contains(h.Upgrades, "websocket") && slices.Contains(transports, "websocket")
}

// heard answers a ping. Only the server pings.
func (l *link) heard(b []byte) error {
	if b[0] != enginePing {
		return errViolation
	}
	e := l.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.timer.Reset(l.patience)
		e.put(packetPong)
	}
	return nil
}

// receive handles a Socket.IO packet.
func (l *link) receive(b []byte) error {
	p, err := parsePacket(b)
	if err != nil {
		return err
	}
	if p.namespace != l.client.o.Namespace {
		return nil
	}
	switch p.kind {
	case kindConnect:
		l.join()
		return nil
	case kindConnectError:
		l.refuse(readRefusal(p.data))
		return nil
	case kindDisconnect:
		l.refuse(&ConnectError{Message: "disconnected by the server"})
		return nil
	case kindAck:
		l.calls.answered(&p)
		return nil
	default:
		return l.serve(&p)
	}
}

func readRefusal(data json.RawMessage) *ConnectError {
	refused := &ConnectError{}
	if json.Unmarshal(data, refused) != nil {
		_ = json.Unmarshal(data, &refused.Message) // old servers send a bare string; parsePacket checked it
	}
	return refused
}

func (l *link) join() {
	if l.joined {
		return
	}
	l.joined = true
	c := l.client
	c.mu.Lock()
	c.link = l
	c.mu.Unlock()
	c.onConnect()
}

func (l *link) refuse(why *ConnectError) {
	l.refused = why
	l.engine.close("refused", abrupt)
}

// giveUpJoining ends a connection whose server does not answer the join.
func (l *link) giveUpJoining() {
	if l.client.current() != l {
		l.engine.close("no answer to the join", abrupt)
	}
}

func (l *link) serve(p *packet) error {
	event, args, err := p.event()
	if err != nil {
		return err
	}
	h := l.client.handlers[event]
	if h == nil {
		return nil
	}
	ack := Ack(noAck)
	if id := p.id; id != noID {
		ack = once(func(reply []any) {
			if b, err := encodeAck(p.namespace, id, reply); err == nil {
				_ = l.engine.send(b) // a server that left asks again
			}
		})
	}
	defer func() {
		if fault := recover(); fault != nil {
			l.client.o.Logger.Error("handler panicked", "event", event, "panic", fault, "stack", string(debug.Stack()))
			l.engine.running.Go(func() { l.engine.close("client error", abrupt) })
		}
	}()
	h(args, ack)
	return nil
}

// leave says goodbye and lets what is queued leave first, for a second at most.
func (l *link) leave() {
	if b, err := encodePacket(kindDisconnect, l.client.o.Namespace, nil); err == nil && l.client.current() == l {
		_ = l.engine.send(b)
	}
	deadline := time.Now().Add(time.Second)
	for !l.engine.drained() && time.Now().Before(deadline) {
		select {
		case <-l.ended:
			return
		case <-time.After(time.Millisecond):
		}
	}
	l.engine.close("client left", polite)
}

// drained says whether everything that was queued left.
func (e *engine) drained() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed || e.waiting == 0
}

func (l *link) cut() {
	c := l.client
	c.mu.Lock()
	if c.link == l {
		c.link = nil
	}
	c.mu.Unlock()
	l.calls.fail(ErrDisconnected)
}

func (l *link) gone(reason string) {
	defer l.engine.running.Done()
	l.reason = reason
	if l.joined {
		l.client.onDisconnect(errors.New(reason))
	}
	close(l.ended)
}

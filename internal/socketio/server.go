package socketio

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ServerOptions of a Server. What is zero takes the protocol's usual value.
type ServerOptions struct {
	PingInterval   time.Duration // 25 s
	PingTimeout    time.Duration // 20 s
	UpgradeTimeout time.Duration // 10 s
	ConnectTimeout time.Duration // 45 s to join a namespace
	// MaxPayload is the largest message taken, in bytes (48 MiB).
	MaxPayload int64
	// WriteQueue is how many bytes a peer may leave unread before it is dropped
	// (64 MiB).
	WriteQueue int64
	// AllowOrigin says which cross origins may connect, besides the server's own
	// and peers that send none. nil means no others.
	AllowOrigin func(origin string) bool
	// AllowAnyOrigin answers `*`.
	AllowAnyOrigin bool
	// Address says where a client is; default: the address of its connection.
	Address func(r *http.Request) string
	Logger  *slog.Logger
}

func (o *ServerOptions) setDefaults() {
	setDefault(&o.PingInterval, pingInterval)
	setDefault(&o.PingTimeout, pingTimeout)
	setDefault(&o.UpgradeTimeout, upgradeTimeout)
	setDefault(&o.ConnectTimeout, connectTimeout)
	setDefault(&o.MaxPayload, maxPayload)
	setDefault(&o.WriteQueue, writeQueue)
	if o.AllowOrigin == nil {
		o.AllowOrigin = func(string) bool { return false }
	}
	if o.Address == nil {
		o.Address = func(r *http.Request) string { return r.RemoteAddr }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Server is an http.Handler for `/socket.io/`.
type Server struct {
	o          ServerOptions
	namespaces map[string]*Namespace
	running    sync.WaitGroup

	mu      sync.Mutex
	engines map[string]*engine
	stop    bool
}

// NewServer makes a server without namespaces.
func NewServer(o ServerOptions) *Server {
	o.setDefaults()
	return &Server{o: o, namespaces: make(map[string]*Namespace), engines: make(map[string]*engine)}
}

// Connections counts the open connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.engines)
}

// Shutdown ends every connection, without saying goodbye, so that clients
// reconnect by themselves, and waits until nothing works for them anymore.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stop = true
	open := make([]*engine, 0, len(s.engines))
	for _, e := range s.engines {
		open = append(open, e)
	}
	s.mu.Unlock()
	for _, e := range open {
		e.close("server shutting down", abrupt)
	}
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Server) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop
}

// refusal is the answer to a handshake that cannot be served.
type refusal struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

var (
	refusedTransport = refusal{http.StatusBadRequest, 0, "Transport unknown"}
	refusedSession   = refusal{http.StatusBadRequest, 1, "Session ID unknown"}
	refusedMethod    = refusal{http.StatusBadRequest, 2, "Bad handshake method"}
	refusedRequest   = refusal{http.StatusBadRequest, 3, "Bad request"}
	refusedOrigin    = refusal{http.StatusForbidden, 4, "Origin not allowed"}
	refusedVersion   = refusal{http.StatusBadRequest, 5, "Unsupported protocol version"}
)

func (f refusal) write(w http.ResponseWriter) {
	body, _ := json.Marshal(f) // strings and a number
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_, _ = w.Write(body)
}

// ServeHTTP serves handshakes, polls and websockets.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/socket.io/" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	allowed := s.setOrigin(w, r)
	if r.Method == http.MethodOptions {
		servePreflight(w, r)
		return
	}
	if !allowed {
		refusedOrigin.write(w)
		return
	}
	q := r.URL.Query()
	transport, upgrades := q.Get("transport"), isUpgrade(r)
	if transport != "polling" && transport != "websocket" || upgrades && transport == "polling" {
		refusedTransport.write(w)
		return
	}
	if id := q.Get("sid"); id != "" || q.Has("sid") {
		s.serveKnown(w, r, id, transport, upgrades)
		return
	}
	switch {
	case r.Method != http.MethodGet:
		refusedMethod.write(w)
	case q.Get("EIO") != "4":
		refusedVersion.write(w)
	case upgrades:
		s.openSocket(w, r)
	default:
		s.openPolling(w, r)
	}
}

func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// setOrigin tells a browser whether its page may talk to us.
func (s *Server) setOrigin(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	switch {
	case s.o.AllowAnyOrigin:
		h.Set("Access-Control-Allow-Origin", "*")
	case origin != "" && (sameHost(origin, r.Host) || s.o.AllowOrigin(origin)):
		h.Set("Access-Control-Allow-Origin", origin)
	default:
		h.Set("Access-Control-Allow-Origin", "false")
		return origin == ""
	}
	return true
}

func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

func servePreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET,POST")
	h.Add("Vary", "Access-Control-Request-Headers")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveKnown serves a request of an open connection.
func (s *Server) serveKnown(w http.ResponseWriter, r *http.Request, id, transport string, upgrades bool) {
	s.mu.Lock()
	e := s.engines[id]
	s.mu.Unlock()
	switch {
	case e == nil:
		refusedSession.write(w)
	case upgrades:
		s.probe(w, r, e)
	case transport == "websocket", e.isUpgraded():
		refusedRequest.write(w)
	case r.Method == http.MethodGet:
		s.serveGet(w, r, e)
	case r.Method == http.MethodPost:
		s.servePost(w, r, e)
	default:
		refusedMethod.write(w)
	}
}

func (e *engine) isUpgraded() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.upgraded && !e.closed
}

// open registers a new connection; its first packet is in the queue already.
func (s *Server) open(r *http.Request, c carrier, upgrades ...string) (*engine, bool) {
	e := &engine{id: rand.Text(), address: s.o.Address(r), bound: s.o.WriteQueue, running: &s.running, carrier: c}
	client := &peer{server: s, engine: e}
	e.message, e.cut, e.gone = client.receive, client.cut, client.gone
	e.beat = func(b []byte) error { return s.heard(e, b) }
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop {
		return nil, false
	}
	s.engines[e.id] = e
	s.running.Add(1) // until gone
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timer = time.AfterFunc(s.o.PingInterval, func() { s.ping(e) })
	e.joinBy = time.AfterFunc(s.o.ConnectTimeout, func() { e.close("connect timeout", polite) })
	e.put(s.handshake(e.id, upgrades))
	return e, true
}

func (s *Server) handshake(id string, upgrades []string) []byte {
	if upgrades == nil {
		upgrades = []string{}
	}
	b, _ := json.Marshal(struct {
		ID           string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int64    `json:"maxPayload"`
	}{id, upgrades, s.o.PingInterval.Milliseconds(), s.o.PingTimeout.Milliseconds(), s.o.MaxPayload}) // strings and numbers
	return append([]byte{engineOpen}, b...)
}

// forget removes an ended connection.
func (s *Server) forget(e *engine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.engines, e.id)
}

// ping asks the peer for a sign of life, and ends the connection when the last
// ping found none.
func (s *Server) ping(e *engine) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	if e.silent {
		e.mu.Unlock()
		e.close("ping timeout", abrupt)
		return
	}
	e.silent = true
	e.timer.Reset(s.o.PingTimeout)
	e.put(packetPing)
	e.mu.Unlock()
}

// heard notes a pong. Only the server pings.
func (s *Server) heard(e *engine, b []byte) error {
	if b[0] != enginePong {
		return errViolation
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.silent = false
		e.timer.Reset(s.o.PingInterval)
	}
	return nil
}

func (s *Server) openPolling(w http.ResponseWriter, r *http.Request) {
	e, ok := s.open(r, &pollCarrier{}, "websocket")
	if !ok {
		panic(http.ErrAbortHandler)
	}
	e.mu.Lock()
	batch := e.take()
	e.mu.Unlock()
	writePolled(w, batch[0])
	e.sent(batch)
}

func (s *Server) openSocket(w http.ResponseWriter, r *http.Request) {
	c, err := accept(w, r, s.o.MaxPayload)
	if err != nil {
		s.o.Logger.DebugContext(r.Context(), "websocket refused", "err", err)
		return
	}
	e, ok := s.open(r, c)
	if !ok {
		_ = c.conn.CloseNow()
		return
	}
	s.readSocket(e, c)
}

// readSocket reads on a goroutine of its own, so that the request with its
// headers and buffers is not kept as long as the connection. With each heartbeat
// the next one takes over: what a burst of events made of the stack is not kept
// while nothing comes.
func (s *Server) readSocket(e *engine, c *socketCarrier) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		_ = c.conn.CloseNow()
		return
	}
	s.running.Go(func() {
		defer s.survive(e)
		if c.readToBeat(context.Background(), e) {
			s.readSocket(e, c)
		}
	})
}

// survive ends the connection whose reading panicked, and nothing else.
func (s *Server) survive(e *engine) {
	if fault := recover(); fault != nil {
		s.o.Logger.Error("reading a connection panicked", "panic", fault, "stack", string(debug.Stack()))
		e.close("server error", abrupt)
	}
}

// probe tries a websocket for a connection that polls, and moves it there when
// the client says so.
func (s *Server) probe(w http.ResponseWriter, r *http.Request, e *engine) {
	c, err := accept(w, r, s.o.MaxPayload)
	if err != nil {
		s.o.Logger.DebugContext(r.Context(), "websocket refused", "err", err)
		return
	}
	if !e.beginProbe() {
		_ = c.conn.CloseNow()
		return
	}
	moved := s.tryUpgrade(e, c)
	e.endProbe()
	if !moved {
		_ = c.conn.CloseNow()
		return
	}
	s.readSocket(e, c)
}

func (e *engine) beginProbe() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.probing || e.upgraded {
		return false
	}
	e.probing = true
	return true
}

func (e *engine) endProbe() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probing = false
}

// tryUpgrade follows the exchange `2probe`, `3probe`, `5`. Meanwhile the poll
// that waits is released again and again, so that the client can leave it.
func (s *Server) tryUpgrade(e *engine, c *socketCarrier) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.UpgradeTimeout)
	defer cancel()
	if b, err := c.read(ctx); err != nil || string(b) != string(probe) {
		return false
	}
	if err := c.conn.Write(ctx, websocket.MessageText, probed); err != nil {
		return false
	}
	released := make(chan struct{})
	go func() {
		defer close(released)
		e.releasePolls(ctx)
	}()
	b, err := c.read(ctx)
	cancel()
	<-released
	if err != nil || string(b) != string(upgrade) {
		return false
	}
	old, ok := e.carryBy(c)
	if !ok {
		return false
	}
	e.releaseLast(old)
	return true
}

// releasePolls releases waiting polls until ctx ends.
func (e *engine) releasePolls(ctx context.Context) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		e.releasePoll()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// releaseLast releases a poll that still waits at the carrier that was left.
func (e *engine) releaseLast(old carrier) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := old.(*pollCarrier); ok {
		c.wake(e)
	}
}

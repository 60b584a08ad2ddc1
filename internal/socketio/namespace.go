package socketio

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"runtime/debug"
	"slices"
	"sync"
)

// Namespace is one of a server's namespaces: how sockets join it, what it does
// with their events, and its rooms.
type Namespace struct {
	server       *Server
	name         string
	onConnect    func(s *Socket, auth json.RawMessage) error
	onDisconnect func(s *Socket, reason string)
	handlers     map[string]SocketHandler

	mu    sync.RWMutex
	rooms map[string][]*Socket // the newest last
}

// SocketHandler is a Handler that is told whose event it is.
type SocketHandler func(s *Socket, args []json.RawMessage, ack Ack)

// Namespace declares a namespace. All are declared, with their handlers, before
// the server serves; clients of others are refused.
func (s *Server) Namespace(name string) *Namespace {
	n := &Namespace{
		server: s, name: name, handlers: make(map[string]SocketHandler), rooms: make(map[string][]*Socket),
		onConnect:    func(*Socket, json.RawMessage) error { return nil },
		onDisconnect: func(*Socket, string) {},
	}
	s.namespaces[name] = n
	return n
}

// OnConnect decides on a socket that wants to join, with the auth object it
// brought. It may let it join rooms and set its Data. A *ConnectError refuses
// it for good; any other error closes the connection, and the peer tries again.
func (n *Namespace) OnConnect(f func(s *Socket, auth json.RawMessage) error) { n.onConnect = f }

// OnDisconnect is called once for each socket that had joined, after its last
// handler returned.
func (n *Namespace) OnDisconnect(f func(s *Socket, reason string)) { n.onDisconnect = f }

// Handle names the handler of an event. Events without one are ignored.
func (n *Namespace) Handle(event string, h SocketHandler) { n.handlers[event] = h }

// Members are the sockets of a room, the newest first.
func (n *Namespace) Members(room string) []*Socket {
	n.mu.RLock()
	members := slices.Clone(n.rooms[room])
	n.mu.RUnlock()
	slices.Reverse(members)
	return members
}

// Emit sends an event to a room's sockets but for except, which may be nil. It
// is encoded once. Members that cannot take it are on their way out.
func (n *Namespace) Emit(room string, except *Socket, event string, args ...any) error {
	members := n.Members(room)
	if len(members) == 0 || len(members) == 1 && members[0] == except {
		return nil
	}
	b, err := encodeEvent(n.name, noID, event, args)
	if err != nil {
		return err
	}
	for _, s := range members {
		if s != except {
			_ = s.put(b)
		}
	}
	return nil
}

// Socket is a client in a namespace.
type Socket struct {
	id        string
	namespace *Namespace
	engine    *engine
	ctx       context.Context
	cancel    context.CancelFunc
	calls     calls

	// Data is the namespace's own; OnConnect sets it.
	Data any

	mu    sync.Mutex
	open  bool
	ended bool
	early [][]byte // sent before the client was told that it joined
	rooms []string
}

// ID names the socket; a client that reconnects gets another.
func (s *Socket) ID() string { return s.id }

// Address is where the client is, as ServerOptions.Address says.
func (s *Socket) Address() string { return s.engine.address }

// Context ends with the socket.
func (s *Socket) Context() context.Context { return s.ctx }

// Join adds the socket to a room.
func (s *Socket) Join(room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || slices.Contains(s.rooms, room) {
		return
	}
	s.rooms = append(s.rooms, room)
	n := s.namespace
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rooms[room] = append(n.rooms[room], s)
}

// Leave removes the socket from a room.
func (s *Socket) Leave(room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms = slices.DeleteFunc(s.rooms, func(r string) bool { return r == room })
	s.namespace.remove(s, room)
}

// In says whether the socket is in a room.
func (s *Socket) In(room string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.rooms, room)
}

func (n *Namespace) remove(s *Socket, room string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	left := slices.DeleteFunc(n.rooms[room], func(m *Socket) bool { return m == s })
	if len(left) == 0 {
		delete(n.rooms, room)
		return
	}
	n.rooms[room] = left
}

// Emit sends an event: it is queued when Emit returns. It fails with
// ErrDisconnected, and with ErrSlowPeer when the queue is over its bound, which
// drops the peer.
func (s *Socket) Emit(event string, args ...any) error {
	b, err := encodeEvent(s.namespace.name, noID, event, args)
	if err != nil {
		return err
	}
	return s.put(b)
}

// EmitVolatile sends an event only if it can leave at once.
func (s *Socket) EmitVolatile(event string, args ...any) {
	s.mu.Lock()
	ready := s.open && !s.ended
	s.mu.Unlock()
	if !ready {
		return
	}
	if b, err := encodeEvent(s.namespace.name, noID, event, args); err == nil {
		s.engine.sendVolatile(b)
	}
}

// Call sends an event and waits for its acknowledgement. It fails at once with
// ErrDisconnected when the socket goes.
func (s *Socket) Call(ctx context.Context, event string, args ...any) ([]json.RawMessage, error) {
	return s.calls.call(ctx, s.put, s.namespace.name, event, args)
}

// put sends a packet, once the client was told that it joined.
func (s *Socket) put(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return ErrDisconnected
	case !s.open:
		s.early = append(s.early, b)
		return nil
	default:
		return s.engine.send(b)
	}
}

// welcome tells the client that it joined, then what was sent to it already.
func (s *Socket) welcome() error {
	b, err := encodePacket(kindConnect, s.namespace.name, map[string]string{"sid": s.id})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = true
	err = s.engine.send(b)
	for _, early := range s.early {
		err = errors.Join(err, s.engine.send(early))
	}
	s.early = nil
	return err
}

// Disconnect removes the client from the namespace. It will not come back by
// itself.
func (s *Socket) Disconnect() {
	b, err := encodePacket(kindDisconnect, s.namespace.name, nil)
	if err == nil {
		_ = s.put(b)
	}
	s.cut()
}

// HangUp ends the connection without a goodbye: the client comes back by itself.
func (s *Socket) HangUp() {
	s.engine.running.Go(func() { s.engine.close("server error", abrupt) })
}

// Backlog is how many bytes wait to be sent on the connection.
func (s *Socket) Backlog() int64 {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	return s.engine.waiting
}

// cut ends the socket for those who use it.
func (s *Socket) cut() {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	rooms := s.rooms
	s.rooms, s.early = nil, nil
	s.mu.Unlock()
	for _, room := range rooms {
		s.namespace.remove(s, room)
	}
	s.cancel()
	s.calls.fail(ErrDisconnected)
}

func (s *Socket) isEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// handle serves a packet of the client.
func (s *Socket) handle(p *packet) error {
	switch p.kind {
	case kindEvent:
		return s.serve(p)
	case kindAck:
		if p.id == noID {
			return errViolation
		}
		s.calls.answered(p)
		return nil
	default:
		return errViolation
	}
}

func (s *Socket) serve(p *packet) error {
	event, args, err := p.event()
	if err != nil {
		return err
	}
	h := s.namespace.handlers[event]
	if h == nil || s.isEnded() {
		return nil
	}
	ack := Ack(noAck)
	if id := p.id; id != noID {
		ack = once(func(reply []any) {
			if b, err := encodeAck(s.namespace.name, id, reply); err == nil {
				_ = s.put(b) // a peer that left asks again
			}
		})
	}
	defer s.recovered(event)
	h(s, args, ack)
	return nil
}

// recovered ends the connection of a handler that panicked: the hub goes on, and
// the peer comes back to a clean state.
func (s *Socket) recovered(event string) {
	if fault := recover(); fault != nil {
		s.namespace.server.o.Logger.Error("handler panicked", "event", event, "panic", fault, "stack", string(debug.Stack()))
		s.engine.running.Go(func() { s.engine.close("server error", abrupt) })
	}
}

// peer is the client behind a connection: its sockets, one for each namespace.
type peer struct {
	server *Server
	engine *engine

	mu      sync.Mutex
	sockets []*Socket
}

// receive handles a Socket.IO packet.
func (c *peer) receive(b []byte) error {
	p, err := parsePacket(b)
	if err != nil {
		return err
	}
	s := c.socket(p.namespace)
	switch {
	case p.kind == kindConnect && s == nil:
		return c.connect(&p)
	case s == nil, p.kind == kindConnect:
		return errViolation
	case p.kind == kindDisconnect:
		c.drop(s)
		s.cut()
		s.namespace.onDisconnect(s, "client namespace disconnect")
		return nil
	default:
		return s.handle(&p)
	}
}

func (c *peer) socket(namespace string) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sockets {
		if s.namespace.name == namespace {
			return s
		}
	}
	return nil
}

var invalidNamespace = &ConnectError{Message: "Invalid namespace"}

// connect lets the client join a namespace, or refuses it.
func (c *peer) connect(p *packet) error {
	n := c.server.namespaces[p.namespace]
	if n == nil {
		return c.refuse(p.namespace, invalidNamespace)
	}
	s := &Socket{id: rand.Text(), namespace: n, engine: c.engine}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	c.mu.Lock()
	c.sockets = append(c.sockets, s)
	c.mu.Unlock()
	err := n.onConnect(s, p.data)
	if err == nil {
		c.engine.joined()
		return s.welcome()
	}
	c.drop(s)
	s.cut()
	var refused *ConnectError
	if errors.As(err, &refused) {
		return c.refuse(p.namespace, refused)
	}
	c.server.o.Logger.Debug("connection closed before it joined", "namespace", p.namespace, "err", err)
	c.engine.close("server error", abrupt)
	return nil
}

// joined stops the clock that runs until a client joins a namespace.
func (e *engine) joined() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.joinBy.Stop()
}

func (c *peer) refuse(namespace string, why *ConnectError) error {
	b, err := encodePacket(kindConnectError, namespace, why)
	if err != nil {
		return err
	}
	return c.engine.send(b)
}

func (c *peer) drop(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets = slices.DeleteFunc(c.sockets, func(m *Socket) bool { return m == s })
}

// cut ends the client's sockets as the connection goes.
func (c *peer) cut() {
	c.server.forget(c.engine)
	c.mu.Lock()
	sockets := slices.Clone(c.sockets)
	c.mu.Unlock()
	for _, s := range sockets {
		s.cut()
	}
	c.engine.mu.Lock()
	if poll, ok := c.engine.carrier.(*pollCarrier); ok {
		poll.wake(c.engine)
	}
	c.engine.mu.Unlock()
}

// gone tells the namespaces, after the last handler.
func (c *peer) gone(reason string) {
	defer c.server.running.Done()
	c.mu.Lock()
	sockets := c.sockets
	c.sockets = nil
	c.mu.Unlock()
	for _, s := range sockets {
		s.cut()
		s.namespace.onDisconnect(s, reason)
	}
}

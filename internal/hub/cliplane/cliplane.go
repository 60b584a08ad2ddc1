// Package cliplane is the plane of session processes and runners: REST under
// /cli and events on the Socket.IO namespace /cli. It decodes, asks the
// services, which hold the rules, and tells the processes what is for them.
package cliplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"hapi/internal/home"
	"hapi/internal/hub/auth"
	"hapi/internal/hub/lifecycle"
	"hapi/internal/hub/machines"
	"hapi/internal/hub/messages"
	"hapi/internal/hub/rpc"
	"hapi/internal/hub/sessions"
	"hapi/internal/hub/terminals"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// Deps are the services behind the plane; all are required.
type Deps struct {
	Auth      *auth.Auth
	Sessions  *sessions.Service
	Messages  *messages.Service
	Machines  *machines.Service
	Lifecycle *lifecycle.Service
	RPC       *rpc.Registry
	IO        *socketio.Server

	Settings  Settings
	Terminals *terminals.Service

	// Ready says whether the services take calls. Before and after, REST answers
	// 503 and sockets are closed, so that their clients try again.
	Ready  func() bool
	Logger *slog.Logger
	// Counted counts the requests of a route.
	Counted func(pattern string, next http.Handler) http.Handler
}

// Plane serves session processes and runners.
type Plane struct {
	auth      *auth.Auth
	sessions  *sessions.Service
	messages  *messages.Service
	machines  *machines.Service
	lifecycle *lifecycle.Service
	rpc       *rpc.Registry
	ready     func() bool
	log       *slog.Logger
	counted   func(pattern string, next http.Handler) http.Handler
	cli       *socketio.Namespace

	settings  Settings
	terminals *terminals.Service
	watched   func(ns wire.Namespace, id wire.SessionID) wire.Watchers
}

// Settings are those that the owner switches while the hub runs.
type Settings interface {
	Toggles() (home.Toggles, error)
}

// New makes the plane and declares its namespaces.
func New(d Deps) *Plane {
	p := &Plane{
		auth: d.Auth, sessions: d.Sessions, messages: d.Messages, machines: d.Machines, lifecycle: d.Lifecycle, rpc: d.RPC,
		settings: d.Settings, terminals: d.Terminals, ready: d.Ready, log: d.Logger, counted: d.Counted, cli: d.IO.Namespace("/cli"),
	}
	d.IO.Namespace("/") // exists, and does nothing
	p.cli.OnConnect(p.connect)
	p.cli.OnDisconnect(func(s *socketio.Socket, _ string) { p.forget(s) })
	for event, handle := range map[string]func(*peer, json.RawMessage, socketio.Ack){
		wire.EventMessage:               p.message,
		wire.EventUpdateMetadata:        p.updateMetadata,
		wire.EventUpdateState:           p.updateState,
		wire.EventSessionAlive:          p.sessionAlive,
		wire.EventSessionReady:          p.sessionReady,
		wire.EventSessionEnd:            p.sessionEnd,
		wire.EventMessagesConsumed:      p.messagesConsumed,
		wire.EventMessagesSteerState:    p.messagesSteerState,
		wire.EventMessagesIndeterminate: p.messagesIndeterminate,
		wire.EventMachineAlive:          p.machineAlive,
		wire.EventMachineUpdateMetadata: p.machineUpdateMetadata,
		wire.EventMachineUpdateState:    p.machineUpdateState,
		wire.EventRPCRegister:           p.rpcRegister,
		wire.EventRPCUnregister:         p.rpcUnregister,
		wire.EventPing:                  p.ping,
		wire.EventWatchers:              p.watchers,

		wire.EventTerminalReady:  p.terminalReady,
		wire.EventTerminalOutput: p.terminalOutput,
		wire.EventTerminalExit:   p.terminalExit,
		wire.EventTerminalError:  p.terminalError,
		wire.EventAgentOutput:    p.agentOutput,
		wire.EventAgentReset:     p.agentReset,
	} {
		p.cli.Handle(event, func(s *socketio.Socket, args []json.RawMessage, ack socketio.Ack) {
			handle(s.Data.(*peer), first(args), ack)
		})
	}
	return p
}

// WatchedBy says how to find out who watches a session. It comes before anything
// else.
func (p *Plane) WatchedBy(count func(ns wire.Namespace, id wire.SessionID) wire.Watchers) {
	p.watched = count
}

func first(args []json.RawMessage) json.RawMessage {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// peer is a connected session process or runner.
type peer struct {
	socket  *socketio.Socket
	ns      wire.Namespace
	session wire.SessionID // the one it feeds, if it is known
	greeted bool           // waiting prompts were delivered; used by its handlers only
	order   messages.Order
	unwatch func() bool // stops waiting for the end of its token

	mu      sync.Mutex
	methods map[string]bool
}

var errNotReady = errors.New("the hub is starting or stopping")

// connect admits a process. Rooms are joined here and only here.
func (p *Plane) connect(s *socketio.Socket, raw json.RawMessage) error {
	if !p.ready() {
		return errNotReady // a refusal would be final for the peer
	}
	hello := readHandshake(raw)
	caller, err := p.auth.AccessToken(auth.Address(s.Address()), hello.Token)
	switch {
	case errors.Is(err, auth.ErrAccessToken):
		return &socketio.ConnectError{Message: "Invalid token"}
	case err != nil:
		return err // throttled: it comes back by itself
	case caller.ReadOnly():
		return &socketio.ConnectError{Message: errReadOnly.Text}
	}
	ns := caller.NS
	c := &peer{socket: s, ns: ns, methods: map[string]bool{}, unwatch: caller.Ended(s.HangUp)}
	s.Data = c
	if p.sessions.Access(ns, hello.SessionID) == nil {
		c.session = hello.SessionID
		s.Join(sessionRoom(hello.SessionID))
		p.terminals.ProcessHere(s, hello.SessionID)
	}
	if p.machines.Access(ns, hello.MachineID) == nil {
		s.Join(machineRoom(hello.MachineID))
	}
	return nil
}

// readHandshake takes what is readable; a field of another type counts as absent.
func readHandshake(raw json.RawMessage) (h wire.Handshake) {
	f := readFields(raw)
	f.read("token", &h.Token)
	f.read("sessionId", &h.SessionID)
	f.read("machineId", &h.MachineID)
	return h
}

func sessionRoom(id wire.SessionID) string { return "session:" + string(id) }
func machineRoom(id wire.MachineID) string { return "machine:" + string(id) }

// forget drops what a process had registered.
func (p *Plane) forget(s *socketio.Socket) {
	c, ok := s.Data.(*peer)
	if !ok {
		return
	}
	c.unwatch()
	p.terminals.ProcessGone(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	for method := range c.methods {
		p.rpc.Unregister(method, s)
	}
	clear(c.methods)
}

// fields is a JSON object read key by key, for payloads whose bad fields are to
// be ignored one by one.
type fields map[string]json.RawMessage

func readFields(raw json.RawMessage) fields {
	var f fields
	_ = json.Unmarshal(raw, &f) // what is not an object has no fields
	return f
}

// read sets v if the field is there and fits.
func (f fields) read(name string, v any) {
	if raw, ok := f[name]; ok {
		_ = json.Unmarshal(raw, v)
	}
}

// refuse tells a peer that its event was not taken: by acknowledgement, and
// since not all events have one, by an error event.
func (c *peer) refuse(err error, id string, ack socketio.Ack) {
	reason := sessions.AccessReason(err)
	ack(wire.VersionedAck{Result: wire.WriteError, Reason: reason})
	message, scope := "session not found", "session"
	switch {
	case errors.Is(err, wire.ErrSessionDenied):
		message = "session access denied"
	case errors.Is(err, wire.ErrMachineDenied):
		message, scope = "machine access denied", "machine"
	case errors.Is(err, wire.ErrMachineNotFound):
		message, scope = "machine not found", "machine"
	}
	_ = c.socket.Emit(wire.EventError, wire.SocketError{Message: message, Code: reason, Scope: scope, ID: id}) // it may be gone
}

// accessFailure says whether err is about who may use what.
func accessFailure(err error) bool {
	return errors.Is(err, wire.ErrSessionNotFound) || errors.Is(err, wire.ErrSessionDenied) ||
		errors.Is(err, wire.ErrMachineNotFound) || errors.Is(err, wire.ErrMachineDenied)
}

// durable is the context of writes that a peer asked for: they outlive it, and
// end with the store.
func (c *peer) durable() context.Context { return context.WithoutCancel(c.socket.Context()) }

func (p *Plane) logFailure(what string, id wire.SessionID, err error) {
	p.log.Error(what, "session", id, "err", fmt.Errorf("socket plane: %w", err))
}

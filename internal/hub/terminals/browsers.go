package terminals

import (
	"encoding/json"
	"errors"
	"time"

	"hapi/internal/hub/auth"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// Authority reads session tokens.
type Authority interface {
	Verify(token string) (auth.Identity, error)
}

// Gate is who may come in, and when.
type Gate struct {
	Auth Authority
	// Ready says whether the hub takes calls; before and after, connections are
	// closed, so that their clients try again.
	Ready func() bool
}

// browser is a connected person's client.
type browser struct {
	ns      wire.Namespace
	expiry  *time.Timer // nil: its token has no end
	unwatch func() bool // stops waiting for the end of the access token behind it
}

var errNotReady = errors.New("the hub is starting or stopping")

// Bounds of what a browser may say.
const (
	maxID    = 256
	maxSize  = 10000 // columns or rows
	maxInput = 1 << 20
)

// Serve declares the namespace /terminal, where browsers come in.
func (s *Service) Serve(io *socketio.Server, gate Gate) {
	n := io.Namespace("/terminal")
	n.OnConnect(func(c *socketio.Socket, raw json.RawMessage) error { return admit(c, raw, gate) })
	n.OnDisconnect(func(c *socketio.Socket, _ string) {
		if b, ok := c.Data.(*browser); ok {
			b.unwatch()
			if b.expiry != nil {
				b.expiry.Stop()
			}
		}
		s.BrowserGone(c)
	})
	for event, handle := range map[string]func(*socketio.Socket, wire.Namespace, json.RawMessage){
		wire.EventTerminalCreate:   s.create,
		wire.EventTerminalWrite:    s.write,
		wire.EventTerminalResize:   s.resize,
		wire.EventTerminalClose:    s.close,
		wire.EventTerminalDetach:   s.detached,
		wire.EventAgentSubscribe:   s.subscribe,
		wire.EventAgentUnsubscribe: s.unsubscribe,
		wire.EventAgentResize:      s.agentResize,
		wire.EventAgentInput:       s.agentInput,
	} {
		n.Handle(event, func(c *socketio.Socket, args []json.RawMessage, _ socketio.Ack) {
			if len(args) > 0 {
				handle(c, c.Data.(*browser).ns, args[0])
			}
		})
	}
	n.Handle(wire.EventTerminalList, func(c *socketio.Socket, args []json.RawMessage, ack socketio.Ack) {
		var in wire.TerminalRef
		if len(args) > 0 && json.Unmarshal(args[0], &in) == nil {
			ack(s.List(c.Data.(*browser).ns, in.SessionID))
		}
	})
}

// admit lets holders of a session token in, for as long as it is valid.
func admit(c *socketio.Socket, raw json.RawMessage, gate Gate) error {
	if !gate.Ready() {
		return errNotReady // a refusal would be final for the peer
	}
	var hello struct {
		Token string `json:"token"`
	}
	_ = json.Unmarshal(raw, &hello) // what cannot be read has no token
	if hello.Token == "" {
		return &socketio.ConnectError{Message: "Missing token"}
	}
	id, err := gate.Auth.Verify(hello.Token)
	switch {
	case errors.Is(err, auth.ErrInvalidPayload):
		return &socketio.ConnectError{Message: "Invalid token payload"}
	case err != nil:
		return &socketio.ConnectError{Message: "Invalid token"}
	case id.ReadOnly():
		return &socketio.ConnectError{Message: "This token may only read"}
	}
	b := &browser{ns: id.NS, unwatch: id.Ended(c.HangUp)}
	if !id.Expires.IsZero() { // it comes back with a fresh one
		b.expiry = time.AfterFunc(time.Until(id.Expires), c.HangUp)
	}
	c.Data = b
	return nil
}

func validID(id string) bool { return id != "" && len(id) <= maxID }

func validSize(cols, rows int) bool {
	return cols > 0 && rows > 0 && cols <= maxSize && rows <= maxSize
}

func (s *Service) create(c *socketio.Socket, ns wire.Namespace, raw json.RawMessage) {
	var in wire.TerminalOpen
	if json.Unmarshal(raw, &in) == nil && validID(string(in.SessionID)) && validID(in.TerminalID) && validSize(in.Cols, in.Rows) {
		s.Create(ns, c, in)
	}
}

func (s *Service) write(c *socketio.Socket, ns wire.Namespace, raw json.RawMessage) {
	var in wire.TerminalData
	if json.Unmarshal(raw, &in) == nil && len(in.Data) <= maxInput {
		s.Write(ns, c, in.TerminalID, in.Data)
	}
}

func (s *Service) resize(c *socketio.Socket, ns wire.Namespace, raw json.RawMessage) {
	var in wire.TerminalOpen
	if json.Unmarshal(raw, &in) == nil && validSize(in.Cols, in.Rows) {
		s.Resize(ns, c, in.TerminalID, in.Cols, in.Rows)
	}
}

func (s *Service) close(c *socketio.Socket, ns wire.Namespace, raw json.RawMessage) {
	var in wire.TerminalRef
	if json.Unmarshal(raw, &in) == nil {
		s.Close(ns, c, in.TerminalID)
	}
}

func (s *Service) detached(c *socketio.Socket, ns wire.Namespace, raw json.RawMessage) {
	var in wire.TerminalRef
	if json.Unmarshal(raw, &in) == nil {
		s.Detach(ns, c, in.TerminalID)
	}
}

func (s *Service) subscribe(c *socketio.Socket, ns wire.Namespace, raw json.RawMessage) {
	var in wire.AgentTerminalRef
	if json.Unmarshal(raw, &in) == nil && validID(string(in.SessionID)) {
		s.Watch(ns, c, in.SessionID)
	}
}

func (s *Service) unsubscribe(c *socketio.Socket, _ wire.Namespace, raw json.RawMessage) {
	var in wire.AgentTerminalRef
	if json.Unmarshal(raw, &in) == nil {
		s.Unwatch(c, in.SessionID)
	}
}

func (s *Service) agentResize(c *socketio.Socket, _ wire.Namespace, raw json.RawMessage) {
	var in wire.AgentTerminalSize
	if json.Unmarshal(raw, &in) == nil && validSize(in.Cols, in.Rows) {
		s.AgentResize(c, in)
	}
}

func (s *Service) agentInput(c *socketio.Socket, _ wire.Namespace, raw json.RawMessage) {
	var in wire.AgentTerminalInput
	if json.Unmarshal(raw, &in) == nil && in.Data != "" && len(in.Data) <= maxInput {
		s.AgentInput(c, in)
	}
}

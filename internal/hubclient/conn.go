package hubclient

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// Method serves a call of the hub. Its result is sent as JSON; nil is null.
type Method func(ctx context.Context, params json.RawMessage) (any, error)

// conn is what the links of sessions and of machines have in common: one
// connection at a time, over which the hub calls methods.
type conn struct {
	client *Client
	log    *slog.Logger
	socket *socketio.Client
	scope  string // the id before the names of the methods

	naming  sync.Mutex
	methods map[string]Method

	ctx     context.Context // of Run
	running sync.WaitGroup
}

// open makes the socket. hello says who connects; the token is added.
func (c *conn) open(o socketio.ClientOptions, hello wire.Handshake) {
	hello.Token = c.client.o.Token
	o.Namespace, o.Header, o.Logger, o.HTTPClient = "/cli", c.client.o.Headers, c.log, c.client.o.HTTP
	o.Auth = func() any { return hello }
	c.socket = socketio.NewClient(c.client.o.BaseURL, o)
	c.socket.Handle(wire.EventRPCRequest, c.serve)
	c.socket.Handle(wire.EventError, func(args []json.RawMessage, _ socketio.Ack) {
		var e wire.SocketError
		if len(args) > 0 && json.Unmarshal(args[0], &e) == nil {
			c.log.Warn("the hub reports an error", "message", e.Message, "code", e.Code)
		}
	})
}

// Connected says whether there is a connection now.
func (c *conn) Connected() bool { return c.socket.Connected() }

// Emit sends an event if there is a connection; nothing is kept for later.
func (c *conn) Emit(event string, payload any) error { return c.socket.Emit(event, payload) }

// Barrier returns when the hub has taken everything that was said before, or the
// connection is not there.
func (c *conn) Barrier(ctx context.Context) error {
	_, err := c.socket.Call(ctx, wire.EventPing)
	return err
}

// register names the methods to the hub of this connection.
func (c *conn) register() {
	c.naming.Lock()
	names := slices.Collect(maps.Keys(c.methods))
	c.naming.Unlock()
	for _, name := range names {
		c.name(name)
	}
}

func (c *conn) name(method string) {
	_ = c.socket.Emit(wire.EventRPCRegister, wire.RPCRegister{Method: c.scope + ":" + method}) // the next connect registers again
}

// Handle lets the hub call a method from now on, instead of an earlier one of
// its name.
func (c *conn) Handle(name string, m Method) {
	c.naming.Lock()
	_, known := c.methods[name]
	methods := maps.Clone(c.methods)
	if methods == nil {
		methods = map[string]Method{}
	}
	methods[name] = m
	c.methods = methods
	c.naming.Unlock()
	if !known {
		c.name(name)
	}
}

// serve answers a call of the hub.
func (c *conn) serve(args []json.RawMessage, ack socketio.Ack) {
	var in wire.RPCRequest
	if len(args) == 0 || json.Unmarshal(args[0], &in) != nil {
		ack(failure("bad request"))
		return
	}
	prefix := c.scope + ":"
	c.naming.Lock()
	method := c.methods[in.Method[min(len(prefix), len(in.Method)):]]
	c.naming.Unlock()
	if method == nil || in.Method[:min(len(prefix), len(in.Method))] != prefix {
		ack(failure("Method not found"))
		return
	}
	params := json.RawMessage(in.Params)
	if !json.Valid(params) {
		params = json.RawMessage("null")
	}
	c.running.Go(func() {
		result, err := method(c.ctx, params)
		switch {
		case err != nil:
			ack(failure(err.Error()))
		case result == nil:
			ack(nil)
		default:
			ack(encoded(result))
		}
	})
}

// encoded is a result as hubs read it: a string that holds JSON.
func encoded(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return failure(err.Error())
	}
	return string(raw)
}

func failure(text string) string {
	return encoded(map[string]string{"error": text})
}

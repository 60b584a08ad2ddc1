// Package socketio speaks Socket.IO 5 over Engine.IO 4, as a server and as a
// client, over WebSocket and HTTP long-polling with upgrade. It carries events
// with JSON arguments and their acknowledgements; binary attachments are not
// part of it.
//
// Events of one connection are handled one after another in the order of
// arrival. Nothing is kept for a peer that is not connected: an emit then fails
// with ErrDisconnected, and whoever must not lose it keeps it. A peer that is
// connected but does not read is dropped once its write queue is over its bound.
package socketio

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"
)

var (
	// ErrDisconnected says that there is no connection, or that it went before
	// the answer came.
	ErrDisconnected = errors.New("socket is not connected")
	// ErrSlowPeer says that the peer left too much unread and was dropped.
	ErrSlowPeer = errors.New("peer does not read what is sent")
)

// ConnectError is the refusal of a namespace. Peers take it as final, so it must
// not stand for a passing condition.
type ConnectError struct {
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func (e *ConnectError) Error() string { return "connection refused: " + e.Message }

// Handler serves one event. It runs on the connection's reading goroutine, so
// the next event waits for it: what takes long is handed on. It must not wait
// for an acknowledgement on the same connection. The arguments may be kept.
type Handler func(args []json.RawMessage, ack Ack)

// Ack answers an event. It may be called later, from any goroutine; only the
// first call counts, and none does when the peer asked for no answer.
// json.RawMessage arguments are sent as they are.
type Ack func(args ...any)

// once makes an Ack of send.
func once(send func(args []any)) Ack {
	var called atomic.Bool
	return func(args ...any) {
		if called.CompareAndSwap(false, true) {
			send(args)
		}
	}
}

func noAck(...any) {}

// Defaults of the protocol as peers know it.
const (
	pingInterval   = 25 * time.Second
	pingTimeout    = 20 * time.Second
	upgradeTimeout = 10 * time.Second
	connectTimeout = 45 * time.Second
	// probeInterval is how often a waiting poll is released while the client
	// tries a websocket.
	probeInterval = 100 * time.Millisecond

	// maxPayload is the largest message taken from a peer of the server. What
	// a client takes is larger: a file of 50 MiB travels to it in base64.
	maxPayload       = 48 << 20
	maxClientPayload = 128 << 20
	// writeQueue is how many bytes a peer may leave unread.
	writeQueue = 64 << 20
)

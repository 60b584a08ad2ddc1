package socketio

import (
	"errors"
	"sync"
	"time"
)

// Engine.IO packet types: the first byte of every packet.
const (
	engineOpen    = '0'
	engineClose   = '1'
	enginePing    = '2'
	enginePong    = '3'
	engineMessage = '4'
	engineUpgrade = '5'
	engineNoop    = '6'
)

var (
	packetClose = []byte{engineClose}
	packetPing  = []byte{enginePing}
	packetPong  = []byte{enginePong}
	packetNoop  = []byte{engineNoop}
	probe       = []byte("2probe")
	probed      = []byte("3probe")
	upgrade     = []byte{engineUpgrade}
)

// errViolation says that the peer broke the protocol; its connection is closed.
var errViolation = errors.New("protocol violation")

// farewell is how a connection ends.
type farewell int

const (
	abrupt farewell = iota // the TCP connection just ends
	polite                 // with a close frame, or an answer to the poll
)

// engine is one Engine.IO connection, of either side: a bounded queue of packets
// that the carrier of the moment takes to the peer, and the order of what comes
// from it.
type engine struct {
	id      string
	address string // server: where the client is
	bound   int64  // bytes that may wait
	// message takes one message of the peer; an error ends the connection.
	message func(b []byte) error
	// cut is called once when the connection ends, from any goroutine; gone
	// after it, when the last message was handled.
	cut  func()
	gone func(reason string)
	// beat is called for a ping or pong of the peer.
	beat func(b []byte) error
	// running counts the goroutines that work for the connection.
	running *sync.WaitGroup

	inbound sync.Mutex // messages are handled one after another

	mu       sync.Mutex
	carrier  carrier
	queue    [][]byte
	waiting  int64 // bytes queued and in the carrier's hands
	closed   bool
	timer    *time.Timer // heartbeat
	silent   bool        // server: a ping is unanswered
	joinBy   *time.Timer // server: until a namespace is joined
	probing  bool        // server: a websocket is being tried
	upgraded bool
}

// carrier takes packets to the peer.
type carrier interface {
	// wake says that the queue has packets. The engine is locked.
	wake(e *engine)
	// idle says whether a packet would leave at once. The engine is locked.
	idle(e *engine) bool
	// end closes the way to the peer.
	end(how farewell)
}

// send queues a packet.
func (e *engine) send(b []byte) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrDisconnected
	}
	if e.waiting > e.bound {
		// The sender may hold what closing needs.
		e.running.Go(func() { e.close("peer does not read", abrupt) })
		e.mu.Unlock()
		return ErrSlowPeer
	}
	e.put(b)
	e.mu.Unlock()
	return nil
}

// sendVolatile sends a packet only if it can leave at once.
func (e *engine) sendVolatile(b []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed && len(e.queue) == 0 && e.carrier.idle(e) {
		e.put(b)
	}
}

// put queues a packet. The engine is locked.
func (e *engine) put(b []byte) {
	e.queue = append(e.queue, b)
	e.waiting += int64(len(b))
	e.carrier.wake(e)
}

// take hands the queue to the carrier. The engine is locked.
func (e *engine) take() [][]byte {
	batch := e.queue
	e.queue = nil
	return batch
}

// sent says that a batch left.
func (e *engine) sent(batch [][]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range batch {
		e.waiting -= int64(len(b))
	}
}

// carryBy moves the connection to another carrier.
func (e *engine) carryBy(c carrier) (old carrier, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, false
	}
	old, e.carrier, e.upgraded = e.carrier, c, true
	if len(e.queue) > 0 {
		c.wake(e)
	}
	return old, true
}

// receive handles one packet of the peer. b is the engine's from now on.
func (e *engine) receive(b []byte) error {
	e.inbound.Lock()
	defer e.inbound.Unlock()
	if e.isClosed() {
		return ErrDisconnected
	}
	if len(b) == 0 {
		return errViolation
	}
	switch b[0] {
	case engineMessage:
		return e.message(b[1:])
	case enginePing, enginePong:
		return e.beat(b)
	case engineClose:
		e.close("transport close", polite)
		return nil
	case engineNoop:
		return nil
	default:
		return errViolation
	}
}

func (e *engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// close ends the connection. It may be called more than once and from a handler.
func (e *engine) close(reason string, how farewell) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	e.queue = nil
	for _, t := range []*time.Timer{e.timer, e.joinBy} {
		if t != nil {
			t.Stop()
		}
	}
	c := e.carrier
	e.running.Go(func() {
		c.end(how)
		e.inbound.Lock() // a handler may still run; it may be our caller
		defer e.inbound.Unlock()
		e.gone(reason)
	})
	e.mu.Unlock()
	e.cut()
}

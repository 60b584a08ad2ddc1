// Package events carries what happened to everyone who watches. Each namespace
// has one ring of its latest events; a watcher holds a position in it, is woken
// when there is more, and takes all that is new at once. Publishing therefore
// costs the same for one watcher or ten thousand, apart from waking those that
// wait, memory is bounded by the ring, and a slow reader harms nobody: the ring
// overtakes it and it is told so.
//
// A watcher sees the events that pass its filter in the order of publication,
// each exactly once, also across reconnects that present a cursor the ring
// still covers.
package events

import (
	"crypto/rand"
	"strings"
	"sync"

	"hapi/internal/wire"
)

// Options of a Bus.
type Options struct {
	// HubID names the database behind the bus: cursors of another are refused.
	HubID string
	// LastChange is the last change number committed before this process started.
	LastChange int64
	// Ring is how many events a namespace keeps (default 4096).
	Ring int
	// RingBytes is how large they may be in all (default 16 MiB). The latest
	// event is kept whatever its size.
	RingBytes int
}

// Bus distributes events. It is safe for many goroutines.
type Bus struct {
	hubID     string
	boot      string // random, tells this process's ring positions from others'
	ringSize  int
	ringBytes int

	mu     sync.Mutex
	change int64 // the last change all of whose events are published
	rings  map[wire.Namespace]*ring
}

// New makes a bus without events.
func New(o Options) *Bus {
	if o.Ring <= 0 {
		o.Ring = 4096
	}
	if o.RingBytes <= 0 {
		o.RingBytes = 16 << 20
	}
	return &Bus{
		hubID:     o.HubID,
		boot:      strings.ToLower(rand.Text()[:8]),
		ringSize:  o.Ring,
		ringBytes: o.RingBytes,
		change:    o.LastChange,
		rings:     make(map[wire.Namespace]*ring),
	}
}

// Publish announces the events of one committed job, whose change number is
// change. Only the last of them carries it in its id: a watcher cut off in the
// middle of the job finds the change still ahead of its cursor. Without events
// only the number moves.
func (b *Bus) Publish(change int64, events ...wire.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, e := range events {
		if i == len(events)-1 {
			b.change = max(b.change, change)
		}
		b.push(e)
	}
	b.change = max(b.change, change)
}

// PublishLive announces events that nothing durable stands behind, such as
// keep-alives.
func (b *Bus) PublishLive(events ...wire.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		b.push(e)
	}
}

// push drops an event without namespace: it would belong to nobody.
func (b *Bus) push(e wire.Event) {
	if e.Namespace == "" {
		return
	}
	b.ring(e.Namespace).push(e, b.change)
}

func (b *Bus) ring(ns wire.Namespace) *ring {
	r := b.rings[ns]
	if r == nil {
		r = newRing(cursorScheme{hubID: b.hubID, boot: b.boot, tag: namespaceTag(b.hubID, ns)}, b.ringSize, b.ringBytes)
		b.rings[ns] = r
	}
	return r
}

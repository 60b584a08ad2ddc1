package replay_test

import (
	"slices"
	"sync"
	"time"
)

// arrival is one thing our hub said: an answer, a frame or an event.
type arrival struct {
	label string // what it is; equal to the label of the recorded one
	loose string // what it is about, if the label should say too much
	body  any
	place int // in the order of its connection
	at    time.Time
	taken bool
}

// inbox is what came from our hub on one connection of the trace, in order.
type inbox struct {
	mu   sync.Mutex
	list []*arrival
	knew told
}

func (b *inbox) put(a *arrival) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a.place, a.at = len(b.list), time.Now()
	b.list = append(b.list, a)
	if b.knew == nil {
		b.knew = told{}
	}
	b.knew.add(a.at, a.place, a.body)
}

// told are the states of a session that the stream told around a moment.
func (b *inbox) told(session string, at time.Time) []knowledge {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.knew.around(session, at)
}

// take takes the first arrival that was not taken before and for which the first
// wish holds; if there is none, the second; and so on.
func (b *inbox) take(wishes ...func(*arrival) bool) *arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, holds := range wishes {
		i := slices.IndexFunc(b.list, func(a *arrival) bool { return !a.taken && holds(a) })
		if i >= 0 {
			b.list[i].taken = true
			return b.list[i]
		}
	}
	return nil
}

// left is what nobody expected.
func (b *inbox) left() []*arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []*arrival
	for _, a := range b.list {
		if !a.taken {
			list = append(list, a)
		}
	}
	return list
}

// at is the arrival at a place.
func (b *inbox) at(place int) *arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.list[place]
}

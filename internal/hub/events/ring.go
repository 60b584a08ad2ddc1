package events

import (
	"hapi/internal/wire"
)

// ring holds the latest events of one namespace and those who wait for more.
// The bus's lock guards it.
type ring struct {
	scheme   cursorScheme
	maxLen   int
	maxBytes int

	blocks []*Block // oldest first; the last one's n is head
	bytes  int
	head   int64 // n of the latest event; 0 before the first

	watchers int
	all      waiters
	sessions map[wire.SessionID]waiters
	machines map[wire.MachineID]waiters
}

// waiters are the subscriptions that found nothing new and want to be woken.
type waiters map[*Subscription]struct{}

func newRing(scheme cursorScheme, maxLen, maxBytes int) *ring {
	return &ring{
		scheme: scheme, maxLen: maxLen, maxBytes: maxBytes,
		all:      make(waiters),
		sessions: make(map[wire.SessionID]waiters),
		machines: make(map[wire.MachineID]waiters),
	}
}

func (r *ring) push(e wire.Event, change int64) {
	r.head++
	block := newBlock(e, r.scheme, change, r.head)
	r.blocks = append(r.blocks, block)
	r.bytes += len(block.frame)
	for len(r.blocks) > 1 && (len(r.blocks) > r.maxLen || r.bytes > r.maxBytes) {
		r.bytes -= len(r.blocks[0].frame)
		r.blocks[0] = nil
		r.blocks = r.blocks[1:]
	}
	r.wake(e)
}

// oldest is the n of the oldest event kept; head+1 when there is none.
func (r *ring) oldest() int64 { return r.head - int64(len(r.blocks)) + 1 }

// covers says whether every event after position n is still here.
func (r *ring) covers(n int64) bool { return n <= r.head && n >= r.oldest()-1 }

// after are the events behind position n, which the ring must cover.
func (r *ring) after(n int64) []*Block { return r.blocks[n-r.oldest()+1:] }

// wake wakes those who wait for e, the latest event.
func (r *ring) wake(e wire.Event) {
	r.all.wake(r.head)
	if e.SessionID != "" {
		r.sessions[e.SessionID].wake(r.head)
		delete(r.sessions, e.SessionID)
	}
	if e.MachineID != "" {
		r.machines[e.MachineID].wake(r.head)
		delete(r.machines, e.MachineID)
	}
}

// wake moves those who still wait to just before event n: nothing since their
// last look was for them, so the ring may have dropped it.
func (w waiters) wake(n int64) {
	for s := range w {
		if s.waiting {
			s.waiting = false
			s.position = n - 1
			s.nudge()
		}
	}
	clear(w)
}

// await registers s to be woken by the next event that passes its filter.
func (r *ring) await(s *Subscription) {
	s.waiting = true
	f := s.filter
	if f.All {
		r.all[s] = struct{}{}
		return // it sees what the others would wake it for
	}
	if f.SessionID != "" {
		addWaiter(r.sessions, f.SessionID, s)
	}
	if f.MachineID != "" {
		addWaiter(r.machines, f.MachineID, s)
	}
}

func addWaiter[K comparable](m map[K]waiters, key K, s *Subscription) {
	if m[key] == nil {
		m[key] = make(waiters)
	}
	m[key][s] = struct{}{}
}

// forget undoes await.
func (r *ring) forget(s *Subscription) {
	delete(r.all, s)
	dropWaiter(r.sessions, s.filter.SessionID, s)
	dropWaiter(r.machines, s.filter.MachineID, s)
}

func dropWaiter[K comparable](m map[K]waiters, key K, s *Subscription) {
	delete(m[key], s)
	if len(m[key]) == 0 {
		delete(m, key)
	}
}

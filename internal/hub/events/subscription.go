package events

import (
	"context"
	"errors"

	"hapi/internal/wire"
)

// ErrGap is what a reader gets that the ring has overtaken: events it did not
// read are gone. It can subscribe again with its last id.
var ErrGap = errors.New("the reader is too far behind")

// ErrClosed is what a closed subscription's Next returns.
var ErrClosed = errors.New("the subscription is closed")

// Filter says which events of a namespace a watcher wants: all, or those of one
// session, or of one machine, or of either.
type Filter struct {
	Namespace wire.Namespace
	All       bool
	SessionID wire.SessionID
	MachineID wire.MachineID
}

func (f *Filter) passes(b *Block) bool {
	return f.All ||
		f.SessionID != "" && f.SessionID == b.session ||
		f.MachineID != "" && f.MachineID == b.machine
}

// keptBatch is the largest batch whose room a waiting watcher keeps.
const keptBatch = 32

// Resume says how a subscription continues from its last event id.
type Resume int

const (
	// ResumeGap: no cursor, or one this hub cannot place. The watcher starts
	// with what happens next and must load the rest.
	ResumeGap Resume = iota
	// ResumeLive: the ring has everything after the cursor; Next replays it.
	ResumeLive
	// ResumeChanges: the cursor is of this hub but older than the ring. What
	// changed after SinceChange is to be read from the store and told first;
	// Next continues from the moment of subscribing. A row may be told twice,
	// none is missed.
	ResumeChanges
)

// Subscription is a watcher's place in the stream. One goroutine uses it.
type Subscription struct {
	bus    *Bus
	ring   *ring
	filter Filter
	woken  chan struct{}
	called chan struct{}
	since  int64
	headID string

	// The bus's lock guards these.
	position int64 // n up to which everything that passes the filter was taken
	waiting  bool  // nothing passed since; it may still be listed with waiters when false
	closed   bool

	batch []*Block
}

// Subscribe registers a watcher and fixes its position in one step: nothing
// falls between what its cursor covers and what Next returns.
func (b *Bus) Subscribe(f Filter, lastEventID string) (*Subscription, Resume) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.ring(f.Namespace)
	r.watchers++
	s := &Subscription{
		bus: b, ring: r, filter: f, woken: make(chan struct{}, 1), called: make(chan struct{}, 1),
		position: r.head,
		since:    b.change,
		headID:   string(r.scheme.appendID(nil, b.change, r.head)),
	}
	c, ok := r.scheme.parse(lastEventID)
	if !ok || c.change > b.change { // ahead of us: the database is an older copy
		return s, ResumeGap
	}
	if c.boot == b.boot {
		if c.n > r.head {
			return s, ResumeGap
		}
		if r.covers(c.n) {
			s.position, s.since = c.n, c.change
			return s, ResumeLive
		}
	}
	s.since = c.change
	return s, ResumeChanges
}

// SinceChange is the change number after which a watcher that resumes by
// changes has to be told what the store holds.
func (s *Subscription) SinceChange() int64 { return s.since }

// HeadID is the id of the moment of subscribing. Of the changes listed for a
// resuming watcher only the last may carry it: earlier, it would let a watcher
// that is cut off again skip the rest of the list.
func (s *Subscription) HeadID() string { return s.headID }

// Next waits until something passes the filter and returns all of it. The slice
// is valid until the next call, and empty after Call. It fails with ErrGap when
// the ring overtook the reader, and when ctx ends.
func (s *Subscription) Next(ctx context.Context) ([]*Block, error) {
	for {
		batch, err := s.take()
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		select {
		case <-s.woken:
		case <-s.called:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Call ends the wait of a Next without events, now or the next one: there is
// something for the watcher that no ring holds. Any goroutine may call.
func (s *Subscription) Call() {
	select {
	case s.called <- struct{}{}:
	default:
	}
}

// take moves to the head and returns what passed the filter on the way. If
// nothing did, it registers to be woken in the same step.
func (s *Subscription) take() ([]*Block, error) {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.waiting { // woken for nothing
		return nil, nil
	}
	if !s.ring.covers(s.position) {
		return nil, ErrGap
	}
	clear(s.batch)
	s.batch = s.batch[:0]
	for _, b := range s.ring.after(s.position) {
		if s.filter.passes(b) {
			s.batch = append(s.batch, b)
		}
	}
	s.position = s.ring.head
	if len(s.batch) == 0 {
		if cap(s.batch) > keptBatch {
			s.batch = nil
		}
		s.ring.await(s)
	}
	return s.batch, nil
}

// Close ends the subscription; a Next that waits returns ErrClosed. It may be
// called more than once, from any goroutine.
func (s *Subscription) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	s.ring.forget(s)
	s.ring.watchers--
	if s.ring.watchers == 0 && s.ring.head == 0 { // nothing ever happened there
		delete(s.bus.rings, s.filter.Namespace)
	}
	s.nudge()
}

// nudge ends the wait of a Next, now or the next one.
func (s *Subscription) nudge() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Package notify tells people what needs them: a request that waits for an
// answer, an agent that waits for the next prompt, a task that has ended.
//
// It is told by the services and asks them; of its own it keeps only what was
// told already. Whoever tells it is never held up: a change is noted and looked
// at later, on one goroutine, and what takes time has a lane of its own.
package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"hapi/internal/hub/extract"
	"hapi/internal/wire"
)

// Channel carries notifications to people.
type Channel interface {
	// Name is the channel's in metrics.
	Name() string
	// Carry says whether the notification reached somebody, or is on its way. It
	// may wait, but no longer than seconds; what goes on afterwards ends with ctx.
	Carry(ctx context.Context, n *Notification) bool
	// Wait returns when nothing goes on any more. It comes after the last Carry.
	Wait()
}

const (
	// maxHeard bounds what rows said and nobody has looked at yet. Changes of
	// sessions need no bound: there is one for each at most.
	maxHeard = 1024
	// maxNamespaces and maxWaiting bound what waits for the channels.
	maxNamespaces = 1024
	maxWaiting    = 64
)

// Options of a Service.
type Options struct {
	// Channels are tried in their order until one has carried.
	Channels []Channel
	Logger   *slog.Logger
	// Counted is told of each notification which channel carried it: its name,
	// "none", or "dropped" when too many waited.
	Counted func(kind Kind, channel string)
}

// Service decides and hands over.
type Service struct {
	channels   []Channel
	log        *slog.Logger
	counted    func(Kind, string)
	rules      *rules
	deliveries *lanes[wire.Namespace, *Notification]

	mu      sync.Mutex
	changed map[wire.SessionID]wire.Namespace
	heard   []heard
	woken   chan struct{}
}

// heard is what a row said.
type heard struct {
	ns     wire.Namespace
	id     wire.SessionID
	notice extract.Notice
	at     wire.Millis
}

// New makes a Service. Nothing is carried before Run.
func New(sessions Sessions, o Options) *Service {
	s := &Service{
		channels: o.Channels, log: o.Logger, counted: o.Counted, rules: newRules(sessions),
		changed: map[wire.SessionID]wire.Namespace{}, woken: make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.counted == nil {
		s.counted = func(Kind, string) {}
	}
	s.deliveries = &lanes[wire.Namespace, *Notification]{work: s.carry, replaces: supersedes, most: maxNamespaces, each: maxWaiting}
	return s
}

// Changed notes that a session's activity or its requests may have changed. It
// does not block.
func (s *Service) Changed(ns wire.Namespace, id wire.SessionID) {
	s.mu.Lock()
	s.changed[id] = ns
	s.mu.Unlock()
	s.wake()
}

// Said notes what a new row says, written at a time. It does not block.
func (s *Service) Said(ns wire.Namespace, id wire.SessionID, n extract.Notice, at wire.Millis) {
	s.mu.Lock()
	full := len(s.heard) >= maxHeard
	if !full {
		s.heard = append(s.heard, heard{ns, id, n, at})
	}
	s.mu.Unlock()
	if full {
		s.counted(kindOf(n), "dropped")
		return
	}
	s.wake()
}

func (s *Service) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Remember takes over what the process before this one has told of: the requests
// of sessions whose processes will come back. It comes before Run and before
// anybody is heard.
func (s *Service) Remember(list []wire.Session) {
	for i := range list {
		s.rules.remember(&list[i], time.Now())
	}
}

// Run looks at what was noted until ctx ends. What is on its way then is given up.
func (s *Service) Run(ctx context.Context) error {
	defer func() {
		s.deliveries.wait()
		for _, c := range s.channels {
			c.Wait()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.woken:
		case <-timer.C:
		}
		now := time.Now()
		for _, n := range s.decide(now) {
			if !s.deliveries.add(ctx, n.Namespace, n) {
				s.counted(n.Kind, "dropped")
				s.log.WarnContext(ctx, "a notification was dropped: too many wait", "session", n.SessionID, "kind", n.Kind)
			}
		}
		if due, ok := s.rules.next(); ok {
			timer.Reset(max(0, due.Sub(now)))
		}
	}
}

// decide is what deserves attention, of all that was noted since the last time.
func (s *Service) decide(now time.Time) []*Notification {
	s.mu.Lock()
	changed, said := s.changed, s.heard
	s.changed, s.heard = map[wire.SessionID]wire.Namespace{}, nil
	s.mu.Unlock()
	var list []*Notification
	for id, ns := range changed {
		s.rules.look(ns, id, now)
	}
	for _, h := range said {
		list = append(list, s.rules.hear(h, now)...)
	}
	return append(list, s.rules.due(now)...)
}

// carry hands a notification to the first channel that reaches somebody.
func (s *Service) carry(ctx context.Context, _ wire.Namespace, n *Notification) {
	for _, c := range s.channels {
		if ctx.Err() != nil {
			return
		}
		if c.Carry(ctx, n) {
			s.counted(n.Kind, c.Name())
			s.log.DebugContext(ctx, "a person is told", "session", n.SessionID, "kind", n.Kind, "channel", c.Name())
			return
		}
	}
	s.counted(n.Kind, "none")
}

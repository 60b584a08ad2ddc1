package sessions

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"hapi/internal/wire"
)

// Two sessions of a namespace whose agents report the same native id hold the
// same conversation: an older process made a new session where it should have
// gone on with one (socket contract §8.5). The sessions that nobody feeds are
// merged into the one that somebody does. While more than one has a process,
// nothing is moved: people may look at either.

// conversation names what an agent keeps, whoever feeds it.
type conversation struct {
	ns  wire.Namespace
	key string         // of the metadata
	id  string         // the agent's own
	on  wire.MachineID // where the id is good, of agents that number by machine
}

func (e *entry) holds() (c conversation) {
	for _, native := range e.view.natives() {
		id := strings.TrimSpace(native.id)
		if id == "" {
			continue
		}
		c = conversation{ns: e.row.Namespace, key: native.flavor.NativeIDKey(), id: id}
		if native.flavor == wire.FlavorPi {
			c.on = e.view.MachineID
		}
		break
	}
	return c
}

// track keeps account of who holds which conversation and says whether the
// entry holds another one now. The caller holds mu.
func (s *Service) track(id wire.SessionID, e *entry) (changed bool) {
	c := e.holds()
	if c == e.conversation {
		return false
	}
	s.untrack(id, e)
	e.conversation = c
	if c.id != "" {
		s.held[c] = append(s.held[c], id)
	}
	return true
}

// untrack forgets what the entry holds. The caller holds mu.
func (s *Service) untrack(id wire.SessionID, e *entry) {
	left := slices.DeleteFunc(s.held[e.conversation], func(one wire.SessionID) bool { return one == id })
	if len(left) == 0 {
		delete(s.held, e.conversation)
	} else {
		s.held[e.conversation] = left
	}
	e.conversation = conversation{}
}

// suspect has Run look at a conversation that more than one session holds. The
// caller holds mu.
func (s *Service) suspect(c conversation) {
	if len(s.held[c]) < 2 {
		return
	}
	s.suspects[c] = true
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// mergeSuspects merges the sessions that turned out to be one.
func (s *Service) mergeSuspects(ctx context.Context) {
	s.mu.Lock()
	suspects := s.suspects
	s.suspects = map[conversation]bool{}
	s.mu.Unlock()
	for c := range suspects {
		from, into := s.duplicates(c)
		for _, id := range from {
			err := s.Merge(ctx, c.ns, id, into)
			if err != nil && ctx.Err() == nil && !errors.Is(err, wire.ErrSessionNotFound) {
				s.log.ErrorContext(ctx, "merge of two sessions of one conversation failed", "session", id, "into", into, "err", err)
			}
		}
	}
}

// stopExpecting gives up on processes that were there before the hub was
// restarted and have not been heard of.
func (s *Service) stopExpecting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.all {
		if !e.live.expectedUntil.IsZero() && !s.maybeActive(e) {
			e.live.expectedUntil = time.Time{}
			s.suspect(e.conversation)
		}
	}
}

// duplicates are the sessions of a conversation that are to be merged, and into
// which.
func (s *Service) duplicates(c conversation) (from []wire.SessionID, into wire.SessionID) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var target *entry
	active := 0
	for _, id := range s.held[c] {
		e := s.all[id]
		if s.busy[id] {
			return nil, "" // its history is being changed; whoever does that looks again
		}
		if s.maybeActive(e) {
			active++
		}
		if target == nil || s.maybeActive(e) && !s.maybeActive(target) ||
			s.maybeActive(e) == s.maybeActive(target) && e.row.UpdatedAt > target.row.UpdatedAt {
			target = e
		}
	}
	if active > 1 || target == nil || target.loads() {
		return nil, ""
	}
	for _, id := range s.held[c] {
		if id != target.row.ID {
			from = append(from, id)
		}
	}
	return from, target.row.ID
}

// maybeActive says whether the session has a process, as far as is known: after
// a restart of the hub the processes need a moment to be heard of again. The
// caller holds mu.
func (s *Service) maybeActive(e *entry) bool {
	return e.row.Active || s.now().Before(e.live.expectedUntil)
}

// loads says whether the session's agent may still fail to load the
// conversation it was started with: then the original must not be gone.
func (e *entry) loads() bool {
	return e.view.CursorProtocol == "acp" && e.conversation.key == wire.FlavorCursor.NativeIDKey() && !e.live.ready
}

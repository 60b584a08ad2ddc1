package sessions

import (
	"context"
	"errors"

	"hapi/internal/wire"
)

// Wait returns the session as soon as holds does for it, or when ctx ends with
// ctx's cause. ready says that its agent has loaded its conversation, of agents
// that say so. A session that is gone is wire.ErrSessionNotFound.
func (s *Service) Wait(ctx context.Context, id wire.SessionID, holds func(w *wire.Session, ready bool) bool) (wire.Session, error) {
	for {
		w, changed, ok, err := s.look(id, holds)
		if ok || err != nil {
			return w, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return w, context.Cause(ctx)
		}
	}
}

func (s *Service) look(id wire.SessionID, holds func(*wire.Session, bool) bool) (w wire.Session, changed <-chan struct{}, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.all[id]
	if e == nil {
		return w, nil, false, wire.ErrSessionNotFound
	}
	if w = e.show(); holds(&w, e.live.ready) {
		return w, nil, true, nil
	}
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return w, e.changed, false, nil
}

// notify wakes those who wait for the session to change. The caller holds mu.
func (e *entry) notify() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// WaitFor is Wait for a session that may not be there yet: a runner names it
// when its process has only just begun to create it.
func (s *Service) WaitFor(ctx context.Context, ns wire.Namespace, id wire.SessionID, holds func(w *wire.Session, ready bool) bool) (wire.Session, error) {
	for {
		s.mu.Lock()
		e, err := s.lookupLocked(ns, id)
		appeared := s.appeared
		s.mu.Unlock()
		switch {
		case e != nil:
			return s.Wait(ctx, id, holds)
		case errors.Is(err, wire.ErrSessionDenied):
			return wire.Session{}, err
		}
		select {
		case <-appeared:
		case <-ctx.Done():
			return wire.Session{}, context.Cause(ctx)
		}
	}
}

// Ready notes that the session's agent has loaded its conversation and takes
// prompts. It holds until the session ends.
func (s *Service) Ready(ns wire.Namespace, id wire.SessionID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.lookupLocked(ns, id)
	if err != nil {
		return err
	}
	e.live.ready = true
	s.suspect(e.conversation)
	e.notify()
	return nil
}

package sessions

import (
	"context"
	"time"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// End takes a session process's goodbye: the session is inactive, and watchers
// are told why. Prompts that nobody took stay queued: they are delivered when
// the session is resumed, and until then a person can cancel them. done runs on
// the store's writer and must not block.
func (s *Service) End(ctx context.Context, ns wire.Namespace, end wire.SessionEnd, done func(error)) error {
	if err := s.Access(ns, end.SID); err != nil {
		return err
	}
	j := s.endJob(ctx, ns, end.SID, knownReason(end.Reason))
	j.Done = done
	return s.store.Submit(ctx, j)
}

// Conclude is End by the hub itself: the session's process is not heard of any
// more, whatever it was doing. It returns when that is durable.
func (s *Service) Conclude(ctx context.Context, ns wire.Namespace, id wire.SessionID) error {
	if err := s.Access(ns, id); err != nil {
		return err
	}
	return s.store.WriteJob(ctx, s.endJob(ctx, ns, id, ""))
}

func (s *Service) endJob(ctx context.Context, ns wire.Namespace, id wire.SessionID, reason string) store.Job {
	j := s.deactivate(ctx, id, func(*store.Session) bool { return true })
	do := j.Do
	j.Do = func(tx *store.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		tx.Announce(wire.EndedEvent(ns, id, reason))
		return nil
	}
	return j
}

func knownReason(reason string) string {
	switch reason {
	case "completed", "terminated", "error", "handoff", "cleared":
		return reason
	}
	return ""
}

// Run marks sessions inactive that were not heard of for too long, and merges
// those that turned out to be one. It returns when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.nudge:
			s.mergeSuspects(ctx)
		case <-tick.C:
			s.stopExpecting()
			for _, id := range s.silent() {
				if err := s.expire(ctx, id); err != nil && ctx.Err() == nil {
					s.log.ErrorContext(ctx, "session sweep failed", "session", id, "err", err)
				}
			}
		}
	}
}

// silent lists the active sessions whose last beat is too old.
func (s *Service) silent() []wire.SessionID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var ids []wire.SessionID
	for id, e := range s.all {
		if e.row.Active && s.tooOldLocked(e) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *Service) tooOldLocked(e *entry) bool {
	return s.now().Sub(e.live.activeAt.Time()) > expireAfter
}

func (s *Service) expire(ctx context.Context, id wire.SessionID) error {
	j := s.deactivate(ctx, id, func(*store.Session) bool {
		s.mu.RLock()
		defer s.mu.RUnlock()
		e := s.all[id]
		return e != nil && s.tooOldLocked(e) // a beat may have come meanwhile
	})
	return s.store.WriteJob(ctx, j)
}

// deactivate is the job that makes a session inactive, and its memory idle.
func (s *Service) deactivate(ctx context.Context, id wire.SessionID, still func(*store.Session) bool) store.Job {
	idle := false
	j := s.job(ctx, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		idle = false
		if row == nil || !still(row) {
			return false, nil
		}
		idle = true
		if !row.Active && row.BackgroundTasks == "" && !s.isThinking(id) {
			return false, nil
		}
		row.Active, row.BackgroundTasks = false, ""
		tx.Announce(patchEvent(row.Namespace, id, idlePatch()))
		return true, nil
	})
	applied := j.Applied
	j.Applied = func() {
		applied()
		if idle {
			s.calm(id)
		}
	}
	return j
}

func (s *Service) isThinking(id wire.SessionID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.all[id]
	return e != nil && e.live.thinking
}

// calm clears what an inactive session cannot be doing.
func (s *Service) calm(id wire.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.all[id]; e != nil {
		l := &e.live
		l.thinking, l.turnStartedAt = false, nil
		l.graceUntil, l.promptWaits, l.ready, l.expectedUntil = time.Time{}, false, false, time.Time{}
		e.notify()
	}
}

func idlePatch() wire.SessionPatch {
	no, none := false, 0
	var noTurn *wire.Millis
	return wire.SessionPatch{Active: &no, Thinking: &no, ActiveTurnStartedAt: &noTurn, BackgroundTaskCount: &none}
}

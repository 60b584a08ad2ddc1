package sessions

import (
	"context"
	"encoding/json"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// ErrActive refuses to delete a session whose process is there.
var ErrActive = &wire.Error{Kind: wire.Conflict, Text: "Cannot delete active session. Archive it first.", Code: "session_active"}

// Delete deletes a session with its messages.
func (s *Service) Delete(ctx context.Context, ns wire.Namespace, id wire.SessionID) error {
	if err := s.Access(ns, id); err != nil {
		return err
	}
	err := s.store.WriteJob(ctx, store.Job{
		Do: func(tx *store.Tx) error {
			row, ok, err := s.store.SessionByID(ctx, tx, id)
			switch {
			case err != nil:
				return fmt.Errorf("read session %s: %w", id, err)
			case !ok:
				return wire.ErrSessionNotFound
			case row.Active:
				return ErrActive
			}
			tx.Announce(wire.SessionEvent(wire.SessionRemoved, row.Namespace, id))
			return tx.DeleteSession(ctx, row.Namespace, id)
		},
		Applied: func() { s.forget(id, "") },
	})
	if err == nil {
		s.gone(ns, id)
	}
	return err
}

func (s *Service) gone(ns wire.Namespace, id wire.SessionID) {
	if s.follower != nil {
		s.follower.Gone(ns, id)
	}
}

// forget drops a session from memory. It is known as target from then on, if
// that is not empty.
func (s *Service) forget(id, target wire.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.all[id]
	if e == nil {
		return
	}
	delete(s.all, id)
	s.saw(e.row.Namespace, id)
	s.untrack(id, e)
	for former, a := range s.aliases {
		switch {
		case a.Target != id:
		case target == "":
			delete(s.aliases, former)
		default:
			a.Target = target
			s.aliases[former] = a
		}
	}
	if target != "" {
		s.aliases[id] = store.Alias{ID: id, Namespace: e.row.Namespace, Target: target}
	}
	e.notify()
}

// Resolve is the session that id names now: the one it was merged into, or
// itself.
func (s *Service) Resolve(ns wire.Namespace, id wire.SessionID) wire.SessionID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a, ok := s.aliases[id]; ok && a.Namespace == ns {
		return a.Target
	}
	return id
}

// The lifecycle states of a session that the hub itself reads and writes.
const (
	LifecycleRunning  = "running"
	LifecycleArchived = "archived"

	archivedByHub = "hub"
)

// Archive writes into the session's metadata that the hub has put it away,
// unless its process has said so itself.
func (s *Service) Archive(ctx context.Context, ns wire.Namespace, id wire.SessionID, reason string) error {
	return s.edit(ctx, ns, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if _, view := present(row); view.LifecycleState == LifecycleArchived {
			return false, nil
		}
		err := editMetadata(row, func(m map[string]json.RawMessage) {
			m["lifecycleState"] = wire.AppendString(nil, LifecycleArchived)
			m["lifecycleStateSince"] = fmt.Append(nil, wire.At(s.now()))
			m["archivedBy"] = wire.AppendString(nil, archivedByHub)
			m["archiveReason"] = wire.AppendString(nil, reason)
		})
		if err != nil {
			return false, err
		}
		tx.Announce(patchEvent(ns, id, wire.SessionPatch{Metadata: shownMetadata(row)}))
		return true, nil
	}, nil)
}

// revive takes back what Archive wrote when a process that could not be reached
// is there after all. What a process said of itself stays.
func (s *Service) revive(tx *store.Tx, row *store.Session) error {
	if _, view := present(row); view.LifecycleState != LifecycleArchived || view.ArchivedBy != archivedByHub {
		return nil
	}
	return s.rewriteArchive(tx, row, Archived{
		"lifecycleState":      wire.AppendString(nil, LifecycleRunning),
		"lifecycleStateSince": fmt.Append(nil, wire.At(s.now())),
	})
}

// archiveKeys are what Unarchive takes away and Rearchive puts back.
var archiveKeys = []string{"lifecycleState", "archivedBy", "archiveReason", "lifecycleStateSince"}

// Archived is what was written when a session was put away, key by key.
type Archived map[string]json.RawMessage

// Unarchive takes the marks of an archived session away, for it is to run again.
func (s *Service) Unarchive(ctx context.Context, ns wire.Namespace, id wire.SessionID) (was Archived, err error) {
	err = s.edit(ctx, ns, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		was = Archived{}
		m := metadataKeys(row)
		if len(m) == 0 {
			return false, nil
		}
		for _, key := range archiveKeys {
			if value, ok := m[key]; ok {
				was[key] = value
			}
		}
		return true, s.rewriteArchive(tx, row, Archived{"lifecycleStateSince": fmt.Append(nil, wire.At(s.now()))})
	}, nil)
	return was, err
}

// Rearchive puts back what Unarchive took away, unless a process has begun to
// run the session meanwhile.
func (s *Service) Rearchive(ctx context.Context, ns wire.Namespace, id wire.SessionID, was Archived) error {
	return s.edit(ctx, ns, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if _, view := present(row); view.LifecycleState != "" || row.Active {
			return false, nil
		}
		return true, s.rewriteArchive(tx, row, was)
	}, nil)
}

func (s *Service) rewriteArchive(tx *store.Tx, row *store.Session, keep Archived) error {
	err := editMetadata(row, func(m map[string]json.RawMessage) {
		for _, key := range archiveKeys {
			if value, ok := keep[key]; ok {
				m[key] = value
			} else {
				delete(m, key)
			}
		}
	})
	if err != nil {
		return err
	}
	tx.Announce(patchEvent(row.Namespace, row.ID, wire.SessionPatch{Metadata: shownMetadata(row)}))
	return nil
}

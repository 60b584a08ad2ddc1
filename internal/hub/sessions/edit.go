package sessions

import (
	"context"
	"encoding/json"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// edit changes one stored session for a person and returns when the change is
// durable. applied, which may be nil, brings what only memory knows up to date
// before watchers are told; it holds the lock.
func (s *Service) edit(ctx context.Context, ns wire.Namespace, id wire.SessionID, mutate func(tx *store.Tx, row *store.Session) (bool, error), applied func(*entry)) error {
	if err := s.Access(ns, id); err != nil {
		return err
	}
	j := s.job(ctx, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if row == nil {
			return false, wire.ErrSessionNotFound
		}
		return mutate(tx, row)
	})
	rowApplied := j.Applied
	j.Applied = func() {
		rowApplied()
		if applied == nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if e := s.all[id]; e != nil {
			applied(e)
		}
	}
	return s.store.WriteJob(ctx, j)
}

// Rename gives the session a name, which people see before any title the agent
// makes. It is no activity.
func (s *Service) Rename(ctx context.Context, ns wire.Namespace, id wire.SessionID, name string) error {
	return s.editShown(ctx, ns, id, func(m map[string]json.RawMessage) { m["name"] = wire.AppendString(nil, name) })
}

// SetSummary gives the session a title.
func (s *Service) SetSummary(ctx context.Context, ns wire.Namespace, id wire.SessionID, text string) error {
	summary := fmt.Appendf(nil, `{"text":%s,"updatedAt":%d}`, wire.AppendString(nil, text), wire.At(s.now()))
	return s.editShown(ctx, ns, id, func(m map[string]json.RawMessage) { m["summary"] = summary })
}

// SetMetadata writes keys of the session's metadata; nil removes one.
func (s *Service) SetMetadata(ctx context.Context, ns wire.Namespace, id wire.SessionID, values map[string]json.RawMessage) error {
	return s.editShown(ctx, ns, id, func(m map[string]json.RawMessage) {
		for key, value := range values {
			if value == nil {
				delete(m, key)
			} else {
				m[key] = value
			}
		}
	})
}

// Pins of a session.
const (
	PinNone    = "none"
	PinProject = "project"
	PinGlobal  = "global"
)

// Pin keeps the session at the top of its project, of everything, or nowhere.
// Patches have no key for it, so watchers get the whole session.
func (s *Service) Pin(ctx context.Context, ns wire.Namespace, id wire.SessionID, pin string) error {
	return s.edit(ctx, ns, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if row.Pin == pin {
			return false, nil
		}
		row.Pin = pin
		return true, s.announceWhole(tx, row)
	}, nil)
}

// editShown changes the session's metadata and tells watchers.
func (s *Service) editShown(ctx context.Context, ns wire.Namespace, id wire.SessionID, change func(map[string]json.RawMessage)) error {
	return s.edit(ctx, ns, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if err := editMetadata(row, change); err != nil {
			return false, err
		}
		tx.Announce(patchEvent(ns, id, wire.SessionPatch{Metadata: shownMetadata(row)}))
		return true, nil
	}, nil)
}

// shownMetadata is the row's metadata as a patch carries it.
func shownMetadata(row *store.Session) *wire.Versioned {
	return &wire.Versioned{Version: row.MetadataVersion, Value: orNull(presentMetadata(row.Metadata))}
}

// announceWhole tells watchers the whole session with the changed row.
func (s *Service) announceWhole(tx *store.Tx, row *store.Session) error {
	event, err := UpdatedEvent(s.showRow(row))
	if err != nil {
		return fmt.Errorf("announce session %s: %w", row.ID, err)
	}
	tx.Announce(event)
	return nil
}

// showRow is a row that is about to be committed, with what is live.
func (s *Service) showRow(row *store.Session) wire.Session {
	e := entry{row: *row, live: live{activeAt: row.ActiveAt}}
	e.shown, e.view = present(row)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if known := s.all[row.ID]; known != nil {
		e.live = known.live
	}
	return e.show()
}

// editMetadata changes the row's metadata for the hub itself and bumps its
// version: the process finds out at its next write. Metadata that is no object
// tells nothing and is begun anew.
func editMetadata(row *store.Session, change func(m map[string]json.RawMessage)) error {
	m := metadataKeys(row)
	if len(m) == 0 {
		m = map[string]json.RawMessage{"path": json.RawMessage(`""`), "host": json.RawMessage(`""`)}
	}
	change(m)
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write metadata of %s: %w", row.ID, err)
	}
	row.Metadata = raw
	row.MetadataVersion++
	row.Seq++
	return nil
}

// metadataKeys is the row's metadata key by key; what is no object has none.
func metadataKeys(row *store.Session) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	_ = json.Unmarshal(row.Metadata, &m) // m stays nil
	return m
}

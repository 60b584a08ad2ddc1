package sessions

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// HoldHistory keeps a session's history for one action: meanwhile messages are
// refused, scheduled ones wait, and nothing is merged. It fails while somebody
// else holds it.
func (s *Service) HoldHistory(id wire.SessionID) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[id] {
		return nil, false
	}
	s.busy[id] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, id)
		if e := s.all[id]; e != nil {
			s.suspect(e.conversation)
		}
	}, true
}

// HistoryBusy says whether somebody holds the session's history.
func (s *Service) HistoryBusy(id wire.SessionID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.busy[id]
}

// historyKeys are the maps in metadata whose keys are messages' local ids.
var historyKeys = []string{"conversationHistoryPoints", "conversationHistoryIndexes", "conversationHistoryTurns", "conversationHistoryEntryIds"}

// notForked is what a fork does not have of the session it was made of: the
// agent's own ids, and what belongs to that session's process and its life.
var notForked = []string{
	"hostPid", "hapiMcpUrl", "lifecycleState", "lifecycleStateSince", "archivedBy", "archiveReason", "supersededBySessionId",
	"opencodeClearOperation", "codexSourceSessionId", "piResumeAttempt", "ptyResumeAttempt", "piImportState", "piHistoryLeafEntryId", "cursorMigrationState",
	"claudeSessionId", "codexSessionId", "geminiSessionId", "opencodeSessionId", "grokSessionId", "agySessionId",
	"cursorSessionId", "kimiSessionId", "copilotSessionId", "piSessionId",
}

// Fork makes a session with a copy of another one's conversation, up to but
// not including the position before; nil copies all. It has no process yet.
func (s *Service) Fork(ctx context.Context, ns wire.Namespace, from wire.SessionID, before *wire.Position) (wire.SessionID, error) {
	id := wire.SessionID(s.newID())
	var row store.Session
	err := s.store.WriteJob(ctx, store.Job{
		Do: func(tx *store.Tx) error {
			source, ok, err := s.store.SessionByID(ctx, tx, from)
			if err != nil {
				return fmt.Errorf("read session %s: %w", from, err)
			}
			if !ok || source.Namespace != ns {
				return wire.ErrSessionNotFound
			}
			row = s.forkRow(&source, id)
			if err := tx.InsertSession(ctx, &row); err != nil {
				return err
			}
			if err := tx.CopyMessages(ctx, from, id, before); err != nil {
				return err
			}
			if err := s.pruneHistory(ctx, tx, &row); err != nil {
				return err
			}
			shown, _ := present(&row)
			added, err := wire.SessionDataEvent(wire.SessionAdded, ns, id, shown)
			if err != nil {
				return fmt.Errorf("announce session %s: %w", id, err)
			}
			tx.Announce(added)
			return tx.UpdateSession(ctx, &row) // what an insert leaves out
		},
		Applied: func() { s.apply(row) },
	})
	return id, err
}

func (s *Service) forkRow(source *store.Session, id wire.SessionID) store.Session {
	now := wire.At(s.now())
	row := store.Session{
		ID: id, Namespace: source.Namespace, Tag: "fork:" + string(id), CreatedAt: now, UpdatedAt: now, ActiveAt: now,
		MetadataVersion: 1, AgentState: json.RawMessage(`{}`), AgentStateVersion: 1, Pin: PinNone,
		Model: source.Model, ModelReasoningEffort: source.ModelReasoningEffort, Effort: source.Effort, ServiceTier: source.ServiceTier,
	}
	m := map[string]json.RawMessage{}
	_ = json.Unmarshal(source.Metadata, &m) // a fork's source has a path, which was read from it
	for _, key := range notForked {
		delete(m, key)
	}
	m["forkedFrom"] = wire.AppendString(nil, string(source.ID))
	row.Metadata = marshalled(m)
	return row
}

// pruneHistory removes marks of messages that the session does not have from
// its metadata, and says nothing about it.
func (s *Service) pruneHistory(ctx context.Context, tx *store.Tx, row *store.Session) error {
	m := metadataKeys(row)
	changed := false
	for _, key := range historyKeys {
		var marks map[wire.LocalID]json.RawMessage
		if json.Unmarshal(m[key], &marks) != nil || len(marks) == 0 {
			continue
		}
		ids := make([]wire.LocalID, 0, len(marks))
		for id := range marks {
			ids = append(ids, id)
		}
		known, err := s.store.KnownLocalIDs(ctx, tx, row.ID, ids)
		if err != nil {
			return fmt.Errorf("look for the messages of a session's history: %w", err)
		}
		for id := range marks {
			if _, there := slices.BinarySearch(known, id); !there {
				delete(marks, id)
				changed = true
			}
		}
		raw, err := json.Marshal(marks)
		if err != nil {
			return fmt.Errorf("write metadata of %s: %w", row.ID, err)
		}
		m[key] = raw
	}
	if changed {
		row.Metadata = marshalled(m)
	}
	return nil
}

// HistoryRewritten brings a session up to date with a history that was just
// changed, and tells watchers to load it anew. It runs in the caller's
// transaction; applied belongs into the job's Applied.
func (s *Service) HistoryRewritten(ctx context.Context, tx *store.Tx, id wire.SessionID) (applied func(), err error) {
	j := s.job(ctx, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if row == nil {
			return false, wire.ErrSessionNotFound
		}
		if err := s.pruneHistory(ctx, tx, row); err != nil {
			return false, err
		}
		row.MetadataVersion++
		row.Seq++
		tx.Announce(wire.SessionEvent(wire.MessagesInvalidated, row.Namespace, id))
		return true, s.announceWhole(tx, row)
	})
	return j.Applied, j.Do(tx)
}

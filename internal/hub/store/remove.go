package store

import (
	"context"
	"fmt"

	"hapi/internal/wire"
)

// DeleteSession deletes a session with all that belongs to it, and leaves a
// tombstone. Ids that led to it lead nowhere from then on.
func (tx *Tx) DeleteSession(ctx context.Context, ns wire.Namespace, id wire.SessionID) error {
	if err := tx.dropSession(ctx, ns, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM aliases WHERE target = $1`, id); err != nil {
		return fmt.Errorf("delete the aliases of session %s: %w", id, err)
	}
	return nil
}

func (tx *Tx) dropSession(ctx context.Context, ns wire.Namespace, id wire.SessionID) error {
	key, err := tx.w.store.sessionKey(ctx, tx, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE key = $1`, key); err != nil {
		return fmt.Errorf("delete session %s: %w", id, err)
	}
	delete(tx.w.heads, key)
	tx.w.store.keys.Delete(id) // keys are never given again, so a late reader finds nothing
	return tx.bury(ctx, tombstone{kind: tombSession, ns: ns, session: id})
}

// Alias is a session's former id and the session it was merged into.
type Alias struct {
	ID        wire.SessionID
	Namespace wire.Namespace
	Target    wire.SessionID
}

// Aliases lists all former ids.
func (s *Store) Aliases(ctx context.Context, q Querier) ([]Alias, error) {
	rows, err := q.Query(ctx, `SELECT id, namespace, target FROM aliases`)
	return collect(rows, err, func(a *Alias) []any { return []any{&a.ID, &a.Namespace, &a.Target} })
}

// HasHistory says whether the session has rows besides prompts that wait: then
// its agent has begun the conversation.
func (s *Store) HasHistory(ctx context.Context, q Querier, session wire.SessionID) (bool, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return false, err
	}
	var has bool
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM messages WHERE session_key = $1 AND invoked_at IS NOT NULL)`, key).Scan(&has)
	return has, explain(err)
}

// FirstMessages lists the session's oldest rows by seq.
func (s *Store) FirstMessages(ctx context.Context, q Querier, session wire.SessionID, limit int) ([]Message, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	return readMessages(q.Query(ctx, `SELECT `+messageColumns+` FROM messages WHERE session_key = $1 ORDER BY seq LIMIT $2`, key, limit))
}

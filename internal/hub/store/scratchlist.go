package store

import (
	"context"
	"encoding/json"
	"fmt"

	"hapi/internal/wire"
)

// Scratchlist lists the notes of a session, the newest first.
func (s *Store) Scratchlist(ctx context.Context, q Querier, id wire.SessionID) ([]wire.ScratchlistEntry, error) {
	rows, err := q.Query(ctx, `
		SELECT n.entry_id, n.text, n.attachments, n.created_at, n.updated_at
		FROM scratchlist n JOIN sessions s ON s.key = n.session_key
		WHERE s.id = $1 ORDER BY n.created_at DESC, n.entry_id DESC`, id)
	if err != nil {
		return nil, fmt.Errorf("list notes: %w", explain(err))
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	entries := []wire.ScratchlistEntry{}
	for rows.Next() {
		var e wire.ScratchlistEntry
		var attachments []byte
		if err := rows.Scan(&e.EntryID, &e.Text, &attachments, &e.CreatedAt, &e.UpdatedAt); err != nil {
			return nil, fmt.Errorf("read a note: %w", err)
		}
		if err := json.Unmarshal(attachments, &e.Attachments); err != nil {
			return nil, fmt.Errorf("read the attachments of note %s: %w", e.EntryID, err)
		}
		entries = append(entries, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list notes: %w", explain(err))
	}
	return entries, nil
}

// PutScratchlistEntry writes a note, new or known.
func (s *Store) PutScratchlistEntry(ctx context.Context, tx *Tx, id wire.SessionID, e *wire.ScratchlistEntry) error {
	key, err := s.sessionKey(ctx, tx, id)
	if err != nil {
		return err
	}
	attachments, err := json.Marshal(e.Attachments)
	if err != nil {
		return fmt.Errorf("encode the attachments of note %s: %w", e.EntryID, err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO scratchlist (session_key, entry_id, text, attachments, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (session_key, entry_id) DO UPDATE SET text = excluded.text, attachments = excluded.attachments, updated_at = excluded.updated_at`,
		key, e.EntryID, e.Text, string(attachments), e.CreatedAt, e.UpdatedAt)
	if err != nil {
		return fmt.Errorf("write note %s: %w", e.EntryID, err)
	}
	return tx.notesChanged(ctx, key, e.UpdatedAt)
}

// DeleteScratchlistEntry removes a note.
func (s *Store) DeleteScratchlistEntry(ctx context.Context, tx *Tx, id wire.SessionID, entry string, at wire.Millis) error {
	key, err := s.sessionKey(ctx, tx, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM scratchlist WHERE session_key = $1 AND entry_id = $2`, key, entry); err != nil {
		return fmt.Errorf("delete note %s: %w", entry, err)
	}
	return tx.notesChanged(ctx, key, at)
}

func (tx *Tx) notesChanged(ctx context.Context, key int64, at wire.Millis) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO scratchlist_changes (session_key, updated_at, change) VALUES ($1, $2, $3)
		ON CONFLICT (session_key) DO UPDATE SET updated_at = excluded.updated_at, change = excluded.change`, key, at, tx.Change())
	if err != nil {
		return fmt.Errorf("note the change: %w", err)
	}
	return nil
}

// ChangedNotes is when the notes of a session changed last.
type ChangedNotes struct {
	Session wire.SessionID
	At      wire.Millis
}

func (s *Store) notesSince(ctx context.Context, q Querier, scope ChangeScope, since int64, all int) ([]ChangedNotes, error) {
	rows, err := q.Query(ctx, `
		SELECT s.id, c.updated_at FROM scratchlist_changes c JOIN sessions s ON s.key = c.session_key
		WHERE c.change > $1 AND s.namespace = $2 AND ($3 = 1 OR s.id = $4) ORDER BY c.change LIMIT $5`,
		since, scope.Namespace, all, scope.Session, MaxChangedRows+1)
	changed, err := collect(rows, err, func(c *ChangedNotes) []any { return []any{&c.Session, &c.At} })
	if err != nil {
		return nil, fmt.Errorf("list changed notes: %w", err)
	}
	return changed, nil
}

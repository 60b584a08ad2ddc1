package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"hapi/internal/wire"
)

// CopyMessages gives the session into the rows of another one that its agent
// has taken or said, in the order of their positions, up to but not including
// the position before; nil copies all. The copies count as no change: a client
// that has never seen the session reads its pages.
func (tx *Tx) CopyMessages(ctx context.Context, from, into wire.SessionID, before *wire.Position) error {
	source, err := tx.w.store.sessionKey(ctx, tx, from)
	if err != nil {
		return err
	}
	target, err := tx.w.store.sessionKey(ctx, tx, into)
	if err != nil {
		return err
	}
	end := wire.Position{At: 1<<62 - 1}
	if before != nil {
		end = *before
	}
	res, err := tx.Exec(ctx, `
		INSERT INTO messages (session_key, seq, position, high, id, local_id, content, created_at, invoked_at, scheduled_at, delivery_state, steered, change)
		SELECT $2, row_number() OVER (ORDER BY position, seq), position, position,
			lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
			local_id, content, created_at, invoked_at, scheduled_at, 'queued', steered, 0
		FROM messages WHERE session_key = $1 AND invoked_at IS NOT NULL AND (position, seq) < ($3, $4)`,
		source, target, end.At, end.Seq)
	if err != nil {
		return fmt.Errorf("copy messages: %w", err)
	}
	delete(tx.w.heads, target)
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	h, err := tx.head(ctx, target)
	if err != nil {
		return err
	}
	return tx.bumpEpoch(ctx, target, h)
}

// RewriteMessages deletes the rows of a session at and after a position and
// puts others, which the agent already has, in their place.
func (tx *Tx) RewriteMessages(ctx context.Context, ns wire.Namespace, id wire.SessionID, from wire.Position, put []NewMessage, invoked []wire.Millis) error {
	key, err := tx.w.store.sessionKey(ctx, tx, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM messages WHERE session_key = $1 AND (position, seq) >= ($2, $3)`, key, from.At, from.Seq); err != nil {
		return fmt.Errorf("forget messages: %w", err)
	}
	delete(tx.w.heads, key)
	h, err := tx.head(ctx, key)
	if err != nil {
		return err
	}
	for i := range put {
		n, at := &put[i], int64(invoked[i])
		h.maxSeq++
		if _, err := tx.Exec(ctx, `
			INSERT INTO messages (session_key, seq, position, high, id, local_id, content, created_at, invoked_at, change)
			VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $3, $8)`,
			key, h.maxSeq, at, string(n.ID), nullable(n.LocalID), string(n.Content), int64(n.CreatedAt), tx.Change()); err != nil {
			return fmt.Errorf("put a message in place: %w", err)
		}
	}
	if err := tx.renumber(ctx, key); err != nil {
		return err
	}
	return tx.historyChanged(ctx, ns, id, key)
}

// KnownLocalIDs are those of ids that a session still has rows of.
func (s *Store) KnownLocalIDs(ctx context.Context, q Querier, session wire.SessionID, ids []wire.LocalID) ([]wire.LocalID, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, `
		SELECT local_id FROM messages
		WHERE session_key = $1 AND local_id IN (SELECT value FROM json_each($2))`, key, string(list))
	known, err := collect(rows, err, func(id *wire.LocalID) []any { return []any{id} })
	slices.Sort(known)
	return known, err
}

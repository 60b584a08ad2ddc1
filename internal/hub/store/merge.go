package store

import (
	"context"
	"fmt"

	"hapi/internal/wire"
)

// MergeSession moves the messages of one session into another and deletes the
// one they came from; its id leads to the other from then on. All rows are
// numbered anew in the order of their positions, so that both ways of paging
// visit them in the same order; clients have to load anew.
func (tx *Tx) MergeSession(ctx context.Context, ns wire.Namespace, from, into wire.SessionID) error {
	source, err := tx.w.store.sessionKey(ctx, tx, from)
	if err != nil {
		return err
	}
	target, err := tx.w.store.sessionKey(ctx, tx, into)
	if err != nil {
		return err
	}
	for _, step := range []struct{ what, query string }{
		// A prompt that both have is the target's. The source's copy keeps its
		// place, but nobody will take it any more.
		{"release local ids", `
			UPDATE messages SET local_id = NULL, invoked_at = coalesce(invoked_at, created_at), delivery_state = 'queued'
			WHERE session_key = $1 AND local_id IN (SELECT local_id FROM messages WHERE session_key = $2 AND local_id IS NOT NULL)`},
		{"release client keys", `
			UPDATE messages SET client_key = NULL
			WHERE session_key = $1 AND client_key IN (SELECT client_key FROM messages WHERE session_key = $2 AND client_key IS NOT NULL)`},
		// Of rows at the same time the source's come first.
		{"move messages", `UPDATE messages SET session_key = $2, seq = seq - 2000000000000 WHERE session_key = $1`},
	} {
		if _, err := tx.Exec(ctx, step.query, source, target); err != nil {
			return fmt.Errorf("merge session %s into %s: %s: %w", from, into, step.what, err)
		}
	}
	// Paths of notes' files name their session.
	if _, err := tx.Exec(ctx, `
		UPDATE OR IGNORE scratchlist SET session_key = $2, attachments = replace(attachments, $3, $4)
		WHERE session_key = $1`, source, target, "/"+string(from)+"/", "/"+string(into)+"/"); err != nil {
		return fmt.Errorf("merge session %s into %s: move notes: %w", from, into, err)
	}
	if err := tx.MoveUsage(ctx, from, into); err != nil {
		return err
	}
	if err := tx.renumber(ctx, target); err != nil {
		return fmt.Errorf("merge session %s into %s: %w", from, into, err)
	}
	if err := tx.historyChanged(ctx, ns, into, target); err != nil {
		return err
	}
	return tx.redirect(ctx, ns, from, into)
}

// redirect deletes a session whose id is to lead to another one.
func (tx *Tx) redirect(ctx context.Context, ns wire.Namespace, from, into wire.SessionID) error {
	if err := tx.dropSession(ctx, ns, from); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE aliases SET target = $2 WHERE target = $1`, from, into); err != nil {
		return fmt.Errorf("redirect session %s: %w", from, err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO aliases (id, namespace, target) VALUES ($1, $2, $3)`, from, ns, into); err != nil {
		return fmt.Errorf("redirect session %s: %w", from, err)
	}
	return nil
}

// renumber gives the session's rows seqs in the order of their positions. Rows
// whose seq is not positive have been moved out of the way and keep their order.
func (tx *Tx) renumber(ctx context.Context, key int64) error {
	if _, err := tx.Exec(ctx, `UPDATE messages SET seq = seq - 1000000000000 WHERE session_key = $1 AND seq > 0`, key); err != nil {
		return fmt.Errorf("number the rows anew: %w", err)
	}
	_, err := tx.Exec(ctx, `
		UPDATE messages SET seq = ranked.n, high = position
		FROM (SELECT key AS k, row_number() OVER (ORDER BY position, seq) AS n FROM messages WHERE session_key = $1) AS ranked
		WHERE messages.key = ranked.k`, key)
	if err != nil {
		return fmt.Errorf("number the rows anew: %w", err)
	}
	return nil
}

// historyChanged bumps the session's epoch and leaves word for clients that
// come back: what they hold of the conversation is to be loaded anew.
func (tx *Tx) historyChanged(ctx context.Context, ns wire.Namespace, id wire.SessionID, key int64) error {
	delete(tx.w.heads, key)
	h, err := tx.head(ctx, key)
	if err != nil {
		return err
	}
	if err := tx.bumpEpoch(ctx, key, h); err != nil {
		return fmt.Errorf("bump the epoch: %w", err)
	}
	return tx.bury(ctx, tombstone{kind: tombHistory, ns: ns, session: id})
}

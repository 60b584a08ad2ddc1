package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"hapi/internal/wire"
)

// PendingMessages lists the prompts of the session that the agent has not
// taken, by seq.
func (s *Store) PendingMessages(ctx context.Context, q Querier, session wire.SessionID) ([]Message, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	return readMessages(q.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND local_id IS NOT NULL AND invoked_at IS NULL
		ORDER BY seq`, key))
}

// FindMessage finds a row by its id or its local id.
func (s *Store) FindMessage(ctx context.Context, q Querier, session wire.SessionID, name string) (Message, bool, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return Message{}, false, err
	}
	rows, err := readMessages(q.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE id = $2 AND session_key = $1
		UNION ALL
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND local_id = $2
		LIMIT 1`, key, name))
	if err != nil || len(rows) == 0 {
		return Message{}, false, err
	}
	return rows[0], true, nil
}

// LocalMessages finds rows by their local ids; ids that are not there are left out.
func (s *Store) LocalMessages(ctx context.Context, q Querier, session wire.SessionID, ids []wire.LocalID) ([]Message, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return readMessages(q.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND local_id IN (SELECT value FROM json_each($2))
		ORDER BY seq`, key, string(list)))
}

// DueMessage is a scheduled row whose time has come.
type DueMessage struct {
	Session   wire.SessionID
	Namespace wire.Namespace
	Message
}

// DueMessages lists the scheduled rows that are due and not taken, soonest first.
func (s *Store) DueMessages(ctx context.Context, q Querier, now wire.Millis) ([]DueMessage, error) {
	rows, err := q.Query(ctx, `
		SELECT s.id, s.namespace, m.id, m.seq, m.position, m.local_id, m.content, m.created_at, m.invoked_at, m.scheduled_at, m.delivery_state, m.steered
		FROM messages m JOIN sessions s ON s.key = m.session_key
		WHERE m.scheduled_at IS NOT NULL AND m.invoked_at IS NULL AND m.scheduled_at <= $1 AND m.delivery_state = 'queued'
		ORDER BY m.scheduled_at`, now)
	return collect(rows, err, func(d *DueMessage) []any {
		return append([]any{&d.Session, &d.Namespace}, d.Message.fields()...)
	})
}

// MessagesBySeq lists at most limit rows with seq below before, newest first.
func (s *Store) MessagesBySeq(ctx context.Context, q Querier, session wire.SessionID, before int64, limit int) ([]Message, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	return readMessages(q.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND seq < $2
		ORDER BY seq DESC LIMIT $3`, key, before, limit))
}

// BackfillMessages lists at most limit rows with seq above after, oldest first,
// that a session process may have missed: neither prompts it has taken, nor
// those that are not due, nor those whose delivery is unsettled.
func (s *Store) BackfillMessages(ctx context.Context, q Querier, session wire.SessionID, after int64, now wire.Millis, limit int) ([]Message, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	return readMessages(q.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND seq > $2
			AND (local_id IS NULL OR (invoked_at IS NULL AND delivery_state = 'queued' AND (scheduled_at IS NULL OR scheduled_at <= $3)))
		ORDER BY seq LIMIT $4`, key, after, now, limit))
}

// MessagesBefore lists at most limit rows older than pos, newest first.
func (s *Store) MessagesBefore(ctx context.Context, q Querier, session wire.SessionID, pos wire.Position, limit int) ([]Message, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	return readMessages(q.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND (position, seq) < ($2, $3)
		ORDER BY position DESC, seq DESC LIMIT $4`, key, pos.At, pos.Seq, limit))
}

// MessagesBetween lists at most limit rows after from up to and including until, oldest first.
func (s *Store) MessagesBetween(ctx context.Context, q Querier, session wire.SessionID, from, until wire.Position, limit int) ([]Message, error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	return readMessages(q.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND (position, seq) > ($2, $3) AND (position, seq) <= ($4, $5)
		ORDER BY position, seq LIMIT $6`, key, from.At, from.Seq, until.At, until.Seq, limit))
}

// HighBefore is the greatest position among the session's rows with seq below
// seq, if there are any.
func (s *Store) HighBefore(ctx context.Context, q Querier, session wire.SessionID, seq int64) (high wire.Millis, ok bool, err error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return 0, false, err
	}
	err = q.QueryRow(ctx, `SELECT high FROM messages WHERE session_key = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1`, key, seq).Scan(&high)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return high, err == nil, explain(err)
}

// Head is the greatest position of the session, if it has rows, and its epoch.
func (s *Store) Head(ctx context.Context, q Querier, session wire.SessionID) (pos wire.Position, ok bool, epoch int64, err error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return pos, false, 0, err
	}
	var at, seq sql.NullInt64
	err = q.QueryRow(ctx, `
		SELECT s.epoch, m.position, m.seq
		FROM sessions s LEFT JOIN messages m ON m.key = (
			SELECT key FROM messages WHERE session_key = $1 ORDER BY position DESC, seq DESC LIMIT 1)
		WHERE s.key = $1`, key).Scan(&epoch, &at, &seq)
	if err != nil {
		return pos, false, 0, fmt.Errorf("read the head of %s: %w", session, explain(err))
	}
	return wire.Position{At: wire.Millis(at.Int64), Seq: seq.Int64}, at.Valid, epoch, nil
}

// Scheduled counts the prompts of each session of the namespace that wait for
// a later time.
func (s *Store) Scheduled(ctx context.Context, q Querier, ns wire.Namespace, now wire.Millis) (map[wire.SessionID]Schedule, error) {
	type row struct {
		id wire.SessionID
		Schedule
	}
	rows, err := q.Query(ctx, `
		SELECT s.id, count(*), min(m.scheduled_at)
		FROM messages m JOIN sessions s ON s.key = m.session_key
		WHERE m.scheduled_at IS NOT NULL AND m.invoked_at IS NULL AND m.scheduled_at > $2 AND m.delivery_state = 'queued' AND s.namespace = $1
		GROUP BY s.id`, ns, now)
	list, err := collect(rows, err, func(r *row) []any { return []any{&r.id, &r.Count, &r.Next} })
	if err != nil {
		return nil, err
	}
	out := make(map[wire.SessionID]Schedule, len(list))
	for _, r := range list {
		out[r.id] = r.Schedule
	}
	return out, nil
}

// Schedule is how many prompts wait for a later time, and the soonest of them.
type Schedule struct {
	Count int
	Next  wire.Millis
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"hapi/internal/wire"
)

// Tokens are counts of one request or of several. Input includes what was cached.
type Tokens struct {
	Input, Output, CacheRead, CacheWrite int64
}

// Spoken is a row that may say what was used, with what is known of its session.
type Spoken struct {
	Key        int64
	Change     int64
	ID         wire.MessageID
	LocalID    *wire.LocalID
	Content    json.RawMessage
	CreatedAt  wire.Millis
	SessionKey int64
	Session    wire.SessionID
	Namespace  wire.Namespace
	Model      *string // of the session
	Metadata   []byte  // of the session
}

func (m *Spoken) fields() []any {
	return []any{
		&m.Key, &m.Change, &m.ID, &m.LocalID, (*[]byte)(&m.Content), &m.CreatedAt,
		&m.SessionKey, &m.Session, &m.Namespace, &m.Model, &m.Metadata,
	}
}

// UsageMark says how far usage was read: all rows with a lower change number,
// and of that number those up to the key.
type UsageMark struct{ Change, Key int64 }

const usageMark = "usage_read"

// UsageRead is how far usage was read.
func (s *Store) UsageRead(ctx context.Context) (m UsageMark, err error) {
	value, ok, err := s.Meta(ctx, usageMark)
	if err != nil || !ok {
		return m, err
	}
	change, key, _ := strings.Cut(value, ":")
	var badChange, badKey error
	m.Change, badChange = strconv.ParseInt(change, 10, 64)
	m.Key, badKey = strconv.ParseInt(key, 10, 64)
	if err := errors.Join(badChange, badKey); err != nil {
		return m, fmt.Errorf("read how far usage was read: %w", err)
	}
	return m, nil
}

// SetUsageRead notes how far usage was read.
func (tx *Tx) SetUsageRead(ctx context.Context, m UsageMark) error {
	return tx.SetMeta(ctx, usageMark, fmt.Sprintf("%d:%d", m.Change, m.Key))
}

// RowsWithUsage lists rows beyond a mark, up to a change number, in which usage
// may stand. more says that further ones follow.
func (s *Store) RowsWithUsage(ctx context.Context, after UsageMark, until int64) (batch []Spoken, more bool, err error) {
	rows, err := s.reader.Query(ctx, `
		SELECT m.key, m.change, m.id, m.local_id, m.content, m.created_at, s.key, s.id, s.namespace, s.model, s.metadata
		FROM messages m JOIN sessions s ON s.key = m.session_key
		WHERE m.change >= $1 AND (m.change > $1 OR m.key > $2) AND m.change <= $3
			AND (instr(m.content, '"usage') > 0 OR instr(m.content, 'token_count') > 0)
		ORDER BY m.change, m.key LIMIT $4`, after.Change, after.Key, until, walkStep)
	if err != nil {
		return nil, false, explain(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	size := 0
	for rows.Next() {
		var m Spoken
		if err := rows.Scan(m.fields()...); err != nil {
			return nil, false, err
		}
		batch = append(batch, m)
		if size += len(m.Content); size >= walkBytes {
			return batch, true, nil
		}
	}
	return batch, len(batch) == walkStep, explain(rows.Err())
}

// UsageEvent is what one request to a model used.
type UsageEvent struct {
	Namespace  wire.Namespace
	Key        string
	SessionKey int64
	MessageKey int64
	At         wire.Millis
	Agent      string
	Model      string
	Tokens
	Requests int64
}

// AddUsage adds an event. If its key is known and replace is set, its counts
// replace the known ones; without, they stay. A model that was not known is
// filled in either way. It says whether the event is new.
func (tx *Tx) AddUsage(ctx context.Context, e *UsageEvent, replace bool) (added bool, err error) {
	res, err := tx.Exec(ctx, `
		INSERT INTO usage_events (namespace, key, session_key, message_key, at, agent, model, input, output, cache_read, cache_write, requests)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 WHERE EXISTS (SELECT 1 FROM sessions WHERE key = $3)
		ON CONFLICT DO NOTHING`,
		e.Namespace, e.Key, e.SessionKey, e.MessageKey, e.At, e.Agent, e.Model, e.Input, e.Output, e.CacheRead, e.CacheWrite, e.Requests)
	if err != nil {
		return false, fmt.Errorf("add usage: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return n > 0, err
	}
	_, err = tx.Exec(ctx, `UPDATE usage_events SET model = $3 WHERE namespace = $1 AND key = $2 AND model = ''`, e.Namespace, e.Key, e.Model)
	if err == nil && replace {
		_, err = tx.Exec(ctx, `
			UPDATE usage_events SET input = $3, output = $4, cache_read = $5, cache_write = $6 WHERE namespace = $1 AND key = $2`,
			e.Namespace, e.Key, e.Input, e.Output, e.CacheRead, e.CacheWrite)
	}
	if err != nil {
		return false, fmt.Errorf("replace usage: %w", err)
	}
	return false, nil
}

// UsageTotals gives the latest totals of a stream and puts new ones in their place.
func (tx *Tx) UsageTotals(ctx context.Context, ns wire.Namespace, stream string, next Tokens) (last Tokens, known bool, err error) {
	err = tx.QueryRow(ctx, `SELECT input, output, cache_read, cache_write FROM usage_totals WHERE namespace = $1 AND stream = $2`, ns, stream).
		Scan(&last.Input, &last.Output, &last.CacheRead, &last.CacheWrite)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return last, false, fmt.Errorf("read the totals of %s: %w", stream, err)
	}
	known = err == nil
	_, err = tx.Exec(ctx, `
		INSERT INTO usage_totals (namespace, stream, input, output, cache_read, cache_write) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO UPDATE SET input = $3, output = $4, cache_read = $5, cache_write = $6`,
		ns, stream, next.Input, next.Output, next.CacheRead, next.CacheWrite)
	if err != nil {
		return last, false, fmt.Errorf("note the totals of %s: %w", stream, err)
	}
	return last, known, nil
}

// OutputOfTurn sums the output that the session's requests reported since its
// last finished turn and before a row, and names the latest model.
func (tx *Tx) OutputOfTurn(ctx context.Context, session, before int64) (output int64, model string, err error) {
	err = tx.QueryRow(ctx, `
		SELECT coalesce(sum(output), 0), coalesce(max(CASE WHEN model <> '' THEN printf('%020d', message_key) || model END), '') FROM usage_events
		WHERE session_key = $1 AND requests > 0 AND message_key < $2
			AND message_key > (SELECT coalesce(max(message_key), 0) FROM usage_events WHERE session_key = $1 AND requests = 0 AND message_key < $2)`,
		session, before).Scan(&output, &model)
	if err != nil {
		return 0, "", fmt.Errorf("sum the turn: %w", err)
	}
	return output, model[min(20, len(model)):], nil
}

// MoveUsage gives the usage of one session to another, as when they are merged.
func (tx *Tx) MoveUsage(ctx context.Context, from, to wire.SessionID) error {
	_, err := tx.Exec(ctx, `
		UPDATE usage_events SET session_key = (SELECT key FROM sessions WHERE id = $2)
		WHERE session_key = (SELECT key FROM sessions WHERE id = $1)`, from, to)
	if err != nil {
		return fmt.Errorf("move usage: %w", err)
	}
	return nil
}

// usageSpan is the piece of time by which usage is summed: every zone's days
// begin at a multiple of it.
const usageSpan = 15 * 60 * 1000

// UsageSum is what one agent used of one model within a quarter of an hour.
type UsageSum struct {
	At    wire.Millis // the begin of the quarter
	Agent string
	Model string
	Tokens
	Uncached int64 // input that was not read from the cache, and output
	Requests int64
}

// SumUsage sums the namespace's usage since a time.
func (s *Store) SumUsage(ctx context.Context, ns wire.Namespace, since wire.Millis) ([]UsageSum, error) {
	rows, err := s.reader.Query(ctx, `
		SELECT at - at % $3, agent, model, sum(input), sum(output), sum(cache_read), sum(cache_write), sum(max(0, input - cache_read) + output), sum(requests)
		FROM usage_events WHERE namespace = $1 AND at >= $2
		GROUP BY 1, 2, 3 ORDER BY 1`, ns, since, usageSpan)
	return collect(rows, err, func(u *UsageSum) []any {
		return []any{&u.At, &u.Agent, &u.Model, &u.Input, &u.Output, &u.CacheRead, &u.CacheWrite, &u.Uncached, &u.Requests}
	})
}

// SessionsWithUsage counts the namespace's sessions that used something since a time.
func (s *Store) SessionsWithUsage(ctx context.Context, ns wire.Namespace, since wire.Millis) (n int64, err error) {
	err = s.reader.QueryRow(ctx, `SELECT count(DISTINCT session_key) FROM usage_events WHERE namespace = $1 AND at >= $2`, ns, since).Scan(&n)
	return n, explain(err)
}

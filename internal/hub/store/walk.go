package store

import (
	"context"
	"math"

	"hapi/internal/wire"
)

// walkStep is how many rows, and walkBytes how many bytes of content, a walk
// holds at a time.
const (
	walkStep  = 200
	walkBytes = 8 << 20
)

// Walk visits the rows of a session in the order of their positions, as they
// are when it begins. Few are held in memory at a time; the row is valid only
// within visit.
func (s *Store) Walk(ctx context.Context, q Querier, session wire.SessionID, visit func(*Message) error) error {
	until, any, _, err := s.Head(ctx, q, session)
	if err != nil || !any {
		return err
	}
	from := wire.Position{At: math.MinInt64}
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		rows, err := s.walkBatch(ctx, q, session, from, until)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			if err := visit(&rows[i]); err != nil {
				return err
			}
		}
		from = rows[len(rows)-1].Position()
	}
}

// ConversationSize is how many rows a walk visits at most, without prompts that wait, and
// how many bytes their contents have. No content is read for it.
func (s *Store) ConversationSize(ctx context.Context, q Querier, session wire.SessionID) (rows, bytes int64, err error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return 0, 0, err
	}
	err = q.QueryRow(ctx, `
		SELECT count(*), coalesce(sum(octet_length(content)), 0) FROM messages
		WHERE session_key = $1 AND invoked_at IS NOT NULL`, key).Scan(&rows, &bytes)
	return rows, bytes, explain(err)
}

// walkBatch reads on until it holds enough.
func (s *Store) walkBatch(ctx context.Context, q Querier, session wire.SessionID, from, until wire.Position) (batch []Message, err error) {
	key, err := s.sessionKey(ctx, q, session)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND (position, seq) > ($2, $3) AND (position, seq) <= ($4, $5)
		ORDER BY position, seq LIMIT $6`, key, from.At, from.Seq, until.At, until.Seq, walkStep)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	for size := 0; size < walkBytes && rows.Next(); {
		var m Message
		if err := rows.Scan(m.fields()...); err != nil {
			return nil, err
		}
		size += len(m.Content)
		batch = append(batch, m)
	}
	return batch, explain(rows.Err())
}

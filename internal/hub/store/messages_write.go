package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hapi/internal/wire"
)

// NewMessage is a row to insert. Without a LocalID it is born invoked.
type NewMessage struct {
	ID          wire.MessageID
	LocalID     *wire.LocalID
	ClientKey   string
	Content     json.RawMessage
	CreatedAt   wire.Millis
	ScheduledAt *wire.Millis
}

// head is the newest position of a session as the writer knows it, and its
// highest seq and epoch. It saves a query per append.
type head struct {
	maxSeq int64
	at     wire.Millis
	epoch  int64
	empty  bool
}

// ErrNoSession is what a statement about a session's rows gets when the
// session does not exist.
var ErrNoSession = errors.New("no such session")

// sessionKey is the session's row key. It never changes, so it is remembered.
func (s *Store) sessionKey(ctx context.Context, q Querier, id wire.SessionID) (int64, error) {
	if key, ok := s.keys.Load(id); ok {
		return key.(int64), nil
	}
	var key int64
	err := q.QueryRow(ctx, `SELECT key FROM sessions WHERE id = $1`, id).Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("session %s: %w", id, ErrNoSession)
	}
	if err != nil {
		return 0, fmt.Errorf("look up session %s: %w", id, explain(err))
	}
	if q == s.Reader() { // a transaction may still be undone
		s.keys.Store(id, key)
	}
	return key, nil
}

func (tx *Tx) head(ctx context.Context, key int64) (*head, error) {
	if h := tx.w.heads[key]; h != nil {
		return h, nil
	}
	h := &head{}
	var maxSeq sql.NullInt64
	if err := tx.QueryRow(ctx, `SELECT epoch, (SELECT max(seq) FROM messages WHERE session_key = $1) FROM sessions WHERE key = $1`, key).
		Scan(&h.epoch, &maxSeq); err != nil {
		return nil, fmt.Errorf("read the head: %w", err)
	}
	h.maxSeq, h.empty = maxSeq.Int64, !maxSeq.Valid
	if !h.empty {
		if err := tx.readHeadTime(ctx, key, h); err != nil {
			return nil, err
		}
	}
	tx.w.heads[key] = h
	return h, nil
}

func (tx *Tx) readHeadTime(ctx context.Context, key int64, h *head) error {
	err := tx.QueryRow(ctx, `SELECT position FROM messages WHERE session_key = $1 ORDER BY position DESC, seq DESC LIMIT 1`, key).Scan(&h.at)
	if errors.Is(err, sql.ErrNoRows) {
		h.at, h.empty = 0, true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the head: %w", err)
	}
	return nil
}

func (tx *Tx) bumpEpoch(ctx context.Context, key int64, h *head) error {
	h.epoch++
	_, err := tx.Exec(ctx, `UPDATE sessions SET epoch = $2 WHERE key = $1`, key, h.epoch)
	return err
}

// InsertMessage adds a row at the end of the session, unless its local id or
// client key is already known: then the stored row comes back and inserted is
// false. A row behind the head bumps the session's epoch (messages contract §2).
func (tx *Tx) InsertMessage(ctx context.Context, session wire.SessionID, n NewMessage) (row Message, inserted bool, err error) {
	key, err := tx.w.store.sessionKey(ctx, tx, session)
	if err != nil {
		return row, false, err
	}
	h, err := tx.head(ctx, key)
	if err != nil {
		return row, false, err
	}
	row = Message{
		ID: n.ID, Seq: h.maxSeq + 1, At: n.CreatedAt, LocalID: n.LocalID, Content: n.Content,
		CreatedAt: n.CreatedAt, ScheduledAt: n.ScheduledAt, State: wire.Queued,
	}
	var invoked any
	if n.LocalID == nil {
		row.InvokedAt = &row.CreatedAt
		invoked = int64(n.CreatedAt)
	}
	// The change number is taken before the outcome is known; a repeat leaves a
	// hole in the counter, which nobody minds.
	res, err := tx.Exec(ctx, `
		INSERT INTO messages (session_key, seq, position, id, local_id, client_key, content, created_at, invoked_at, scheduled_at, delivery_state, change, high)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', $11, $12)
		ON CONFLICT DO NOTHING`,
		key, row.Seq, int64(row.At), string(row.ID), nullable(n.LocalID), nullIfEmpty(n.ClientKey), string(n.Content),
		int64(row.CreatedAt), invoked, nullable(n.ScheduledAt), tx.Change(), int64(max(h.at, row.At)))
	if err != nil {
		return row, false, fmt.Errorf("insert message: %w", err)
	}
	if count, err := res.RowsAffected(); err != nil {
		return row, false, err
	} else if count == 0 {
		row, err = tx.knownMessage(ctx, key, n)
		return row, false, err
	}
	return row, true, tx.advanceHead(ctx, key, h, &row)
}

func (tx *Tx) advanceHead(ctx context.Context, key int64, h *head, row *Message) error {
	h.maxSeq = row.Seq
	if !h.empty && row.At < h.at {
		return tx.bumpEpoch(ctx, key, h)
	}
	h.at, h.empty = row.At, false
	return nil
}

func (tx *Tx) knownMessage(ctx context.Context, key int64, n NewMessage) (Message, error) {
	rows, err := readMessages(tx.Query(ctx, `
		SELECT `+messageColumns+` FROM messages
		WHERE session_key = $1 AND (local_id = $2 OR client_key = $3)
		LIMIT 1`, key, nullable(n.LocalID), nullIfEmpty(n.ClientKey)))
	if err != nil {
		return Message{}, fmt.Errorf("read the known message: %w", err)
	}
	if len(rows) == 0 {
		return Message{}, fmt.Errorf("insert message %s: its id or seq is taken", n.ID)
	}
	return rows[0], nil
}

// Consume stamps the listed rows as taken by the agent, if they were not, and
// gives each the next free seq, so that seq order follows the order in which
// the agent took them. steered says that they went into a running turn. It
// returns the rows it stamped.
func (tx *Tx) Consume(ctx context.Context, session wire.SessionID, ids []wire.LocalID, now wire.Millis, steered bool) ([]Message, error) {
	pending, err := tx.pendingByLocalID(ctx, session, ids)
	if err != nil {
		return nil, err
	}
	return tx.invoke(ctx, session, pending, now, steered)
}

// ConsumeQueued stamps every immediate queued row of the session, as when its
// process says goodbye and nobody is left to take them.
func (tx *Tx) ConsumeQueued(ctx context.Context, session wire.SessionID, now wire.Millis) ([]Message, error) {
	rows, err := tx.w.store.PendingMessages(ctx, tx, session)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(m Message) bool { return m.ScheduledAt != nil || m.State != wire.Queued })
	return tx.invoke(ctx, session, rows, now, false)
}

func (tx *Tx) pendingByLocalID(ctx context.Context, session wire.SessionID, ids []wire.LocalID) ([]Message, error) {
	pending, err := tx.w.store.PendingMessages(ctx, tx, session)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pending, func(m Message) bool { return !slices.Contains(ids, *m.LocalID) }), nil
}

func (tx *Tx) invoke(ctx context.Context, session wire.SessionID, rows []Message, now wire.Millis, steered bool) ([]Message, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	key, err := tx.w.store.sessionKey(ctx, tx, session)
	if err != nil {
		return nil, err
	}
	h, err := tx.head(ctx, key)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		old := rows[i].Seq
		rows[i].Seq, rows[i].At, rows[i].InvokedAt, rows[i].State = h.maxSeq+1, now, &now, wire.Queued
		rows[i].Steered = steered
		h.maxSeq, h.at = rows[i].Seq, max(h.at, now)
		if _, err := tx.Exec(ctx, `
			UPDATE messages SET seq = $3, position = $4, invoked_at = $4, delivery_state = 'queued', steered = $5, change = $6, high = $7
			WHERE session_key = $1 AND seq = $2`, key, old, rows[i].Seq, int64(now), steered, tx.Change(), int64(h.at)); err != nil {
			return nil, fmt.Errorf("mark message %s as taken: %w", rows[i].ID, err)
		}
	}
	return rows, nil
}

// SetDeliveryState moves uninvoked rows from one of the states in from to the
// state to, and returns the local ids of those that moved.
func (tx *Tx) SetDeliveryState(ctx context.Context, session wire.SessionID, ids []wire.LocalID, from []wire.DeliveryState, to wire.DeliveryState) ([]wire.LocalID, error) {
	key, err := tx.w.store.sessionKey(ctx, tx, session)
	if err != nil {
		return nil, err
	}
	pending, err := tx.pendingByLocalID(ctx, session, ids)
	if err != nil {
		return nil, err
	}
	var moved []wire.LocalID
	for _, m := range pending {
		if !slices.Contains(from, m.State) {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE messages SET delivery_state = $3, change = $4 WHERE session_key = $1 AND seq = $2`,
			key, m.Seq, string(to), tx.Change()); err != nil {
			return nil, fmt.Errorf("set the delivery state of %s: %w", m.ID, err)
		}
		moved = append(moved, *m.LocalID)
	}
	return moved, nil
}

// DeletePending deletes a row that is still not invoked, bumps the epoch and
// leaves a tombstone. It says whether there was such a row.
func (tx *Tx) DeletePending(ctx context.Context, ns wire.Namespace, session wire.SessionID, id wire.MessageID) (bool, error) {
	key, err := tx.w.store.sessionKey(ctx, tx, session)
	if err != nil {
		return false, err
	}
	var local wire.LocalID
	err = tx.QueryRow(ctx, `
		DELETE FROM messages WHERE session_key = $1 AND id = $2 AND local_id IS NOT NULL AND invoked_at IS NULL
		RETURNING local_id`, key, id).Scan(&local)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete message %s: %w", id, err)
	}
	h, err := tx.head(ctx, key)
	if err != nil {
		return false, err
	}
	if err := tx.readHeadTime(ctx, key, h); err != nil {
		return false, err
	}
	if err := tx.bumpEpoch(ctx, key, h); err != nil {
		return false, fmt.Errorf("bump the epoch: %w", err)
	}
	return true, tx.bury(ctx, tombstone{kind: tombMessage, ns: ns, session: session, message: id, local: local})
}

// RetireSnapshots deletes the live reasoning snapshots that row keep replaces:
// rows among the newest 50 with the same stream id that say live (messages
// contract §9.3). Only rows in which the stream id occurs are read in full.
func (tx *Tx) RetireSnapshots(ctx context.Context, session wire.SessionID, keep wire.MessageID, streamID string, isSnapshot func(content json.RawMessage) bool) error {
	key, err := tx.w.store.sessionKey(ctx, tx, session)
	if err != nil {
		return err
	}
	rows, err := readMessages(tx.Query(ctx, `
		SELECT `+messageColumns+` FROM (SELECT * FROM messages WHERE session_key = $1 ORDER BY seq DESC LIMIT 50)
		WHERE id <> $2 AND instr(content, $3) > 0`, key, keep, plainPart(streamID)))
	if err != nil {
		return fmt.Errorf("read the newest rows: %w", err)
	}
	for _, m := range rows {
		if !isSnapshot(m.Content) {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM messages WHERE session_key = $1 AND seq = $2`, key, m.Seq); err != nil {
			return fmt.Errorf("retire snapshot %s: %w", m.ID, err)
		}
	}
	return nil
}

// plainPart is the longest beginning of s that stands in JSON as it is.
func plainPart(s string) string {
	for i, c := range s {
		if c < 0x20 || c >= 0x7f || strings.ContainsRune(`"\\/<>&`, c) {
			return s[:i]
		}
	}
	return s
}

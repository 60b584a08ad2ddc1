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

// Message is a stored row of a conversation.
type Message struct {
	ID          wire.MessageID
	Seq         int64
	At          wire.Millis // its position's time: invokedAt, else createdAt
	LocalID     *wire.LocalID
	Content     json.RawMessage
	CreatedAt   wire.Millis
	InvokedAt   *wire.Millis
	ScheduledAt *wire.Millis
	State       wire.DeliveryState
	Steered     bool // it was handed into a running turn
}

// Position is where the row stands in the conversation.
func (m *Message) Position() wire.Position { return wire.Position{At: m.At, Seq: m.Seq} }

// Pending says whether the row is a prompt that the agent has not taken.
func (m *Message) Pending() bool { return m.LocalID != nil && m.InvokedAt == nil }

// Wire is the row as peers see it: an unsettled delivery shows as indeterminate.
func (m *Message) Wire() wire.Message {
	seq := m.Seq
	w := wire.Message{
		ID: m.ID, Seq: &seq, LocalID: m.LocalID, Content: m.Content,
		CreatedAt: m.CreatedAt, InvokedAt: m.InvokedAt, ScheduledAt: m.ScheduledAt, Steered: m.Steered,
	}
	if m.InvokedAt == nil && (m.State == wire.Dispatching || m.State == wire.Indeterminate) {
		w.DeliveryState = wire.Indeterminate
	}
	return w
}

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

// messageColumns are the columns that fields reads.
const messageColumns = `id, seq, position, local_id, content, created_at, invoked_at, scheduled_at, delivery_state, steered`

const messageWidth = 10

func (m *Message) fields() []any {
	return []any{&m.ID, &m.Seq, &m.At, &m.LocalID, (*[]byte)(&m.Content), &m.CreatedAt, &m.InvokedAt, &m.ScheduledAt, &m.State, &m.Steered}
}

// readMessages reads rows of messageColumns. Pages are the hub's
// busiest reads, so it takes the driver's values as they are: scanning into
// named types costs as much as SQLite does.
func readMessages(rows *sql.Rows, err error) ([]Message, error) {
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	var values, into [messageWidth]any
	for i := range values {
		into[i] = &values[i]
	}
	var out []Message
	var content arena
	for rows.Next() {
		if err := rows.Scan(into[:]...); err != nil {
			return nil, err
		}
		out = append(out, Message{})
		if err := out[len(out)-1].set(&values, &content); err != nil {
			return nil, err
		}
	}
	return out, explain(rows.Err())
}

// set takes the values of a row in the order of fields.
func (m *Message) set(v *[messageWidth]any, content *arena) error {
	id, ok0 := v[0].(string)
	seq, ok1 := v[1].(int64)
	at, ok2 := v[2].(int64)
	text, ok4 := v[4].(string)
	created, ok5 := v[5].(int64)
	state, ok8 := v[8].(string)
	steered, ok9 := v[9].(int64)
	if !ok0 || !ok1 || !ok2 || !ok4 || !ok5 || !ok8 || !ok9 {
		return fmt.Errorf("message row %v has a column of another type", v[0])
	}
	*m = Message{
		ID: wire.MessageID(id), Seq: seq, At: wire.Millis(at), Content: content.copy(text),
		CreatedAt: wire.Millis(created), State: wire.DeliveryState(state), Steered: steered != 0,
	}
	if local, ok := v[3].(string); ok {
		m.LocalID = (*wire.LocalID)(&local)
	}
	if invoked, ok := v[6].(int64); ok {
		m.InvokedAt = (*wire.Millis)(&invoked)
	}
	if scheduled, ok := v[7].(int64); ok {
		m.ScheduledAt = (*wire.Millis)(&scheduled)
	}
	return nil
}

// arena copies texts into chunks that they share.
type arena struct{ chunk []byte }

const (
	firstChunk = 4 << 10
	lastChunk  = 64 << 10
)

func (a *arena) copy(text string) []byte {
	if len(text) > cap(a.chunk)-len(a.chunk) {
		a.chunk = make([]byte, 0, max(len(text), firstChunk, min(2*cap(a.chunk), lastChunk)))
	}
	from := len(a.chunk)
	a.chunk = append(a.chunk, text...)
	return a.chunk[from:len(a.chunk):len(a.chunk)]
}

func nullable[T ~string | ~int64](v *T) any {
	if v == nil {
		return nil
	}
	switch x := any(*v).(type) {
	case wire.LocalID:
		return string(x)
	case wire.Millis:
		return int64(x)
	}
	return *v
}

func nullIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

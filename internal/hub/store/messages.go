package store

import (
	"database/sql"
	"encoding/json"
	"fmt"

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

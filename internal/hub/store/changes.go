package store

import (
	"context"
	"fmt"

	"hapi/internal/wire"
)

const (
	tombSession = "session"
	tombMessage = "message"
	tombHistory = "history" // nothing of it is known any more: load it anew
)

type tombstone struct {
	kind    string
	ns      wire.Namespace
	session wire.SessionID
	message wire.MessageID
	local   wire.LocalID
}

func (tx *Tx) bury(ctx context.Context, t tombstone) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO tombstones (change, kind, namespace, session_id, message_id, local_id) VALUES ($1, $2, $3, $4, $5, $6)`,
		tx.Change(), t.kind, t.ns, t.session, t.message, t.local)
	if err != nil {
		return fmt.Errorf("leave a tombstone: %w", err)
	}
	return nil
}

// Changes is what a client that saw everything up to a change number has
// missed, as the present state of the rows concerned.
type Changes struct {
	Sessions  []wire.SessionID // changed or made; some may be gone by now
	Machines  []wire.MachineID
	Messages  []ChangedMessage
	Removed   []wire.SessionID
	Deleted   []DeletedMessage
	Notes     []ChangedNotes
	Rewritten []wire.SessionID // their history changed as a whole
	// TooMany says that there is more than the bound; the lists are then incomplete.
	TooMany bool
}

// ChangedMessage is a message that was made or changed.
type ChangedMessage struct {
	Session wire.SessionID
	Message
}

// DeletedMessage is a prompt that was cancelled.
type DeletedMessage struct {
	Session wire.SessionID
	ID      wire.MessageID
	LocalID wire.LocalID
}

// ChangeScope says whose changes are asked for: all of a namespace, or those of
// one session or one machine in it.
type ChangeScope struct {
	Namespace wire.Namespace
	All       bool
	Session   wire.SessionID
	Machine   wire.MachineID
}

// Bounds of what ChangesSince lists. Beyond them a client reloads faster than
// it would replay.
const (
	MaxChangedRows  = 2000
	MaxChangedBytes = 4 << 20
)

// ChangesSince lists what changed after the number since.
func (s *Store) ChangesSince(ctx context.Context, q Querier, scope ChangeScope, since int64) (Changes, error) {
	var c Changes
	var err error
	all := 0
	if scope.All {
		all = 1
	}
	if c.Sessions, err = ids[wire.SessionID](ctx, q, `
		SELECT id FROM sessions WHERE change > $1 AND namespace = $2 AND ($3 = 1 OR id = $4) ORDER BY change LIMIT $5`,
		since, scope.Namespace, all, scope.Session, MaxChangedRows+1); err != nil {
		return c, fmt.Errorf("list changed sessions: %w", err)
	}
	if c.Machines, err = ids[wire.MachineID](ctx, q, `
		SELECT id FROM machines WHERE change > $1 AND namespace = $2 AND ($3 = 1 OR id = $4) ORDER BY change LIMIT $5`,
		since, scope.Namespace, all, scope.Machine, MaxChangedRows+1); err != nil {
		return c, fmt.Errorf("list changed machines: %w", err)
	}
	rows, err := q.Query(ctx, `
		SELECT s.id, m.id, m.seq, m.position, m.local_id, m.content, m.created_at, m.invoked_at, m.scheduled_at, m.delivery_state, m.steered
		FROM messages m JOIN sessions s ON s.key = m.session_key
		WHERE m.change > $1 AND s.namespace = $2 AND ($3 = 1 OR s.id = $4)
		ORDER BY m.change, m.key LIMIT $5`, since, scope.Namespace, all, scope.Session, MaxChangedRows+1)
	if c.Messages, err = collect(rows, err, func(m *ChangedMessage) []any {
		return append([]any{&m.Session}, m.Message.fields()...)
	}); err != nil {
		return c, fmt.Errorf("list changed messages: %w", err)
	}
	if c.Notes, err = s.notesSince(ctx, q, scope, since, all); err != nil {
		return c, err
	}
	if err := s.readTombstones(ctx, q, scope, since, all, &c); err != nil {
		return c, err
	}
	c.TooMany = c.tooMany()
	return c, nil
}

func (s *Store) readTombstones(ctx context.Context, q Querier, scope ChangeScope, since int64, all int, c *Changes) error {
	rows, err := q.Query(ctx, `
		SELECT kind, session_id, message_id, local_id FROM tombstones
		WHERE change > $1 AND namespace = $2 AND ($3 = 1 OR session_id = $4)
		ORDER BY change LIMIT $5`, since, scope.Namespace, all, scope.Session, MaxChangedRows+1)
	graves, err := collect(rows, err, func(t *tombstone) []any { return []any{&t.kind, &t.session, &t.message, &t.local} })
	if err != nil {
		return fmt.Errorf("list tombstones: %w", err)
	}
	for _, t := range graves {
		switch t.kind {
		case tombSession:
			c.Removed = append(c.Removed, t.session)
		case tombHistory:
			c.Rewritten = append(c.Rewritten, t.session)
		default:
			c.Deleted = append(c.Deleted, DeletedMessage{t.session, t.message, t.local})
		}
	}
	return nil
}

func (c *Changes) tooMany() bool {
	rows := len(c.Sessions) + len(c.Machines) + len(c.Messages) + len(c.Removed) + len(c.Deleted) + len(c.Notes) + len(c.Rewritten)
	bytes := 0
	for i := range c.Messages {
		bytes += len(c.Messages[i].Content)
	}
	return rows > MaxChangedRows || bytes > MaxChangedBytes
}

func ids[T ~string](ctx context.Context, q Querier, query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	return collect(rows, err, func(id *T) []any { return []any{id} })
}

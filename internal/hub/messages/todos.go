package messages

import (
	"context"
	"fmt"
	"slices"

	"hapi/internal/hub/extract"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// todosRead names the mark that says that rows which were stored before the hub
// read todo lists out of them have been looked at.
const todosRead = "todos_read"

const (
	// scannedForTodos is how many of a session's newest rows are looked at, and
	// scanStep how many are held in memory at a time.
	scannedForTodos = 200
	scanStep        = 20
)

// backfillTodos looks once for the todo lists of sessions that have none.
func (s *Service) backfillTodos(ctx context.Context) error {
	_, done, err := s.store.Meta(ctx, todosRead)
	if err != nil || done {
		return err
	}
	for _, id := range s.sessions.WithoutTodos() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.backfillTodosOf(ctx, id); err != nil {
			return fmt.Errorf("look for the todos of %s: %w", id, err)
		}
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.SetMeta(ctx, todosRead, "1") })
}

func (s *Service) backfillTodosOf(ctx context.Context, id wire.SessionID) error {
	found, err := s.newestTodos(ctx, id)
	if err != nil || len(found.Todos) == 0 {
		return err
	}
	var applied func()
	return s.store.WriteJob(ctx, store.Job{
		Do: func(tx *store.Tx) (err error) {
			applied, err = s.sessions.Derive(ctx, tx, id, &found.Findings, found.at)
			return err
		},
		Applied: func() { applied() },
	})
}

func (s *Service) newestTodos(ctx context.Context, id wire.SessionID) (found todoSteps, err error) {
	before := int64(maxSeq)
	for n := 0; n < scannedForTodos; n += scanStep {
		rows, err := s.store.MessagesBySeq(ctx, s.store.Reader(), id, before, scanStep)
		if err != nil || len(rows) == 0 {
			return found, err
		}
		before = rows[len(rows)-1].Seq
		slices.Reverse(rows)
		var older todoSteps
		for i := range rows {
			older.add(&rows[i])
		}
		found.Todos, found.at = append(older.Todos, found.Todos...), max(found.at, older.at)
	}
	return found, nil
}

// todoSteps are the changes to a todo list in the order in which rows made them.
type todoSteps struct {
	extract.Findings
	at wire.Millis // of the last row
}

func (t *todoSteps) add(m *store.Message) {
	if f := look(m.Content); !f.agent && !f.assistant {
		return
	}
	if f := extract.From(m.Content); len(f.Todos) > 0 {
		t.Todos, t.at = append(t.Todos, f.Todos...), m.CreatedAt
	}
}

// RebuildTodos makes the session's todo list anew from its whole conversation,
// as after its history was changed. It runs in the caller's transaction; applied
// belongs into the job's Applied.
func (s *Service) RebuildTodos(ctx context.Context, tx *store.Tx, id wire.SessionID) (applied func(), err error) {
	var found todoSteps
	err = s.store.Walk(ctx, tx, id, func(m *store.Message) error { found.add(m); return nil })
	if err != nil {
		return nil, fmt.Errorf("rebuild the todos of %s: %w", id, err)
	}
	return s.sessions.ReplaceTodos(ctx, tx, id, found.Todos)
}

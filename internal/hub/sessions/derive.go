package sessions

import (
	"context"
	"encoding/json"
	"strings"

	"hapi/internal/hub/extract"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// reordering is how far behind the stored state a row may lie that changes one
// item of it. Rows of a burst share a millisecond, so each change raises the
// version above the last.
const reordering = wire.Millis(1000)

// Derive takes over what a row of the conversation, said at a time, says about
// its session. It runs in the caller's transaction; applied belongs into the
// job's Applied.
func (s *Service) Derive(ctx context.Context, tx *store.Tx, id wire.SessionID, f *extract.Findings, at wire.Millis) (applied func(), err error) {
	j := s.job(ctx, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if row == nil {
			return false, nil
		}
		changed := deriveTodos(tx, row, f.Todos, at)
		changed = deriveTeam(tx, row, f.Team, at) || changed
		changed = deriveBackground(tx, row, f.Background) || changed
		if changed {
			row.Seq++
		}
		return changed, nil
	})
	return j.Applied, j.Do(tx)
}

// newer is the version of a value that a row said at a time replaces or
// changes; ok is false if the row is older than what is stored.
func newer(stored, at wire.Millis, replaces bool) (version wire.Millis, ok bool) {
	if replaces {
		return at, at > stored
	}
	return max(at, stored+1), at+reordering > stored
}

func deriveTodos(tx *store.Tx, row *store.Session, steps []extract.TodoStep, at wire.Millis) bool {
	if len(steps) == 0 {
		return false
	}
	version, ok := newer(row.TodosUpdatedAt, at, extract.Replaces(steps))
	if !ok {
		return false
	}
	todos, changed := extract.ApplyTodos(row.Todos, steps)
	if !changed {
		return false
	}
	row.Todos, row.TodosUpdatedAt = todos, version
	tx.Announce(todosEvent(row))
	return true
}

func todosEvent(row *store.Session) wire.Event {
	return patchEvent(row.Namespace, row.ID, wire.SessionPatch{
		Todos: &wire.Versioned{Version: int64(row.TodosUpdatedAt), Value: row.Todos}, UpdatedAt: &row.UpdatedAt,
	})
}

// ReplaceTodos makes the todo list anew from the steps, also when they are none.
// Its version rises above all earlier ones, so that a patch that was delayed
// cannot bring the old list back.
func (s *Service) ReplaceTodos(ctx context.Context, tx *store.Tx, id wire.SessionID, steps []extract.TodoStep) (applied func(), err error) {
	j := s.job(ctx, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if row == nil || row.TodosUpdatedAt == 0 && len(steps) == 0 {
			return false, nil
		}
		list, changed := extract.ApplyTodos(nil, steps)
		if !changed {
			list = json.RawMessage("[]")
		}
		row.Todos, row.TodosUpdatedAt = list, max(row.TodosUpdatedAt+1, wire.At(s.now()))
		row.Seq++
		tx.Announce(todosEvent(row))
		return true, nil
	})
	return j.Applied, j.Do(tx)
}

// WithoutTodos lists the sessions that never had a todo list.
func (s *Service) WithoutTodos() []wire.SessionID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var ids []wire.SessionID
	for id, e := range s.all {
		if e.row.Todos == nil && e.row.TodosUpdatedAt == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func deriveTeam(tx *store.Tx, row *store.Session, steps []extract.TeamStep, at wire.Millis) bool {
	if len(steps) == 0 {
		return false
	}
	version, ok := newer(row.TeamStateUpdatedAt, at, extract.StartsOrEndsTeam(steps))
	if !ok {
		return false
	}
	team, changed := extract.ApplyTeam(row.TeamState, steps, at)
	if !changed {
		return false
	}
	row.TeamState, row.TeamStateUpdatedAt = team, version
	tx.Announce(patchEvent(row.Namespace, row.ID, wire.SessionPatch{
		TeamState: &wire.Versioned{Version: int64(version), Value: orNull(team)}, UpdatedAt: &row.UpdatedAt,
	}))
	return true
}

// deriveBackground keeps the ids, so that a repeated word counts once and a
// restart of the hub forgets nothing.
func deriveBackground(tx *store.Tx, row *store.Session, steps []extract.BackgroundStep) bool {
	if len(steps) == 0 {
		return false
	}
	running := extract.ApplyBackground(strings.Fields(row.BackgroundTasks), steps)
	tasks := strings.Join(running, " ")
	if tasks == row.BackgroundTasks {
		return false
	}
	row.BackgroundTasks = tasks
	count := len(running)
	tx.Announce(patchEvent(row.Namespace, row.ID, wire.SessionPatch{BackgroundTaskCount: &count}))
	return true
}

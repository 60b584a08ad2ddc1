package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"hapi/internal/wire"
)

// Session is a stored session. What only lives while the hub runs (thinking,
// the running turn, modes) is not here.
type Session struct {
	ID                   wire.SessionID
	Namespace            wire.Namespace
	Tag                  string
	Seq                  int64
	CreatedAt            wire.Millis
	UpdatedAt            wire.Millis
	Active               bool
	ActiveAt             wire.Millis
	Metadata             json.RawMessage // as the peer wrote it; nil for null
	MetadataVersion      int64
	AgentState           json.RawMessage
	AgentStateVersion    int64
	Todos                json.RawMessage
	TodosUpdatedAt       wire.Millis
	TeamState            json.RawMessage
	TeamStateUpdatedAt   wire.Millis
	Model                *string
	ModelReasoningEffort *string
	Effort               *string
	ServiceTier          *string
	Pin                  string // none, project or global
	BackgroundTasks      string // ids of the commands that run in the background, separated by spaces
}

const sessionColumns = `id, namespace, tag, seq, created_at, updated_at, active, active_at,
	metadata, metadata_version, agent_state, agent_state_version, todos, todos_updated_at, team_state, team_state_updated_at,
	model, model_reasoning_effort, effort, service_tier, pin, background_tasks`

func (s *Session) fields() []any {
	return []any{
		&s.ID, &s.Namespace, &s.Tag, &s.Seq, &s.CreatedAt, &s.UpdatedAt, &s.Active, &s.ActiveAt,
		(*[]byte)(&s.Metadata), &s.MetadataVersion, (*[]byte)(&s.AgentState), &s.AgentStateVersion,
		(*[]byte)(&s.Todos), &s.TodosUpdatedAt, (*[]byte)(&s.TeamState), &s.TeamStateUpdatedAt,
		&s.Model, &s.ModelReasoningEffort, &s.Effort, &s.ServiceTier, &s.Pin, &s.BackgroundTasks,
	}
}

// Sessions lists all sessions.
func (s *Store) Sessions(ctx context.Context, q Querier) ([]Session, error) {
	rows, err := q.Query(ctx, `SELECT `+sessionColumns+` FROM sessions ORDER BY created_at`)
	return collect(rows, err, (*Session).fields)
}

// SessionByTag finds the newest session with the tag in the namespace.
func (s *Store) SessionByTag(ctx context.Context, q Querier, ns wire.Namespace, tag string) (Session, bool, error) {
	rows, err := q.Query(ctx, `SELECT `+sessionColumns+` FROM sessions WHERE namespace = $1 AND tag = $2`, ns, tag)
	return one(collect(rows, err, (*Session).fields))
}

// SessionByID finds a session in any namespace.
func (s *Store) SessionByID(ctx context.Context, q Querier, id wire.SessionID) (Session, bool, error) {
	rows, err := q.Query(ctx, `SELECT `+sessionColumns+` FROM sessions WHERE id = $1`, id)
	return one(collect(rows, err, (*Session).fields))
}

// InsertSession adds a session, one in a transaction. Its key is the number of
// the change that makes it, so that no later session ever has it again.
func (tx *Tx) InsertSession(ctx context.Context, s *Session) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO sessions (key, id, namespace, tag, created_at, updated_at, active_at, metadata, agent_state, model, model_reasoning_effort, effort, change)
		VALUES ($12, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		s.ID, s.Namespace, s.Tag, s.CreatedAt, s.UpdatedAt, s.ActiveAt, text(s.Metadata), text(s.AgentState),
		s.Model, s.ModelReasoningEffort, s.Effort, tx.Change())
	if err != nil {
		return fmt.Errorf("insert session %s: %w", s.ID, err)
	}
	return nil
}

// UpdateSession writes every column of s that can change.
func (tx *Tx) UpdateSession(ctx context.Context, s *Session) error {
	res, err := tx.Exec(ctx, `
		UPDATE sessions SET seq = $2, updated_at = $3, active = $4, active_at = $5,
			metadata = $6, metadata_version = $7, agent_state = $8, agent_state_version = $9,
			todos = $10, todos_updated_at = $11, team_state = $12, team_state_updated_at = $13,
			model = $14, model_reasoning_effort = $15, effort = $16, service_tier = $17, pin = $18, background_tasks = $19, change = $20
		WHERE id = $1`,
		s.ID, s.Seq, s.UpdatedAt, s.Active, s.ActiveAt, text(s.Metadata), s.MetadataVersion, text(s.AgentState), s.AgentStateVersion,
		text(s.Todos), s.TodosUpdatedAt, text(s.TeamState), s.TeamStateUpdatedAt,
		s.Model, s.ModelReasoningEffort, s.Effort, s.ServiceTier, s.Pin, s.BackgroundTasks, tx.Change())
	if err != nil {
		return fmt.Errorf("update session %s: %w", s.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("update session %s: %w", s.ID, ErrNoSession), err)
	}
	return nil
}

// DeactivateSessions marks every session inactive: none has been heard of since
// the hub started.
func (tx *Tx) DeactivateSessions(ctx context.Context) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM sessions WHERE active = 1`).Scan(&n); err != nil || n == 0 {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE sessions SET active = 0, change = $1 WHERE active = 1`, tx.Change())
	return err
}

func one[T any](list []T, err error) (T, bool, error) {
	var zero T
	if err != nil || len(list) == 0 {
		return zero, false, err
	}
	return list[0], true, nil
}

func text(raw json.RawMessage) sql.NullString {
	return sql.NullString{String: string(raw), Valid: raw != nil}
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"hapi/internal/wire"
)

// Machine is a stored machine.
type Machine struct {
	ID                 wire.MachineID
	Namespace          wire.Namespace
	Seq                int64
	CreatedAt          wire.Millis
	UpdatedAt          wire.Millis
	Active             bool
	ActiveAt           wire.Millis
	Metadata           json.RawMessage
	MetadataVersion    int64
	RunnerState        json.RawMessage
	RunnerStateVersion int64
}

func (m *Machine) fields() []any {
	return []any{
		&m.ID, &m.Namespace, &m.Seq, &m.CreatedAt, &m.UpdatedAt, &m.Active, &m.ActiveAt,
		(*[]byte)(&m.Metadata), &m.MetadataVersion, (*[]byte)(&m.RunnerState), &m.RunnerStateVersion,
	}
}

// Machines lists all machines.
func (s *Store) Machines(ctx context.Context, q Querier) ([]Machine, error) {
	rows, err := q.Query(ctx, `
		SELECT id, namespace, seq, created_at, updated_at, active, active_at, metadata, metadata_version, runner_state, runner_state_version
		FROM machines ORDER BY created_at`)
	return collect(rows, err, (*Machine).fields)
}

// MachineByID finds a machine.
func (s *Store) MachineByID(ctx context.Context, q Querier, id wire.MachineID) (m Machine, ok bool, err error) {
	err = q.QueryRow(ctx, `
		SELECT id, namespace, seq, created_at, updated_at, active, active_at, metadata, metadata_version, runner_state, runner_state_version
		FROM machines WHERE id = $1`, id).Scan(m.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return m, false, nil
	}
	return m, err == nil, err
}

// PutMachine writes m, new or known.
func (tx *Tx) PutMachine(ctx context.Context, m *Machine) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO machines (id, namespace, seq, created_at, updated_at, active, active_at, metadata, metadata_version, runner_state, runner_state_version, change)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at, active = excluded.active, active_at = excluded.active_at,
			metadata = excluded.metadata, metadata_version = excluded.metadata_version,
			runner_state = excluded.runner_state, runner_state_version = excluded.runner_state_version, change = excluded.change`,
		m.ID, m.Namespace, m.Seq, m.CreatedAt, m.UpdatedAt, m.Active, m.ActiveAt, text(m.Metadata), m.MetadataVersion, text(m.RunnerState), m.RunnerStateVersion, tx.Change())
	if err != nil {
		return fmt.Errorf("write machine %s: %w", m.ID, err)
	}
	return nil
}

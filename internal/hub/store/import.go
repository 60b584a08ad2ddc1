package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"hapi/internal/wire"
)

// ErrReference says that a database is one of HAPI's own hub, not ours.
var ErrReference = errors.New("it is a database of the HAPI hub that came before; `hapi hub import` takes its content over and keeps the file")

// ImportedMessage is a row of another hub's conversation, with its history.
type ImportedMessage struct {
	ID          wire.MessageID
	LocalID     *wire.LocalID
	Content     json.RawMessage
	CreatedAt   wire.Millis
	InvokedAt   *wire.Millis
	ScheduledAt *wire.Millis
	State       wire.DeliveryState
}

// ImportSession adds a session with everything it carries, unless its id is
// known; then it says so and changes nothing.
func (tx *Tx) ImportSession(ctx context.Context, s *Session, epoch int64) (added bool, err error) {
	_, known, err := tx.w.store.SessionByID(ctx, tx, s.ID)
	if err != nil || known {
		return false, err
	}
	if err := tx.InsertSession(ctx, s); err != nil {
		return false, err
	}
	if err := tx.UpdateSession(ctx, s); err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, `UPDATE sessions SET epoch = $2 WHERE id = $1`, s.ID, epoch); err != nil {
		return false, fmt.Errorf("import session %s: %w", s.ID, err)
	}
	return true, nil
}

// ImportMessages adds the rows of a conversation that are not known by their
// id, numbers the conversation by position and tells clients to load anew. It
// gives how many were added. next gives row after row, and false at the end.
func (tx *Tx) ImportMessages(ctx context.Context, ns wire.Namespace, session wire.SessionID, next func() (m ImportedMessage, ok bool, err error)) (added int64, err error) {
	key, err := tx.w.store.sessionKey(ctx, tx, session)
	if err != nil {
		return 0, err
	}
	// Numbered below all that are there: nothing collides, and renumber keeps the
	// order of rows at one position.
	for seq := int64(-2_000_000_000_000); ; seq++ {
		m, ok, err := next()
		if err != nil {
			return added, err
		}
		if !ok {
			break
		}
		n, err := tx.importMessage(ctx, key, seq, &m)
		if err != nil {
			return added, fmt.Errorf("import message %s: %w", m.ID, err)
		}
		added += n
	}
	if added == 0 {
		return 0, nil
	}
	if err := tx.renumber(ctx, key); err != nil {
		return added, err
	}
	return added, tx.historyChanged(ctx, ns, session, key)
}

func (tx *Tx) importMessage(ctx context.Context, key, seq int64, m *ImportedMessage) (int64, error) {
	at := m.CreatedAt
	if m.InvokedAt != nil {
		at = *m.InvokedAt
	}
	res, err := tx.Exec(ctx, `
		INSERT INTO messages (session_key, seq, position, id, local_id, content, created_at, invoked_at, scheduled_at, delivery_state, change, high)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)
		ON CONFLICT DO NOTHING`,
		key, seq, int64(at), string(m.ID), nullable(m.LocalID), string(m.Content), int64(m.CreatedAt), nullable(m.InvokedAt),
		nullable(m.ScheduledAt), string(m.State), tx.Change())
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// ImportMachine adds a machine that is not known.
func (tx *Tx) ImportMachine(ctx context.Context, m *Machine) (added bool, err error) {
	_, known, err := tx.w.store.MachineByID(ctx, tx, m.ID)
	if err != nil || known {
		return false, err
	}
	return true, tx.PutMachine(ctx, m)
}

// ImportNote adds a note that is not known.
func (tx *Tx) ImportNote(ctx context.Context, session wire.SessionID, e *wire.ScratchlistEntry) (added bool, err error) {
	key, err := tx.w.store.sessionKey(ctx, tx, session)
	if err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, `SELECT 1 FROM scratchlist WHERE session_key = $1 AND entry_id = $2`, key, e.EntryID).Scan(new(int))
	if !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	return true, tx.w.store.PutScratchlistEntry(ctx, tx, session, e)
}

// ImportSubscription adds a browser that is not known.
func (tx *Tx) ImportSubscription(ctx context.Context, ns wire.Namespace, p *wire.PushSubscription, at wire.Millis) (added bool, err error) {
	err = tx.QueryRow(ctx, `SELECT 1 FROM push_subscriptions WHERE namespace = $1 AND endpoint = $2`, ns, p.Endpoint).Scan(new(int))
	if !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	return true, tx.PutPushSubscription(ctx, ns, p, at)
}

// ImportDevice adds a native app that is not known.
func (tx *Tx) ImportDevice(ctx context.Context, ns wire.Namespace, d *wire.Device, at wire.Millis) (added bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT 1 FROM devices WHERE token = $1 OR (namespace = $2 AND device_id = $3 AND platform = $4)`, d.Token, ns, d.DeviceID, d.Platform).Scan(new(int))
	if !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	return true, tx.PutDevice(ctx, ns, d, at)
}

// ImportUser adds a person of another platform who is not known.
func (tx *Tx) ImportUser(ctx context.Context, platform, id string, ns wire.Namespace, at wire.Millis) (added bool, err error) {
	res, err := tx.Exec(ctx, `
		INSERT INTO users (platform, platform_user_id, namespace, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, platform, id, ns, at)
	if err != nil {
		return false, fmt.Errorf("import a user: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

package importer

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// contentLimit is how large one message may become when it is unpacked.
const contentLimit = 256 << 20

var unpacker = newUnpacker()

func newUnpacker() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(contentLimit), zstd.WithDecoderConcurrency(1))
	if err != nil { // the options are constants
		panic(err)
	}
	return d
}

// messages imports the rows of a session in the order of the conversation.
func (r *run) messages(ctx context.Context, tx *store.Tx, ns wire.Namespace, id wire.SessionID) error {
	invoked := "created_at"
	if r.from.columns["messages"]["invoked_at"] {
		invoked = "coalesce(invoked_at, created_at)"
	}
	rows, err := r.from.db.QueryContext(ctx, r.from.choose("messages", "WHERE session_id = $1 ORDER BY "+invoked+", seq",
		[2]string{"id"}, [2]string{"content"}, [2]string{"created_at"}, [2]string{"local_id", "NULL"}, [2]string{"invoked_at", "created_at"},
		[2]string{"scheduled_at", "NULL"}, [2]string{"delivery_state", "'queued'"}), id)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	usable := int64(0)
	added, err := tx.ImportMessages(ctx, ns, id, func() (m store.ImportedMessage, ok bool, err error) {
		for rows.Next() {
			var content any
			if err := rows.Scan(&m.ID, &content, &m.CreatedAt, &m.LocalID, &m.InvokedAt, &m.ScheduledAt, &m.State); err != nil {
				return m, false, err
			}
			r.report.Messages.Found++
			if m.Content, err = decode(content); err != nil {
				r.skip(&r.report.Messages, "message %s of session %s: %v", m.ID, id, err)
				continue
			}
			if m.LocalID == nil && m.InvokedAt == nil { // nothing could ever take it
				m.InvokedAt = &m.CreatedAt
			}
			usable++
			return m, true, nil
		}
		return m, false, rows.Err()
	})
	if err != nil {
		return err
	}
	r.report.Messages.Added += added
	r.report.Messages.Known += usable - added
	return nil
}

// decode reads a message's content: JSON as text, or packed with zstd.
func decode(content any) (json.RawMessage, error) {
	var raw []byte
	switch c := content.(type) {
	case string:
		raw = []byte(c)
	case []byte:
		unpacked, err := unpacker.DecodeAll(c, nil)
		if err != nil {
			return nil, fmt.Errorf("its content cannot be unpacked: %w", err)
		}
		raw = unpacked
	default:
		return nil, errors.New("it has no content")
	}
	if !json.Valid(raw) {
		return nil, errors.New("its content is not JSON")
	}
	return raw, nil
}

// machines imports the machines.
func (r *run) machines(ctx context.Context) error {
	if r.from.columns["machines"] == nil {
		return nil
	}
	rows, err := r.from.db.QueryContext(ctx, r.from.choose("machines", "ORDER BY created_at",
		[2]string{"id"}, [2]string{"namespace", "'default'"}, [2]string{"seq", "0"}, [2]string{"created_at"}, [2]string{"updated_at"}, [2]string{"active_at", "NULL"},
		[2]string{"metadata", "NULL"}, [2]string{"metadata_version", "1"}, [2]string{"runner_state", "NULL"}, [2]string{"runner_state_version", "1"}))
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var m store.Machine
		var metadata, state sql.NullString
		var activeAt, seq, metadataVersion, stateVersion sql.NullInt64
		if err := rows.Scan(&m.ID, &m.Namespace, &seq, &m.CreatedAt, &m.UpdatedAt, &activeAt, &metadata, &metadataVersion, &state, &stateVersion); err != nil {
			return err
		}
		r.report.Machines.Found++
		m.Seq, m.ActiveAt = seq.Int64, wire.Millis(activeAt.Int64)
		m.MetadataVersion, m.RunnerStateVersion = max(metadataVersion.Int64, 1), max(stateVersion.Int64, 1)
		for from, into := range map[*sql.NullString]*json.RawMessage{&metadata: &m.Metadata, &state: &m.RunnerState} {
			if from.Valid && from.String != "null" && json.Valid([]byte(from.String)) {
				*into = json.RawMessage(from.String)
			}
		}
		return r.write(ctx, &r.report.Machines, func(tx *store.Tx) (bool, error) { return tx.ImportMachine(ctx, &m) })
	})
}

// each calls row for every row.
func each(rows *sql.Rows, row func() error) error {
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	for rows.Next() {
		if err := row(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// write runs one insert and counts its outcome.
func (r *run) write(ctx context.Context, c *Counts, insert func(tx *store.Tx) (bool, error)) error {
	var added bool
	err := r.into.Write(ctx, func(tx *store.Tx) (err error) {
		added, err = insert(tx)
		return err
	})
	if err == nil {
		c.count(added)
	}
	return err
}

package importer

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// sessions imports the sessions with all that belongs to them.
func (r *run) sessions(ctx context.Context, progress func(done, all int64)) error {
	rows, err := r.readSessions(ctx)
	if err != nil {
		return err
	}
	for n := range rows {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := r.session(ctx, &rows[n]); err != nil {
			return fmt.Errorf("session %s: %w", rows[n].ID, err)
		}
		if progress != nil {
			progress(int64(n+1), int64(len(rows)))
		}
	}
	return nil
}

type sourceSession struct {
	store.Session
	epoch int64
}

func (r *run) readSessions(ctx context.Context) ([]sourceSession, error) {
	rows, err := r.from.db.QueryContext(ctx, r.from.choose("sessions", "ORDER BY created_at",
		[2]string{"id"}, [2]string{"tag", "NULL"}, [2]string{"namespace", "'default'"}, [2]string{"seq", "0"}, [2]string{"created_at"}, [2]string{"updated_at"},
		[2]string{"active_at", "NULL"}, [2]string{"metadata", "NULL"}, [2]string{"metadata_version", "1"}, [2]string{"agent_state", "NULL"},
		[2]string{"agent_state_version", "1"}, [2]string{"todos", "NULL"}, [2]string{"todos_updated_at", "NULL"}, [2]string{"team_state", "NULL"},
		[2]string{"team_state_updated_at", "NULL"}, [2]string{"model", "NULL"}, [2]string{"model_reasoning_effort", "NULL"}, [2]string{"effort", "NULL"},
		[2]string{"service_tier", "NULL"}, [2]string{"pinned", "0"}, [2]string{"global_pinned", "0"}))
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	var all []sourceSession
	for rows.Next() {
		var s sourceSession
		var tag, metadata, state, todos, team sql.NullString
		var activeAt, todosAt, teamAt, seq, metadataVersion, stateVersion sql.NullInt64
		var pinned, global bool
		if err := rows.Scan(&s.ID, &tag, &s.Namespace, &seq, &s.CreatedAt, &s.UpdatedAt, &activeAt, &metadata, &metadataVersion, &state,
			&stateVersion, &todos, &todosAt, &team, &teamAt, &s.Model, &s.ModelReasoningEffort, &s.Effort, &s.ServiceTier, &pinned, &global); err != nil {
			return nil, err
		}
		r.report.Sessions.Found++
		if err := unusable(string(s.Namespace)); err != nil || s.ID == "" {
			r.skip(&r.report.Sessions, "session %q: %v", s.ID, err)
			continue
		}
		s.Tag, s.Seq, s.Pin = tag.String, seq.Int64, "none"
		if s.Tag == "" {
			s.Tag = "imported:" + string(s.ID)
		}
		s.ActiveAt = max(wire.Millis(activeAt.Int64), s.CreatedAt)
		s.MetadataVersion, s.AgentStateVersion = max(metadataVersion.Int64, 1), max(stateVersion.Int64, 1)
		s.TodosUpdatedAt, s.TeamStateUpdatedAt = wire.Millis(todosAt.Int64), wire.Millis(teamAt.Int64)
		for _, field := range []struct {
			name string
			from sql.NullString
			into *json.RawMessage
		}{{"metadata", metadata, &s.Metadata}, {"agent state", state, &s.AgentState}, {"todos", todos, &s.Todos}, {"team", team, &s.TeamState}} {
			switch {
			case !field.from.Valid || field.from.String == "null":
			case json.Valid([]byte(field.from.String)):
				*field.into = json.RawMessage(field.from.String)
			default:
				r.report.Skipped = append(r.report.Skipped, fmt.Sprintf("session %s: its %s is not JSON", s.ID, field.name))
			}
		}
		switch {
		case global:
			s.Pin = "global"
		case pinned:
			s.Pin = "project"
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return all, r.readEpochs(ctx, all)
}

// readEpochs continues each session's epoch: clients that hold cursors of the
// other hub load anew.
func (r *run) readEpochs(ctx context.Context, all []sourceSession) error {
	epochs := map[wire.SessionID]int64{}
	if r.from.columns["message_epochs"] != nil {
		rows, err := r.from.db.QueryContext(ctx, `SELECT session_id, epoch FROM message_epochs`)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
		for rows.Next() {
			var id wire.SessionID
			var epoch int64
			if err := rows.Scan(&id, &epoch); err != nil {
				return err
			}
			epochs[id] = epoch
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	for i := range all {
		all[i].epoch = epochs[all[i].ID] + 1
	}
	return nil
}

// session imports one session, whole.
func (r *run) session(ctx context.Context, s *sourceSession) error {
	var outcome Report // of this transaction; it may run twice
	err := r.into.Write(ctx, func(tx *store.Tx) error {
		attempt := &run{from: r.from, into: r.into}
		if err := attempt.writeSession(ctx, tx, s); err != nil {
			return err
		}
		outcome = attempt.report
		return nil
	})
	if err != nil {
		return err
	}
	r.report.Sessions.add(outcome.Sessions)
	r.report.Messages.add(outcome.Messages)
	r.report.Notes.add(outcome.Notes)
	r.report.Skipped = append(r.report.Skipped, outcome.Skipped[:min(len(outcome.Skipped), max(0, maxSkipped-len(r.report.Skipped)))]...)
	return nil
}

func (c *Counts) add(o Counts) {
	c.Found += o.Found
	c.Added += o.Added
	c.Known += o.Known
	c.Skipped += o.Skipped
}

func (r *run) writeSession(ctx context.Context, tx *store.Tx, s *sourceSession) error {
	row := s.Session
	if other, taken, err := r.into.SessionByTag(ctx, tx, row.Namespace, row.Tag); err != nil {
		return err
	} else if taken && other.ID != row.ID {
		row.Tag = "imported:" + string(row.ID)
	}
	added, err := tx.ImportSession(ctx, &row, s.epoch)
	if err != nil {
		return err
	}
	r.report.Sessions.count(added)
	here, ok, err := r.into.SessionByID(ctx, tx, row.ID)
	if err != nil || !ok {
		return err
	}
	if here.Namespace != row.Namespace {
		r.skip(&r.report.Sessions, "session %s: another namespace has its id here", row.ID)
		return nil
	}
	if err := r.messages(ctx, tx, row.Namespace, row.ID); err != nil {
		return err
	}
	return r.notes(ctx, tx, row.ID)
}

func (r *run) notes(ctx context.Context, tx *store.Tx, id wire.SessionID) error {
	if r.from.columns["session_scratchlist"] == nil {
		return nil
	}
	rows, err := r.from.db.QueryContext(ctx, r.from.choose("session_scratchlist", "WHERE session_id = $1 ORDER BY created_at, entry_id",
		[2]string{"entry_id"}, [2]string{"text"}, [2]string{"created_at"}, [2]string{"updated_at"}, [2]string{"attachments", "NULL"}), id)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	for rows.Next() {
		e := wire.ScratchlistEntry{Attachments: []wire.Attachment{}}
		var attachments sql.NullString
		if err := rows.Scan(&e.EntryID, &e.Text, &e.CreatedAt, &e.UpdatedAt, &attachments); err != nil {
			return err
		}
		r.report.Notes.Found++
		if attachments.Valid && json.Unmarshal([]byte(attachments.String), &e.Attachments) != nil {
			r.skip(&r.report.Notes, "note %s of session %s: its attachments are not readable", e.EntryID, id)
			continue
		}
		added, err := tx.ImportNote(ctx, id, &e)
		if err != nil {
			return err
		}
		r.report.Notes.count(added)
	}
	return rows.Err()
}

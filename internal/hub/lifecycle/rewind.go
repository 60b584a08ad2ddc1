package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"hapi/internal/hub/rpc"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// RewindFailure is why a conversation was not rewound. Diverged says that the
// agent may have forgotten what the hub still has.
type RewindFailure struct {
	Err      error
	Diverged bool
}

func (e *RewindFailure) Error() string { return e.Err.Error() }
func (e *RewindFailure) Unwrap() error { return e.Err }

// Rewind has the agent of an active session forget everything from the boundary
// on, and the hub with it.
func (s *Service) Rewind(ctx context.Context, w wire.Session, boundary wire.LocalID) error {
	ctx, cancel := s.outlive(ctx)
	defer cancel()
	release, err := s.hold(ctx, &w)
	if err != nil {
		return rewindRefused(err)
	}
	defer release()
	if _, err := s.historyReady(ctx, &w, rewindToMessage, boundary); err != nil {
		return rewindRefused(err)
	}
	result, err := s.rewindNative(ctx, &w, boundary)
	if err == nil {
		err = s.followRewind(ctx, &w, result)
	}
	if f := (*RewindFailure)(nil); errors.As(err, &f) && f.Diverged {
		return errors.Join(err, s.setDiverged(context.WithoutCancel(ctx), &w))
	}
	return err
}

func rewindRefused(err error) error {
	if known := (*wire.Error)(nil); errors.As(err, &known) && known.Kind == wire.Conflict {
		return &RewindFailure{Err: err}
	}
	return err
}

func diverged(err error) error { return &RewindFailure{Err: err, Diverged: true} }

// rewindNative has the agent forget. Only an agent that was not asked, or that
// says no, is sure to remember.
func (s *Service) rewindNative(ctx context.Context, w *wire.Session, boundary wire.LocalID) (r wire.RewindResult, err error) {
	raw, err := s.calls.CallRaw(ctx, string(w.ID), wire.MethodRewind, wire.HistoryBoundary{MessageLocalID: boundary})
	var said *rpc.HandlerError
	var missing *rpc.TargetMissing
	switch {
	case errors.As(err, &said):
		return r, &RewindFailure{Err: conflict(said.Text, "rewind_refused")}
	case errors.As(err, &missing) && missing.NeverAsked:
		return r, &RewindFailure{Err: conflict(missing.Error(), rpc.CodeTargetMissing)}
	case err != nil:
		return r, diverged(rpc.Failure(err))
	case json.Unmarshal(raw, &r) != nil:
		return r, diverged(errors.New("the agent's answer could not be read"))
	case !r.Success && r.Error == "":
		return r, &RewindFailure{Err: conflict("The agent did not rewind the conversation", "rewind_refused")}
	case !r.Success:
		return r, &RewindFailure{Err: conflict(r.Error, "rewind_refused")}
	}
	return r, nil
}

// followRewind does to the hub's copy what the agent did to its own.
func (s *Service) followRewind(ctx context.Context, w *wire.Session, r wire.RewindResult) error {
	from, err := s.boundary(ctx, w.ID, r.TruncateFrom)
	if err != nil {
		return diverged(err)
	}
	put, invoked, err := s.replacements(r.Messages)
	if err != nil {
		return diverged(err)
	}
	var applied []func()
	err = s.store.WriteJob(ctx, store.Job{
		Do: func(tx *store.Tx) error {
			applied = nil
			if err := tx.RewriteMessages(ctx, w.Namespace, w.ID, *from, put, invoked); err != nil {
				return err
			}
			todos, err := s.todos.RebuildTodos(ctx, tx, w.ID)
			if err != nil {
				return err
			}
			session, err := s.sessions.HistoryRewritten(ctx, tx, w.ID)
			applied = []func(){todos, session}
			return err
		},
		Applied: func() {
			for _, apply := range applied {
				apply()
			}
		},
	})
	if err != nil {
		return diverged(fmt.Errorf("rewrite the conversation: %w", err))
	}
	return nil
}

func (s *Service) replacements(list []wire.HistoryMessage) (put []store.NewMessage, invoked []wire.Millis, err error) {
	for _, m := range list {
		if !json.Valid(m.Content) {
			return nil, nil, errors.New("a message that the agent put in place has no content")
		}
		created := wire.At(s.now())
		if m.CreatedAt != nil {
			created = min(created, *m.CreatedAt)
		}
		at := created
		if m.InvokedAt != nil {
			at = *m.InvokedAt
		}
		put = append(put, store.NewMessage{ID: wire.MessageID(uuid.Must(uuid.NewV7()).String()), LocalID: m.LocalID, Content: m.Content, CreatedAt: created})
		invoked = append(invoked, at)
	}
	return put, invoked, nil
}

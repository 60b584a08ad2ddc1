package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"hapi/internal/hub/rpc"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// errEnded refuses to archive a session that has ended in another way.
var errEnded = &wire.Error{Kind: wire.Conflict, Text: "Session is inactive"}

// Reasons of the hub for archiving a session, as people read them.
const (
	reasonUnreachable = "Archived from hub (CLI unreachable)"
	reasonArchived    = "Archived from hub"
)

// Archive ends a session's process and puts the session away. A session whose
// process cannot be reached, or crashed and left it running, is put away by the
// hub itself, after asking the runner to end what may be left of the process.
func (s *Service) Archive(ctx context.Context, w *wire.Session) (already bool, err error) {
	state := sessions.Metadata(w).LifecycleState
	switch {
	case w.Active:
	case state == sessions.LifecycleArchived:
		return true, nil
	case state != sessions.LifecycleRunning:
		return false, errEnded
	}
	ctx, cancel := s.outlive(ctx)
	defer cancel()
	reason := reasonArchived
	_, err = s.calls.CallRaw(ctx, string(w.ID), wire.MethodKillSession, struct{}{})
	var missing *rpc.TargetMissing
	switch {
	case errors.As(err, &missing):
		reason = reasonUnreachable
		s.stopProcess(ctx, w)
	case err != nil:
		return false, rpc.Failure(err)
	}
	if err := s.sessions.Archive(ctx, w.Namespace, w.ID, reason); err != nil {
		return false, fmt.Errorf("archive session: %w", err)
	}
	if err := s.sessions.Conclude(ctx, w.Namespace, w.ID); err != nil {
		return false, fmt.Errorf("end session: %w", err)
	}
	return false, nil
}

// stopProcess asks the session's runner, if there is one, to end the session's
// process: that nobody answers for a session is no proof that nobody works on
// it. A runner that does not know it says so, which changes nothing.
func (s *Service) stopProcess(ctx context.Context, w *wire.Session) {
	machine := sessions.Metadata(w).MachineID
	if m, err := s.machines.Get(w.Namespace, machine); err != nil || !m.Active {
		return
	}
	if said, err := s.machines.StopSession(ctx, w.Namespace, machine, w.ID); err != nil {
		s.log.InfoContext(ctx, "the runner could not end the process of a session", "session", w.ID, "err", err)
	} else {
		s.log.DebugContext(ctx, "the runner was asked to end the process of a session", "session", w.ID, "said", said)
	}
}

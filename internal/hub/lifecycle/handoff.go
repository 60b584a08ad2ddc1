package lifecycle

import (
	"context"
	"fmt"

	"hapi/internal/hub/rpc"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// HandOff makes an active session's process leave, so that its conversation can
// go on in a terminal. It returns when the process has gone.
func (s *Service) HandOff(ctx context.Context, ns wire.Namespace, id wire.SessionID) error {
	w, err := s.Get(ns, id)
	if err != nil || !w.Active {
		return err
	}
	state, err := sessions.AgentState(&w)
	if err != nil {
		return err
	}
	if controlled(&state) {
		return &wire.Error{Kind: wire.Conflict, Text: "Session is already controlled from a terminal", Code: "already_local"}
	}
	if _, err := s.calls.CallRaw(ctx, string(w.ID), wire.MethodHandoffLocal, struct{}{}); err != nil {
		return handoffFailed(rpc.Failure(err))
	}
	waiting, cancel := context.WithTimeoutCause(ctx, s.waits.Inactive, errStillThere)
	defer cancel()
	if _, err := s.sessions.Wait(waiting, w.ID, func(w *wire.Session, _ bool) bool { return !w.Active }); err != nil {
		return handoffFailed(err)
	}
	return nil
}

var errStillThere = fmt.Errorf("the session process did not leave in time")

func handoffFailed(err error) error {
	return &wire.Error{Kind: wire.Internal, Text: "Handoff to the terminal failed: " + err.Error(), Code: "handoff_failed"}
}

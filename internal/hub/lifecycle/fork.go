package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hapi/internal/hub/rpc"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

// Fork makes a second session out of an active one: the agent copies its own
// conversation, the hub what people see of it, up to but not including the
// boundary, and a process is started for the copy. If that fails the copy is
// deleted.
func (s *Service) Fork(ctx context.Context, w wire.Session, boundary wire.LocalID) (wire.SessionID, error) {
	ctx, cancel := s.outlive(ctx)
	defer cancel()
	release, err := s.hold(ctx, &w)
	if err != nil {
		return "", err
	}
	defer release()
	needs := forkCurrent
	if boundary != "" {
		needs = forkAtMessage
	}
	before, err := s.historyReady(ctx, &w, needs, boundary)
	if err != nil {
		return "", err
	}
	m := sessions.Metadata(&w)
	if m.Path == "" || m.MachineID == "" {
		return "", errForkUnavailable
	}
	if machine, err := s.machines.Get(w.Namespace, m.MachineID); err != nil || !machine.Active {
		return "", errNoMachine
	}
	native, err := s.forkNative(ctx, &w, boundary)
	if err != nil {
		return "", err
	}
	child, err := s.sessions.Fork(ctx, w.Namespace, w.ID, before)
	if err != nil {
		return "", fmt.Errorf("copy the session: %w", err)
	}
	held, _ := s.sessions.HoldHistory(child) // nobody knows it yet
	defer held()
	if err := s.startFork(ctx, &w, child, native); err != nil {
		s.dropFork(context.WithoutCancel(ctx), &w, child)
		return "", err
	}
	return child, nil
}

func (s *Service) forkNative(ctx context.Context, w *wire.Session, boundary wire.LocalID) (r wire.ForkResult, err error) {
	raw, err := s.calls.CallRaw(ctx, string(w.ID), wire.MethodFork, wire.HistoryBoundary{MessageLocalID: boundary})
	var said *rpc.HandlerError
	switch {
	case errors.As(err, &said):
		return r, conflict(said.Text, "fork_refused")
	case err != nil:
		return r, rpc.Failure(err)
	case json.Unmarshal(raw, &r) != nil, r.NativeSessionID == "":
		return r, conflict("The agent did not say what its copy is called", "fork_refused")
	}
	return r, nil
}

// gracePeriod is how long a fork's process may be away while it starts.
const gracePeriod = 5 * time.Second

func (s *Service) startFork(ctx context.Context, w *wire.Session, child wire.SessionID, native wire.ForkResult) error {
	m, flavor := sessions.Metadata(w), sessions.Flavor(w)
	spawned, err := s.machines.Spawn(ctx, w.Namespace, m.MachineID, wire.SpawnRequest{
		Directory: m.Path, Agent: flavor, ResumeSessionID: native.NativeSessionID, ExistingSessionID: child, ForkSession: native.ForkSession,
		Model: text(w.Model), Effort: text(w.Effort), ModelReasoningEffort: text(w.ModelReasoningEffort), ServiceTier: text(w.ServiceTier),
		PermissionMode: w.PermissionMode, CollaborationMode: w.CollaborationMode, CopilotAgentMode: w.CopilotAgentMode,
	})
	if err != nil {
		return forkFailed(err)
	}
	if spawned != child {
		return forkFailed(errors.New("the runner started a session of its own"))
	}
	if err := s.awaitProcess(ctx, w, child); err != nil {
		return forkFailed(err)
	}
	return s.awaitBinding(ctx, w, child, native.NativeSessionID)
}

func forkFailed(err error) error {
	return &wire.Error{Kind: wire.Internal, Text: "The fork could not be started: " + err.Error(), Code: "fork_failed"}
}

var (
	errNotBound  = errors.New("the agent did not take up the copy of the conversation in time")
	errLeft      = errors.New("the process left again")
	errSameAgent = errors.New("the agent went on with the original conversation")
)

// awaitBinding waits until the child's agent says that it holds the copy, where
// agents do so before their first prompt. Claude learns its id only then, so its
// process counts, unless it says that it holds the original.
func (s *Service) awaitBinding(ctx context.Context, w *wire.Session, child wire.SessionID, native string) error {
	flavor := sessions.Flavor(w)
	if flavor == wire.FlavorClaude {
		now, err := s.sessions.Get(w.Namespace, child)
		if err == nil && sessions.NativeID(&now) != "" && sessions.NativeID(&now) == sessions.NativeID(w) {
			return forkFailed(errSameAgent)
		}
		return err
	}
	if flavor != wire.FlavorGrok && flavor != wire.FlavorPi {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.waits.Ready, errNotBound)
	defer cancel()
	started := s.now()
	now, err := s.sessions.Wait(ctx, child, func(now *wire.Session, _ bool) bool {
		return sessions.NativeID(now) == native || !now.Active && s.now().Sub(started) > gracePeriod
	})
	switch {
	case err != nil:
		return forkFailed(err)
	case sessions.NativeID(&now) != native:
		return forkFailed(errLeft)
	}
	return nil
}

// dropFork removes what a failed fork left.
func (s *Service) dropFork(ctx context.Context, w *wire.Session, child wire.SessionID) {
	if _, err := s.machines.StopSession(ctx, w.Namespace, sessions.Metadata(w).MachineID, child); err != nil {
		s.log.InfoContext(ctx, "the runner could not end the process of a failed fork", "session", child, "err", err)
	}
	err := s.sessions.Conclude(ctx, w.Namespace, child)
	if err == nil {
		err = s.sessions.Delete(ctx, w.Namespace, child)
	}
	if err != nil && !errors.Is(err, wire.ErrSessionNotFound) {
		s.log.ErrorContext(ctx, "a failed fork stays", "session", child, "err", err)
	}
}

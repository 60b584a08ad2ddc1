package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

var (
	errNoMachine = &wire.Error{Kind: wire.Unavailable, Text: "No machine online", Code: "no_machine_online"}

	errNotActive = errors.New("the session process did not connect in time; look at the runner's log on that machine")
	errNotReady  = errors.New("the agent did not load its conversation in time")
)

func resumeFailed(err error) error {
	return &wire.Error{Kind: wire.Internal, Text: err.Error(), Code: "resume_failed"}
}

// Resume starts a process for a session that has none and returns when it is
// connected. The session keeps its id; only a runner of an older kind brings a
// new session, into which this one is then merged. Several calls at a time are
// one. mode, if not empty, is the permission mode to go on with.
func (s *Service) Resume(ctx context.Context, ns wire.Namespace, id wire.SessionID, mode wire.PermissionMode) (wire.SessionID, error) {
	w, err := s.Get(ns, id)
	if err != nil || w.Active {
		return w.ID, err
	}
	now, err, _ := s.resumes.Do(string(w.ID), func() (any, error) {
		ctx, cancel := s.outlive(ctx)
		defer cancel()
		return s.resume(ctx, &w, mode)
	})
	if err != nil {
		return "", err
	}
	return now.(wire.SessionID), nil
}

func (s *Service) resume(ctx context.Context, w *wire.Session, mode wire.PermissionMode) (wire.SessionID, error) {
	if w.Active {
		return w.ID, nil
	}
	spawn, err := s.resumeRequest(ctx, w, mode)
	if err != nil {
		return "", err
	}
	machine, err := s.chooseMachine(w, spawn.ResumeSessionID)
	if err != nil {
		return "", err
	}
	spawned, err := s.machines.Spawn(ctx, w.Namespace, machine, spawn)
	if err != nil {
		return "", resumeFailed(err)
	}
	if err := s.awaitProcess(ctx, w, spawned); err != nil {
		return "", err
	}
	if spawned == w.ID {
		return w.ID, nil
	}
	if err := s.sessions.Merge(ctx, w.Namespace, w.ID, spawned); err != nil {
		return "", resumeFailed(fmt.Errorf("merge the session into the one its runner made: %w", err))
	}
	return spawned, nil
}

// resumeRequest is what the runner is asked for.
func (s *Service) resumeRequest(ctx context.Context, w *wire.Session, mode wire.PermissionMode) (r wire.SpawnRequest, err error) {
	m, flavor := sessions.Metadata(w), sessions.Flavor(w)
	switch {
	case m.SupersededBy != "":
		return r, unavailable("This session was cleared; go on with the one that replaced it")
	case m.Path == "":
		return r, unavailable("Session metadata missing path")
	case flavor == wire.FlavorDsh:
		return r, unavailable("Resume session ID unavailable. " + flavor.Label() + " cannot go on with a conversation.")
	}
	native, err := s.nativeID(ctx, w)
	if err != nil {
		return r, err
	}
	if native == "" {
		begun, err := s.store.HasHistory(ctx, s.store.Reader(), w.ID)
		if err != nil {
			return r, fmt.Errorf("look for a conversation: %w", err)
		}
		if begun {
			return r, errNoNativeID
		}
	}
	return wire.SpawnRequest{
		Directory: m.Path, Agent: flavor, ResumeSessionID: native, ExistingSessionID: w.ID,
		Model: text(w.Model), Effort: text(w.Effort), ModelReasoningEffort: text(w.ModelReasoningEffort), ServiceTier: text(w.ServiceTier),
		PermissionMode: resumeMode(w, mode), CollaborationMode: w.CollaborationMode, CopilotAgentMode: w.CopilotAgentMode,
		StartingMode: ptyOnly(m.StartingMode),
	}, nil
}

func text(v *string) string {
	if v == nil {
		return ""
	}
	return *v
}

// ptyOnly is the starting mode that is worth telling: a runner starts remote
// sessions anyway, and a session cannot be resumed into a local terminal.
func ptyOnly(mode *string) string {
	if mode != nil && *mode == "pty" {
		return "pty"
	}
	return ""
}

// resumeMode is the permission mode to go on with. A client that says default
// because it does not know better does not take yolo away.
func resumeMode(w *wire.Session, asked wire.PermissionMode) wire.PermissionMode {
	if asked == "" || asked == wire.ModeDefault && w.PermissionMode == wire.ModeYolo {
		return w.PermissionMode
	}
	return asked
}

// chooseMachine is where the session's conversation is: its machine, or one
// that goes by the same host. Cursor and Pi keep conversations by machine.
func (s *Service) chooseMachine(w *wire.Session, native string) (wire.MachineID, error) {
	m, flavor := sessions.Metadata(w), sessions.Flavor(w)
	online := s.machines.Online(w.Namespace)
	if slices.ContainsFunc(online, func(one wire.Machine) bool { return one.ID == m.MachineID }) {
		return m.MachineID, nil
	}
	bound := flavor == wire.FlavorCursor || flavor == wire.FlavorPi && native != ""
	if m.MachineID != "" && bound || m.Host == "" {
		return "", errNoMachine
	}
	for _, one := range online {
		if sessions.Host(one.Metadata) == m.Host {
			return one.ID, nil
		}
	}
	return "", errNoMachine
}

// awaitProcess waits until the process of a session that was started is
// connected, and of agents that load a conversation, until they have it.
func (s *Service) awaitProcess(ctx context.Context, w *wire.Session, spawned wire.SessionID) error {
	active, cancel := context.WithTimeoutCause(ctx, s.waits.Active, errNotActive)
	defer cancel()
	if _, err := s.sessions.WaitFor(active, w.Namespace, spawned, func(w *wire.Session, _ bool) bool { return w.Active }); err != nil {
		return resumeFailed(err)
	}
	if !saysReady(w) {
		return nil
	}
	ready, cancel := context.WithTimeoutCause(ctx, s.waits.Ready, errNotReady)
	defer cancel()
	if _, err := s.sessions.WaitFor(ready, w.Namespace, spawned, func(_ *wire.Session, ready bool) bool { return ready }); err != nil {
		return resumeFailed(err)
	}
	return nil
}

// saysReady says whether the session's agent sends session-ready and a resume
// has to wait for it.
func saysReady(w *wire.Session) bool {
	m, flavor := sessions.Metadata(w), sessions.Flavor(w)
	return flavor == wire.FlavorPi || flavor == wire.FlavorCursor && m.CursorProtocol == "acp" || ptyOnly(m.StartingMode) != ""
}

// Reopened is what became of a session that was put away.
type Reopened struct {
	SessionID      wire.SessionID
	Resumed        bool // false: it was active already
	CursorProtocol string
}

// Incomplete says which metadata a session lacks that would be needed to
// reopen it.
type Incomplete struct{ Missing []string }

func (e *Incomplete) Error() string {
	return "This session cannot be reopened: its metadata is incomplete"
}

// Reopen takes an archived session back: it is resumed and no longer archived.
// If that fails it is archived as before.
func (s *Service) Reopen(ctx context.Context, ns wire.Namespace, id wire.SessionID) (Reopened, error) {
	w, err := s.Get(ns, id)
	if err != nil {
		return Reopened{}, err
	}
	if w.Active {
		return reopened(&w, w.ID, false), nil
	}
	out, err, _ := s.resumes.Do(string(w.ID), func() (any, error) {
		ctx, cancel := s.outlive(ctx)
		defer cancel()
		return s.reopen(ctx, &w)
	})
	if err != nil {
		return Reopened{}, err
	}
	return reopened(&w, out.(wire.SessionID), true), nil
}

func reopened(w *wire.Session, now wire.SessionID, resumed bool) Reopened {
	r := Reopened{SessionID: now, Resumed: resumed}
	if sessions.Flavor(w) == wire.FlavorCursor {
		r.CursorProtocol = sessions.Metadata(w).CursorProtocol
	}
	return r
}

func (s *Service) reopen(ctx context.Context, w *wire.Session) (wire.SessionID, error) {
	if err := s.complete(ctx, w); err != nil {
		return "", err
	}
	was, err := s.sessions.Unarchive(ctx, w.Namespace, w.ID)
	if err != nil {
		return "", fmt.Errorf("take the session back: %w", err)
	}
	now, err := s.resume(ctx, w, "")
	if err == nil {
		return now, nil
	}
	// The hub may be stopping: what was taken away is put back all the same.
	if back := s.sessions.Rearchive(context.WithoutCancel(ctx), w.Namespace, w.ID, was); back != nil && !errors.Is(back, wire.ErrSessionNotFound) {
		return "", errors.Join(err, fmt.Errorf("archive the session again: %w", back))
	}
	return "", err
}

// complete refuses a Cursor session that lost its chat, and gives one of before
// the protocol was recorded the protocol of then.
func (s *Service) complete(ctx context.Context, w *wire.Session) error {
	m := sessions.Metadata(w)
	if sessions.Flavor(w) != wire.FlavorCursor {
		return nil
	}
	if sessions.NativeID(w) == "" {
		begun, err := s.store.HasHistory(ctx, s.store.Reader(), w.ID)
		if err != nil {
			return fmt.Errorf("look for a conversation: %w", err)
		}
		if begun {
			return &Incomplete{Missing: []string{"cursorSessionId"}}
		}
		return nil
	}
	if m.CursorProtocol != "" {
		return nil
	}
	err := s.sessions.SetMetadata(ctx, w.Namespace, w.ID, map[string]json.RawMessage{"cursorSessionProtocol": json.RawMessage(`"stream-json"`)})
	if err != nil {
		return fmt.Errorf("record the protocol: %w", err)
	}
	*w, err = s.sessions.Get(w.Namespace, w.ID)
	return err
}

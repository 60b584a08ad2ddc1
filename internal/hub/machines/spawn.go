package machines

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hapi/internal/wire"
)

// Caller asks a runner to do something.
type Caller interface {
	CallRaw(ctx context.Context, scope, method string, params any) (json.RawMessage, error)
}

// SpawnFailure is what a runner said went wrong with a session it was to
// start. The text is for people.
type SpawnFailure struct{ Text string }

func (e *SpawnFailure) Error() string { return e.Text }

// Spawn asks a machine's runner to start a session process and gives the id of
// the session that it feeds. The process may not be connected yet. Besides a
// *SpawnFailure and the failures of calls, the errors are those of Access.
func (s *Service) Spawn(ctx context.Context, ns wire.Namespace, id wire.MachineID, in wire.SpawnRequest) (wire.SessionID, error) {
	if err := s.Access(ns, id); err != nil {
		return "", err
	}
	in.Type, in.SessionID = wire.SpawnInDirectory, in.ExistingSessionID
	if in.Agent == "" {
		in.Agent = wire.FlavorClaude
	}
	raw, err := s.calls.CallRaw(ctx, string(id), wire.MethodSpawnSession, in)
	if err != nil {
		return "", err // its text is for people as it is
	}
	return readSpawnResult(raw)
}

func readSpawnResult(raw json.RawMessage) (wire.SessionID, error) {
	var out wire.SpawnResult
	if err := json.Unmarshal(raw, &out); err != nil {
		return "", &SpawnFailure{"Unexpected spawn result: " + string(raw)}
	}
	switch {
	case out.Type == wire.SpawnSuccess && out.SessionID != "":
		return out.SessionID, nil
	case out.Type == wire.SpawnNeedsApproval:
		return "", &SpawnFailure{"Directory creation requires approval: " + out.Directory}
	}
	for _, text := range []string{out.ErrorMessage, out.Error, out.Message} {
		if strings.TrimSpace(text) != "" {
			return "", &SpawnFailure{text}
		}
	}
	return "", &SpawnFailure{"Unexpected spawn result: " + string(raw)}
}

// StopSession asks a machine's runner to end the process of a session and says
// what became of it: one of the wire.Stop… words.
func (s *Service) StopSession(ctx context.Context, ns wire.Namespace, id wire.MachineID, session wire.SessionID) (string, error) {
	if err := s.Access(ns, id); err != nil {
		return "", err
	}
	raw, err := s.calls.CallRaw(ctx, string(id), wire.MethodStopSession, wire.StopSession{SessionID: string(session)})
	if err != nil {
		return "", fmt.Errorf("stop the process of session %s: %w", session, err)
	}
	var out wire.StopResult
	if json.Unmarshal(raw, &out) == nil {
		switch out.Status {
		case wire.StopStopped, wire.StopAlreadyGone, wire.StopStillAlive:
			return out.Status, nil
		}
	}
	return "", &SpawnFailure{"Unexpected stop-session response"}
}

// Online lists the namespace's machines whose runner was heard of lately.
func (s *Service) Online(ns wire.Namespace) []wire.Machine { return s.List(ns, false) }

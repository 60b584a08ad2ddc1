package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hapi/internal/hub/rpc"
	"hapi/internal/wire"
)

// Configure changes what a session's agent works with. An active session's
// process decides: only what it says it has applied is kept. An inactive
// session keeps the change for its next resume.
func (s *Service) Configure(ctx context.Context, w *wire.Session, change wire.SessionConfig) error {
	if w.Active {
		applied, err := s.apply(ctx, w.ID, &change)
		if err != nil {
			return err
		}
		change = applied
	}
	if err := s.sessions.Configure(ctx, w.Namespace, w.ID, change); err != nil {
		return fmt.Errorf("keep the configuration: %w", err)
	}
	return nil
}

// refused is what a process says against a change.
func refused(text string) error {
	return &wire.Error{Kind: wire.Conflict, Text: text, Code: "config_refused"}
}

func (s *Service) apply(ctx context.Context, id wire.SessionID, change *wire.SessionConfig) (applied wire.SessionConfig, err error) {
	raw, err := s.calls.CallRaw(ctx, string(id), wire.MethodSetSessionConfig, change)
	var said *rpc.HandlerError
	if errors.As(err, &said) {
		return applied, refused(said.Text)
	}
	if err != nil {
		return applied, rpc.Failure(err)
	}
	var answer struct {
		Error   string                     `json:"error"`
		Applied map[string]json.RawMessage `json:"applied"`
	}
	if json.Unmarshal(raw, &answer) != nil || answer.Applied == nil {
		if answer.Error != "" {
			return applied, refused(answer.Error)
		}
		return applied, refused("The session process did not say what it applied")
	}
	if missing := missingKey(change, answer.Applied); missing != "" {
		return applied, refused("The session process did not apply " + missing)
	}
	return readApplied(answer.Applied), nil
}

func missingKey(change *wire.SessionConfig, applied map[string]json.RawMessage) string {
	raw, err := json.Marshal(change)
	if err != nil {
		return "the change"
	}
	var asked map[string]json.RawMessage
	_ = json.Unmarshal(raw, &asked) // it was just written
	for key := range asked {
		if _, ok := applied[key]; !ok {
			return key
		}
	}
	return ""
}

// readApplied takes what is readable: a bad field is ignored, as in a beat.
func readApplied(applied map[string]json.RawMessage) (c wire.SessionConfig) {
	for key, into := range map[string]any{
		"permissionMode": &c.PermissionMode, "collaborationMode": &c.CollaborationMode, "copilotAgentMode": &c.CopilotAgentMode,
	} {
		if raw, ok := applied[key]; ok {
			_ = json.Unmarshal(raw, into) // of another type: ignored
		}
	}
	c.Model, c.ModelReasoningEffort = applied["model"], applied["modelReasoningEffort"]
	c.Effort, c.ServiceTier = applied["effort"], applied["serviceTier"]
	return c
}

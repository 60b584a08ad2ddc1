package sessions

import (
	"context"
	"encoding/json"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Configure keeps what a session's agent works with from now on. The mode is
// remembered for the next resume too. Beats that were on their way when the
// change was made do not undo it.
func (s *Service) Configure(ctx context.Context, ns wire.Namespace, id wire.SessionID, c wire.SessionConfig) error {
	said := asBeat(id, &c)
	var patch wire.SessionPatch
	return s.edit(ctx, ns, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		changed := adoptStored(row, said)
		patch = configPatch(row, &c)
		_, view := present(row)
		prefer := map[string]string{}
		if c.PermissionMode != "" && c.PermissionMode != view.PreferredPermissionMode {
			prefer["preferredPermissionMode"] = string(c.PermissionMode)
		}
		if c.CopilotAgentMode != "" && c.CopilotAgentMode != view.PreferredCopilotMode {
			prefer["preferredCopilotAgentMode"] = c.CopilotAgentMode
		}
		if len(prefer) > 0 && holds(row.Metadata, anObject) {
			changed = true
			if err := editMetadata(row, func(m map[string]json.RawMessage) {
				for key, value := range prefer {
					m[key] = wire.AppendString(nil, value)
				}
			}); err != nil {
				return false, err
			}
			patch.Metadata = shownMetadata(row)
		}
		if patch != (wire.SessionPatch{}) {
			tx.Announce(patchEvent(ns, id, patch))
		}
		return changed, nil
	}, func(e *entry) {
		e.live.adoptModes(e.view.flavor(), said)
		e.live.config.changed(&c, wire.At(s.now()))
	})
}

// asBeat is a change as a keep-alive would say it.
func asBeat(id wire.SessionID, c *wire.SessionConfig) *wire.SessionAlive {
	return &wire.SessionAlive{
		SID: id, PermissionMode: c.PermissionMode, Model: modelName(c.Model), ModelReasoningEffort: c.ModelReasoningEffort,
		Effort: c.Effort, ServiceTier: c.ServiceTier, CollaborationMode: c.CollaborationMode, CopilotAgentMode: c.CopilotAgentMode,
	}
}

// modelName is what is stored of a model: its name.
func modelName(raw json.RawMessage) json.RawMessage {
	var choice struct {
		ModelID string `json:"modelId"`
	}
	if holds(raw, anObject) && json.Unmarshal(raw, &choice) == nil && choice.ModelID != "" {
		return wire.AppendString(nil, choice.ModelID)
	}
	return raw
}

func configPatch(row *store.Session, c *wire.SessionConfig) wire.SessionPatch {
	p := wire.SessionPatch{PermissionMode: c.PermissionMode, CollaborationMode: c.CollaborationMode, CopilotAgentMode: c.CopilotAgentMode}
	for _, f := range []struct {
		raw  json.RawMessage
		from *string
		to   ***string
	}{
		{c.Model, row.Model, &p.Model}, {c.ModelReasoningEffort, row.ModelReasoningEffort, &p.ModelReasoningEffort},
		{c.Effort, row.Effort, &p.Effort}, {c.ServiceTier, row.ServiceTier, &p.ServiceTier},
	} {
		if len(f.raw) > 0 {
			*f.to = &f.from
		}
	}
	return p
}

// configGuard remembers when a person last changed each setting, so that a
// keep-alive that was sent before is not taken for a newer word. Beats carry
// the time of the process's clock; offset translates it to the hub's: the
// smallest difference seen is the one with the least delay in it.
type configGuard struct {
	heard  bool
	offset wire.Millis
	at     struct{ mode, model, reasoning, effort, tier, collaboration, copilot wire.Millis }
}

func (g *configGuard) changed(c *wire.SessionConfig, now wire.Millis) {
	for _, f := range []struct {
		given bool
		at    *wire.Millis
	}{
		{c.PermissionMode != "", &g.at.mode}, {len(c.Model) > 0, &g.at.model}, {len(c.ModelReasoningEffort) > 0, &g.at.reasoning},
		{len(c.Effort) > 0, &g.at.effort}, {len(c.ServiceTier) > 0, &g.at.tier},
		{c.CollaborationMode != "", &g.at.collaboration}, {c.CopilotAgentMode != "", &g.at.copilot},
	} {
		if f.given {
			*f.at = now
		}
	}
}

// strip removes from a beat what was changed after it was sent.
func (g *configGuard) strip(a *wire.SessionAlive, now wire.Millis) {
	sent := wire.Millis(int64(*a.Time))
	if !g.heard || now-sent < g.offset {
		g.heard, g.offset = true, now-sent
	}
	sent += g.offset
	for _, f := range []struct {
		at  wire.Millis
		raw *json.RawMessage
	}{{g.at.model, &a.Model}, {g.at.reasoning, &a.ModelReasoningEffort}, {g.at.effort, &a.Effort}, {g.at.tier, &a.ServiceTier}} {
		if sent < f.at {
			*f.raw = nil
		}
	}
	if sent < g.at.mode {
		a.PermissionMode = ""
	}
	if sent < g.at.collaboration {
		a.CollaborationMode = ""
	}
	if sent < g.at.copilot {
		a.CopilotAgentMode = ""
	}
}

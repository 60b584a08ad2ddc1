package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// callConfigure changes what a person chose in their client. Keys that are
// absent stay; null means the default.
func (s *Session) callConfigure(ctx context.Context, params json.RawMessage) (any, error) {
	var in map[wire.ConfigKey]json.RawMessage
	if json.Unmarshal(params, &in) != nil || in == nil {
		return nil, errors.New("Invalid session config payload")
	}
	c := s.configured()
	for key, raw := range in {
		if err := setConfig(&c, s.flavor, key, raw); err != nil {
			return nil, err
		}
	}
	err := s.configure(ctx, func(c *agent.Config) {
		for key, raw := range in {
			_ = setConfig(c, s.flavor, key, raw) // it went well above
		}
	})
	if err != nil {
		return nil, err
	}
	c = s.configured()
	applied := map[wire.ConfigKey]json.RawMessage{}
	for _, key := range s.flavor.Config() {
		applied[key] = configValue(&c, key)
	}
	return map[string]any{"applied": applied}, nil
}

// setConfig changes one part of a configuration.
func setConfig(c *agent.Config, f wire.Flavor, key wire.ConfigKey, raw json.RawMessage) error {
	value, err := optionalText(raw)
	if !f.Has(key) {
		return fmt.Errorf("%s does not have the setting %q", f.Label(), key)
	}
	switch key {
	case wire.KeyPermissionMode:
		mode := wire.PermissionMode(value)
		if err != nil || !f.Allows(mode) {
			return errors.New("Invalid permission mode")
		}
		c.PermissionMode = mode
	case wire.KeyModel:
		// Codex goes on with the model it has: without a name there is none to go back to.
		if err != nil || f == wire.FlavorCodex && strings.TrimSpace(value) == "" {
			return errors.New("Invalid model")
		}
		c.Model = NormaliseModel(value)
	case wire.KeyEffort, wire.KeyReasoningEffort:
		if err != nil {
			return errors.New("Invalid effort")
		}
		c.Effort = NormaliseEffort(value)
	case wire.KeyServiceTier:
		tier := NormaliseEffort(value)
		if err != nil || !slices.Contains([]string{"", "fast", "standard"}, tier) {
			return errors.New("Invalid service tier")
		}
		c.ServiceTier = tier
	case wire.KeyCollaborationMode:
		if err != nil || !slices.Contains([]string{"", "default", "plan"}, value) {
			return errors.New("Invalid collaboration mode")
		}
		c.CollaborationMode = value
	}
	return nil
}

// configValue is a part of a configuration as peers read it.
func configValue(c *agent.Config, key wire.ConfigKey) json.RawMessage {
	switch key {
	case wire.KeyPermissionMode:
		return wire.AppendString(nil, string(modeOrDefault(c.PermissionMode)))
	case wire.KeyModel:
		return textOrNull(c.Model)
	case wire.KeyEffort, wire.KeyReasoningEffort:
		return textOrNull(c.Effort)
	case wire.KeyServiceTier:
		return textOrNull(c.ServiceTier)
	case wire.KeyCollaborationMode:
		return wire.AppendString(nil, collaborationOrDefault(c.CollaborationMode))
	default:
		return json.RawMessage("null")
	}
}

func modeOrDefault(m wire.PermissionMode) wire.PermissionMode {
	if m == "" {
		return wire.ModeDefault
	}
	return m
}

func collaborationOrDefault(mode string) string {
	if mode == "" {
		return "default"
	}
	return mode
}

// announceConfig makes the keep-alive say the parts of c that the flavor has.
// A service tier nobody chose is left out: the account's own is not to be lost.
func announceConfig(a *wire.SessionAlive, f wire.Flavor, c *agent.Config) {
	a.PermissionMode = c.PermissionMode
	for _, key := range f.Config() {
		switch key {
		case wire.KeyPermissionMode: // said for every flavor
		case wire.KeyModel:
			a.Model = configValue(c, key)
		case wire.KeyEffort:
			a.Effort = configValue(c, key)
		case wire.KeyReasoningEffort:
			a.ModelReasoningEffort = configValue(c, key)
		case wire.KeyServiceTier:
			a.ServiceTier = nil
			if c.ServiceTier != "" {
				a.ServiceTier = configValue(c, key)
			}
		case wire.KeyCollaborationMode:
			a.CollaborationMode = collaborationOrDefault(c.CollaborationMode)
		}
	}
}

// inherit completes a configuration with what the session's row says.
func inherit(c *agent.Config, row *wire.Session, f wire.Flavor) {
	effort := row.Effort
	if f.Has(wire.KeyReasoningEffort) {
		effort = row.ModelReasoningEffort
	}
	for _, from := range []struct {
		kept *string
		into *string
	}{{row.Model, &c.Model}, {effort, &c.Effort}, {row.ServiceTier, &c.ServiceTier}, {&row.CollaborationMode, &c.CollaborationMode}} {
		if from.kept != nil && *from.into == "" {
			*from.into = *from.kept
		}
	}
}

func optionalText(raw json.RawMessage) (string, error) {
	var v *string
	if err := json.Unmarshal(raw, &v); err != nil || v == nil {
		return "", err
	}
	return *v, nil
}

// NormaliseModel is a model as the agent is asked for it; empty is its default.
func NormaliseModel(model string) string {
	model = strings.TrimSpace(model)
	if l := strings.ToLower(model); l == "auto" || l == "default" {
		return ""
	}
	return model
}

// NormaliseEffort is an effort likewise.
func NormaliseEffort(effort string) string {
	return NormaliseModel(strings.ToLower(effort))
}

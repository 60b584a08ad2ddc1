package session

import (
	"encoding/json"
	"errors"
	"strings"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// override takes over what the meta of a message says about how Claude is run
// (agents-claude contract §13.1), and is what holds for that message: what it
// does not say stays as it was, null takes it back.
func (s *Session) override(meta json.RawMessage) agent.Overrides {
	s.mu.Lock()
	defer s.mu.Unlock()
	var said map[string]json.RawMessage
	if s.flavor != wire.FlavorClaude || json.Unmarshal(meta, &said) != nil {
		return s.overrides
	}
	for _, o := range []struct {
		key  string
		into *string
		read func(json.RawMessage) (string, error)
	}{
		{"customSystemPrompt", &s.overrides.SystemPrompt, argument},
		{"appendSystemPrompt", &s.overrides.AppendPrompt, argument},
		{"fallbackModel", &s.overrides.FallbackModel, argument},
		{"allowedTools", &s.overrides.AllowedTools, argumentList},
		{"disallowedTools", &s.overrides.DisallowedTools, argumentList},
	} {
		raw, present := said[o.key]
		if !present {
			continue
		}
		value, err := o.read(raw)
		if err != nil {
			s.log.Warn("a message's wish of how the agent is run was left out", "key", o.key, "err", err)
			continue
		}
		*o.into = value
	}
	return s.overrides
}

var errNoArgument = errors.New("it has a zero byte")

// argument is a text that a program can be given.
func argument(raw json.RawMessage) (string, error) {
	text, err := optionalText(raw)
	if strings.ContainsRune(text, 0) {
		return "", errNoArgument
	}
	return strings.TrimSpace(text), err
}

// argumentList is a list of texts likewise, separated by commas.
func argumentList(raw json.RawMessage) (string, error) {
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", err
	}
	text := strings.Join(list, ",")
	if strings.ContainsRune(text, 0) {
		return "", errNoArgument
	}
	return text, nil
}

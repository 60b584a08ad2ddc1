package home

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"hapi/internal/wire"
)

// Agent is an agent of the settings: any program that speaks the Agent Client
// Protocol.
type Agent struct {
	Name    string            `json:"name"`
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"` // may hold secrets
	Icon    string            `json:"icon"`
}

// Environment is the agent's own, as NAME=value.
func (a *Agent) Environment() []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(a.Env)) {
		env = append(env, name+"="+a.Env[name])
	}
	return env
}

// agentName is a word that is safe in a command line and on the wire.
var agentName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// Agents are those of the settings, `agents: [{name, command, args, env, icon?}]`.
// The first entry that cannot be used is an error; those before it are there.
func (h *Home) Agents() ([]Agent, error) {
	s, err := h.read()
	if err != nil {
		return nil, err
	}
	raw, ok := s["agents"]
	if !ok {
		return nil, nil
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("`agents` in %s is not a list", h.SettingsPath())
	}
	var list []Agent
	for i, entry := range entries {
		var a Agent
		if err := json.Unmarshal(entry, &a); err != nil {
			return list, fmt.Errorf("agent %d in %s is not what it should be, {name, command, args, env}: %w", i+1, h.SettingsPath(), err)
		}
		if why := a.unusable(list); why != "" {
			return list, fmt.Errorf("agent %d (%q) in %s cannot be used: %s", i+1, a.Name, h.SettingsPath(), why)
		}
		list = append(list, a)
	}
	return list, nil
}

// longestIcon is an emoji of several people.
const longestIcon = 8

func (a *Agent) unusable(others []Agent) string {
	switch {
	case !agentName.MatchString(a.Name):
		return "its name is not a word of small letters, digits, - and _"
	case wire.Flavor(a.Name).Known():
		return "hapi knows an agent of that name already"
	case slices.ContainsFunc(others, func(o Agent) bool { return o.Name == a.Name }):
		return "there are two of that name"
	case strings.TrimSpace(a.Command) == "":
		return "it has no command"
	}
	if utf8.RuneCountInString(a.Icon) > longestIcon {
		return "its icon is more than a letter or an emoji"
	}
	for name := range a.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(a.Env[name], "\x00") {
			return fmt.Sprintf("its environment has the name %q", name)
		}
	}
	return ""
}

// Package opencode drives OpenCode: from afar by the Agent Client Protocol, and
// at the terminal by its own interface, whose HTTP API tells what is said there.
package opencode

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"hapi/internal/agent"
	"hapi/internal/agent/acp"
	"hapi/internal/wire"
)

// Agent is OpenCode.
type Agent struct {
	acp.Agent

	mu    sync.Mutex
	begun bool // its interface was open before
}

// New gives OpenCode.
func New() *Agent { return &Agent{Agent: acp.Agent{Spec: acp.OpenCode}} }

// Open implements agent.Agent.
func (a *Agent) Open(ctx context.Context, h agent.Host, o agent.Options) (agent.Conversation, error) {
	if o.Fork {
		return nil, errors.New("OpenCode forks a conversation at its terminal only")
	}
	o.Args = nil // they are its interface's
	return a.Agent.Open(ctx, h, o)
}

// first says whether the interface opens for the first time.
func (a *Agent) first() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := !a.begun
	a.begun = true
	return first
}

// find finds OpenCode's executable.
func find(path string) (string, error) {
	found, err := exec.LookPath(cmp.Or(path, acp.OpenCode.Command))
	if err != nil {
		return "", &agent.Failure{Kind: agent.NotInstalled, Text: "OpenCode is not installed on this machine. " + acp.OpenCode.Install + "."}
	}
	return found, nil
}

// Latest is the conversation of a directory that was changed last; empty: there
// is none.
func Latest(ctx context.Context, path, dir string) (string, error) {
	found, err := find(path)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, found, "session", "list", "--format", "json")
	cmd.Dir = dir
	raw, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask OpenCode for its conversations: %w", err)
	}
	var list []struct {
		ID        string  `json:"id"`
		Directory string  `json:"directory"`
		Updated   float64 `json:"updated"`
	}
	if len(strings.TrimSpace(string(raw))) == 0 { // it has none at all
		return "", nil
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", fmt.Errorf("read OpenCode's conversations: %w", err)
	}
	here := realPath(dir)
	id, at := "", -1.0
	for _, s := range list {
		if s.Updated > at && realPath(s.Directory) == here {
			id, at = s.ID, s.Updated
		}
	}
	return id, nil
}

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// arguments are OpenCode's at the terminal: the person's, and what was chosen
// since. What the person wanted to begin with is not wanted again.
func arguments(o agent.Options, first bool) []string {
	own := o.Args
	if !first {
		own = without(own, "--prompt", "--agent")
	}
	var args []string
	if o.Resume != "" {
		args = append(args, "--session", o.Resume)
		if o.Fork {
			args = append(args, "--fork")
		}
	}
	if o.Config.Model != "" {
		args = append(args, "--model", o.Config.Model)
	}
	switch o.Config.PermissionMode {
	case wire.ModePlan:
		if !slices.Contains(own, "--agent") {
			args = append(args, "--agent", "plan")
		}
	case wire.ModeYolo:
		args = append(args, "--auto")
	default:
	}
	return append(args, own...)
}

// without leaves options out, each with its value.
func without(args []string, options ...string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		if slices.Contains(options, args[i]) {
			i++
			continue
		}
		kept = append(kept, args[i])
	}
	return kept
}

// configVariable holds configuration that OpenCode adds to that of its files.
const configVariable = "OPENCODE_CONFIG_CONTENT"

// environment is OpenCode's at the terminal: it names the session's tools, beside
// what the person has there.
func environment(o agent.Options) ([]string, error) {
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	env = slices.Clip(env)
	if o.Tools == nil {
		return env, nil
	}
	config := map[string]json.RawMessage{}
	if own := lookup(env, configVariable); strings.TrimSpace(own) != "" {
		if err := json.Unmarshal([]byte(own), &config); err != nil {
			return env, fmt.Errorf("read %s: %w", configVariable, err)
		}
	}
	servers := map[string]json.RawMessage{}
	if own := config["mcp"]; own != nil {
		if err := json.Unmarshal(own, &servers); err != nil {
			return env, fmt.Errorf("read mcp of %s: %w", configVariable, err)
		}
	}
	if servers == nil {
		servers = map[string]json.RawMessage{}
	}
	servers["hapi"] = mustMarshal(map[string]any{
		"type": "remote", "url": o.Tools.URL, "enabled": true, "oauth": false,
		"headers": map[string]string{"Authorization": "Bearer {env:" + agent.ToolsTokenVariable + "}"},
	})
	if config == nil {
		config = map[string]json.RawMessage{}
	}
	config["mcp"] = mustMarshal(servers)
	return append(env, configVariable+"="+string(mustMarshal(config)), agent.ToolsTokenVariable+"="+o.Tools.Token), nil
}

// lookup is a variable of an environment; of several the last counts.
func lookup(env []string, name string) string {
	for _, pair := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// mustMarshal is v as JSON; v is made of what JSON holds.
func mustMarshal(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

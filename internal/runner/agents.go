package runner

import (
	"os"
	"os/exec"

	"hapi/internal/home"
	"hapi/internal/wire"
)

// agent is how one kind of agent is started.
type agent struct {
	command string // hapi <command>
	name    string // of the agent, where the command wants it
	// program is the executable that has to be there, unless pathVar names
	// another; empty: none is needed.
	program, pathVar, install string
	resume                    string // the option before the agent's own session id; "resume": two words
	fork                      bool
	model, effort             string // options; empty: not offered
	serviceTier               bool
	collaboration             bool
	fields                    []wire.AgentField
}

// Choices that clients offer for a new session (cli contract §6.5).
func choice(id, source string) wire.AgentField {
	return wire.AgentField{ID: id, Section: id, Kind: "select", OptionSource: source, Availability: "both"}
}

func setting(id, source string) wire.AgentField {
	f := choice(id, source)
	f.Section = "settings"
	return f
}

// agents are all that can be started, in the order in which people see them.
var agents = []struct {
	flavor wire.Flavor
	agent
}{
	{wire.FlavorClaude, agent{
		command: "claude", program: "claude", pathVar: "HAPI_CLAUDE_PATH", install: "npm install -g @anthropic-ai/claude-code",
		resume: "--resume", fork: true, model: "--model", effort: "--effort",
		fields: []wire.AgentField{choice("model", "static"), choice("effort", "static"), choice("permission", "static")},
	}},
	{wire.FlavorCodex, agent{
		command: "codex", program: "codex", pathVar: "HAPI_CODEX_APP_SERVER_BIN", install: "npm install -g @openai/codex",
		resume: "resume", model: "--model", effort: "--model-reasoning-effort", serviceTier: true, collaboration: true,
		fields: []wire.AgentField{
			choice("model", "machine"), choice("effort", "model"), choice("permission", "static"),
			setting("serviceTier", "model"), setting("collaborationMode", "static"),
		},
	}},
	{wire.FlavorGemini, agent{
		command: "gemini", program: "gemini", pathVar: "HAPI_GEMINI_PATH", install: "npm install -g @google/gemini-cli",
		resume: "--resume", model: "--model", fields: []wire.AgentField{choice("model", "static"), choice("permission", "static")},
	}},
	{wire.FlavorOpencode, agent{
		command: "opencode", program: "opencode", pathVar: "HAPI_OPENCODE_PATH", install: "npm install -g opencode-ai",
		resume: "--resume", model: "--model", effort: "--model-reasoning-effort",
		fields: []wire.AgentField{choice("model", "directory"), choice("effort", "model"), choice("permission", "static")},
	}},
	{"demo", agent{command: "demo", resume: "--resume", fields: []wire.AgentField{choice("permission", "static")}}},
}

// custom is an agent of the settings.
func custom(a *home.Agent) agent {
	return agent{
		command: "acp", name: a.Name, program: a.Command, install: "", resume: "--resume", model: "--model",
		fields: []wire.AgentField{choice("permission", "static")},
	}
}

// find finds how an agent is started, one of ours or of the settings.
func (r *Runner) find(f wire.Flavor) (agent, bool) {
	if a, ok := agentOf(f); ok {
		return a, true
	}
	for _, a := range r.customAgents() {
		if a.Name == string(f) {
			return custom(&a), true
		}
	}
	return agent{}, false
}

// customAgents are those of the settings. One that cannot be used is left out,
// and the log says why.
func (r *Runner) customAgents() []home.Agent {
	list, err := r.o.Home.Agents()
	if err != nil {
		r.log.Warn("not all agents of the settings can be offered", "err", err)
	}
	return list
}

// agentOf finds how a flavor is started; no flavor is Claude.
func agentOf(f wire.Flavor) (agent, bool) {
	if f == "" {
		f = wire.FlavorClaude
	}
	for _, a := range agents {
		if a.flavor == f {
			return a.agent, true
		}
	}
	return agent{}, false
}

// missing is the name of the executable that is not there; empty if nothing is
// missing.
func (a agent) missing() string {
	if a.program == "" {
		return ""
	}
	name := a.program
	if a.pathVar != "" && os.Getenv(a.pathVar) != "" {
		name = os.Getenv(a.pathVar)
	}
	if _, err := exec.LookPath(name); err != nil {
		return name
	}
	return ""
}

// args are the arguments of the session process, all of them known to its parser.
func (a agent) args(in *wire.SpawnRequest) []string {
	args := []string{a.command}
	if a.name != "" {
		args = append(args, a.name)
	}
	option := func(name, value string) {
		if name != "" && value != "" {
			args = append(args, name, value)
		}
	}
	option(a.resume, in.ResumeSessionID)
	if a.fork && in.ForkSession {
		args = append(args, "--fork-session")
	}
	args = append(args, "--hapi-starting-mode", "remote", "--started-by", "runner")
	option("--existing-session-id", string(in.ExistingSessionID))
	option(a.model, in.Model)
	effort := in.Effort
	if a.effort == "--model-reasoning-effort" {
		effort = in.ModelReasoningEffort
	}
	option(a.effort, effort)
	if a.serviceTier {
		option("--service-tier", in.ServiceTier)
	}
	if a.collaboration && in.CollaborationMode != "default" {
		option("--collaboration-mode", in.CollaborationMode)
	}
	switch {
	case wire.PermissionModeKnown(in.PermissionMode):
		option("--permission-mode", string(in.PermissionMode))
	case in.Yolo:
		args = append(args, "--yolo")
	}
	return args
}

// capabilities are what clients build their form from: the agents whose command
// this program has, and those of the settings.
func capabilities(offered func(command string) bool, customs []home.Agent) *wire.RunnerCapabilities {
	c := &wire.RunnerCapabilities{AgentConfigs: []wire.AgentConfig{}}
	for _, a := range agents {
		if offered(a.command) {
			c.AgentConfigs = append(c.AgentConfigs, wire.AgentConfig{Flavor: a.flavor, Fields: a.fields})
		}
	}
	for _, a := range customs {
		c.AgentConfigs = append(c.AgentConfigs, wire.AgentConfig{Flavor: wire.Flavor(a.Name), Icon: a.Icon, Fields: custom(&a).fields})
	}
	return c
}

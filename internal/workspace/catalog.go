package workspace

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"hapi/internal/wire"
)

// catalog is where an agent keeps what a person can ask for by name, below the
// user's home and below a project.
type catalog struct {
	builtins []string
	// configDir is the agent's own directory: the variable that names it, or a
	// path below the home directory.
	configVar, configDir string
	userCommands         string // below the configuration directory
	projectCommands      string
	projectSkills        []string
	plugins              bool // it has installed plugins
	system               bool // skills may be in a directory ".system"
	adminSkills          string
}

var claudeBuiltins = []string{"clear", "compact", "context", "cost", "doctor", "plan", "stats", "status"}

// catalogs are those of the agents whose conventions are known (cli contract §8).
var catalogs = map[wire.Flavor]catalog{
	wire.FlavorClaude: {
		builtins: claudeBuiltins, configVar: "CLAUDE_CONFIG_DIR", configDir: ".claude", userCommands: "commands",
		projectCommands: ".claude/commands", projectSkills: []string{".claude/skills"}, plugins: true,
	},
	wire.FlavorCodex: {
		builtins: []string{
			"agent", "clear", "compact", "goal", "help", "plan", "default", "execute", "status", "model", "reasoning", "effort", "personality", "permissions", "permission",
		},
		configVar: "CODEX_HOME", configDir: ".codex", userCommands: "prompts", projectCommands: ".codex/prompts",
		projectSkills: []string{".codex/skills"}, plugins: true, system: true, adminSkills: "/etc/codex/skills",
	},
	wire.FlavorOpencode: {
		builtins: []string{"help", "status", "plan", "default", "init"}, configVar: "XDG_CONFIG_HOME", configDir: ".config",
		userCommands: "opencode/command", projectCommands: ".opencode/command",
	},
	wire.FlavorGrok: {
		builtins: []string{"compact", "context", "session-info", "goal", "always-approve", "auto"}, configVar: "GROK_HOME", configDir: ".grok",
		userCommands: "../.agents/commands", projectCommands: ".grok/commands", projectSkills: []string{".grok/skills"}, plugins: true,
	},
	wire.FlavorCursor: {builtins: []string{"compress"}},
	wire.FlavorCopilot: {
		builtins: []string{
			"help", "status", "plan", "autopilot", "fleet", "tasks", "subagents", "agents", "delegate", "agent", "rubber-duck", "security-review",
			"research", "review", "skills", "context", "model", "permissions", "permission", "usage",
		},
		configDir: ".copilot", projectSkills: []string{".copilot/skills", ".github/skills"}, plugins: true,
	},
	wire.FlavorPi:     {builtins: []string{"help", "compact", "session", "model"}},
	wire.FlavorGemini: {builtins: []string{"about", "clear", "compress", "stats"}},
	wire.FlavorKimi:   {},
}

func catalogOf(f wire.Flavor) catalog {
	if c, ok := catalogs[f]; ok {
		return c
	}
	return catalog{builtins: claudeBuiltins}
}

// config is the agent's configuration directory; empty: it has none.
func (c catalog) config() string {
	if dir := os.Getenv(c.configVar); c.configVar != "" && dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil || c.configDir == "" {
		return ""
	}
	return filepath.Join(home, c.configDir)
}

// projectDirs are the directories whose project files count: from the working
// directory up to the root of its repository, the nearest first. Outside of a
// repository it is the working directory alone.
func projectDirs(dir string) []string {
	dirs := []string{dir}
	for at := dir; ; {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return dirs
		}
		up := filepath.Dir(at)
		if up == at {
			return dirs[:1]
		}
		at = up
		dirs = append(dirs, at)
	}
}

// plugin is an installed plugin of an agent.
type plugin struct{ name, path string }

// installed are the plugins in their newest version.
func installed(config string) []plugin {
	var file struct {
		Plugins map[string][]struct {
			InstallPath string `json:"installPath"`
			LastUpdated string `json:"lastUpdated"`
		} `json:"plugins"`
	}
	if config == "" || readJSON(filepath.Join(config, "plugins", "installed_plugins.json"), &file) != nil {
		return nil
	}
	var all []plugin
	for key, versions := range file.Plugins {
		if len(versions) == 0 {
			continue
		}
		newest := versions[0]
		for _, v := range versions[1:] {
			if v.LastUpdated > newest.LastUpdated {
				newest = v
			}
		}
		all = append(all, plugin{name: beforeLast(key, "@"), path: newest.InstallPath})
	}
	slices.SortFunc(all, func(a, b plugin) int { return cmp.Compare(a.name, b.name) })
	return all
}

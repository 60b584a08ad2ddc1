package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"hapi/internal/agent"
	"hapi/internal/agent/acp"
	"hapi/internal/home"
	"hapi/internal/wire"
)

// newGemini runs an agent that hapi knows.
func newGemini() *cobra.Command { return builtin(acp.Gemini, "gemini", geminiPath) }

// The variables that say where they are.
const (
	opencodePath = "HAPI_OPENCODE_PATH"
	geminiPath   = "HAPI_GEMINI_PATH"
)

// newACP runs any agent that speaks ACP.
func newACP() *cobra.Command {
	return &cobra.Command{
		Use: "acp NAME [options] | acp [options] -- COMMAND [args]", Short: "Run any agent that speaks the Agent Client Protocol",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
				return runNamed(cmd, args[0], args[1:])
			}
			o, err := parseAgent(wire.FlavorACP, args)
			switch {
			case err != nil:
				return err
			case o.help || len(args) == 0:
				fmt.Fprint(cmd.OutOrStdout(), acpUsage+agentUsage(wire.FlavorACP))
				return nil
			case len(o.rest) == 0 || !slices.Contains(args, "--"):
				return errors.New("which agent? Write `hapi acp NAME` for one of the settings, or `hapi acp -- COMMAND` for any other; see --help")
			}
			return launch{
				agent: acp.Agent{Spec: acp.Spec{Flavor: wire.FlavorACP, Label: filepath.Base(o.rest[0]), Command: o.rest[0], Args: o.rest[1:]}},
				label: filepath.Base(o.rest[0]), open: agent.Options{Resume: o.resume, Config: o.config}, startedBy: o.startedBy, existing: o.existing,
			}.run(cmd)
		},
	}
}

const acpUsage = `Run an agent that speaks the Agent Client Protocol (agentclientprotocol.com) in this
directory: one of the settings by its name, or any command.

Usage:
  hapi acp NAME [options]
  hapi acp [options] -- COMMAND [args]

Agents of the settings are in settings.json of the data directory, and can be
started from elsewhere too:

  "agents": [{"name": "goose", "command": "goose", "args": ["acp"], "env": {"A": "b"}}]

`

// runNamed runs an agent of the settings.
func runNamed(cmd *cobra.Command, name string, args []string) error {
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return err
	}
	a, err := settingsAgent(data, name)
	if err != nil {
		return err
	}
	o, err := parseAgent(a.Flavor(), args)
	switch {
	case err != nil:
		return err
	case o.help:
		fmt.Fprint(cmd.OutOrStdout(), acpUsage+agentUsage(a.Flavor()))
		return nil
	case len(o.rest) > 0:
		return fmt.Errorf("hapi acp %s does not take %q; its arguments are in the settings", name, o.rest[0])
	}
	return launch{
		agent: a, label: name, open: agent.Options{Resume: o.resume, Config: o.config}, startedBy: o.startedBy, existing: o.existing,
	}.run(cmd)
}

// settingsAgent finds an agent of the settings. Its flavor is its name, so that
// clients name it, and start it again, by that.
func settingsAgent(data *home.Home, name string) (acp.Agent, error) {
	list, err := data.Agents()
	i := slices.IndexFunc(list, func(a home.Agent) bool { return a.Name == name })
	if i < 0 {
		return acp.Agent{}, errors.Join(err, fmt.Errorf("there is no agent %q in %s: add it to `agents`, or write `hapi acp -- %s` to run a command", name, data.SettingsPath(), name))
	}
	a := list[i]
	return acp.Agent{Spec: acp.Spec{Flavor: wire.Flavor(a.Name), Label: a.Name, Command: a.Command, Args: a.Args, Env: a.Environment()}}, nil
}

// resumedAgent is the agent of a session that goes on here, and where it is.
func resumedAgent(flavor wire.Flavor) (a acp.Agent, path string, err error) {
	switch {
	case flavor == wire.FlavorGemini:
		return acp.Agent{Spec: acp.Gemini}, os.Getenv(geminiPath), nil
	case flavor == wire.FlavorDemo:
		a, err = demoAgent()
		return a, "", err
	case flavor == wire.FlavorACP:
		return a, "", errors.New("only you know the command of this session's agent: hapi acp --existing-session-id ID -- COMMAND")
	case flavor.Known():
		return a, "", fmt.Errorf("a session of %s cannot go on in a terminal yet: resume it from the web app", flavor.Label())
	}
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return a, "", err
	}
	a, err = settingsAgent(data, string(flavor))
	return a, "", err
}

// builtin is the command of a known agent that speaks ACP.
func builtin(spec acp.Spec, name, path string) *cobra.Command {
	return &cobra.Command{
		Use: name + " [options]", Short: "Run " + spec.Label + " in this directory, reachable from anywhere",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := parseAgent(spec.Flavor, args)
			if err != nil {
				return err
			}
			if o.help {
				fmt.Fprintf(cmd.OutOrStdout(), "Run %s in this directory. What it does, and what it asks, is on your hub.\n\nUsage:\n  hapi %s [options]\n\n%s", spec.Label, name, agentUsage(spec.Flavor))
				return nil
			}
			if len(o.rest) > 0 {
				return fmt.Errorf("hapi %s does not take %q; see --help", name, o.rest[0])
			}
			return launch{
				agent:     acp.Agent{Spec: spec},
				open:      agent.Options{Path: os.Getenv(path), Resume: o.resume, Config: o.config},
				startedBy: o.startedBy, existing: o.existing,
			}.run(cmd)
		},
	}
}

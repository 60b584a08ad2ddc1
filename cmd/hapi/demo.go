package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"hapi/internal/agent"
	"hapi/internal/agent/acp"
	"hapi/internal/agent/demo"
	"hapi/internal/home"
	"hapi/internal/wire"
)

// demoSpeaks makes the binary be the demo agent itself.
const demoSpeaks = "--acp"

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use: "demo [options]", Short: "Run the demo agent: a script that needs no key and no network",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == demoSpeaks {
				demo.Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
				return nil
			}
			o, err := parseAgent(wire.FlavorDemo, args)
			if err != nil {
				return err
			}
			if o.help {
				fmt.Fprint(cmd.OutOrStdout(), demoUsage+agentUsage(wire.FlavorDemo))
				return nil
			}
			if len(o.rest) > 0 {
				return fmt.Errorf("the demo does not take %q on its command line: say it in the conversation", o.rest[0])
			}
			return runDemo(cmd, o)
		},
	}
}

const demoUsage = `Run the demo agent. It follows a script: no model, no network, no key. It works in
a directory of its own, and asks before it changes a file or runs a command.

Say "tour" to it to see most of what it does, or one of: think, plan, read, edit,
run, ask, long, fail, crash; with "slow" it takes its time.

Usage:
  hapi demo [options]

`

func runDemo(cmd *cobra.Command, o agentOptions) error {
	a, err := demoAgent()
	if err != nil {
		return err
	}
	return launch{
		agent: a, open: agent.Options{Resume: o.resume, Config: o.config}, startedBy: o.startedBy, existing: o.existing,
		directory: func(data *home.Home) (string, error) { return demoDirectory(data, o.startedBy) },
	}.run(cmd)
}

func demoAgent() (acp.Agent, error) {
	exe, err := os.Executable()
	if err != nil {
		return acp.Agent{}, fmt.Errorf("find this program: %w", err)
	}
	return acp.Agent{Spec: acp.Spec{Flavor: wire.FlavorDemo, Label: wire.FlavorDemo.Label(), Command: exe, Args: []string{"demo", demoSpeaks}}}, nil
}

// demoDirectory is the demo's own, unless a runner chose one.
func demoDirectory(data *home.Home, startedBy string) (string, error) {
	if startedBy == "runner" {
		return workingDirectory()
	}
	dir := data.Path("demo")
	if err := demo.Prepare(dir); err != nil {
		return "", fmt.Errorf("prepare the demo's directory: %w", err)
	}
	return dir, nil
}

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"hapi/internal/agent"
	"hapi/internal/agent/acp"
)

// newOpencode and newGemini run agents that hapi knows.
func newOpencode() *cobra.Command { return builtin(acp.OpenCode, "opencode", "HAPI_OPENCODE_PATH") }
func newGemini() *cobra.Command   { return builtin(acp.Gemini, "gemini", "HAPI_GEMINI_PATH") }

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

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// group makes a command that stands for others show its help, and refuse a word
// that is none of them.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 || args[0] == "help" {
			return nil
		}
		_ = cmd.Help() // beside the error
		return noSuchCommand(cmd, args[0])
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// onlyCommands is for a command that does something of its own, has others, and
// takes no further words.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return noSuchCommand(cmd, args[0])
	}
	return nil
}

// noSuchCommand says that a command has none of this name, and which is meant.
func noSuchCommand(cmd *cobra.Command, word string) error {
	hint := ""
	if near := nearest(cmd, word); near != "" {
		hint = fmt.Sprintf(" Did you mean `%s %s`?", cmd.CommandPath(), near)
	}
	return fmt.Errorf("%s has no command %q.%s", cmd.CommandPath(), word, hint)
}

// oneArgument is for commands that want one thing, by its name in their usage.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("%s wants %s; see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
	}
}

// helpEverywhere makes `hapi help X` say what `hapi X --help` says, and refuse
// what there is no help on.
func helpEverywhere(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.DisableFlagParsing && !cmd.Hidden { // it has words of its own
			cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
				if err := cmd.RunE(cmd, []string{"--help"}); err != nil {
					cmd.PrintErrln("Error:", err)
				}
			})
		}
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			group(cmd)
		case "help":
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if found, _, err := root.Find(args); err != nil || found == root && len(args) > 0 {
					return noSuchCommand(root, strings.Join(args, " "))
				}
				return nil
			}
		}
	}
}

// unavailable are commands that other programs of this kind have, and what to do
// instead.
var unavailable = map[string]string{
	"connect": "Agents keep their own logins: run `claude`, `codex login` or `opencode auth login` on this machine.",
	"notify":  "The hub notifies you by itself, of what needs a person: set that up in the web app's settings.",
	"agy":     noAdapter,
	"copilot": noAdapter,
	"cursor":  noAdapter,
	"dsh":     noAdapter,
	"grok":    noAdapter,
	"kimi":    noAdapter,
	"pi":      noAdapter,
}

const noAdapter = "An agent that speaks the Agent Client Protocol runs with `hapi acp -- COMMAND`; see `hapi acp --help`."

func newUnavailable() []*cobra.Command {
	var all []*cobra.Command
	for name, instead := range unavailable {
		text := "hapi %s is not available in direct-connect mode.\n%s\n"
		if instead == noAdapter {
			text = "This hapi has no command for the agent %s.\n%s\n"
		}
		cmd := &cobra.Command{
			Use: name, Hidden: true, DisableFlagParsing: true,
			RunE: func(cmd *cobra.Command, _ []string) error {
				fmt.Fprintf(cmd.ErrOrStderr(), text, name, instead)
				return exitCode(1)
			},
		}
		cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprintf(cmd.OutOrStdout(), text, name, instead) })
		all = append(all, cmd)
	}
	return all
}

// Command hapi runs coding agents so that a person can be anywhere: a hub that
// keeps and relays conversations, and the processes that wrap agents.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the build.
var version = "dev"

func main() {
	bypassProxies()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	args, err := normalise(root, os.Args[1:])
	if err == nil {
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// exitCode ends the program quietly: what was to be said has been said.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "hapi",
		Short:         "Leave the desk while your coding agent keeps working",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newClaude(), newCodex(), newOpencode(), newGemini(), newACP(), newDemo(), newUp(), newHub(), newRunner(), newResume(), newAuth(), newDoctor(), newToken(), newHookForwarder(), newMCP(), newPingPeer(), newInspectPeer(), newVersion())
	root.AddCommand(newUnavailable()...)
	helpEverywhere(root)
	return root
}

// normalise answers -v anywhere, and sends what is not a command to claude. What
// follows -- is the agent's alone.
func normalise(root *cobra.Command, args []string) ([]string, error) {
	ours := args
	if i := slices.Index(args, "--"); i >= 0 {
		ours = args[:i]
	}
	if slices.Contains(ours, "-v") || slices.Contains(ours, "--version") {
		return []string{"version"}, nil
	}
	if len(args) == 0 {
		return []string{"claude"}, nil
	}
	if isCommand(root, args[0]) {
		return args, nil
	}
	if near := nearest(root, args[0]); near != "" {
		return nil, fmt.Errorf("there is no command %q. Did you mean `hapi %s`? To say it to Claude: hapi claude %s", args[0], near, strings.Join(args, " "))
	}
	return append([]string{"claude"}, args...), nil
}

func isCommand(root *cobra.Command, name string) bool {
	switch name {
	case "help", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return true
	}
	return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == name || c.HasAlias(name) })
}

// offered says whether this program has a command, for those that start it.
func offered(name string) bool { return isCommand(newRoot(), name) && unavailable[name] == "" }

// nearest is the command that a mistyped word was to be, or "": a word that is
// like none is a prompt for Claude.
func nearest(root *cobra.Command, word string) string {
	if len(word) < 3 || strings.HasPrefix(word, "-") || strings.ContainsAny(word, " \t\n") {
		return ""
	}
	root.SuggestionsMinimumDistance = 2
	near := root.SuggestionsFor(word)
	slices.SortStableFunc(near, func(a, b string) int { return commonPrefix(b, word) - commonPrefix(a, word) })
	if len(near) == 0 {
		return ""
	}
	return near[0]
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "hapi version:", version) },
	}
}

// bypassProxies keeps calls on this machine away from a proxy of the shell, for
// this process and its children.
func bypassProxies() {
	list := os.Getenv("NO_PROXY")
	if list == "" {
		list = os.Getenv("no_proxy")
	}
	merged := mergeNoProxy(list)
	_ = os.Setenv("NO_PROXY", merged)
	_ = os.Setenv("no_proxy", merged)
}

func mergeNoProxy(list string) string {
	var hosts []string
	seen := map[string]bool{}
	for host := range strings.SplitSeq(list, ",") {
		host = strings.TrimSpace(host)
		if host == "*" {
			return list
		}
		if host != "" && !seen[strings.ToLower(host)] {
			seen[strings.ToLower(host)] = true
			hosts = append(hosts, host)
		}
	}
	for _, own := range []string{"localhost", "127.0.0.1", "::1"} {
		if !seen[own] {
			hosts = append(hosts, own)
		}
	}
	return strings.Join(hosts, ",")
}

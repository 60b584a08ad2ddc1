// Command hapi runs coding agents so that a person can be anywhere: a hub that
// keeps and relays conversations, and the processes that wrap agents.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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
	root.SetArgs(normalise(os.Args[1:]))
	err := root.ExecuteContext(ctx)
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
	root.AddCommand(newClaude(), newCodex(), newOpencode(), newGemini(), newACP(), newDemo(), newUp(), newHub(), newRunner(), newAuth(), newToken(), newHookForwarder(), newMCP(), newPingPeer(), newInspectPeer(), newVersion())
	return root
}

// normalise answers -v anywhere and sends what is not a command to claude.
func normalise(args []string) []string {
	for _, arg := range args {
		if arg == "-v" || arg == "--version" {
			return []string{"version"}
		}
	}
	if len(args) == 0 || !isCommand(args[0]) {
		return append([]string{"claude"}, args...)
	}
	return args
}

func isCommand(name string) bool {
	switch name {
	case "claude", "codex", "opencode", "gemini", "acp", "demo", "up", "hub", "server", "runner", "auth", "token", "hook-forwarder", "mcp", "ping-peer", "inspect-peer", "version", "help", "completion", "__complete", "__completeNoDesc":
		return true
	default:
		return false
	}
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

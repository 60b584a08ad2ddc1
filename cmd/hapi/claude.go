package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"hapi/internal/agent"
	"hapi/internal/agent/claude"
	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/session"
)

func newClaude() *cobra.Command {
	return &cobra.Command{
		Use: "claude [options] [claude options]", Short: "Run Claude Code in this directory, reachable from anywhere (the default command)",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := parseClaude(args)
			if err != nil {
				return err
			}
			if o.help {
				return helpClaude(cmd)
			}
			return runClaude(cmd, o)
		},
	}
}

const claudeUsage = `Run Claude Code in this directory. What it does, and what it asks, is on your hub.

Usage:
  hapi [claude] [options] [claude options]

Options:
  --permission-mode MODE       default, acceptEdits, auto, bypassPermissions or plan
  --yolo                       the same as --permission-mode bypassPermissions
  --model MODEL                model to use
  --effort LEVEL               low, medium, high, xhigh or max
  --hapi-starting-mode MODE    local: Claude has this terminal (the default in one);
                               remote: people at the hub have it
  --existing-session-id ID     go on with a session of the hub
  -h, --help                   this text, and Claude's own
  -v, --version                the version

Every other option is passed on to claude. The hub and the access token come
from HAPI_API_URL and CLI_API_TOKEN, or from settings.json in the data directory.
`

func helpClaude(cmd *cobra.Command) error {
	out := cmd.OutOrStdout()
	fmt.Fprint(out, claudeUsage, "\nOther commands (hapi COMMAND --help says more):\n")
	for _, c := range cmd.Root().Commands() {
		if c.IsAvailableCommand() && c != cmd {
			fmt.Fprintf(out, "  %-14s %s\n", c.Name(), c.Short)
		}
	}
	path := os.Getenv("HAPI_CLAUDE_PATH")
	if path == "" {
		path = "claude"
	}
	if help, err := exec.CommandContext(cmd.Context(), path, "--help").Output(); err == nil {
		fmt.Fprintf(out, "\nOptions of claude:\n\n%s", help)
	} else {
		fmt.Fprintln(out, "\nClaude Code was not found on this machine, so its own options cannot be shown.")
	}
	return nil
}

func runClaude(cmd *cobra.Command, o claudeOptions) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find hapi's own executable: %w", err)
	}
	return launch{
		agent: claude.New(self), begin: o.begin, terminal: true, runner: true, startedBy: o.startedBy, existing: o.existing,
		open: agent.Options{
			Path: os.Getenv("HAPI_CLAUDE_PATH"), Resume: o.resume, Fork: o.fork, Args: o.rest,
			Config: agent.Config{PermissionMode: o.mode, Model: session.NormaliseModel(o.model), Effort: session.NormaliseEffort(o.effort)},
		},
	}.run(cmd)
}

// workingDirectory is where the agent works: where the person called us, also
// through a wrapper that changed directory.
func workingDirectory() (string, error) {
	if dir := os.Getenv("HAPI_INVOKED_CWD"); filepath.IsAbs(dir) {
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	return dir, nil
}

// untilSignal ends with the reason the session tells its hub.
func untilSignal(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() { // ends with the program
		reason := session.Ending{Reason: session.EndTerminated, Archive: "User terminated"}
		if s := <-signals; s == syscall.SIGTERM {
			reason.Archive = "Terminated by the system"
		}
		cancel(reason)
		<-signals // a second signal is impatience
		os.Exit(130)
	}()
	return ctx
}

// explainStart says what a person can do when the session could not begin.
func explainStart(err error, c *home.Client) error {
	var refused *hubclient.StatusError
	if !errors.As(err, &refused) {
		if errors.Is(err, io.EOF) || isUnreachable(err) {
			return fmt.Errorf("the hub at %s (%s) cannot be reached. Start it with `hapi hub`, or set HAPI_API_URL. (%w)", c.APIURL.Text, c.APIURL.From, err)
		}
		return err
	}
	var hint string
	switch {
	case refused.Status == http.StatusForbidden && refused.Text == "Machine access denied":
		hint = "This machine belongs to another namespace of the hub: use one HAPI_HOME for each namespace."
	case refused.Status == http.StatusForbidden && refused.Text == "Session access denied":
		hint = "The session belongs to another namespace of the hub."
	case refused.Status == http.StatusUnauthorized, refused.Status == http.StatusForbidden:
		hint = "The hub does not take the access token from " + string(c.Token.From) + ": set CLI_API_TOKEN to the hub's."
	default:
		return err
	}
	return fmt.Errorf("%w\n%s", err, hint)
}

func isUnreachable(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, context.DeadlineExceeded)
}

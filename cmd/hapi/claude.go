package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/agent"
	"hapi/internal/agent/claude"
	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/session"
	"hapi/internal/wire"
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
  --existing-session-id ID     go on with a session of the hub
  -h, --help                   this text, and Claude's own
  -v, --version                the version

Every other option is passed on to claude. The hub and the access token come
from HAPI_API_URL and CLI_API_TOKEN, or from settings.json in the data directory.
`

func helpClaude(cmd *cobra.Command) error {
	out := cmd.OutOrStdout()
	fmt.Fprint(out, claudeUsage)
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
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	dir, err := workingDirectory()
	if err != nil {
		return err
	}
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return err
	}
	c, err := data.Client(ctx)
	if err != nil {
		return err
	}
	logger, closeLog, err := sessionLog(data)
	if err != nil {
		return err
	}
	defer closeLog()
	for _, name := range c.Ignored {
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: the extra header %s is not text and is left out.\n", name)
	}
	client := hubclient.New(hubclient.Options{BaseURL: c.APIURL.Text, Token: c.Token.Text, Headers: c.Headers, Logger: logger})
	s, err := session.Start(ctx, client, session.Options{
		Agent: claude.Agent{}, Logger: logger, Facts: facts(data, c, dir, o),
		Open: agent.Options{
			Dir: dir, Path: os.Getenv("HAPI_CLAUDE_PATH"), Resume: o.resume, Fork: o.fork, Args: o.rest, Logger: logger,
			Config: agent.Config{PermissionMode: o.mode, Model: session.NormaliseModel(o.model), Effort: session.NormaliseEffort(o.effort)},
		},
	})
	if err != nil {
		return explainStart(err, c)
	}
	fmt.Fprintf(out, "Claude is waiting for you at %s/sessions/%s\nDirectory: %s\nPress Ctrl-C to end the session.\n", c.APIURL.Text, s.ID(), dir)
	ending := s.Run(untilSignal(ctx))
	fmt.Fprintf(out, "The session has ended: %s\n", ending.Archive)
	if ending.Reason == session.EndError {
		return exitCode(1)
	}
	return nil
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

// sessionLog is a file of this process: the terminal is for the person.
func sessionLog(data *home.Home) (*slog.Logger, func(), error) {
	dir := data.Path("logs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the log directory: %w", err)
	}
	name := fmt.Sprintf("%s-pid-%d.log", time.Now().Format("2006-01-02-15-04-05"), os.Getpid())
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	return newLogger(f), func() { _ = f.Close() }, nil
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

func facts(data *home.Home, c *home.Client, dir string, o claudeOptions) session.Facts {
	userHome, _ := os.UserHomeDir() // it is told as far as it is known
	platform := map[string]string{"windows": "win32"}[runtime.GOOS]
	if platform == "" {
		platform = runtime.GOOS
	}
	exe, _ := os.Executable() // likewise
	lib := filepath.Dir(exe)
	now := time.Now().UnixMilli()
	return session.Facts{
		MachineID: wire.MachineID(c.MachineID), ExistingID: wire.SessionID(o.existing),
		Machine: map[string]any{
			"host": c.Hostname, "platform": platform, "happyCliVersion": version, "homeDir": userHome, "happyHomeDir": data.Dir, "happyLibDir": lib,
		},
		Metadata: map[string]any{
			"path": dir, "host": c.Hostname, "version": version, "os": platform, "machineId": c.MachineID, "homeDir": userHome,
			"happyHomeDir": data.Dir, "happyLibDir": lib, "happyToolsDir": lib, "startedFromRunner": o.startedBy == "runner", "hostPid": os.Getpid(),
			"startedBy": o.startedBy, "lifecycleState": "running", "lifecycleStateSince": now, "flavor": wire.FlavorClaude,
			"capabilities": map[string]any{"terminal": false},
		},
	}
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

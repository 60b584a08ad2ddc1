package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"hapi/internal/agent"
	"hapi/internal/agent/child"
	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/session"
	"hapi/internal/session/screen"
	"hapi/internal/wire"
)

// launch is a session as its command line describes it.
type launch struct {
	agent     agent.Agent
	open      agent.Options
	begin     session.Side // empty: as the terminal allows
	terminal  bool         // the agent has an interface of its own for a terminal
	runner    bool         // started by a person, it starts the machine's runner along
	startedBy string       // terminal or runner
	existing  string       // a session of the hub to go on with
	late      bool         // at the terminal, the hub has it with the first that is said
	adopt     bool         // go on with the one that has the conversation to resume
	label     string       // of the agent; empty: its flavor's
	// metadata of the session, besides what all have.
	metadata map[string]any
	// directory finds where the agent works; nil: where the person is.
	directory func(data *home.Home) (string, error)
}

// run runs the session until it ends.
func (l launch) run(cmd *cobra.Command) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	atTerminal, err := l.beginning()
	if err != nil {
		return err
	}
	late := l.late && l.begin == session.Local && l.existing == "" && l.open.Resume == ""
	data, c, stop, err := prepare(cmd, l.startedBy, late)
	if err != nil {
		return err
	}
	defer stop()
	if l.directory == nil {
		l.directory = func(*home.Home) (string, error) { return workingDirectory() }
	}
	dir, err := l.directory(data)
	if err != nil {
		return err
	}
	if l.label == "" {
		l.label = l.agent.Flavor().Label()
	}
	logger, _, closeLog, err := openLog(data, "")
	if err != nil {
		return err
	}
	defer closeLog()
	for _, name := range c.Ignored {
		fmt.Fprintf(cmd.ErrOrStderr(), "Warning: the extra header %s is not text and is left out.\n", name)
	}
	if l.runner && l.startedBy != "runner" {
		ensureRunner(ctx, data, c, logger, cmd.ErrOrStderr())
	}
	client := hubclient.New(hubclient.Options{BaseURL: c.APIURL.Text, Token: c.Token.Text, Headers: c.Headers, Logger: logger})
	if l.adopt && l.existing == "" && l.open.Resume != "" {
		l.existing = l.resting(ctx, client, c, logger)
	}
	l.open.Dir, l.open.Logger, l.open.Scratch = dir, logger, filepath.Join(data.Path("tmp"), "hooks")
	link := func(id wire.SessionID) string { return fmt.Sprintf("%s/sessions/%s", c.APIURL.Text, id) }
	if err := child.KeepTogether(); err != nil {
		logger.Warn("what is started here may outlive this process if that is killed", "err", err)
	}
	running := untilSignal(ctx) // from before there is a session: a signal in between must end it
	s, err := session.Start(ctx, client, session.Options{
		Agent: l.agent, Begin: l.begin, Late: late, Screen: l.screen(atTerminal), Link: link, Peers: peersOf(c), Logger: logger, Facts: l.facts(data, c), Open: l.open,
	})
	if err != nil {
		if running.Err() != nil {
			return exitCode(130)
		}
		return explainStart(err, c)
	}
	switch {
	case late: // nothing is there yet
	case atTerminal:
		fmt.Fprintf(out, "This session is at %s\n", link(s.ID()))
	default:
		fmt.Fprintf(out, "%s is waiting for you at %s\nDirectory: %s\nPress Ctrl-C to end the session.\n", l.label, link(s.ID()), dir)
	}
	defer slim()()
	ending := s.Run(running)
	if err := s.Unsaved(); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "What was said is not on the hub: %v\nThe conversation is %s's own as ever. The hub is told of it when it is resumed with `hapi %s`.\n", err, l.label, l.agent.Flavor())
	}
	if !atTerminal || ending.Reason != session.EndCompleted {
		fmt.Fprintf(out, "The session has ended: %s\n", ending.Archive)
	}
	if ending.Reason == session.EndError {
		return exitCode(1)
	}
	return nil
}

// resting is a session of this machine that no process feeds and that has the
// agent's conversation; empty: there is none.
func (l launch) resting(ctx context.Context, client *hubclient.Client, c *home.Client, log *slog.Logger) string {
	list, err := client.Resumable(ctx, wire.MachineID(c.MachineID))
	if err != nil {
		log.Warn("it is not known whether the hub has this conversation already", "err", err)
	}
	for i := range list {
		if s := &list[i]; !s.Active && s.Flavor == l.agent.Flavor() && s.AgentSessionID == l.open.Resume {
			return string(s.SessionID)
		}
	}
	return ""
}

// prepare finds out which hub this machine uses, asking its person if need be,
// and starts it along if it is this machine's own. A late session does not wait
// for it.
func prepare(cmd *cobra.Command, startedBy string, late bool) (*home.Home, *home.Client, func(), error) {
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return nil, nil, nil, err
	}
	if startedBy == "runner" {
		_ = control.Starting(cmd.Context(), data.Dir, os.Getpid(), "finding its hub") // it waits for us a while anyway
	}
	c, err := data.Client(cmd.Context())
	if errors.Is(err, home.ErrNoToken) && startedBy != "runner" && term.IsTerminal(int(os.Stdin.Fd())) {
		if err = login(cmd, "", false); err == nil {
			c, err = data.Client(cmd.Context())
		}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	stop, err := alongside(cmd.Context(), c, cmd.ErrOrStderr(), late)
	return data, c, stop, err
}

// beginning decides on which side the session begins: at the terminal, if there
// is one, a person started it there, and the agent can use it.
func (l *launch) beginning() (atTerminal bool, err error) {
	atTerminal = startedAtTerminal(l.startedBy)
	switch {
	case atTerminal && l.terminal:
		l.open.Terminal = [3]*os.File{os.Stdin, os.Stdout, os.Stderr}
		if l.begin == "" {
			l.begin = session.Local
		}
	case l.begin == session.Local && l.startedBy != "runner":
		return false, errors.New("the starting mode local needs a terminal")
	default:
		l.begin = session.Remote
	}
	return atTerminal, nil
}

// startedAtTerminal says whether a person started the session at a terminal.
func startedAtTerminal(startedBy string) bool {
	return startedBy != "runner" && term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
}

// screen is what the terminal shows while people elsewhere have the session.
func (l *launch) screen(atTerminal bool) *screen.Screen {
	if !atTerminal {
		return nil
	}
	return screen.New(screen.Options{In: os.Stdin, Out: os.Stdout, Label: l.label, Dir: l.open.Dir, Back: l.terminal, Code: qrCode})
}

// facts describe the session and its machine for the hub.
func (l launch) facts(data *home.Home, c *home.Client) session.Facts {
	userHome, _ := os.UserHomeDir() // it is told as far as it is known
	platform := map[string]string{"windows": "win32"}[runtime.GOOS]
	if platform == "" {
		platform = runtime.GOOS
	}
	exe, _ := os.Executable() // likewise
	lib := filepath.Dir(exe)
	f := session.Facts{
		MachineID: wire.MachineID(c.MachineID), ExistingID: wire.SessionID(l.existing),
		Machine: map[string]any{
			"host": c.Hostname, "platform": platform, "happyCliVersion": version, "homeDir": userHome, "happyHomeDir": data.Dir, "happyLibDir": lib,
		},
		Metadata: map[string]any{
			"path": l.open.Dir, "host": c.Hostname, "version": version, "os": platform, "machineId": c.MachineID, "homeDir": userHome,
			"happyHomeDir": data.Dir, "happyLibDir": lib, "happyToolsDir": lib, "startedFromRunner": l.startedBy == "runner", "hostPid": os.Getpid(),
			"startedBy": l.startedBy, "lifecycleState": "running", "lifecycleStateSince": time.Now().UnixMilli(), "flavor": l.agent.Flavor(),
		},
	}
	maps.Copy(f.Metadata, l.metadata)
	return f
}

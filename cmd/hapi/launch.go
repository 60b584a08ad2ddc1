package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/agent"
	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/session"
	"hapi/internal/wire"
)

// launch is a session as its command line describes it.
type launch struct {
	agent     agent.Agent
	open      agent.Options
	startedBy string // terminal or runner
	existing  string // a session of the hub to go on with
	label     string // of the agent; empty: its flavor's
	// metadata of the session, besides what all have.
	metadata map[string]any
	// directory finds where the agent works; nil: where the person is.
	directory func(data *home.Home) (string, error)
}

// run runs the session until it ends.
func (l launch) run(cmd *cobra.Command) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return err
	}
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
	l.open.Dir, l.open.Logger = dir, logger
	s, err := session.Start(ctx, client, session.Options{Agent: l.agent, Logger: logger, Facts: l.facts(data, c), Open: l.open})
	if err != nil {
		return explainStart(err, c)
	}
	fmt.Fprintf(out, "%s is waiting for you at %s/sessions/%s\nDirectory: %s\nPress Ctrl-C to end the session.\n", l.label, c.APIURL.Text, s.ID(), dir)
	ending := s.Run(untilSignal(ctx))
	fmt.Fprintf(out, "The session has ended: %s\n", ending.Archive)
	if ending.Reason == session.EndError {
		return exitCode(1)
	}
	return nil
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
			"capabilities": map[string]any{"terminal": false},
		},
	}
	maps.Copy(f.Metadata, l.metadata)
	return f
}

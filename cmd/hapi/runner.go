package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/agent/acp"
	"hapi/internal/agent/child"
	"hapi/internal/agent/codex"
	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/runner"
	"hapi/internal/wire"
)

func newRunner() *cobra.Command {
	var roots []string
	cmd := &cobra.Command{
		Use: "runner", Short: "Let this machine start sessions when you ask for one from anywhere",
		Long: `The runner is a daemon that starts and ends sessions on this machine for your
clients. Sessions do not depend on it: they go on when it stops.`,
		Args: cobra.ArbitraryArgs, RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 { // no failure: that is what it has always been to scripts
				cmd.PrintErrln(noSuchCommand(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	cmd.PersistentFlags().StringArrayVar(&roots, "workspace-root", nil, "a directory in which sessions may be started and which may be browsed (repeatable; default: any directory, no browsing)")
	cmd.AddCommand(
		&cobra.Command{
			Use: "start", Short: "Start the runner in the background", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return startRunner(cmd, roots) },
		},
		&cobra.Command{
			Use: "start-sync", Short: "Run the runner in the foreground, for supervisors", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return runRunner(cmd, roots) },
		},
		&cobra.Command{
			Use: "stop", Short: "Stop the runner; its sessions go on", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return stopRunner(cmd) },
		},
		newRunnerStatus(), newRunnerList(), newRunnerLogs(), newRunnerWorktrees(), newRunnerInstall(&roots), newRunnerUninstall(),
		&cobra.Command{
			Use: "stop-session ID", Short: "End a session's process", Args: oneArgument("the ID of a session, or PID-<n>"),
			RunE: func(cmd *cobra.Command, args []string) error { return stopSession(cmd, args[0]) },
		},
	)
	return cmd
}

// runRunner is the daemon itself.
func runRunner(cmd *cobra.Command, given []string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	data, c, roots, err := prepareRunner(ctx, given)
	if err != nil {
		return err
	}
	if other, _, err := control.Dial(ctx, data.Dir); err == nil {
		if sameRunner(other.State, c, roots, given) {
			fmt.Fprintf(out, "A runner is running already (pid %d).\n", other.State.PID)
			return nil
		}
		if roots, err = replaceRunner(ctx, other, roots); err != nil {
			return err
		}
	}
	log, logPath, closeLog, err := openLog(data, "-runner")
	if err != nil {
		return err
	}
	defer closeLog()
	o, err := runnerOptions(data, c, roots)
	if err != nil {
		return err
	}
	o.Logger, o.LogPath = log, logPath
	o.Ready = func() { log.Info("connected to the hub", "hub", c.APIURL.Text, "machine", c.MachineID) }
	if len(roots) == 0 {
		fmt.Fprintln(out, "Sessions may be started in any directory; --workspace-root limits that and lets clients browse.")
	}
	for _, root := range roots {
		fmt.Fprintln(out, "Workspace root:", root)
	}
	fmt.Fprintf(out, "Hub: %s\nMachine: %s (%s)\nLog: %s\n", c.APIURL.Text, c.Hostname, c.MachineID, logPath)
	err = runner.Run(ctx, o)
	if errors.Is(err, runner.ErrUpgraded) && !o.Supervised {
		return succeed(data, roots)
	}
	if errors.Is(err, runner.ErrRunning) || errors.Is(err, runner.ErrUpgraded) { // the supervisor starts the new one
		fmt.Fprintln(out, err)
		return nil
	}
	return explainStart(err, c)
}

func prepareRunner(ctx context.Context, given []string) (*home.Home, *home.Client, []string, error) {
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return nil, nil, nil, err
	}
	roots, err := runner.Roots(given)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := data.Client(ctx)
	return data, c, roots, err
}

// sameRunner says whether a running runner does all that one of ours would.
func sameRunner(s control.State, c *home.Client, roots, given []string) bool {
	return s.Version == version && s.APIURL == c.APIURL.Text && string(s.MachineID) == c.MachineID && s.TokenHash == runner.HashOf(c.Token.Text) &&
		(len(given) == 0 || slices.Equal(s.Roots, roots))
}

// replaceRunner stops a running runner and gives the roots of the next: where
// none are named, its limits stay.
func replaceRunner(ctx context.Context, old *control.Client, roots []string) ([]string, error) {
	if old.State.Supervised {
		return nil, fmt.Errorf("a runner that is kept running by a service has pid %d: restart it through that service", old.State.PID)
	}
	if len(roots) == 0 {
		roots = old.State.Roots
	}
	return roots, endRunner(ctx, old)
}

// endRunner asks a runner to stop and waits until it has.
func endRunner(ctx context.Context, c *control.Client) error {
	if err := c.Stop(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		if s, err := c.Status(ctx); err != nil || s.PID != c.State.PID {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the runner (pid %d) does not stop; its log is %s", c.State.PID, c.State.LogPath)
		}
	}
}

func runnerOptions(data *home.Home, c *home.Client, roots []string) (runner.Options, error) {
	exe, err := os.Executable()
	if err != nil {
		return runner.Options{}, fmt.Errorf("find this program: %w", err)
	}
	return runner.Options{
		Home: data, Client: c, Version: version, Machine: machineFacts(data, c, exe), Roots: roots, Executable: exe, Offered: offered,
		Supervised:   os.Getenv("HAPI_RUNNER_SUPERVISED") == "1",
		ReportWithin: millis("HAPI_RUNNER_WEBHOOK_TIMEOUT_MS"), Heartbeat: millis("HAPI_RUNNER_HEARTBEAT_INTERVAL"),
		Methods: agentMethods(roots),
	}, nil
}

// agentMethods tell what the agents of this machine offer, where there is no
// session yet.
func agentMethods(roots []string) map[string]hubclient.Method {
	models := &codex.Models{Path: os.Getenv("HAPI_CODEX_APP_SERVER_BIN")}
	opencode := &acp.Models{
		Spec: acp.OpenCode, Path: os.Getenv("HAPI_OPENCODE_PATH"), Inside: func(dir string) bool { return runner.Inside(roots, dir) },
	}
	return map[string]hubclient.Method{wire.MethodListCodexModels: models.Call, wire.MethodMachineOpencodeModels: opencode.Call}
}

// millis is a time from the environment; 0 if there is none.
func millis(name string) time.Duration {
	ms, err := strconv.Atoi(os.Getenv(name))
	if err != nil || ms <= 0 {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// machineFacts describe this machine to the hub.
func machineFacts(data *home.Home, c *home.Client, exe string) map[string]any {
	userHome, _ := os.UserHomeDir() // it is told as far as it is known
	platform := runtime.GOOS
	if platform == "windows" {
		platform = "win32"
	}
	return map[string]any{
		"host": c.Hostname, "platform": platform, "happyCliVersion": version, "homeDir": userHome, "happyHomeDir": data.Dir,
		"happyLibDir": filepath.Dir(exe),
	}
}

// startRunner starts the daemon and waits until it answers.
func startRunner(cmd *cobra.Command, given []string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	data, _, roots, err := prepareRunner(ctx, given)
	if err != nil {
		return err
	}
	if old, _, err := control.Dial(ctx, data.Dir); err == nil {
		fmt.Fprintf(out, "A runner is running (pid %d); replacing it.\n", old.State.PID)
		if roots, err = replaceRunner(ctx, old, roots); err != nil {
			return err
		}
	}
	d, err := detach(data, roots)
	if err != nil {
		return err
	}
	status, err := d.await(ctx, data)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The runner is running (pid %d).\n", status.PID)
	if status.Problem != "" {
		fmt.Fprintf(out, "It has no hub yet, and goes on trying: %s\n", status.Problem)
	}
	return nil
}

// daemon is a runner that was started in the background.
type daemon struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	output string // file with its complaints
}

func detach(data *home.Home, roots []string) (*daemon, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if err := os.MkdirAll(data.Path("logs"), 0o700); err != nil {
		return nil, fmt.Errorf("make the log directory: %w", err)
	}
	printed, err := os.CreateTemp(data.Path("logs"), "runner-start-*.out")
	if err != nil {
		return nil, fmt.Errorf("start the runner: %w", err)
	}
	defer printed.Close() //nolint:errcheck // the daemon has its own
	args := []string{"runner", "start-sync"}
	for _, root := range roots {
		args = append(args, "--workspace-root", root)
	}
	d := &daemon{cmd: exec.CommandContext(context.Background(), exe, args...), ended: make(chan struct{}), output: printed.Name()}
	d.cmd.Dir, d.cmd.Stderr = data.Dir, printed
	d.cmd.Env = append(os.Environ(), child.Mark+"=") // an agent that starts it ends without it
	runner.Detach(d.cmd)
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the runner: %w", err)
	}
	go func() { // ends with the daemon, or with us
		_ = d.cmd.Wait() // what matters is that it ended
		close(d.ended)
	}()
	return d, nil
}

// Times of a start.
const (
	answersWithin  = 15 * time.Second
	connectsWithin = 3 * time.Second
)

// await waits until the daemon answers, and a moment longer for its hub.
func (d *daemon) await(ctx context.Context, data *home.Home) (control.Status, error) {
	defer os.Remove(d.output) //nolint:errcheck // it stays among the logs
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, status, err := control.Dial(ctx, data.Dir); err == nil && c.State.PID == d.cmd.Process.Pid {
			if status.Connected || status.Problem != "" || time.Since(began) > connectsWithin {
				return status, nil
			}
		}
		select {
		case <-tick.C:
		case <-d.ended:
			raw, _ := os.ReadFile(d.output) // what is there is shown
			return control.Status{}, fmt.Errorf("the runner did not start: %s", strings.TrimPrefix(strings.TrimSpace(string(raw)), "Error: "))
		case <-ctx.Done():
			return control.Status{}, context.Cause(ctx)
		}
		if time.Since(began) > answersWithin {
			return control.Status{}, fmt.Errorf("the runner (pid %d) has not answered for %s; see `hapi runner logs`", d.cmd.Process.Pid, answersWithin)
		}
	}
}

// succeed starts the runner that replaces this one after an upgrade.
func succeed(data *home.Home, roots []string) error {
	_, err := detach(data, roots)
	return err
}

func dialRunner(ctx context.Context) (*home.Home, *control.Client, control.Status, error) {
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return nil, nil, control.Status{}, err
	}
	c, status, err := control.Dial(ctx, data.Dir)
	return data, c, status, err
}

func stopRunner(cmd *cobra.Command) error {
	_, c, _, err := dialRunner(cmd.Context())
	if errors.Is(err, control.ErrNotRunning) {
		fmt.Fprintln(cmd.OutOrStdout(), "No runner is running.")
		return nil
	}
	if err != nil {
		return err
	}
	if err := endRunner(cmd.Context(), c); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), "The runner has stopped. Its sessions go on.")
	return nil
}

func newRunnerStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "status", Short: "Say how the runner is, and list the processes of hapi on this machine", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		data, c, status, err := dialRunner(cmd.Context())
		if err != nil && !errors.Is(err, control.ErrNotRunning) {
			return err
		}
		running := err == nil
		processes, err := hapiProcesses(cmd.Context(), data)
		if err != nil {
			return err
		}
		if asJSON {
			v := map[string]any{"running": running, "processes": processes}
			if running {
				v["pid"], v["connected"], v["problem"], v["sessions"] = status.PID, status.Connected, status.Problem, status.Sessions
				v["hub"], v["version"], v["startTime"], v["workspaceRoots"], v["log"] = c.State.APIURL, c.State.Version, c.State.StartTime, append([]string{}, c.State.Roots...), c.State.LogPath
			}
			return printJSON(out, v)
		}
		if !running {
			fmt.Fprintln(out, "No runner is running. Start one with `hapi runner start`.")
			printProcesses(out, processes)
			return nil
		}
		fmt.Fprintf(out, "Runner: running (pid %d, version %s, since %s)\nHub: %s (%s)\nSessions: %d\n",
			status.PID, c.State.Version, c.State.StartTime, c.State.APIURL, connection(status), status.Sessions)
		for _, root := range c.State.Roots {
			fmt.Fprintln(out, "Workspace root:", root)
		}
		fmt.Fprintln(out, "Log:", c.State.LogPath)
		printProcesses(out, processes)
		return nil
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func connection(s control.Status) string {
	switch {
	case s.Connected:
		return "connected"
	case s.Problem != "":
		return "not connected: " + s.Problem
	default:
		return "connecting"
	}
}

func newRunnerList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List the sessions that the runner knows", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		out := cmd.OutOrStdout()
		_, c, _, err := dialRunner(cmd.Context())
		if err != nil {
			return err
		}
		children, err := c.List(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(out, children)
		}
		if len(children) == 0 {
			fmt.Fprintln(out, "There are no active sessions.")
			return nil
		}
		fmt.Fprintln(out, "Active sessions:")
		return printJSON(out, children)
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON alone")
	return cmd
}

func printJSON(w io.Writer, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", raw)
	return err
}

func stopSession(cmd *cobra.Command, id string) error {
	_, c, _, err := dialRunner(cmd.Context())
	if err != nil {
		return err
	}
	result, err := c.StopSession(cmd.Context(), id)
	if err != nil {
		return err
	}
	switch result.Status {
	case wire.StopStopped:
		fmt.Fprintln(cmd.OutOrStdout(), "The session's process has ended.")
	case wire.StopAlreadyGone:
		fmt.Fprintln(cmd.OutOrStdout(), "The session's process was gone already.")
	default:
		return fmt.Errorf("the runner cannot say that the process of session %s has ended: it does not know it, or it does not end", id)
	}
	return nil
}

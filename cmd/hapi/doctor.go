package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look at everything hapi needs on this machine", Args: onlyCommands,
		Long: `Look at what hapi needs on this machine, and say what is wrong and what to do
about it: the agents and their versions, the hub, the access token, the clock,
permissions of files, ports, and the processes of hapi. No secret is shown.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := home.Open(os.LookupEnv)
			if err != nil {
				return err
			}
			report := examine(cmd.Context(), data)
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				out.SetIndent("", "  ")
				return out.Encode(report)
			}
			printFindings(cmd.OutOrStdout(), report)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs")
	cmd.AddCommand(newDoctorClean())
	return cmd
}

// finding is one thing that was looked at.
type finding struct {
	Section string `json:"section"`
	Name    string `json:"name"`
	Value   string `json:"value"`
	Status  string `json:"status"` // ok, note, warning, problem
	Advice  string `json:"advice,omitempty"`

	Process *hapiProcess `json:"process,omitempty"` // for programs
}

// How a finding is.
const (
	fine    = "ok"
	note    = "note"
	warning = "warning"
	problem = "problem"
)

// doctor collects findings.
type doctor struct {
	data     *home.Home
	standing home.Standing
	findings []finding
}

func (d *doctor) add(section, name, value, status, advice string) {
	d.findings = append(d.findings, finding{Section: section, Name: name, Value: value, Status: status, Advice: advice})
}

// examine looks at everything.
func examine(ctx context.Context, data *home.Home) []finding {
	d := &doctor{data: data}
	d.program()
	d.files()
	d.environment()
	d.settings()
	d.hub(ctx)
	d.runner(ctx)
	d.processes(ctx)
	d.agents(ctx)
	d.logs()
	return d.findings
}

func (d *doctor) program() {
	exe, err := os.Executable()
	if err != nil {
		exe = err.Error()
	}
	d.add("Program", "version", version, fine, "")
	d.add("Program", "platform", runtime.GOOS+"/"+runtime.GOARCH, fine, "")
	d.add("Program", "executable", exe, fine, "")
}

// files looks at who else can read what is secret.
func (d *doctor) files() {
	d.add("Files", "data directory", d.data.Dir, fine, "")
	for _, name := range []string{"", "settings.json", "hapi.db", "jwt-secret.json"} {
		path := filepath.Join(d.data.Dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			d.add("Files", path, err.Error(), problem, "hapi must be able to read it")
		case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
			d.add("Files", path, info.Mode().Perm().String(), warning, "others can read it: chmod go= "+path)
		}
	}
	probe, err := os.CreateTemp(d.data.Dir, ".doctor-")
	if err != nil {
		d.add("Files", "writing", err.Error(), problem, "set HAPI_HOME to a directory you can write to")
		return
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
}

func (d *doctor) environment() {
	for _, name := range []string{"HAPI_HOME", "HAPI_API_URL", "HAPI_CLAUDE_PATH", "DEBUG", "NO_PROXY"} {
		if v, ok := os.LookupEnv(name); ok {
			d.add("Environment", name, v, fine, "")
		}
	}
	if _, ok := os.LookupEnv("CLI_API_TOKEN"); ok {
		d.add("Environment", "CLI_API_TOKEN", "set", fine, "")
	}
}

func (d *doctor) settings() {
	masked, err := d.data.Masked()
	if err != nil {
		d.add("Settings", d.data.SettingsPath(), err.Error(), problem, "correct the file")
		return
	}
	keys := make([]string, 0, len(masked))
	for key := range masked {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		d.add("Settings", key, string(masked[key]), fine, "")
	}
}

// clockWithin is how far this machine's clock may be from the hub's.
const clockWithin = 30 * time.Second

func (d *doctor) hub(ctx context.Context) {
	s, err := d.data.Standing()
	if err != nil {
		d.add("Hub", "configuration", err.Error(), problem, "")
		return
	}
	d.standing = s
	d.add("Hub", "address", fmt.Sprintf("%s (%s)", s.APIURL.Text, s.APIURL.From), fine, "")
	d.add("Hub", "machine", fmt.Sprintf("%s (%s)", s.Hostname, s.MachineID), fine, "")
	if !d.reach(ctx) {
		d.port(ctx)
		return
	}
	if s.Token.Text == "" {
		d.add("Hub", "access token", "missing", problem, "run hapi auth login")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = hubclient.New(hubclient.Options{BaseURL: s.APIURL.Text, Token: s.Token.Text}).Resumable(ctx, wire.MachineID(s.MachineID))
	if err != nil {
		d.add("Hub", "access token", err.Error(), problem, "run hapi auth login")
		return
	}
	d.add("Hub", "access token", fmt.Sprintf("the hub takes it (%s)", s.Token.From), fine, "")
}

// reach asks for the hub's health, and by the way for its time.
func (d *doctor) reach(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.standing.APIURL.Text+"/health", nil)
	if err != nil {
		d.add("Hub", "reachable", err.Error(), problem, "correct HAPI_API_URL or apiUrl in the settings")
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.add("Hub", "reachable", errors.Unwrap(err).Error(), problem, "start it with hapi hub, or correct its address")
		return false
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	var health wire.HubHealth
	if res.StatusCode != http.StatusOK || json.Unmarshal(raw, &health) != nil || health.Status != "ok" {
		d.add("Hub", "reachable", "something answers "+res.Status+" that is no hub", problem, "correct its address")
		return false
	}
	d.add("Hub", "reachable", fmt.Sprintf("yes, protocol %d", health.ProtocolVersion), fine, "")
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		skew := time.Since(at).Round(time.Second)
		if skew.Abs() > clockWithin {
			d.add("Hub", "clock", fmt.Sprintf("%v off the hub's", skew), warning, "set this machine's clock, or the hub's")
		} else {
			d.add("Hub", "clock", "agrees with the hub's", fine, "")
		}
	}
	return true
}

// port says whether this machine's own hub could start.
func (d *doctor) port(ctx context.Context) {
	u, err := url.Parse(d.standing.APIURL.Text)
	if err != nil || u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
		return
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", u.Port()))
	if err != nil {
		d.add("Hub", "port "+u.Port(), "taken by something else", problem, "start the hub on another port: hapi hub --port")
		return
	}
	_ = listener.Close()
	d.add("Hub", "port "+u.Port(), "free", fine, "")
}

func (d *doctor) runner(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, status, err := control.Dial(ctx, d.data.Dir)
	if err != nil {
		d.add("Runner", "state", "not running", note, "to start sessions from your phone: hapi runner start")
		return
	}
	d.add("Runner", "state", fmt.Sprintf("running, pid %d, version %s", status.PID, c.State.Version), fine, "")
	if status.Problem != "" {
		d.add("Runner", "hub", status.Problem, problem, "see hapi runner logs")
	}
}

func (d *doctor) processes(ctx context.Context) {
	list, err := hapiProcesses(ctx, d.data)
	if err != nil {
		d.add("Processes", "list", err.Error(), warning, "")
		return
	}
	if len(list) == 0 {
		d.add("Processes", "hapi", "none but this one", fine, "")
	}
	for _, p := range list {
		d.findings = append(d.findings, finding{Section: "Processes", Name: string(p.Kind), Value: p.String(), Status: fine, Process: &p})
	}
}

// agentPrograms are the agents we know, with their executables.
var agentPrograms = []struct{ label, variable, command string }{
	{"Claude Code", "HAPI_CLAUDE_PATH", "claude"},
	{"Codex", "HAPI_CODEX_APP_SERVER_BIN", "codex"},
	{"Gemini", geminiPath, "gemini"},
	{"OpenCode", opencodePath, "opencode"},
}

// agents asks each for its version, all at once.
func (d *doctor) agents(ctx context.Context) {
	versions := make([]string, len(agentPrograms))
	var asking sync.WaitGroup
	for i, a := range agentPrograms {
		asking.Go(func() { versions[i] = agentVersion(ctx, os.Getenv(a.variable), a.command) })
	}
	asking.Wait()
	for i, a := range agentPrograms {
		if versions[i] == "" {
			d.add("Agents", a.label, "not found", note, "")
			continue
		}
		d.add("Agents", a.label, versions[i], fine, "")
	}
}

func agentVersion(ctx context.Context, path, command string) string {
	if path == "" {
		path = command
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return ""
	case err != nil:
		return "does not say its version: " + err.Error()
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first
}

// shownLogs is how many logs are named.
const shownLogs = 5

func (d *doctor) logs() {
	paths, _ := filepath.Glob(filepath.Join(d.data.Path("logs"), "*.log")) // the pattern is well-formed
	slices.Sort(paths)
	slices.Reverse(paths)
	for i, path := range paths {
		if i == shownLogs {
			d.add("Logs", "older", fmt.Sprint(len(paths)-i), fine, "")
			break
		}
		d.add("Logs", filepath.Base(path), path, fine, "")
	}
}

func printFindings(w io.Writer, report []finding) {
	section, bad := "", 0
	marks := map[string]string{fine: "  ", note: "· ", warning: "! ", problem: "✗ "}
	for _, f := range report {
		if f.Section != section {
			section = f.Section
			fmt.Fprintf(w, "\n%s\n", section)
		}
		fmt.Fprintf(w, "  %s%s: %s\n", marks[f.Status], f.Name, f.Value)
		if f.Advice != "" {
			fmt.Fprintf(w, "      → %s\n", f.Advice)
		}
		if f.Status == problem {
			bad++
		}
	}
	if bad == 0 {
		fmt.Fprintln(w, "\nEverything that was looked at is in order.")
		return
	}
	fmt.Fprintf(w, "\nProblems: %d\n", bad)
}

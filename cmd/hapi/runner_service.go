package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"hapi/internal/control"
	"hapi/internal/home"
	"hapi/internal/runner"
)

const serviceName = "hapi-runner"

func newRunnerInstall(roots *[]string) *cobra.Command {
	return &cobra.Command{
		Use: "install", Short: "Have the runner started whenever you sign in (systemd or launchd)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return installRunner(cmd, *roots) },
	}
}

func newRunnerUninstall() *cobra.Command {
	return &cobra.Command{
		Use: "uninstall", Short: "Stop starting the runner when you sign in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := runnerService(nil, nil)
			if err != nil {
				return err
			}
			_ = s.Stop() // it may not run
			if err := s.Uninstall(); err != nil {
				return fmt.Errorf("remove the service: %w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "The runner is not started any more when you sign in. Sessions go on.")
			return nil
		},
	}
}

func installRunner(cmd *cobra.Command, given []string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	data, err := home.Open(os.LookupEnv)
	if err != nil {
		return err
	}
	c, err := data.Client(ctx)
	if err != nil { // without a token the service would only fail
		return err
	}
	if c.Token.From == home.FromEnvironment {
		return fmt.Errorf("the access token is only in this shell's CLI_API_TOKEN, which a service does not get: keep it in %s as cliApiToken", data.SettingsPath())
	}
	roots, err := runner.Roots(given)
	if err != nil {
		return err
	}
	s, err := runnerService(data, roots)
	if err != nil {
		return err
	}
	if err := makeWay(ctx, data); err != nil {
		return err
	}
	if err := s.Install(); err != nil {
		return fmt.Errorf("install the service: %w; `hapi runner uninstall` removes an earlier one", err)
	}
	if err := s.Start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	fmt.Fprintln(out, "The runner is running, and is started again whenever you sign in.")
	if strings.HasSuffix(s.Platform(), "systemd") {
		fmt.Fprintln(out, "To have it run while you are signed out too: loginctl enable-linger")
	}
	return nil
}

// makeWay stops a runner that was started by hand.
func makeWay(ctx context.Context, data *home.Home) error {
	c, _, err := control.Dial(ctx, data.Dir)
	if errors.Is(err, control.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.State.Supervised {
		return errors.New("the runner is kept running by a service already; `hapi runner uninstall` removes it")
	}
	return endRunner(ctx, c)
}

// kept are variables that the service gets from us: a supervisor's own
// environment has neither the person's search path nor their settings.
var kept = []string{"PATH", "HAPI_HOME", "HAPI_API_URL", "HAPI_HOSTNAME", "HAPI_CLAUDE_PATH", "HAPI_CODEX_APP_SERVER_BIN", "CLAUDE_CONFIG_DIR", "CODEX_HOME"}

// systemdUnit ends the runner alone when it is stopped, not its sessions. The
// values are filled in by us: a path may have blanks in it.
const systemdUnit = `[Unit]
Description=hapi runner: starts coding agents when you ask from anywhere
After=network-online.target

[Service]
ExecStart=%s
%sKillMode=process
Restart=always
RestartSec=5

[Install]
WantedBy=default.target
`

func runnerService(data *home.Home, roots []string) (service.Service, error) {
	if system := service.ChosenSystem(); system == nil || system.String() != "linux-systemd" && system.String() != "darwin-launchd" {
		return nil, errors.New("services are offered with systemd and launchd only: have `hapi runner start-sync` started by what your system has instead")
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	args := []string{"runner", "start-sync"}
	for _, root := range roots {
		args = append(args, "--workspace-root", root)
	}
	env := map[string]string{"HAPI_RUNNER_SUPERVISED": "1"}
	for _, name := range kept {
		if v := os.Getenv(name); v != "" {
			env[name] = v
		}
	}
	config := &service.Config{
		Name: serviceName, DisplayName: "hapi runner", Description: "Starts coding agents when you ask from anywhere", Executable: exe, Arguments: args, EnvVars: env,
		Option: service.KeyValue{"UserService": true, "RunAtLoad": true, "KeepAlive": true, "SystemdScript": unitOf(exe, args, env), "LaunchdConfig": plistOf(exe, args, env, logOf(data))},
	}
	s, err := service.New(noProgram{}, config)
	if err != nil {
		return nil, fmt.Errorf("describe the service: %w", err)
	}
	return s, nil
}

func unitOf(exe string, args []string, env map[string]string) string {
	command := []string{quoted(exe)}
	for _, arg := range args {
		command = append(command, quoted(arg))
	}
	var lines []string
	for name, v := range env {
		lines = append(lines, "Environment="+quoted(name+"="+v)+"\n")
	}
	slices.Sort(lines)
	return fmt.Sprintf(systemdUnit, strings.Join(command, " "), strings.Join(lines, ""))
}

// quoted is a word of a systemd unit.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`, "\n", `\n`).Replace(s) + `"`
}

// logOf is where launchd puts what the runner prints; systemd has its journal.
func logOf(data *home.Home) string {
	if data == nil { // the service is only removed
		return ""
	}
	return filepath.Join(data.Path("logs"), "runner.log")
}

// plistOf describes the service to launchd: as systemd's unit does, it ends the
// runner alone, and starts it again however it ended.
func plistOf(exe string, args []string, env map[string]string, log string) string {
	var b strings.Builder
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
`)
	text := func(tag, s string) {
		b.WriteString("<" + tag + ">")
		_ = xml.EscapeText(&b, []byte(s)) // it is written to memory
		b.WriteString("</" + tag + ">\n")
	}
	text("key", "Label")
	text("string", serviceName)
	text("key", "ProgramArguments")
	b.WriteString("<array>\n")
	for _, word := range append([]string{exe}, args...) {
		text("string", word)
	}
	b.WriteString("</array>\n")
	text("key", "EnvironmentVariables")
	b.WriteString("<dict>\n")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		text("key", name)
		text("string", env[name])
	}
	b.WriteString("</dict>\n")
	for _, name := range []string{"RunAtLoad", "KeepAlive", "AbandonProcessGroup"} {
		text("key", name)
		b.WriteString("<true/>\n")
	}
	text("key", "SoftResourceLimits")
	b.WriteString("<dict>\n<key>NumberOfFiles</key>\n<integer>65536</integer>\n</dict>\n")
	for _, name := range []string{"StandardOutPath", "StandardErrorPath"} {
		text("key", name)
		text("string", log)
	}
	b.WriteString("</dict>\n</plist>\n")
	return strings.ReplaceAll(b.String(), "{", "&#123;") // it is read as a template
}

// noProgram stands for the service's own work, which it does not do here.
type noProgram struct{}

func (noProgram) Start(service.Service) error { return nil }
func (noProgram) Stop(service.Service) error  { return nil }

// installedAgents are the agents of this machine, by name.
func installedAgents() []string {
	var found []string
	for _, a := range []struct{ label, program, pathVar string }{
		{"Claude Code", "claude", "HAPI_CLAUDE_PATH"}, {"Codex", "codex", "HAPI_CODEX_APP_SERVER_BIN"},
		{"Gemini", "gemini", ""}, {"OpenCode", "opencode", ""},
	} {
		program := a.program
		if a.pathVar != "" && os.Getenv(a.pathVar) != "" {
			program = os.Getenv(a.pathVar)
		}
		if _, err := exec.LookPath(program); err == nil {
			found = append(found, a.label)
		}
	}
	return found
}

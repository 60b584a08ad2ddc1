package main

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestWhatAProcessIsForIsToldByItsArguments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args, command string
		want          kind
	}{
		{"hub", "hub", hubProcess},
		{"server --port 3007", "server", hubProcess},
		{"up", "up", hubProcess},
		{"hub backup /hub", "hub backup", otherProcess},
		{"runner start-sync --workspace-root /start", "runner start-sync", runnerProcess},
		{"runner --workspace-root /x start", "runner start", runnerProcess},
		{"runner list", "runner list", otherProcess},
		{"runner", "runner", otherProcess},
		{"claude --hapi-starting-mode remote --started-by runner", "claude", startedSession},
		{"codex --started-by=runner", "codex", startedSession},
		{"gemini --started-by terminal", "gemini", terminalSession},
		{"claude -- --started-by runner", "claude", terminalSession},
		{"", "claude", terminalSession},
		{"explain the runner start-sync command", "claude", terminalSession},
		{"resume abc", "resume", terminalSession},
		{"mcp --url http://127.0.0.1:1", "mcp", otherProcess},
		{"hook-forwarder --token secret", "hook-forwarder", otherProcess},
		{"ping-peer one secret", "ping-peer", otherProcess},
		{"docter", "", otherProcess},
	} {
		got, command := kindOf(strings.Fields(tt.args))
		if got != tt.want || command != tt.command {
			t.Errorf("hapi %s is %s, %q, want %s, %q", tt.args, got, command, tt.want, tt.command)
		}
	}
}

func TestTheCommandsThatHoldSessionsExist(t *testing.T) {
	t.Parallel()
	for _, name := range sessionCommands {
		if !offered(name) {
			t.Errorf("there is no command %q", name)
		}
	}
}

func TestTheProcessesOfHapiAreListed(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "CLI_API_TOKEN=secret-of-the-environment")
	daemon := exec.CommandContext(t.Context(), os.Args[0], "runner", "start-sync", "--workspace-root", m.t.TempDir())
	daemon.Env, daemon.Dir = m.env, t.TempDir()
	daemon.Cancel = func() error { return daemon.Process.Signal(os.Interrupt) }
	printed, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Wait() }) // it was interrupted
	if !bufio.NewScanner(printed).Scan() {
		t.Fatal("the runner says nothing")
	}

	var status struct{ Processes []hapiProcess }
	_, out, bad := m.hapi("", "runner", "status", "--json")
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		t.Fatalf("%v: %s %s", err, out, bad)
	}
	var report []finding
	_, examined, bad := m.hapi("", "doctor", "--json")
	if err := json.Unmarshal([]byte(examined), &report); err != nil {
		t.Fatalf("%v: %s %s", err, examined, bad)
	}
	for _, f := range report {
		if f.Process != nil {
			status.Processes = append(status.Processes, *f.Process)
		}
	}
	seen := 0
	for _, p := range status.Processes {
		if p.PID == daemon.Process.Pid && p.Kind == runnerProcess && p.Command == "runner start-sync" && p.StartTime != "" {
			seen++
		}
	}
	if seen != 2 {
		t.Errorf("the runner %d is listed %d times among\n%s\nand\n%s", daemon.Process.Pid, seen, out, examined)
	}
	if _, out, _ := m.hapi("", "runner", "status"); !strings.Contains(out, "Processes of hapi on this machine\n") || !strings.Contains(out, "hapi runner start-sync  since ") {
		t.Errorf("people read\n%s", out)
	}
}

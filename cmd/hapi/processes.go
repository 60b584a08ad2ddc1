package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"
	"github.com/spf13/cobra"

	"hapi/internal/home"
	"hapi/internal/runner"
	"hapi/internal/wire"
)

// kind is what a process of hapi is for.
type kind string

// The kinds of processes, in the order in which they are listed.
const (
	hubProcess      kind = "hub"
	runnerProcess   kind = "runner"
	startedSession  kind = "runner-session"
	terminalSession kind = "terminal-session"
	otherProcess    kind = "other"
)

var kinds = []struct {
	kind  kind
	title string
}{
	{hubProcess, "Hub"}, {runnerProcess, "Runner"}, {startedSession, "Sessions that a runner started"},
	{terminalSession, "Sessions at a terminal"}, {otherProcess, "Others"},
}

// hapiProcess is a process of this machine that runs hapi. Its command is told
// without what follows: that may be a prompt, or a secret.
type hapiProcess struct {
	Kind      kind           `json:"kind"`
	PID       int            `json:"pid"`
	Command   string         `json:"command"`
	StartTime string         `json:"startTime,omitempty"`
	Directory string         `json:"directory,omitempty"` // empty: the system does not say
	User      string         `json:"user,omitempty"`
	Session   wire.SessionID `json:"session,omitempty"` // of those that a runner of this data directory started
}

// hapiProcesses are all of this machine but the one that asks, grouped by kind.
func hapiProcesses(ctx context.Context, data *home.Home) ([]hapiProcess, error) {
	table, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the processes of this machine: %w", err)
	}
	recorded, err := runner.Started(data)
	if err != nil {
		return nil, err
	}
	sessions := map[int]wire.SessionID{}
	for _, s := range recorded {
		sessions[s.PID] = s.Session
	}
	exe, _ := os.Executable() // without it the name tells
	found := []hapiProcess{}
	for _, p := range table {
		argv, err := p.CmdlineSliceWithContext(ctx)
		if err != nil || len(argv) == 0 || int(p.Pid) == os.Getpid() || !runsHapi(ctx, p, argv[0], exe) {
			continue // it has ended, or is none of ours
		}
		one := hapiProcess{PID: int(p.Pid), Session: sessions[int(p.Pid)]}
		one.Kind, one.Command = kindOf(argv[1:])
		if at, err := p.CreateTimeWithContext(ctx); err == nil {
			one.StartTime = time.UnixMilli(at).UTC().Format(time.RFC3339)
		}
		one.Directory, _ = p.CwdWithContext(ctx)
		one.User, _ = p.UsernameWithContext(ctx)
		found = append(found, one)
	}
	slices.SortFunc(found, func(a, b hapiProcess) int {
		return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), cmp.Compare(a.PID, b.PID))
	})
	return found, nil
}

func rank(k kind) int {
	for i, one := range kinds {
		if one.kind == k {
			return i
		}
	}
	return len(kinds)
}

// runsHapi says whether a process runs hapi: this executable, or one of the name.
// What other programs have among their arguments does not count.
func runsHapi(ctx context.Context, p *process.Process, called, exe string) bool {
	path, err := p.ExeWithContext(ctx)
	if err != nil { // of somebody else
		path = called
	}
	path = strings.TrimSuffix(path, " (deleted)") // it was upgraded
	return exe != "" && path == exe || strings.TrimSuffix(filepath.Base(path), ".exe") == "hapi"
}

// kindOf tells what a process is for by its arguments.
func kindOf(args []string) (kind, string) {
	root := newRoot()
	words, err := normalise(root, args)
	if err != nil { // it is about to complain
		return otherProcess, ""
	}
	command := words[0]
	ours := words[1:]
	if i := slices.Index(ours, "--"); i >= 0 {
		ours = ours[:i]
	}
	switch command {
	case "hub", "server", "up":
		if sub := subcommand(root, command, ours); sub != "" {
			return otherProcess, command + " " + sub
		}
		return hubProcess, command
	case "runner":
		sub := subcommand(root, command, ours)
		if sub == "start" || sub == "start-sync" {
			return runnerProcess, command + " " + sub
		}
		return otherProcess, strings.TrimSpace(command + " " + sub)
	}
	switch {
	case !slices.Contains(sessionCommands, command):
		return otherProcess, command
	case startedByRunner(ours):
		return startedSession, command
	default:
		return terminalSession, command
	}
}

// sessionCommands are the commands whose processes hold a session.
var sessionCommands = []string{"claude", "codex", "opencode", "gemini", "acp", "demo", "resume"}

// subcommand is the first of the words that is a command of the named one.
func subcommand(root *cobra.Command, command string, words []string) string {
	cmd, _, err := root.Find([]string{command})
	if err != nil {
		return ""
	}
	for _, word := range words {
		if slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == word }) {
			return word
		}
	}
	return ""
}

func startedByRunner(words []string) bool {
	for i, word := range words {
		if word == "--started-by=runner" || word == "--started-by" && i+1 < len(words) && words[i+1] == "runner" {
			return true
		}
	}
	return false
}

// printProcesses lists them under a heading for each kind.
func printProcesses(w io.Writer, list []hapiProcess) {
	fmt.Fprintln(w, "\nProcesses of hapi on this machine")
	if len(list) == 0 {
		fmt.Fprintln(w, "  none but this one")
	}
	for _, group := range kinds {
		first := true
		for _, p := range list {
			if p.Kind != group.kind {
				continue
			}
			if first {
				fmt.Fprintf(w, "  %s\n", group.title)
				first = false
			}
			fmt.Fprintf(w, "    %s\n", p)
		}
	}
}

func (p hapiProcess) String() string {
	text := fmt.Sprintf("pid %-8d %s", p.PID, strings.TrimSpace("hapi "+p.Command))
	for _, part := range []struct{ label, value string }{{"session ", string(p.Session)}, {"since ", p.StartTime}, {"in ", p.Directory}, {"of ", p.User}} {
		if part.value != "" {
			text += "  " + part.label + part.value
		}
	}
	return text
}

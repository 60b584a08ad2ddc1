//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hapi/internal/agent/child"
)

// pid is a process of the agent's.
type pid int

// family are the processes that the session started, they started, and so on.
func (w *world) family() []pid {
	var all []pid
	for _, p := range child.Descendants(w.session.cmd.Process.Pid) {
		all = append(all, pid(p.PID))
	}
	return all
}

// command is how the process was started; empty if it has gone. What waits only
// to be collected by its parent has gone.
func (p pid) command() string {
	out, err := exec.Command("ps", "-o", "stat=,args=", "-p", strconv.Itoa(int(p))).Output()
	if text := strings.TrimSpace(string(out)); err == nil && !strings.HasPrefix(text, "Z") {
		return text
	}
	return ""
}

func (p pid) kill(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(int(p), syscall.SIGKILL); err != nil {
		t.Fatalf("kill %d: %v", p, err)
	}
}

// waitGone waits until none of the processes is left.
func (w *world) waitGone(processes []pid) {
	w.t.Helper()
	if len(processes) == 0 {
		w.t.Fatal("the agent has no processes")
	}
	w.t.Cleanup(func() { // a test that fails leaves nothing behind either
		for _, p := range processes {
			if p.command() != "" {
				_ = syscall.Kill(int(p), syscall.SIGKILL)
			}
		}
	})
	w.wait(fmt.Sprintf("the end of %d processes", len(processes)), func() bool {
		for _, p := range processes {
			if p.command() != "" {
				return false
			}
		}
		return true
	})
}

// waitRunning waits until the agent runs a command, and gives its processes.
func (w *world) waitRunning(command string) (all []pid) {
	w.t.Helper()
	w.wait(command, func() bool {
		all = w.family()
		for _, p := range all {
			if strings.HasSuffix(p.command(), " "+command) {
				return true
			}
		}
		return false
	})
	return all
}

// processesWith are the processes that have a variable in their environment, by
// what Linux says.
func (w *world) processesWith(variable string) map[int]string {
	w.t.Helper()
	marker := []byte(variable + "\x00")
	found := map[int]string{}
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(raw, marker) {
			continue // it has gone, or is not ours
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			w.t.Fatal(err)
		}
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		found[pid] = strings.ReplaceAll(string(bytes.TrimRight(line, "\x00")), "\x00", " ")
	}
	return found
}

// nothingLeft waits until nothing is left of what a test started: hapi, the
// agents, their tools, and what those started.
func (w *world) nothingLeft() {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		left := w.processesWith("HAPI_HOME=" + w.home)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Errorf("processes are left over: %v", left)
			for id := range left {
				_ = syscall.Kill(id, syscall.SIGKILL) // it may go now
			}
			return
		}
	}
}

// TestNoCodexOutlivesItsSession ends a session in each way while Codex runs a
// command of its own.
func TestNoCodexOutlivesItsSession(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(w *world, processes []pid)
	}{
		{"terminated", func(w *world, _ []pid) { w.session.signal(syscall.SIGTERM) }},
		{"interrupted", func(w *world, _ []pid) { w.session.signal(syscall.SIGINT) }},
		{"hung up", func(w *world, _ []pid) { w.session.signal(syscall.SIGHUP) }},
		{"aborted", func(w *world, processes []pid) {
			w.post(w.path("/abort"), nil, nil)
			w.wait("the end of the command", func() bool {
				return !slices.ContainsFunc(processes, func(p pid) bool { return strings.HasSuffix(p.command(), " sleep 600") })
			})
			w.session.signal(syscall.SIGTERM)
		}},
		{"archived", func(w *world, _ []pid) { w.post(w.path("/archive"), nil, nil) }},
		{"killed", func(w *world, _ []pid) { w.session.kill() }},
		{"crashed", func(w *world, processes []pid) {
			processes[0].kill(w.t)
			w.waitSaid("Codex ended unexpectedly")
			w.waitGone(processes)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.model.Script(shell("sleep 600"))
			w.startCodex("--yolo")
			w.send("Sleep", "local-1")
			processes := w.waitRunning("sleep 600")
			c.end(w, processes)
			w.waitGone(processes)
		})
	}
}

// TestSignalAtTheStartEndsTheSession sends it when the session says its first word.
func TestSignalAtTheStartEndsTheSession(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, hapi, "demo")
		cmd.Dir, cmd.Env, cmd.WaitDelay = w.project, w.env(), time.Second
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(out)
		first, err := said.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be too late only if it ended by itself
		rest, _ := io.ReadAll(said)             // what it says is shown below
		if err := cmd.Wait(); err != nil {
			t.Fatalf("the session ended with %v; it said:\n%s%s", err, first, rest)
		}
		cancel()
	}
}

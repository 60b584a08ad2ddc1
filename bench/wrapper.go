package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// agentIsHere is what the stand-in for an agent prints when it has started.
const agentIsHere = "the-agent-is-here"

// standIn is an agent that starts at once and does nothing.
const standIn = "#!/bin/sh\nprintf " + agentIsHere + "\nexec sleep 1000\n"

// measureWrapper gives what a session process adds to its agent: the memory
// beside an agent at the terminal and with the screen of a remote session, and
// the time until the agent starts. It needs a binary, which is hub and wrapper.
func measureWrapper(ctx context.Context, h *target, o options) ([]row, error) {
	if o.binary == "" {
		return nil, nil
	}
	w, err := newWrapper(h, o.binary)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(w.dir) //nolint:errcheck // a directory of its own
	var rows []row
	var bare, wrapped latencies
	for range wrapperStarts {
		for _, start := range []struct {
			into *latencies
			args []string
		}{{&bare, []string{w.agent}}, {&wrapped, []string{w.binary}}} {
			p, err := w.start(ctx, start.args, agentIsHere)
			if err != nil {
				return nil, err
			}
			start.into.add(p.took)
			p.stop()
		}
	}
	var added, alone row
	bare.into(&alone)
	wrapped.into(&added)
	added.Work, added.Count = "start of an agent, added by its wrapper", wrapperStarts
	added.P50, added.P95, added.P99 = added.P50-alone.P50, max(0, added.P95-alone.P50), max(0, added.P99-alone.P50)
	rows = append(rows, added)
	for _, side := range []struct{ work, mode, shows string }{
		{"wrapper of an agent at the terminal", "local", agentIsHere}, {"wrapper with the screen of a remote session", "remote", "space twice"},
	} {
		p, err := w.start(ctx, []string{w.binary, "--hapi-starting-mode", side.mode}, side.shows)
		if err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(o.settle * float64(time.Second)))
		now, peak := (&target{pid: p.cmd.Process.Pid}).memory()
		rows = append(rows, row{Work: side.work, Bytes: now, PeakBytes: peak})
		p.stop()
	}
	return rows, nil
}

const (
	wrapperStarts = 20
	showsWithin   = 20 * time.Second
)

// wrapper starts session processes for a hub.
type wrapper struct {
	binary, agent, dir string
	env                []string
}

func newWrapper(h *target, binary string) (*wrapper, error) {
	dir, err := os.MkdirTemp("", "hapi-bench-")
	if err != nil {
		return nil, err
	}
	w := &wrapper{dir: dir, agent: filepath.Join(dir, "agent")}
	if w.binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	w.env = append(os.Environ(), "HAPI_HOME="+filepath.Join(dir, "home"), "HAPI_API_URL="+h.url, "CLI_API_TOKEN="+h.token,
		"HAPI_CLAUDE_PATH="+w.agent, "HAPI_RUNNER_AUTOSTART=0", "TERM=xterm-256color", "CLAUDE_CONFIG_DIR="+dir)
	return w, os.WriteFile(w.agent, []byte(standIn), 0o700)
}

// inTerminal is a process with a terminal of its own.
type inTerminal struct {
	cmd  *exec.Cmd
	tty  *os.File
	took time.Duration // until it showed what was waited for
}

func (w *wrapper) start(ctx context.Context, args []string, shows string) (*inTerminal, error) {
	p := &inTerminal{cmd: exec.CommandContext(ctx, args[0], args[1:]...)}
	p.cmd.Dir, p.cmd.Env = w.dir, w.env
	begin := time.Now()
	var err error
	if p.tty, err = pty.StartWithSize(p.cmd, &pty.Winsize{Rows: 40, Cols: 100}); err != nil {
		return nil, fmt.Errorf("start %s in a terminal: %w", args[0], err)
	}
	seen := make(chan bool, 1)
	go p.look(shows, seen) // ends with the terminal
	select {
	case ok := <-seen:
		if p.took = time.Since(begin); ok {
			return p, nil
		}
		err = fmt.Errorf("%s ended before it showed %q", args[0], shows)
	case <-time.After(showsWithin):
		err = fmt.Errorf("%s has not shown %q within %s", args[0], shows, showsWithin)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.stop()
	return nil, err
}

// look reads all that is shown, and says once whether a text was there.
func (p *inTerminal) look(text string, seen chan<- bool) {
	var all strings.Builder
	found := false
	b := make([]byte, 16<<10)
	for {
		n, err := p.tty.Read(b)
		if !found {
			all.Write(b[:n])
			if found = strings.Contains(all.String(), text); found {
				seen <- true
			}
		}
		if err != nil {
			if !found {
				seen <- false
			}
			return
		}
	}
}

func (p *inTerminal) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "bench: a session process:", err)
	}
	_ = p.tty.Close()
}

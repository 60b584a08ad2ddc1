// Package child ends processes with everything they started: agents run
// commands of their own, some in process groups of their own, and none may
// outlive its session.
package child

import (
	"bytes"
	"os/exec"
	"sync"
	"time"
)

// killWithin is how long a process may take to end after it was asked to.
const killWithin = 2 * time.Second

// Kill ends a started process and its descendants: it asks first, and does not
// wait long. done is closed when the process has ended.
func Kill(cmd *exec.Cmd, done <-chan struct{}) {
	family := Descendants(cmd.Process.Pid)
	terminateGroup(cmd)
	select {
	case <-done:
	case <-time.After(killWithin):
	}
	Sweep(cmd, append(family, Descendants(cmd.Process.Pid)...))
}

// Sweep kills what is left of a process and of the descendants it had.
func Sweep(cmd *exec.Cmd, family []Process) {
	killGroup(cmd)
	for _, p := range family {
		p.kill()
	}
}

// Mark is the variable by which an agent's processes are known. An agent that
// crashed leaves its tools without a parent that would lead to them.
const Mark = "HAPI_AGENT_RUN"

// SweepMarked kills every process with a value of Mark; empty is none.
func SweepMarked(value string) {
	if value == "" {
		return
	}
	for _, p := range marked(value) {
		p.kill()
	}
}

// Process is a process at a moment: its id may be another's later, so its
// start says whether it still is the same.
type Process struct {
	PID   int
	start string
}

// Tail is a writer that keeps the end of what is written to it.
type Tail struct {
	Max int

	mu sync.Mutex
	b  []byte
}

func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - t.Max; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ToValidUTF8(bytes.TrimSpace(t.b), []byte("�")))
}

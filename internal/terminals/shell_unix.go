//go:build unix

package terminals

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Available says whether this system has terminals.
const Available = true

// hangUpFor is how long a shell may take to end after its terminal went.
const hangUpFor = 2 * time.Second

// drainFor is how long output is awaited after the shell ended: what it left in
// the background may hold the terminal open.
const drainFor = 300 * time.Millisecond

// shell is a shell on a pseudo-terminal.
type shell struct {
	*os.File
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	exit exit          // valid after done
	read chan struct{} // closed when its output has ended

	mu         sync.Mutex
	cols, rows uint16
	gone       bool
	kill       *time.Timer // after it was hung up
}

type exit struct {
	code   *int
	signal *string
}

func start(dir string, env []string, cols, rows int) (*shell, error) {
	path, err := shellPath()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path) //nolint:noctx // hangUp ends it
	cmd.Dir, cmd.Env = dir, append(env, "PWD="+dir, "SHELL="+path)
	s := &shell{cmd: cmd, done: make(chan struct{}), read: make(chan struct{}), cols: uint16(cols), rows: uint16(rows)}
	s.File, err = pty.StartWithSize(cmd, &pty.Winsize{Cols: s.cols, Rows: s.rows})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return s, nil
}

func failure(error) string { return textFailed }

// shellPath is the person's shell, or one that there is.
func shellPath() (string, error) {
	choices := []string{os.Getenv("SHELL"), "/bin/bash", "/bin/sh"}
	if runtime.GOOS == "darwin" {
		choices = append(choices[:1:1], "/bin/zsh", "/bin/bash", "/bin/sh")
	}
	for _, path := range choices {
		if info, err := os.Stat(path); path != "" && err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", errors.New("there is no shell")
}

func (s *shell) resize(cols, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cols, s.rows = uint16(cols), uint16(rows)
	_ = pty.Setsize(s.File, &pty.Winsize{Cols: s.cols, Rows: s.rows}) // it may have ended
}

// redraw makes programs draw the whole screen: they do when its size changes.
func (s *shell) redraw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rows := range []uint16{max(1, s.rows-1), s.rows} {
		_ = pty.Setsize(s.File, &pty.Winsize{Cols: s.cols, Rows: rows}) // it may have ended
	}
}

// busy says whether a program runs in the foreground of the shell.
func (s *shell) busy() bool {
	group := s.foreground()
	return group > 0 && group != s.cmd.Process.Pid
}

// foreground is the process group that has the terminal; 0 if there is none.
func (s *shell) foreground() (group int) {
	raw, err := s.SyscallConn() // Fd would make reads block for good
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // then there is none
		if g, err := unix.IoctlGetInt(int(fd), unix.TIOCGPGRP); err == nil {
			group = g
		}
	})
	return group
}

// hangUp ends the shell as a terminal that goes does, and kills it if it stays.
func (s *shell) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || s.kill != nil {
		return
	}
	pid := s.cmd.Process.Pid
	if group := s.foreground(); group > 0 && group != pid {
		_ = syscall.Kill(-group, syscall.SIGHUP) // it may have gone
	}
	_ = syscall.Kill(-pid, syscall.SIGHUP) // it may have gone
	s.kill = time.AfterFunc(hangUpFor, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.gone {
			_ = syscall.Kill(-pid, syscall.SIGKILL) // it may have gone
		}
	})
}

// drained says that the output has ended.
func (s *shell) drained() { close(s.read) }

// reap waits for the shell's end, and for the rest of its output.
func (s *shell) reap() {
	_ = s.cmd.Wait() // how it ended is in the state
	s.mu.Lock()
	s.gone = true
	if s.kill != nil {
		s.kill.Stop()
	}
	s.mu.Unlock()
	if ws, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		name := unix.SignalName(ws.Signal())
		s.exit.signal = &name
	} else {
		code := s.cmd.ProcessState.ExitCode()
		s.exit.code = &code
	}
	close(s.done)
	select {
	case <-s.read:
	case <-time.After(drainFor):
	}
	_ = s.Close() // reading ends
}

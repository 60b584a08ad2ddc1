//go:build unix

package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Run gives the terminal to the program and returns when it has ended, with all
// it started, and the terminal is ours again, as it was. When ctx ends it is
// asked to end, then killed; the error is ctx's cause.
func (f Foreground) Run(ctx context.Context) error {
	tty := newTTY(f.Terminal)
	defer tty.restore()
	ended := make(chan error, 1)
	started := make(chan int, 1)
	go func() { ended <- f.run(tty, started) }()
	pid, ok := <-started
	if !ok {
		return <-ended
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	family := Descendants(pid)
	_ = syscall.Kill(-pid, syscall.SIGCONT) // a stopped program hears nothing
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	select {
	case <-ended: //nolint:errcheck // it ends because we end it
	case <-time.After(leaveWithin):
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-ended //nolint:errcheck // likewise
	}
	for _, p := range family {
		p.kill()
	}
	return context.Cause(ctx)
}

// run starts the program and waits for it. It keeps the thread that started it:
// with that thread's end the system would take its parent for dead.
func (f Foreground) run(tty *tty, started chan<- int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(started)
	attr := &syscall.SysProcAttr{Setpgid: true}
	if tty.ours {
		attr.Foreground, attr.Ctty = true, tty.fd
	}
	endWithParent(attr)
	p, err := os.StartProcess(f.Path, append([]string{f.Path}, f.Args...), &os.ProcAttr{
		Dir: f.Dir, Env: environ(f.Env), Files: []*os.File{f.Terminal[0], f.Terminal[1], f.Terminal[2]}, Sys: attr,
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", f.Path, err)
	}
	defer p.Release() //nolint:errcheck // it has been waited for
	started <- p.Pid
	status, err := waitThroughStops(p.Pid, tty)
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // what it left behind in its group
	switch {
	case err != nil:
		return fmt.Errorf("wait for %s: %w", f.Path, err)
	case (status.Signaled() || status.ExitStatus() != 0) && tty.gone(): // programs that notice say so in many ways
		return &Exit{Code: -1, Signal: unix.SignalName(syscall.SIGHUP)}
	case status.Signaled():
		return &Exit{Code: -1, Signal: unix.SignalName(status.Signal())}
	case status.ExitStatus() != 0:
		return &Exit{Code: status.ExitStatus()}
	}
	return nil
}

// waitThroughStops waits for a program's end. When it is stopped, as by Ctrl-Z,
// we stop with it: the shell waits for us.
func waitThroughStops(pid int, tty *tty) (syscall.WaitStatus, error) {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return status, err
		case !status.Stopped():
			return status, nil
		}
		tty.restore()
		suspend()
		tty.give(pid)
		_ = syscall.Kill(-pid, syscall.SIGCONT) // it may have gone
	}
}

// suspend stops this process and the rest of its job until the shell continues
// it. Without a shell the system ignores it.
func suspend() {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	_ = syscall.Kill(0, syscall.SIGTSTP)
}

// tty is the person's terminal and its state before the program had it.
type tty struct {
	out   *os.File
	fd    int
	ours  bool // we are its foreground and can hand it over
	state *term.State
}

func newTTY(files [3]*os.File) *tty {
	t := &tty{out: files[1], fd: int(files[0].Fd())}
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	t.ours = err == nil && group == syscall.Getpgrp()
	t.state, _ = term.GetState(t.fd) // what is no terminal has none
	return t
}

// gone says whether the terminal was closed.
func (t *tty) gone() bool {
	_, err := term.GetState(t.fd)
	return t.state != nil && err != nil
}

// restore makes the terminal ours again, as it was before the program had it.
func (t *tty) restore() {
	if t.ours {
		setForeground(t.fd, syscall.Getpgrp())
	}
	if t.state == nil {
		return
	}
	_ = term.Restore(t.fd, t.state) // it may have gone
	if term.IsTerminal(int(t.out.Fd())) {
		_, _ = t.out.WriteString(sane)
	}
}

// give makes another group the foreground.
func (t *tty) give(group int) {
	if t.ours {
		setForeground(t.fd, group)
	}
}

// setForeground is allowed from the background only while SIGTTOU is ignored.
func setForeground(fd, group int) {
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, group) // it may have gone
}

//go:build e2e && unix

package e2e

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownTerminal makes a command the leader of a session that its input controls,
// as a terminal does for its shell.
func ownTerminal(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
}

// unread says how much of what was typed waits in the terminal, where that can
// be asked.
func (v *terminal) unread() string {
	const fionread = 0x541b
	if runtime.GOOS != "linux" {
		return "how much typed waits is not known"
	}
	n, err := unix.IoctlGetInt(int(v.tty.Fd()), fionread)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d bytes typed wait to be read", n)
}

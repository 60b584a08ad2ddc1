//go:build e2e && unix

package e2e

import (
	"os/exec"
	"syscall"
)

// ownTerminal makes a command the leader of a session that its input controls,
// as a terminal does for its shell.
func ownTerminal(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
}

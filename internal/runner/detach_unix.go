//go:build unix

package runner

import (
	"os/exec"
	"syscall"
)

// Detach makes cmd start in a session of its own: it outlives us, and signals
// for our terminal do not reach it.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

//go:build unix

package runner

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// exitOf is how a process ended: by a code or by a signal.
func exitOf(s *os.ProcessState) (code *int, signal *string) {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		name := unix.SignalName(ws.Signal())
		return nil, &name
	}
	c := s.ExitCode()
	return &c, nil
}

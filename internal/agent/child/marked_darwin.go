package child

import "golang.org/x/sys/unix"

// pidSpace is the same for all: macOS has but one space of process ids.
func pidSpace() string { return "darwin" }

// environOf is the environment that a process was started with, NAME=value each
// ended by a zero; nil: it has gone, is another user's, or is protected.
func environOf(pid int) []byte {
	raw, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return nil
	}
	return environIn(raw)
}

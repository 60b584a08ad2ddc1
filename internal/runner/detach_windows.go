package runner

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"

	agentchild "hapi/internal/agent/child"
)

// Detach makes cmd start without our console: it outlives us, and signals for
// our console do not reach it.
func Detach(cmd *exec.Cmd) {
	flags := uint32(windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS)
	if os.Getenv(agentchild.Mark) != "" { // an agent starts it, in the job of its session
		flags |= windows.CREATE_BREAKAWAY_FROM_JOB
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: flags}
}

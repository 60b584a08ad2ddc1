package child

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// OwnGroup keeps signals for our console away from cmd.
func OwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func terminateGroup(cmd *exec.Cmd) { killGroup(cmd) }

// killGroup ends cmd and its descendants.
func killGroup(cmd *exec.Cmd) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = exec.CommandContext(ctx, "taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run() // it may have gone
}

func (Process) kill() {}

// Descendants is empty: taskkill finds them itself.
func Descendants(int) []Process { return nil }

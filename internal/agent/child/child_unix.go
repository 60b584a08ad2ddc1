//go:build unix

package child

import (
	"os/exec"
	"syscall"
)

// OwnGroup starts cmd in a process group of its own, so that all of it can be
// ended, and signals for our terminal do not reach it.
func OwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
}

func terminateGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // it may have gone

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // it may have gone

func (p Process) kill() {
	if now, alive := table()[p.PID]; alive && now.start == p.start {
		_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may have gone
	}
}

// Descendants are the processes that pid started, they started, and so on.
func Descendants(pid int) []Process {
	children := map[int][]Process{}
	for id, e := range table() {
		children[e.parent] = append(children[e.parent], Process{PID: id, start: e.start})
	}
	var all []Process
	for todo := children[pid]; len(todo) > 0; todo = todo[1:] {
		all = append(all, todo[0])
		todo = append(todo, children[todo[0].PID]...)
	}
	return all
}

// entry is a process of the machine.
type entry struct {
	parent int
	start  string
}

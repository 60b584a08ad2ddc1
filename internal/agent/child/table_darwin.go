package child

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// table lists the machine's processes.
func table() map[int]entry {
	all := map[int]entry{}
	list, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil { // the process group is all that is known then
		return all
	}
	for i := range list {
		if p := &list[i]; p.Proc.P_pid > 0 && p.Proc.P_stat != stateZombie {
			all[int(p.Proc.P_pid)] = entry{parent: int(p.Eproc.Ppid), start: startIn(p)}
		}
	}
	return all
}

// pids are the machine's processes.
func pids() []int {
	var list []int
	for pid := range table() {
		list = append(list, pid)
	}
	return list
}

// startOf says when a process started, in a form of the system's own.
func startOf(pid int) (start string, zombie, ok bool) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(p.Proc.P_pid) != pid {
		return "", false, false
	}
	return startIn(p), p.Proc.P_stat == stateZombie, true
}

const stateZombie = 5 // SZOMB of sys/proc.h

func startIn(p *unix.KinfoProc) string {
	return fmt.Sprintf("%d-%d", p.Proc.P_starttime.Sec, p.Proc.P_starttime.Usec)
}

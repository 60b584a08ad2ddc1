package child

import (
	"bytes"
	"os"
	"strconv"
)

// table lists the machine's processes.
func table() map[int]entry {
	all := map[int]entry{}
	for _, pid := range pids() {
		if e, zombie, ok := readStat(pid); ok && !zombie {
			all[pid] = e
		}
	}
	return all
}

// pids are the machine's processes.
func pids() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()                //nolint:errcheck // it was read
	names, _ := dir.Readdirnames(-1) // what was read counts
	list := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// startOf says when a process started, in a form of the system's own.
func startOf(pid int) (start string, zombie, ok bool) {
	e, zombie, ok := readStat(pid)
	return e.start, zombie, ok
}

// readStat reads proc_pid_stat(5): after the name in parentheses come the
// state, the parent, and 17 fields on the start. A zombie has ended, and waits
// only for its parent to notice.
func readStat(pid int) (e entry, zombie, ok bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil { // it has gone
		return entry{}, false, false
	}
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 20 {
		return entry{}, false, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return entry{parent: parent, start: string(fields[19])}, fields[0][0] == 'Z', err == nil
}

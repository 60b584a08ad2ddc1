package child

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// table lists the machine's processes.
func table() map[int]entry {
	all := map[int]entry{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		if e, zombie, ok := readStat(path); ok && !zombie {
			all[pid] = e
		}
	}
	return all
}

// readStat reads proc_pid_stat(5): after the name in parentheses come the
// state, the parent, and 17 fields on the start. A zombie has ended, and waits
// only for its parent to notice.
func readStat(path string) (e entry, zombie, ok bool) {
	raw, err := os.ReadFile(path)
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

package child

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// marked are the processes that have a variable in their environment.
func marked(variable string) []Process {
	pair := append([]byte(variable), 0)
	var found []Process
	for pid, e := range table() {
		raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err != nil || !bytes.HasPrefix(raw, pair) && !bytes.Contains(raw, append([]byte{0}, pair...)) {
			continue // it has gone, is another user's, or is not meant
		}
		found = append(found, Process{PID: pid, start: e.start})
	}
	return found
}

//go:build unix && !linux && !darwin

package child

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// table lists the machine's processes.
func table() map[int]entry {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-axo", "pid=,ppid=,lstart=").Output()
	all := map[int]entry{}
	if err != nil { // the process group is all that is known then
		return all
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		pid, err1 := strconv.Atoi(fields[0])
		parent, err2 := strconv.Atoi(fields[1])
		if err1 == nil && err2 == nil {
			all[pid] = entry{parent: parent, start: strings.Join(fields[2:], " ")}
		}
	}
	return all
}

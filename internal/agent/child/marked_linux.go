package child

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/uuid"
)

// NewMark is a value of Mark that names this process as the owner of all that
// bears it.
func NewMark() string {
	self, _, ok := readStat("/proc/self/stat")
	space := pidSpace()
	if !ok || space == "" {
		return uuid.NewString() // nobody is its owner
	}
	return fmt.Sprintf("%s.%d.%s.%s", space, os.Getpid(), self.start, uuid.NewString())
}

// pidSpace names the space in which our process ids count; a container has its
// own. Empty: it is not known.
func pidSpace() string {
	link, _ := os.Readlink("/proc/self/ns/pid") // like pid:[4026531836]
	return strings.TrimSuffix(strings.TrimPrefix(link, "pid:["), "]")
}

// SweepOrphans kills every process that bears a mark whose owner has gone without
// ending it, as by kill -9.
func SweepOrphans() {
	space := pidSpace()
	if space == "" {
		return
	}
	orphaned := map[string]bool{} // by mark
	for pid, e := range table() {
		mark := markOf(pid)
		if mark == "" {
			continue
		}
		orphan, known := orphaned[mark]
		if !known {
			orphan = ownerHasGone(mark, space)
			orphaned[mark] = orphan
		}
		if orphan {
			Process{PID: pid, start: e.start}.kill()
		}
	}
}

// markOf is the mark that a process bears, as far as it may be looked at.
func markOf(pid int) string {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return "" // it has gone, or is another user's
	}
	for pair := range bytes.SplitSeq(raw, []byte{0}) {
		if mark, ok := bytes.CutPrefix(pair, []byte(Mark+"=")); ok {
			return string(mark)
		}
	}
	return ""
}

// ownerHasGone says whether it is proven that a mark's owner, of our own space,
// has gone.
func ownerHasGone(mark, space string) bool {
	fields := strings.Split(mark, ".")
	if len(fields) != 4 || fields[0] != space {
		return false
	}
	owner, err := strconv.Atoi(fields[1])
	if err != nil || owner <= 0 {
		return false
	}
	if errors.Is(syscall.Kill(owner, 0), syscall.ESRCH) {
		return true
	}
	e, zombie, ok := readStat(filepath.Join("/proc", fields[1], "stat"))
	return ok && (zombie || e.start != fields[2])
}

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

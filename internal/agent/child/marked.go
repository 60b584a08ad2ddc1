//go:build linux || darwin

package child

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/uuid"
)

// NewMark is a value of Mark that names this process as the owner of all that
// bears it.
func NewMark() string {
	start, _, ok := startOf(os.Getpid())
	space := pidSpace()
	if !ok || space == "" {
		return uuid.NewString() // nobody is its owner
	}
	return fmt.Sprintf("%s.%d.%s.%s", space, os.Getpid(), start, uuid.NewString())
}

// SweepOrphans kills every process that bears a mark whose owner has gone without
// ending it, as by kill -9.
func SweepOrphans() {
	space := pidSpace()
	if space == "" {
		return
	}
	orphaned := map[string]bool{} // by mark
	for _, pid := range pids() {
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
			killBearing(pid, mark)
		}
	}
}

// killBearing kills a process if it is still one that bears the mark: its id may
// have become another's.
func killBearing(pid int, mark string) {
	start, zombie, ok := startOf(pid)
	if ok && !zombie && markOf(pid) == mark {
		Process{PID: pid, start: start}.kill()
	}
}

// markOf is the mark that a process bears, as far as it may be looked at.
func markOf(pid int) string {
	for pair := range bytes.SplitSeq(environOf(pid), []byte{0}) {
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
	start, zombie, ok := startOf(owner)
	return ok && (zombie || start != fields[2])
}

// marked are the processes that bear a mark.
func marked(mark string) []Process {
	var found []Process
	for _, pid := range pids() {
		if markOf(pid) != mark {
			continue // it has gone, is another user's, or is not meant
		}
		if start, zombie, ok := startOf(pid); ok && !zombie {
			found = append(found, Process{PID: pid, start: start})
		}
	}
	return found
}

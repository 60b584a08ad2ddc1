package child

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Foreground is a program that has the terminal to itself.
type Foreground struct {
	Path     string
	Args     []string
	Dir      string
	Env      []string
	Terminal [3]*os.File // input, output, errors
}

// Exit says that a program ended otherwise than by exit code 0.
type Exit struct {
	Code   int
	Signal string // empty: it ended by itself
}

func (e *Exit) Error() string {
	if e.Signal != "" {
		return "Process terminated with signal: " + e.Signal
	}
	return fmt.Sprintf("Process exited with code: %d", e.Code)
}

// Hangup says whether the program ended because its terminal has gone.
func (e *Exit) Hangup() bool { return e.Signal == "SIGHUP" || e.Code == 129 }

// leaveWithin is how long a program may take to put its affairs in order after
// it was asked to end; then it is killed.
const leaveWithin = 5 * time.Second

// sane undoes what a program may have left switched on in a terminal: extended
// keys, focus and mouse reports, bracketed paste, a hidden cursor.
const sane = "\x1b[<u\x1b[>4;0m\x1b[?1004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?25h\x1b[0m"

// environ is an environment in which each name is once, with its last value:
// which of two a program takes is the program's choice.
func environ(pairs []string) []string {
	known := map[string]bool{}
	var list []string
	for _, pair := range slices.Backward(pairs) {
		if name, _, _ := strings.Cut(pair, "="); !known[name] {
			known[name] = true
			list = append(list, pair)
		}
	}
	slices.Reverse(list)
	return list
}

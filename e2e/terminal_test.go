//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// The size of a test's terminal.
const (
	terminalWidth  = 100
	terminalHeight = 40
)

// terminal is a terminal with a person in front of it: what programs write to
// it is drawn, what the person types goes to them.
type terminal struct {
	t     *testing.T
	file  *os.File // the terminal's side of the pseudo-terminal
	tty   *os.File // the programs' side, kept open so that it can be looked at
	mu    sync.Mutex
	emu   *vt.Emulator
	raw   strings.Builder
	named names
	drawn sync.WaitGroup
}

// newTerminal opens a terminal that ends with the test.
func newTerminal(t *testing.T) *terminal {
	t.Helper()
	file, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(file, &pty.Winsize{Rows: terminalHeight, Cols: terminalWidth}); err != nil {
		t.Fatal(err)
	}
	v := &terminal{t: t, file: file, tty: tty, emu: vt.NewEmulator(terminalWidth, terminalHeight)}
	v.drawn.Go(v.draw)
	v.drawn.Go(func() { _, _ = io.Copy(file, v.emu) }) // the terminal's answers to what programs ask it
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the screen:\n%s", v.screen())
		}
		_ = tty.Close()
		_ = file.Close()
		_ = v.emu.InputPipe().(io.Closer).Close() // unlike Close it does not race with Read
		v.drawn.Wait()
		if raw := v.raw.String(); strings.Contains(raw, "DATA RACE") || strings.Contains(raw, "panic: ") {
			t.Errorf("the terminal was shown %s", raw)
		}
	})
	return v
}

func (v *terminal) draw() {
	b := make([]byte, 64<<10)
	for {
		n, err := v.file.Read(b)
		v.mu.Lock()
		v.raw.Write(b[:n])
		_, _ = v.emu.Write(v.named.plain(b[:n]))
		v.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// names makes the strings that programs tell a terminal, as its window's name,
// plain: a byte 0x9C ends a string for the emulator, though it is a part of the
// character with which Claude's name for the window begins, and what follows
// would be drawn at the cursor (github.com/charmbracelet/x/issues/848).
type names struct {
	escape, inside bool // after an escape; inside a string
}

// plain replaces what is not ASCII in strings. Its argument may be any part of
// what is written.
func (s *names) plain(b []byte) []byte {
	for i, c := range b {
		switch {
		case s.escape:
			s.escape, s.inside = c == '\x1b', strings.IndexByte("]PX^_", c) >= 0
		case c == '\x1b':
			s.escape = true
		case c == '\a', c == '\x18', c == '\x1a':
			s.inside = false
		case s.inside && c >= 0x80:
			b[i] = '?'
		}
	}
	return b
}

// screen is what the person sees.
func (v *terminal) screen() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.emu.String()
}

// sees says whether a text is on the screen. Line breaks do not count: programs
// wrap.
func (v *terminal) sees(text string) bool {
	return strings.Contains(strings.Join(strings.Fields(v.screen()), " "), text)
}

// typing sends keys.
func (v *terminal) typing(keys string) {
	v.t.Helper()
	if _, err := io.WriteString(v.file, keys); err != nil {
		v.t.Fatal(fmt.Errorf("type: %w", err))
	}
}

// lately is the end of what programs wrote, as it is.
func (v *terminal) lately() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	raw := v.raw.String()
	return raw[max(0, len(raw)-2000):]
}

// printed is how much was written to the terminal so far.
func (v *terminal) printed() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.raw.Len()
}

// takesKeys waits until Claude, started since, has the terminal: what earlier
// programs drew may still be on the screen.
func (v *terminal) takesKeys(w *world, since int) {
	v.t.Helper()
	w.wait("Claude to have the terminal", func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return strings.Contains(v.raw.String()[since:], "\x1b[?2004h")
	})
}

// attach makes the terminal a command's own.
func (v *terminal) attach(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = v.tty, v.tty, v.tty
	ownTerminal(cmd)
}

func TestAWindowsNameIsNotDrawn(t *testing.T) {
	t.Parallel()
	const name = "\x1b]0;✳ Claude Code\a"
	for at := range len(name) { // it may be cut anywhere
		emu, named := vt.NewEmulator(20, 2), names{}
		for _, part := range []string{"❯ ", name[:at], name[at:], "✳"} {
			_, _ = emu.Write(named.plain([]byte(part)))
		}
		if got := strings.TrimSpace(emu.String()); got != "❯ ✳" {
			t.Errorf("cut after %d bytes, the screen shows %q", at, got)
		}
	}
}

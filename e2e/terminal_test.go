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
		_, _ = v.emu.Write(b[:n])
		v.raw.Write(b[:n])
		v.mu.Unlock()
		if err != nil {
			return
		}
	}
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

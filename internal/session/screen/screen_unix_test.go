//go:build unix

package screen

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/term"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// shown is a screen on a terminal with a person in front of it.
type shown struct {
	t      *testing.T
	screen *Screen
	keys   io.Writer
	tty    *os.File
	wish   chan Wish

	mu  sync.Mutex
	emu *vt.Emulator
}

func show(ctx context.Context, t *testing.T, back bool) *shown {
	t.Helper()
	v := &shown{t: t, wish: make(chan Wish, 1)}
	v.on(func(tty *os.File) error {
		wish, err := v.screen.Show(ctx)
		v.wish <- wish
		return err
	}, func(tty *os.File) {
		v.screen = New(Options{In: tty, Out: tty, Label: "Claude", Dir: "/home/me/project", Back: back, Code: func(string) (string, error) { return "█▀▄█", nil }})
		v.screen.Introduce("http://hub.example/sessions/1", func() bool { return true })
	})
	return v
}

// on runs what has the terminal, which is to be afterwards as it was before.
func (v *shown) on(run func(tty *os.File) error, prepare func(tty *os.File)) {
	t := v.t
	t.Helper()
	file, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(file, &pty.Winsize{Rows: 30, Cols: 90}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	v.keys, v.tty, v.emu = file, tty, vt.NewEmulator(90, 30)
	prepare(tty)
	var drawn sync.WaitGroup
	drawn.Go(func() {
		b := make([]byte, 64<<10)
		for {
			n, err := file.Read(b)
			v.mu.Lock()
			_, _ = v.emu.Write(b[:n])
			v.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	drawn.Go(func() { _, _ = io.Copy(file, v.emu) })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := run(tty); err != nil {
			t.Errorf("show: %v", err)
		}
	}()
	t.Cleanup(func() {
		<-ended
		if after, err := term.GetState(int(tty.Fd())); err != nil || *after != *before {
			t.Errorf("the terminal is not as it was: %v", err)
		}
		_ = tty.Close()
		_ = file.Close()
		_ = v.emu.InputPipe().(io.Closer).Close() // unlike Close it does not race with Read
		drawn.Wait()
	})
}

func (v *shown) sees(text string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Contains(v.emu.String(), text)
}

func (v *shown) wait(text string) {
	v.t.Helper()
	v.until("the screen to show "+text, func() bool { return v.sees(text) })
}

func (v *shown) until(what string, holds func() bool) {
	v.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			v.mu.Lock()
			defer v.mu.Unlock()
			v.t.Fatalf("waiting for %s; the screen:\n%s", what, v.emu.String())
		}
	}
}

func (v *shown) press(keys string) {
	v.t.Helper()
	if _, err := io.WriteString(v.keys, keys); err != nil {
		v.t.Fatal(err)
	}
}

func row(role, kind string, data any) json.RawMessage {
	raw, err := json.Marshal(map[string]any{"role": role, "content": map[string]any{"type": kind, "data": data}})
	if err != nil {
		panic(err)
	}
	return raw
}

func TestTheScreenShowsWhatTheAgentDoesAndAsks(t *testing.T) {
	t.Parallel()
	v := show(t.Context(), t, true)
	v.wait("waiting for a message")
	v.screen.Row(json.RawMessage(`{"role":"user","content":{"type":"text","text":"Make it"}}`))
	v.screen.Working(true)
	v.screen.Row(row("agent", "output", map[string]any{"type": "assistant", "message": map[string]any{"content": []any{
		map[string]any{"type": "text", "text": "Gladly.\x1b[2J\x07"}, map[string]any{"type": "tool_use", "name": "Bash", "input": map[string]string{"command": "make"}},
	}}}))
	v.wait("› Make it")
	v.wait("● Gladly.")
	v.wait(`⚙ Bash {"command":"make"}`)
	v.wait("● working")
	v.screen.Asked(agent.PermissionRequest{ID: "r1", Tool: "Write", Arguments: json.RawMessage(`{"file":"x"}`)})
	v.wait(`? Write {"file":"x"}`)
	v.wait("waiting for an answer")
	v.screen.Answered("r1")
	v.until("the request to go", func() bool { return !v.sees("? Write") })
	if v.sees("atch") {
		t.Error("it says who watches, which nobody told")
	}
	for want, n := range map[string]*wire.Watchers{
		"Nobody is watching.": {}, "Watched from 1 device, nobody is looking.": {Connected: 1}, "Watched from 3 devices, 2 are looking.": {Connected: 3, Looking: 2},
	} {
		v.screen.Watched(n)
		v.wait(want)
	}
	v.screen.Watched(nil)
	v.until("it not to be known any more", func() bool { return !v.sees("atch") })
	v.press("q")
	v.wait("█▀▄█")
	v.press("q")
	v.wait("● Gladly.")
	v.press("\x03\x03")
	if got := <-v.wish; got != End {
		t.Errorf("the wish is %v, want the end", got)
	}
}

func TestTwoSpacesTakeTheSessionBackAndOneDoesNot(t *testing.T) {
	t.Parallel()
	v := show(t.Context(), t, true)
	v.wait("space twice")
	v.press(" ")
	v.wait("Press space again")
	v.press("x")
	v.wait("space twice") // disarmed
	v.press(" ")
	v.wait("Press space again")
	v.press("\x1b[32u") // a space, as terminals with extended keys say it
	if got := <-v.wish; got != Back {
		t.Errorf("the wish is %v, want back", got)
	}
}

func TestWhatIsTypedAfterTwoSpacesIsLeftForTheAgent(t *testing.T) {
	t.Parallel()
	for _, spaces := range []string{"  ", " \x1b[32u", "\x1b[200~a  b\x1b[201~  "} {
		v := show(t.Context(), t, true)
		v.wait("space twice")
		const typed = "  I am back: q, \x03\r"
		v.press(spaces + typed)
		if got := <-v.wish; got != Back {
			t.Errorf("after %q the wish is %v, want back", spaces, got)
		}
		state, err := term.MakeRaw(int(v.tty.Fd())) // as an agent does
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, err := v.tty.Read(b)
		if got := string(b[:n]); err != nil || !strings.HasPrefix(got, typed) { // an answer of the terminal's may follow
			t.Errorf("after %q the terminal has %q, %v, want %q", spaces, got, err, typed)
		}
		if err := term.Restore(int(v.tty.Fd()), state); err != nil {
			t.Error(err)
		}
	}
}

func TestTwoSpacesThatMeanNothingDoNotMakeItDeaf(t *testing.T) {
	t.Parallel()
	v := show(t.Context(), t, true)
	v.wait("space twice")
	v.press("\x1b[200~a  b\x1b[201~q") // pasted
	v.wait("█▀▄█")
	v.press("q")
	v.press("\x1b  ") // Alt and space are another key
	v.wait("Press space again")
	v.press(" ")
	if got := <-v.wish; got != Back {
		t.Errorf("the wish is %v, want back", got)
	}
}

func TestWithoutAnInterfaceThereIsNoWayBack(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	v := show(ctx, t, false)
	v.wait("Ctrl-C twice")
	if v.sees("space twice") {
		t.Error("a way back is offered that does not exist")
	}
	v.press("  ")
	v.press("q")
	v.wait("█▀▄█") // the spaces were taken before
	cancel()
	if got := <-v.wish; got != Nothing {
		t.Errorf("the wish is %v, want none", got)
	}
}

func TestALongConversationKeepsItsEnd(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for range 3 * keptLines {
		s.Row(json.RawMessage(`{"role":"user","content":{"type":"text","text":"a\nb"}}`))
	}
	if len(s.lines) != keptLines {
		t.Errorf("%d lines are kept, want %d", len(s.lines), keptLines)
	}
}

// pick shows a list of three.
func pick(t *testing.T) (*shown, chan int) {
	t.Helper()
	picked := make(chan int, 1)
	v := &shown{t: t}
	v.on(func(tty *os.File) error {
		n, err := Pick(t.Context(), tty, tty, "Which session?", []Choice{{Row: "first"}, {Row: "second", Detail: "/two"}, {Row: "third", Search: "the login"}})
		if errors.Is(err, ErrCancelled) {
			n, err = -1, nil
		}
		picked <- n
		return err
	}, func(*os.File) {})
	v.wait("> first")
	return v, picked
}

func TestOneIsPickedFromAList(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]int{"\r": 0, "\x1b[B\r": 1, "log\r": 2, "zz\x7f\x7f\r": 0, "\x03": -1} {
		v, picked := pick(t)
		v.press(keys)
		if got := <-picked; got != want {
			t.Errorf("%q picks %d, want %d", keys, got, want)
		}
	}
}

func TestEscapeClearsTheSearchThenLeaves(t *testing.T) {
	t.Parallel()
	v, picked := pick(t)
	v.press("zzz")
	v.wait("Nothing matches.")
	v.press("\x1b")
	v.wait("> first")
	v.press("\x1b")
	if got := <-picked; got != -1 {
		t.Errorf("%d was picked", got)
	}
}

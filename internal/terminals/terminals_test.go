//go:build unix

package terminals

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hapi/internal/wire"
)

const session wire.SessionID = "S1"

// TestMain makes Ctrl-C work in shells even if it is ignored here, as it is in
// the background of a script. The program itself always handles it.
func TestMain(m *testing.M) {
	if signal.Ignored(os.Interrupt) {
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	m.Run()
}

// hub is the hub's side: it hears what the terminals say while it is there.
type hub struct {
	t  *testing.T
	ts *Terminals

	mu       sync.Mutex
	away     bool
	said     []string // events with their terminal and text
	screens  map[string]string
	barriers int
	slow     chan struct{} // barriers wait for it
}

func newHub(t *testing.T, o Options) *hub {
	t.Helper()
	h := &hub{t: t, screens: map[string]string{}}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.Session, o.Dir, o.Logger, o.Emit, o.Barrier = session, dir, slog.New(slog.DiscardHandler), h.hear, h.barrier
	if o.Env == nil {
		o.Env = []string{"PATH=/usr/bin:/bin", "PS1=$ ", "HOME=" + dir}
	}
	h.ts = New(o)
	t.Cleanup(h.ts.Close)
	return h
}

func (h *hub) barrier(ctx context.Context) error {
	h.mu.Lock()
	h.barriers++
	slow := h.slow
	h.mu.Unlock()
	if slow == nil {
		return nil
	}
	select {
	case <-slow:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hub) hear(event string, payload any) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away {
		return errors.New("not connected")
	}
	switch p := payload.(type) {
	case wire.TerminalData:
		h.screens[p.TerminalID] += p.Data
	case wire.TerminalRef:
		h.said = append(h.said, event+" "+p.TerminalID)
	case wire.TerminalError:
		h.said = append(h.said, event+" "+p.TerminalID+" "+p.Message)
	case wire.TerminalExit:
		raw, _ := json.Marshal(p)
		h.said = append(h.said, event+" "+string(raw))
	}
	return nil
}

func (h *hub) tell(event string, payload any) {
	h.t.Helper()
	raw, err := json.Marshal(payload)
	if err != nil {
		h.t.Fatal(err)
	}
	h.ts.Events()[event](raw)
}

func (h *hub) open(id string) {
	h.t.Helper()
	h.tell(wire.EventTerminalOpen, wire.TerminalOpen{SessionID: session, TerminalID: id, Cols: 80, Rows: 24})
}

func (h *hub) write(id, data string) {
	h.t.Helper()
	h.tell(wire.EventTerminalWrite, wire.TerminalData{SessionID: session, TerminalID: id, Data: data})
}

func (h *hub) screen(id string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.screens[id]
}

func (h *hub) heard(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, s := range h.said {
		if strings.HasPrefix(s, what) {
			n++
		}
	}
	return n
}

func (h *hub) wait(what string, holds func() bool) {
	h.t.Helper()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-deadline:
			h.mu.Lock()
			defer h.mu.Unlock()
			h.t.Fatalf("waiting for %s; said %q, screens %q", what, h.said, h.screens)
		}
	}
}

func (h *hub) sees(id, text string) {
	h.t.Helper()
	h.wait(text, func() bool { return strings.Contains(h.screen(id), text) })
}

func TestAShellWorksInTheSessionsDirectory(t *testing.T) {
	t.Parallel()
	h := newHub(t, Options{})
	h.open("t1")
	if h.heard("terminal:ready t1") != 1 {
		t.Fatalf("said %q", h.said)
	}
	h.write("t1", "pwd; stty size; echo grüße-$((40+2))\r")
	h.sees("t1", "grüße-42")
	if got := h.screen("t1"); !strings.Contains(got, h.ts.o.Dir) || !strings.Contains(got, "24 80") {
		t.Errorf("screen: %q", got)
	}
	h.tell(wire.EventTerminalResize, wire.TerminalOpen{SessionID: session, TerminalID: "t1", Cols: 100, Rows: 30})
	h.write("t1", "stty size\r")
	h.sees("t1", "30 100")
	h.write("t1", "exit 7\r")
	h.wait("the exit", func() bool {
		return h.heard(`terminal:exit {"sessionId":"S1","terminalId":"t1","code":7,"signal":null}`) == 1
	})
	if h.heard("terminal:error") != 0 {
		t.Errorf("an exit is no error: %q", h.said)
	}
	h.write("t1", "x")
	if h.heard("terminal:error t1 Terminal not found.") != 1 {
		t.Errorf("said %q", h.said)
	}
}

func TestWhatIsForOthersOrNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	h := newHub(t, Options{Max: 1})
	h.tell(wire.EventTerminalOpen, wire.TerminalOpen{SessionID: "S2", TerminalID: "t1", Cols: 80, Rows: 24})
	h.tell(wire.EventTerminalOpen, map[string]any{"sessionId": session, "terminalId": "t1", "cols": "80", "rows": 24})
	h.tell(wire.EventTerminalOpen, []int{1})
	if len(h.said) != 0 {
		t.Errorf("said %q", h.said)
	}
	h.tell(wire.EventTerminalOpen, wire.TerminalOpen{SessionID: session, TerminalID: "t1", Cols: 0, Rows: 70000})
	if h.heard("terminal:error t1 Failed to spawn terminal.") != 1 {
		t.Errorf("said %q", h.said)
	}
	h.open("t1")
	h.open("t2")
	if h.heard("terminal:error t2 Too many terminals open (max 1).") != 1 {
		t.Errorf("said %q", h.said)
	}
	h.tell(wire.EventTerminalClose, wire.TerminalRef{SessionID: session, TerminalID: "t1"})
	h.wait("room", func() bool { return h.ts.find("t1") == nil })
	h.open("t2")
	if h.heard("terminal:ready t2") != 1 || h.heard("terminal:exit") != 0 {
		t.Errorf("said %q", h.said)
	}
}

func TestAShellOutlivesTheConnectionAndIsShownAgain(t *testing.T) {
	t.Parallel()
	h := newHub(t, Options{})
	h.open("t1")
	h.write("t1", "echo before-$((1+1))\r")
	h.sees("t1", "before-2")
	h.mu.Lock()
	h.away = true
	h.mu.Unlock()
	done := filepath.Join(h.ts.o.Dir, "done")
	h.write("t1", "echo while-$((2+2)); touch "+done+"\r")
	h.wait("the command", func() bool { m, _ := filepath.Glob(done); return len(m) == 1 })
	h.mu.Lock()
	h.away, h.said, h.screens = false, nil, map[string]string{}
	h.mu.Unlock()
	h.ts.Connected()
	h.wait("the screen from its beginning", func() bool {
		_, shown, reset := strings.Cut(h.screen("t1"), resetAll)
		return reset && strings.Contains(shown, "before-2") && strings.Contains(shown, "while-4")
	})
	if n := h.heard("terminal:ready t1"); n != 1 {
		t.Errorf("it was said %d times that the shell is there", n)
	}
	// A hub that is new knows nothing until a browser opens the terminal again.
	h.mu.Lock()
	h.screens = map[string]string{}
	h.mu.Unlock()
	h.open("t1")
	h.sees("t1", resetAll)
	h.open("t1") // the hub was here all the time now, and shows its own memory
	h.wait("the third ready", func() bool { return h.heard("terminal:ready t1") == 3 })
	if n := strings.Count(h.screen("t1"), resetAll); n != 1 {
		t.Errorf("the screen was shown %d times, want once", n)
	}
}

func TestAnIdleShellIsClosedUnlessAProgramRuns(t *testing.T) {
	t.Parallel()
	h := newHub(t, Options{Idle: 300 * time.Millisecond})
	h.open("t1")
	h.open("t2")
	h.write("t2", "echo started; sleep 1000\r")
	h.sees("t2", "started\r")
	h.wait("the program", func() bool { return h.ts.find("t2").shell.busy() })
	h.wait("the idle one to close", func() bool { return h.heard("terminal:error t1 Terminal closed due to inactivity.") == 1 })
	h.wait("its end", func() bool { return h.ts.find("t1") == nil })
	if h.ts.find("t2") == nil {
		t.Error("a shell was closed in the middle of a program")
	}
	h.wait("signs of life for the hub", func() bool { return h.heard("terminal:ready t2") > 2 })
	h.write("t2", "\x03")
	h.wait("the other to close", func() bool { return h.heard("terminal:error t2 Terminal closed due to inactivity.") == 1 })
}

func TestCloseEndsEvenWhatDoesNotMindHangups(t *testing.T) {
	t.Parallel()
	h := newHub(t, Options{})
	h.open("t1")
	// What stays in the background must not outlive the test for long.
	h.write("t1", "trap '' HUP; nohup sleep 5 & echo deaf-$((1+1))\r")
	h.sees("t1", "deaf-2\r")
	closed := make(chan struct{})
	go func() {
		h.ts.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Fatal("Close does not return")
	}
}

func TestAShellThatSaysMuchWaitsForTheHub(t *testing.T) {
	t.Parallel()
	h := newHub(t, Options{})
	h.slow = make(chan struct{})
	h.open("t1")
	h.write("t1", "yes 0123456789012345678901234567890123456789 | head -c 5000000; echo; echo finished-$((1+1))\r")
	h.wait("a barrier", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.barriers > 0 })
	if n := len(h.screen("t1")); n > ahead+2*frameMost {
		t.Errorf("%d bytes are on their way", n)
	}
	close(h.slow)
	h.sees("t1", "finished-2")
	if n := len(h.screen("t1")); n < 5_000_000 {
		t.Errorf("only %d bytes came through", n)
	}
}

func TestAShellDoesNotGetSecrets(t *testing.T) {
	t.Parallel()
	got := environment([]string{
		"PATH=/bin", "CLI_API_TOKEN=a", "HAPI_API_URL=b", "GITHUB_TOKEN=c", "SOME_API_KEY=d", "HAPI_HOME=/h", "HAPI_X=e", "EMPTY=", "TERM=dumb", "LANG=de_DE.UTF-8",
	})
	want := []string{"COLORTERM=truecolor", "HAPI_HOME=/h", "LANG=de_DE.UTF-8", "PATH=/bin", "TERM=xterm-256color"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheScreenBeginsAtALineAndKnowsWholeScreenPrograms(t *testing.T) {
	t.Parallel()
	var s screen
	for range 3 * scrollback / 10 {
		s.add([]byte("123456789\n"))
	}
	if got := s.replay(); len(got) > scrollback+2 || !strings.HasPrefix(string(got), resetAll+"123456789\n") {
		t.Errorf("%d bytes, beginning %q", len(got), got[:20])
	}
	s.add([]byte("\x1b[?10"))
	s.add([]byte("49hvim"))
	if !s.alternate {
		t.Error("a split sequence was missed")
	}
	s.add([]byte(strings.Repeat("x\n", scrollback)))
	if got := string(s.replay()); !strings.HasPrefix(got, resetAll+enterAlternate) {
		t.Errorf("beginning %q", got[:20])
	}
	s.add([]byte(leaveAlternate))
	if s.alternate {
		t.Error("the program has left")
	}
}

func TestCharactersAreNotCut(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{"": 0, "a": 1, "ü": 2, "a\xc3": 1, "\xe2\x82": 0, "\xff": 1, "a\xf0\x9f\x98": 1, "😀": 4} {
		if got := wholeCharacters([]byte(in)); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"hapi/internal/wire"
)

// browser is a web terminal's client: the official one, in Node.
type browser struct {
	w     *world
	stdin io.Writer

	mu     sync.Mutex
	events []browserEvent
}

type browserEvent struct {
	Event   string
	Payload json.RawMessage
}

func (w *world) browser() *browser {
	w.t.Helper()
	modules, err := filepath.Abs("../internal/socketio/testdata/conformance")
	if err != nil {
		w.t.Fatal(err)
	}
	if found, _ := filepath.Glob(filepath.Join(modules, "node_modules/socket.io-client/package.json")); found == nil {
		install := exec.Command("npm", "ci", "--no-audit", "--no-fund")
		install.Dir = modules
		if out, err := install.CombinedOutput(); err != nil {
			w.t.Fatalf("npm ci: %v\n%s", err, out)
		}
	}
	cmd := exec.Command("node", "webterminal.mjs", modules, w.url(""), w.token)
	b := &browser{w: w}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	b.stdin = stdin
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			var e browserEvent
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				b.mu.Lock()
				b.events = append(b.events, e)
				b.mu.Unlock()
			}
		}
	}()
	w.t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
		_ = cmd.Wait()
	})
	b.waitFor("connect", 1)
	return b
}

func (b *browser) emit(event string, payload any) {
	b.w.t.Helper()
	b.line(map[string]any{"event": event, "payload": payload})
}

// ask emits an event and reads what it is answered.
func (b *browser) ask(event string, payload, answer any) {
	b.w.t.Helper()
	b.mu.Lock()
	before := len(b.events)
	b.mu.Unlock()
	b.line(map[string]any{"event": event, "payload": payload, "ack": true})
	b.w.wait("the answer to "+event, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		i := slices.IndexFunc(b.events[before:], func(e browserEvent) bool { return e.Event == event })
		return i >= 0 && json.Unmarshal(b.events[before+i].Payload, answer) == nil
	})
}

func (b *browser) line(v any) {
	b.w.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if _, err := b.stdin.Write(append(raw, '\n')); err != nil {
		b.w.t.Fatal(err)
	}
}

func (b *browser) create(id string) {
	b.w.t.Helper()
	b.emit(wire.EventTerminalCreate, wire.TerminalOpen{SessionID: b.w.id, TerminalID: id, Cols: 90, Rows: 20})
}

func (b *browser) write(id, data string) {
	b.w.t.Helper()
	b.emit(wire.EventTerminalWrite, map[string]string{"terminalId": id, "data": data})
}

// waitFor waits until an event came n times.
func (b *browser) waitFor(event string, n int) {
	b.w.t.Helper()
	b.w.wait(event, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		seen := 0
		for _, e := range b.events {
			if e.Event == event {
				seen++
			}
		}
		return seen >= n
	})
}

// screen is all output since the terminal was reset the last time.
func (b *browser) screen(id string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all strings.Builder
	for _, e := range b.events {
		var out wire.TerminalData
		if e.Event == wire.EventTerminalOutput && json.Unmarshal(e.Payload, &out) == nil && out.TerminalID == id {
			all.WriteString(out.Data)
		}
	}
	text := all.String()
	return text[max(0, strings.LastIndex(text, "\x1bc")):]
}

func (b *browser) sees(id, text string) {
	b.w.t.Helper()
	b.w.wait(text+" on the screen", func() bool { return strings.Contains(b.screen(id), text) })
}

func TestATerminalOutlivesTheHub(t *testing.T) {
	w := newWorld(t)
	w.startSession()
	b := w.browser()
	b.create("t1")
	b.waitFor(wire.EventTerminalReady, 1)
	b.write("t1", "pwd; stty size; echo first-$((40+2)); echo \"[$CLI_API_TOKEN$ANTHROPIC_API_KEY]\"\r")
	b.sees("t1", "first-42")
	b.sees("t1", "\n[]")
	if got := b.screen("t1"); !strings.Contains(got, w.project) || !strings.Contains(got, "20 90") {
		t.Errorf("the screen is %q", got)
	}
	b.write("t1", "kept=yes\r")
	b.sees("t1", "kept=yes\r\n")

	w.hub.kill()
	w.startHub()
	b.waitFor("connect", 2)
	w.wait("the session to be back", func() bool { return w.detail().Active })
	w.wait("the shell to be back", func() bool {
		b.create("t1") // as the page does when it is connected again
		shown := b.screen("t1")
		return strings.HasPrefix(shown, "\x1bc") && strings.Contains(shown, "first-42") && strings.Contains(shown, "kept=yes")
	})
	b.write("t1", "echo again-$kept\r")
	b.sees("t1", "again-yes")
	b.write("t1", "exit 3\r")
	b.waitFor(wire.EventTerminalExit, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.events[len(b.events)-1]
	if last.Event != wire.EventTerminalExit || !strings.Contains(string(last.Payload), `"code":3`) {
		t.Errorf("the last event is %s %s", last.Event, last.Payload)
	}
}

// A desk and a phone look at one shell, in which a silent program runs for longer
// than an idle shell is kept.
func TestTwoBrowsersShareOneShell(t *testing.T) {
	w := newWorld(t)
	idle := "HAPI_TERMINAL_IDLE_TIMEOUT_MS=6000"
	w.hub.kill()
	w.startHubWith(idle)
	w.startSessionIn(w.env("HAPI_CLAUDE_PATH="+w.claude, idle))
	desk, phone := w.browser(), w.browser()
	desk.create("t1")
	desk.waitFor(wire.EventTerminalReady, 1)
	desk.write("t1", "echo in-$((3+4)); sh\r") // a program in the foreground to the end
	desk.sees("t1", "in-7")                    // a line that came before would be for the shell's editor
	desk.write("t1", "echo desk-$((1+1)); touch begun; sleep 8; echo built-$((2+2))\r")
	desk.sees("t1", "desk-2")
	w.wait("the program", func() bool { return w.exists("begun") })

	var list wire.TerminalList
	phone.ask(wire.EventTerminalList, wire.TerminalRef{SessionID: w.id}, &list)
	if len(list.Terminals) != 1 || list.Terminals[0].TerminalID != "t1" || list.Terminals[0].Viewers != 1 {
		t.Fatalf("the session's terminals are %+v", list)
	}
	phone.emit(wire.EventTerminalCreate, wire.TerminalOpen{SessionID: w.id, TerminalID: "t1", Cols: 40, Rows: 60})
	phone.sees("t1", "desk-2")
	for _, b := range []*browser{desk, phone} {
		b.sees("t1", "built-4")
	}
	phone.write("t1", "stty size\r")
	desk.sees("t1", "20 40") // what both can show
	phone.emit(wire.EventTerminalClose, wire.TerminalRef{TerminalID: "t1"})
	w.wait("the desk to have its width again", func() bool {
		desk.write("t1", "stty size\r")
		return strings.Contains(desk.screen("t1"), "20 90")
	})
	desk.emit(wire.EventTerminalClose, wire.TerminalRef{TerminalID: "t1"})
	w.wait("the end of the shell", func() bool {
		desk.ask(wire.EventTerminalList, wire.TerminalRef{SessionID: w.id}, &list)
		return len(list.Terminals) == 0
	})
	phone.mu.Lock()
	defer phone.mu.Unlock()
	for _, e := range phone.events {
		if e.Event == wire.EventTerminalExit || e.Event == wire.EventTerminalError {
			t.Errorf("who has left is told %s %s", e.Event, e.Payload)
		}
	}
}

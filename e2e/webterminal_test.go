//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
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
	raw, err := json.Marshal(map[string]any{"event": event, "payload": payload})
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

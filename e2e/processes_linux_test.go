//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hapi/internal/modeltest"
)

// descendants are the processes of the session but hapi itself: the agent, its
// tools, and theirs, wherever they are in the tree. All of them have the
// session's id in their environment.
func (w *world) descendants() map[int]string {
	w.t.Helper()
	return w.processesWith("HAPI_SESSION_ID=" + string(w.id))
}

// allGone waits until nothing of the session is left.
func (w *world) allGone() {
	w.t.Helper()
	w.wait("the end of hapi", func() bool {
		select {
		case <-w.session.done:
			return true
		default:
			return false
		}
	})
	var left map[int]string
	defer func() {
		if w.t.Failed() {
			w.t.Logf("left: %v", left)
		}
	}()
	w.wait("the end of every process", func() bool {
		left = w.descendants()
		return len(left) == 0
	})
}

// spinning is a tool that runs until it is killed.
func (w *world) spinning() modeltest.Turn {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.project, "spin.sh"), []byte("while :; do sleep 0.1; done\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return bash("sh ./spin.sh")
}

func (w *world) waitSpinning() {
	w.t.Helper()
	w.wait("the tool to run", func() bool {
		for _, line := range w.descendants() {
			if strings.HasSuffix(line, "sh ./spin.sh") {
				return true
			}
		}
		return false
	})
}

// endings are how a session can end.
var endings = map[string]func(w *world){
	"interrupt": func(w *world) { w.signal(syscall.SIGINT) },
	"terminate": func(w *world) { w.signal(syscall.SIGTERM) },
	"hang up":   func(w *world) { w.signal(syscall.SIGHUP) },
	"kill":      func(w *world) { w.signal(syscall.SIGKILL) },
	"archive":   func(w *world) { w.post(w.path("/archive"), nil, nil) },
	"crash of the agent": func(w *world) {
		for pid, line := range w.descendants() {
			if strings.Contains(line, "claude-code") {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		w.wait("the end of the turn, or of all", func() bool {
			status, _, err := w.tryCall(http.MethodGet, w.path(""), nil)
			return err == nil && status == http.StatusOK && !w.detail().Thinking
		})
		w.signal(syscall.SIGTERM)
	},
}

func (w *world) signal(s syscall.Signal) {
	w.t.Helper()
	if err := w.session.cmd.Process.Signal(s); err != nil {
		w.t.Log(fmt.Errorf("signal %v: %w", s, err)) // it may have ended by itself
	}
}

func TestNoProcessOutlivesARemoteSession(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.model.Script(w.spinning())
			w.startSession("--yolo")
			w.send("Spin", "local-1")
			w.waitSpinning()
			end(w)
			w.allGone()
		})
	}
}

func TestNoProcessOutlivesALocalSession(t *testing.T) {
	for name, end := range endings {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.model.Script(w.spinning())
			v := newTerminal(t)
			w.startAt(v, "--permission-mode", "default")
			v.shows(w, "manual mode on")
			v.enter(w, "Spin")
			v.shows(w, "Do you want to proceed?")
			v.typing("\r")
			w.waitSpinning()
			end(w)
			w.allGone()
		})
	}
}

func TestAnAbortedToolIsGone(t *testing.T) {
	w := newWorld(t)
	w.model.Script(w.spinning())
	w.startSession("--yolo")
	w.send("Spin", "local-1")
	w.waitSpinning()
	w.post(w.path("/abort"), nil, nil)
	w.waitIdle()
	w.wait("the end of the tool", func() bool {
		for _, line := range w.descendants() {
			if strings.Contains(line, "spin.sh") {
				return false
			}
		}
		return true
	})
}

func TestWhenClaudeIsLeftTheSessionEnds(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Hello."))
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "default")
	v.shows(w, "manual mode on")
	v.enter(w, "Good morning")
	w.waitSaid("Hello.")
	w.waitIdle()
	v.enter(w, "/exit")
	w.allGone()
	w.wait("the hub to know", func() bool { return !w.detail().Active })
	if got := string(w.detail().Metadata); !strings.Contains(got, "Session completed") {
		t.Errorf("the session is %s, want it completed", got)
	}
}

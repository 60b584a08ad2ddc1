//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

// A phone starts each ACP agent on a machine, looks at what it did, puts it away
// and takes it up again: from the hub down to the agent's own conversation.
func TestAPhoneStartsACPAgentsLooksAtTheirWorkAndResumesThem(t *testing.T) {
	withEach(t, func(t *testing.T, w *world, a acpAgent) {
		w.repository("app.txt", "one\n")
		w.startRunnerIn(w.env(a.variable + "=" + a.path(t)))
		began := time.Now()
		w.begin(map[string]any{"directory": w.project, "agent": a.name, "yolo": true})
		w.model.Script(a.shell("echo two > app.txt"), modeltest.Text("It says two now."))
		w.send("Change app.txt", "local-1")
		w.waitSaid("It says two now.")
		w.waitIdle()
		if diff := w.diff("app.txt"); !strings.Contains(diff, "-one\n+two\n") {
			t.Errorf("diff: %q", diff)
		}
		native := w.native(a)
		ways := []string{"/resume", "/reopen"}
		if a.name == "gemini" {
			// Gemini names its files by the minute and overwrites the one it loads in the same:
			// it comes back once here, and once in TestACPConversationIsResumedAfterARestart.
			ways = []string{"/reopen"}
			w.wait("the next minute", func() bool { return time.Now().Truncate(time.Minute).After(began) })
		}
		for n, again := range ways {
			w.post(w.path("/archive"), nil, nil)
			said := fmt.Sprintf("I remember, for the %d. time.", n+1)
			w.model.Script(modeltest.Text(said))
			var back struct {
				SessionID wire.SessionID `json:"sessionId"`
			}
			w.post(w.path(again), nil, &back)
			if back.SessionID != w.id {
				t.Fatalf("%s brought session %q, want %q", again, back.SessionID, w.id)
			}
			w.send("What did you do?", fmt.Sprint("again-", n))
			w.waitSaid(said)
			w.waitIdle()
			requests := w.model.Requests()
			if got := requests[len(requests)-1].All(); !strings.Contains(got, "It says two now.") {
				t.Errorf("after %s the model was not told the earlier conversation: %.500q", again, got)
			}
			if now := w.native(a); now != native {
				t.Errorf("after %s the agent's own id is %q, it was %q", again, now, native)
			}
			if s := w.detail(); s.PermissionMode != wire.ModeYolo {
				t.Errorf("after %s the mode is %q", again, s.PermissionMode)
			}
		}
	})
}

// native is the agent's own id of the conversation.
func (w *world) native(a acpAgent) (id string) {
	w.t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(w.detail().Metadata, &m); err != nil {
		w.t.Fatal(err)
	}
	_ = json.Unmarshal(m[a.nativeID], &id)
	if id == "" {
		w.t.Errorf("the agent's own id is not on the session: %s", m[a.nativeID])
	}
	return id
}

// A runner is killed at several moments of a start. Whatever has become of the
// session, the next runner knows it.
func TestARunnerKilledDuringAStartLosesNoSession(t *testing.T) {
	w := newWorld(t)
	for _, after := range []time.Duration{0, 30 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second} {
		p := w.startRunner()
		machine, _ := w.machine()
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			_, _, _ = w.tryCall(http.MethodPost, "/api/machines/"+string(machine)+"/spawn", map[string]any{"directory": w.project, "agent": "demo"})
		}()
		time.Sleep(after) // a moment of its start
		p.kill()
		<-asked // the hub says at once that the runner is gone
	}
	w.startRunner()
	w.wait("every session to be known", func() bool {
		processes := w.sessionProcesses()
		active := 0
		for _, s := range w.sessions() {
			if s.Active {
				active++
			}
		}
		list := w.run(w.home, w.runnerEnv(), "runner", "list", "--json")
		<-list.done
		return active == len(processes) && strings.Count(list.out.String(), `"happySessionId"`) == len(processes)
	})
	for _, s := range w.sessions() {
		if !s.Active {
			continue
		}
		stop := w.run(w.home, w.runnerEnv(), "runner", "stop-session", string(s.ID))
		<-stop.done
		if out := stop.out.String(); !strings.Contains(out, "has ended") {
			t.Errorf("stop: %s", out)
		}
	}
	if left := w.sessionProcesses(); len(left) != 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// sessionProcesses are the processes of sessions that runners of this world started.
func (w *world) sessionProcesses() (pids []string) {
	w.t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, path := range paths {
		line, _ := os.ReadFile(path) // it may have gone
		env, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if strings.Contains(string(line), "--started-by\x00runner") && strings.Contains(string(env), "HAPI_HOME="+w.home+"\x00") {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

// Claude's conversation goes on twice from where it is.
func TestARunnerForksClaude(t *testing.T) {
	w := newWorld(t)
	w.startRunner()
	w.begin(map[string]any{"directory": w.project, "agent": "claude"})
	w.model.Script(modeltest.Text("I will remember the green door."))
	w.send("Remember the green door", "local-1")
	w.waitSaid("I will remember")
	w.waitIdle()
	w.wait("the offer", func() bool { return strings.Contains(string(w.detail().Metadata), `"forkCurrent":true`) })
	source := w.id
	var fork struct {
		SessionID wire.SessionID `json:"sessionId"`
	}
	w.post(w.path("/fork"), nil, &fork)
	w.model.Script(modeltest.Text("It was green, says the fork."), modeltest.Text("It was green, says the first."))
	w.id = fork.SessionID
	w.waitSaid("I will remember the green door.") // what people saw goes along
	w.send("Which door?", "local-2")
	w.waitSaid("It was green, says the fork.")
	w.waitIdle()
	if got := w.model.Requests()[1].All(); !strings.Contains(got, "Remember the green door") {
		t.Errorf("the fork does not know what was said: %.500q", got)
	}
	w.id = source
	w.send("And here?", "local-3")
	w.waitSaid("It was green, says the first.")
	if got := w.model.Requests()[2].All(); strings.Contains(got, "Which door?") {
		t.Errorf("the first knows what was said in the fork: %.500q", got)
	}
	w.waitIdle()
}

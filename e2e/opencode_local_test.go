//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

// startOpencodeAt starts OpenCode in a terminal and waits until it takes what is
// typed.
func (w *world) startOpencodeAt(v *terminal, args ...string) {
	w.t.Helper()
	w.session = w.runIn(v, w.project, w.env("HAPI_OPENCODE_PATH="+opencodePath(w.t), "TERM=xterm-256color"), args...)
	v.opencodeReady(w)
}

// opencodeReady waits for OpenCode's prompt.
func (v *terminal) opencodeReady(w *world) {
	v.t.Helper()
	w.wait("OpenCode's prompt", func() bool { return v.sees("ctrl+p commands") && !v.sees("space twice") })
}

func (w *world) nativeOpencode() string {
	w.t.Helper()
	var m struct {
		Native string `json:"opencodeSessionId"`
	}
	if err := json.Unmarshal(w.detail().Metadata, &m); err != nil {
		w.t.Fatal(err)
	}
	return m.Native
}

// TestOpencodeHasTheTerminalAndThePhoneHasItToo: what is said at the terminal is on
// the hub, what is asked there is answered there; a message takes the session over
// when the turn has ended, two spaces take it back, the app takes it over at once;
// another terminal resumes it. It is one conversation all the time.
func TestOpencodeHasTheTerminalAndThePhoneHasItToo(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{}, 100)
	w.model.Script(acpAgents[0].shell("echo from-the-shell"), modeltest.Slow("I heard plover at the desk.", gate).Thinking("A bird."), modeltest.Text("I heard it from afar."))
	v := newTerminal(t)
	w.startOpencodeAt(v, "opencode", "--prompt", "The word is plover")
	w.appears(nil)
	w.side(true)
	id, request := w.anyRequest()
	if request.Tool != "bash" || !strings.Contains(string(request.Arguments), "echo from-the-shell") {
		t.Errorf("the request is %s %s", request.Tool, request.Arguments)
	}
	v.shows(w, "Permission required")
	v.typing("\r")
	w.model.WaitRequests(t.Context(), 2)
	gate <- struct{}{}
	v.shows(w, "I heard")
	w.send("What is the word?", "local-1") // waits for the end of the turn
	w.wait("the answer to the request", func() bool { return w.state().CompletedRequests[id].Status == wire.StatusApproved })
	w.side(true)
	close(gate)
	w.waitSaid("I heard it from afar.")
	w.side(false)
	w.waitIdle()
	native := w.nativeOpencode()

	gate = make(chan struct{}, 100)
	w.model.Script(modeltest.ToolUse("hapi_change_title", map[string]any{"title": "Birds of the shore"}), modeltest.Slow("This goes on and on, and nobody wants to hear the end of it.", gate))
	v.shows(w, "space twice")
	v.typing("  ")
	w.side(true)
	v.opencodeReady(w)
	v.shows(w, "I heard it from afar.") // OpenCode itself shows what was said meanwhile
	v.enter(w, "Talk about them")
	w.waitSaid(`"Birds of the shore"`)
	for range 2 {
		gate <- struct{}{}
	}
	v.shows(w, "This goes on")
	w.post(w.path("/switch"), map[string]string{"to": "remote"}, nil)
	w.side(false)
	w.waitSaid("Aborted by user")
	v.shows(w, "space twice")

	first := w.session
	w.model.Script(modeltest.Text("Still here."))
	v = newTerminal(t)
	w.startOpencodeAt(v, "resume", string(w.id))
	<-first.done
	v.shows(w, "This goes on")
	v.enter(w, "Are you there?")
	w.waitSaid("Still here.")
	w.waitIdle()
	if now := w.nativeOpencode(); now != native || native == "" {
		t.Errorf("the conversation was %q and is %q", native, now)
	}
	requests := w.model.Requests()
	if got := requests[len(requests)-1].All(); !strings.Contains(got, "plover") || !strings.Contains(got, "I heard it from afar.") {
		t.Errorf("the conversation was lost: %q", got)
	}
	if title := string(w.detail().Metadata); !strings.Contains(title, `"text":"Birds of the shore"`) {
		t.Errorf("the title was changed back: %s", title)
	}
	processes := w.family()
	v.enter(w, "/exit")
	<-w.session.done
	w.waitGone(processes)
	w.wait("the end of the session", func() bool { return !w.detail().Active })
	w.once("The word is plover", `"message":"I heard plover at the desk."`, `"message":"A bird."`, `"name":"bash"`, "What is the word?", `"message":"I heard it from afar."`,
		"Talk about them", `"name":"hapi_change_title"`, `"message":"This goes on`, "Aborted by user", "Are you there?", `"message":"Still here."`)
}

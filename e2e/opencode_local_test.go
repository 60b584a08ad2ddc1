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
// typed. The hub has a new conversation with the first that is said.
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
// and two spaces take it back; once it was left, it is resumed there.
func TestOpencodeHasTheTerminalAndThePhoneHasItToo(t *testing.T) {
	w := newWorld(t)
	w.model.Script(acpAgents[0].shell("echo from-the-shell"), modeltest.Text("I heard plover at the desk.").Thinking("A bird."))
	v := newTerminal(t)
	w.startOpencodeAt(v, "opencode")
	if n := len(w.sessions()); n != 0 {
		t.Errorf("before anything is said the hub has %d sessions", n)
	}
	v.enter(w, "The word is plover")
	w.appears(nil)
	w.side(true)
	id, request := w.anyRequest()
	if request.Tool != "bash" || !strings.Contains(string(request.Arguments), "echo from-the-shell") {
		t.Errorf("the request is %s %s", request.Tool, request.Arguments)
	}
	v.shows(w, "Permission required")
	v.typing("\r")
	v.shows(w, "I heard plover at the desk.")
	w.waitSaid("I heard plover at the desk.")
	w.waitSaid(`"ready"`)
	w.waitIdle()
	w.wait("the answer to the request", func() bool { return w.state().CompletedRequests[id].Status == wire.StatusApproved })
	native := w.nativeOpencode()

	w.model.Script(modeltest.Text("I heard it from afar."))
	w.send("What is the word?", "local-1")
	w.waitSaid("I heard it from afar.")
	w.side(false)
	w.waitIdle()
	v.shows(w, "space twice")
	v.typing("  ")
	w.side(true)
	v.opencodeReady(w)
	v.shows(w, "I heard it from afar.") // OpenCode itself shows what was said meanwhile
	w.model.Script(modeltest.Text("And at the desk again."))
	v.enter(w, "Once more")
	w.waitSaid("And at the desk again.")
	w.waitIdle()
	processes := w.family()
	v.enter(w, "/exit")
	<-w.session.done
	w.waitGone(processes)
	w.wait("the end of the session", func() bool { return !w.detail().Active })

	v = newTerminal(t)
	w.startOpencodeAt(v, "resume", string(w.id))
	v.shows(w, "And at the desk again.")
	w.model.Script(modeltest.Text("Still here."))
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
	w.once("The word is plover", `"message":"I heard plover at the desk."`, `"message":"A bird."`, `"name":"bash"`, "What is the word?", `"message":"I heard it from afar."`, "Once more", `"message":"And at the desk again."`, "Are you there?", `"message":"Still here."`)
}

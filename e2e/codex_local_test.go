//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"hapi/internal/modeltest"
)

// startCodexAt starts Codex in a terminal and waits until it takes what is typed.
// The hub has a new conversation with the first that is said.
func (w *world) startCodexAt(v *terminal, args ...string) {
	w.t.Helper()
	env, args := w.env("HAPI_CODEX_APP_SERVER_BIN="+codexPath(w.t), "TERM=xterm-256color"), append([]string{"codex"}, args...)
	if len(args) > 1 && args[1] == "resume" {
		w.start(v, env, args...)
	} else {
		w.session = w.runIn(v, w.project, env, args...)
	}
	v.codexReady(w)
}

// codexReady waits for Codex's prompt. It asks once whether it may work in a
// directory that it does not know.
func (v *terminal) codexReady(w *world) {
	v.t.Helper()
	trusted := false
	w.wait("Codex's prompt", func() bool {
		if !trusted && v.sees("Do you trust") {
			trusted = true
			v.typing("\r")
		}
		return v.sees("for shortcuts") && !v.sees("Do you trust")
	})
}

func (w *world) nativeCodex() string {
	w.t.Helper()
	var m struct {
		Native string `json:"codexSessionId"`
	}
	if err := json.Unmarshal(w.detail().Metadata, &m); err != nil {
		w.t.Fatal(err)
	}
	return m.Native
}

func TestWhatIsSaidToCodexAtTheTerminalIsOnTheHub(t *testing.T) {
	w := newWorld(t)
	w.model.Script(
		modeltest.Text("Hello at the desk.").Thinking("**Greeting**\n\nSomebody is early."),
		shell("echo from-the-shell"), modeltest.Text("It was said."),
	)
	v := newTerminal(t)
	w.startCodexAt(v, "--yolo")
	if n := len(w.sessions()); n != 0 {
		t.Errorf("before anything is said the hub has %d sessions", n)
	}
	v.enter(w, "Good morning")
	w.appears(nil)
	w.side(true)
	v.shows(w, "Hello at the desk.")
	w.waitSaid("Hello at the desk.")
	w.waitSaid(`"ready"`)
	v.enter(w, "Say it in the shell")
	w.waitSaid("It was said.")
	w.waitIdle()
	w.once("Good morning", `"message":"Hello at the desk."`, "Say it in the shell", `"message":"It was said."`, `"name":"CodexReasoning"`, `"name":"exec_command"`)
	if !strings.Contains(w.conversation(), "from-the-shell") {
		t.Errorf("the command's output is not there:\n%s", w.conversation())
	}
	if w.nativeCodex() == "" {
		t.Error("the conversation has no native id")
	}
}

func TestMessageTakesCodexOverAndTwoSpacesTakeItBack(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("I heard it at the desk."), modeltest.Text("I heard it from afar."), modeltest.Text("And at the desk again."))
	v := newTerminal(t)
	w.startCodexAt(v)
	v.enter(w, "The word is plover")
	w.appears(nil)
	w.waitSaid("I heard it at the desk.")
	native := w.nativeCodex()
	w.waitIdle()
	w.send("What is the word?", "local-1")
	w.waitSaid("I heard it from afar.")
	w.side(false)
	w.waitIdle()
	if got := w.model.Requests()[1].All(); !strings.Contains(got, "plover") {
		t.Errorf("the conversation was lost: %q", got)
	}
	v.shows(w, "space twice")
	v.typing("  ")
	w.side(true)
	v.codexReady(w)
	v.shows(w, "I heard it from afar.") // Codex itself shows what was said meanwhile
	v.enter(w, "Once more")
	w.waitSaid("And at the desk again.")
	if got := w.model.Requests()[2].All(); !strings.Contains(got, "I heard it from afar.") {
		t.Errorf("the conversation was lost: %q", got)
	}
	if now := w.nativeCodex(); now != native {
		t.Errorf("the conversation was %s and is %s", native, now)
	}
	w.once("The word is plover", `"message":"I heard it at the desk."`, "What is the word?", `"message":"I heard it from afar."`, "Once more", `"message":"And at the desk again."`)
}

func TestConversationResumedInCodexsTerminalIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.model.Script(shell("echo from-the-shell"), modeltest.Text("It was said."))
	w.startCodex("--yolo")
	w.send("Say it in the shell", "local-1")
	w.waitSaid("It was said.")
	w.waitIdle()
	native := w.nativeCodex()
	w.session.signal(syscall.SIGTERM)
	<-w.session.done
	if status, raw := w.call(http.MethodDelete, w.path(""), nil); status != http.StatusOK { // now only Codex has it
		t.Fatalf("delete the session: %d %s", status, raw)
	}

	w.id = ""
	v := newTerminal(t)
	w.startCodexAt(v, "resume", native)
	w.waitSaid("It was said.")
	w.once("Say it in the shell", `"message":"It was said."`)
	if all := w.conversation(); strings.Contains(all, `"ready"`) || strings.Contains(all, `"managed"`) || !strings.Contains(all, "from-the-shell") {
		t.Errorf("the history is not told as history:\n%s", all)
	}
	w.model.Script(modeltest.Text("And now I am here."), modeltest.Text("And from afar."))
	v.shows(w, "It was said.")
	v.enter(w, "Where are you?")
	w.waitSaid("And now I am here.")
	w.waitSaid(`"ready"`)
	w.waitIdle()
	w.send("And now?", "local-2") // takes it over
	w.waitSaid("And from afar.")
	w.waitIdle()
	v.shows(w, "space twice")
	v.typing("  ")
	w.side(true)
	v.codexReady(w)
	w.once("Say it in the shell", `"message":"It was said."`, `"message":"And now I am here."`, `"message":"And from afar."`)
	if got := w.model.Requests()[3].All(); !strings.Contains(got, "It was said.") || w.nativeCodex() != native {
		t.Errorf("the conversation is %s, not the one that was resumed: %q", w.nativeCodex(), got)
	}

	// Now that the hub has it, it is gone on with there.
	v.enter(w, "/quit")
	<-w.session.done
	v = newTerminal(t)
	w.startCodexAt(v, "resume", native)
	w.model.Script(modeltest.Text("Still here."))
	v.shows(w, "And from afar.")
	v.enter(w, "Once more")
	w.waitSaid("Still here.")
	w.once("Say it in the shell", `"message":"It was said."`, `"message":"And from afar."`, `"message":"Still here."`)
	if n := len(w.sessions()); n != 1 {
		t.Errorf("the hub has %d sessions of it, want one", n)
	}
}

func TestLeavingCodexEndsTheSession(t *testing.T) {
	w := newWorld(t)
	v := newTerminal(t)
	w.startCodexAt(v)
	v.enter(w, "/quit")
	<-w.session.done
	if n := len(w.sessions()); n != 0 {
		t.Errorf("nothing was said, and the hub has %d sessions", n)
	}

	// A hub that does not want the session takes nothing away.
	w.model.Script(modeltest.Text("Heard without a hub."))
	v = newTerminal(t)
	w.session = w.runIn(v, w.project, w.env("HAPI_CODEX_APP_SERVER_BIN="+codexPath(t), "TERM=xterm-256color", "CLI_API_TOKEN=another-one"), "codex")
	v.codexReady(w)
	v.enter(w, "Hello hub")
	v.shows(w, "Heard without a hub.")
	v.enter(w, "/quit")
	v.shows(w, "What was said is not on the hub")
	<-w.session.done

	w.model.Script(modeltest.Text("Hello."))
	v = newTerminal(t)
	w.startCodexAt(v)
	v.enter(w, "Good morning")
	w.appears(nil)
	w.waitSaid(`"ready"`)
	processes := w.family()
	v.enter(w, "/quit")
	<-w.session.done
	w.waitGone(processes)
	w.wait("the end of the session", func() bool { return !w.detail().Active })
	w.once("Good morning", `"message":"Hello."`)
	if w.nativeCodex() == "" {
		t.Error("the conversation has no native id")
	}
	if status, _ := w.call(http.MethodPost, w.path("/messages"), map[string]string{"text": "x"}); status != http.StatusConflict {
		t.Errorf("a message got %d, want 409", status)
	}
}

// TestCodexWithoutHooksIsFollowedByItsFile has a person who has turned hooks off.
func TestCodexWithoutHooksIsFollowedByItsFile(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Hello at the desk."), modeltest.Text("And again."))
	v := newTerminal(t)
	w.startCodexAt(v, "-c", "features.hooks=false")
	v.enter(w, "Good morning")
	w.appears(nil)
	w.waitSaid("Hello at the desk.")
	v.enter(w, "More")
	w.waitSaid("And again.")
	w.waitIdle()
	w.once("Good morning", `"message":"Hello at the desk."`)
	if w.nativeCodex() == "" {
		t.Error("the conversation has no native id")
	}
}

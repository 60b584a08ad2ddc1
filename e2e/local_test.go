//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

// enter types a line, as a person does: a line that comes with its end at once
// is a paste to Claude.
func (v *terminal) enter(w *world, line string) {
	v.t.Helper()
	v.typing(line)
	defer v.explain()
	w.wait(fmt.Sprintf("%q on the screen", line), func() bool { return v.sees(line) })
	v.typing("\r")
}

// shows waits until a text is on the screen.
func (v *terminal) shows(w *world, text string) {
	v.t.Helper()
	defer v.explain()
	w.wait("the screen to show "+text, func() bool { return v.sees(text) })
}

// explain shows what the person saw when a test failed; later the session's end
// is there. What was typed and nobody has read is not the agent's to show.
func (v *terminal) explain() {
	if v.t.Failed() {
		v.t.Logf("the screen when it failed:\n%s\n%s; written last: %q", v.screen(), v.unread(), v.lately())
	}
}

// side waits until the hub says who has the session.
func (w *world) side(atTerminal bool) {
	w.t.Helper()
	w.wait("the other side to have the session", func() bool {
		by := w.state().ControlledByUser
		return by != nil && *by == atTerminal
	})
}

// once checks that a text is exactly once in the conversation.
func (w *world) once(texts ...string) {
	w.t.Helper()
	all := w.conversation()
	for _, text := range texts {
		if n := strings.Count(all, text); n != 1 {
			w.t.Errorf("%q is there %d times, want once, in\n%s", text, n, all)
		}
	}
}

func TestWhatIsSaidAtTheTerminalIsOnTheHub(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Hello at the desk."), bash("touch made.txt"), modeltest.Text("It is made."))
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "default")
	v.shows(w, "manual mode on")
	w.side(true)
	v.enter(w, "Good morning")
	v.shows(w, "Hello at the desk.")
	w.waitSaid("Hello at the desk.")
	w.waitSaid(`"ready"`)
	v.enter(w, "Make the file")
	v.shows(w, "Do you want to proceed?")
	id := w.request("Bash") // visible from afar
	status, raw := w.call("POST", w.path("/permissions/"+string(id)+"/approve"), nil)
	if status == 200 || !strings.Contains(string(raw), "terminal") {
		t.Errorf("an answer from afar got %d %s, want a refusal that says why", status, raw)
	}
	if w.exists("made.txt") {
		t.Error("the file was made before anybody allowed it: a hook decided")
	}
	w.wait("the hub to know that Claude works", func() bool { return w.detail().Thinking })
	v.typing("\r")
	v.shows(w, "It is made.")
	w.waitSaid("It is made.")
	w.wait("the request to be settled", func() bool {
		return w.state().CompletedRequests[id].Status == wire.StatusApproved && len(w.state().Requests) == 0
	})
	w.waitIdle()
	w.once("Good morning", "Hello at the desk.", "Make the file", `"text":"It is made."`)
	w.wait("the native id", func() bool {
		var m struct {
			Native string `json:"claudeSessionId"`
		}
		_ = json.Unmarshal(w.detail().Metadata, &m)
		return m.Native != ""
	})
}

func TestAMessageTakesOverAtTheEndOfTheTurn(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.model.Script(modeltest.Slow("All of this is said before the takeover.", gate), modeltest.Text("So is this."), modeltest.Text("Hello on the way."))
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "acceptEdits")
	v.shows(w, "accept edits on")
	v.enter(w, "Take your time")
	w.send("From the phone", "local-1") // before anybody was told of the turn
	w.wait("the turn", func() bool { return w.detail().Thinking })
	v.enter(w, "And one more thing") // Claude keeps it until its turn has ended
	w.side(true)                     // it waits
	if !v.sees("accept edits on") {
		t.Error("the turn was cut short")
	}
	close(gate)
	w.waitSaid("Hello on the way.")
	w.side(false)
	w.once("Take your time", "All of this is said before the takeover.", "And one more thing", "So is this.", "From the phone", "Hello on the way.")
	if got := w.model.Requests()[2].All(); !strings.Contains(got, "All of this is said before the takeover.") {
		t.Errorf("the conversation was not carried on: %q", got)
	}
	if got := w.detail().PermissionMode; got != wire.ModeAcceptEdits {
		t.Errorf("the mode is %q, want acceptEdits", got)
	}
}

func TestWhatIsTypedDuringATurnIsToldOnceAndInItsPlace(t *testing.T) {
	w := newWorld(t)
	w.model.Script(bash("while [ ! -e go ]; do sleep 0.1; done"), modeltest.Text("Both are done."))
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "acceptEdits", "--allowedTools", "Bash")
	v.shows(w, "accept edits on")
	v.enter(w, "Do the first")
	w.waitSaid(`"tool_use"`)
	v.enter(w, "And the second")
	w.wait("Claude to have the second prompt in its queue", func() bool {
		return slices.ContainsFunc(w.transcripts(), func(path string) bool {
			raw, _ := os.ReadFile(path)
			return strings.Contains(string(raw), `"operation":"enqueue"`)
		})
	})
	if err := os.WriteFile(filepath.Join(w.project, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.waitSaid("Both are done.")
	w.waitIdle()
	w.once(`"Do the first"`, `"And the second"`, "Both are done.")
	if all := w.conversation(); strings.Index(all, "And the second") > strings.Index(all, "Both are done.") {
		t.Errorf("the second prompt comes after its answer:\n%s", all)
	}
}

func TestExplicitTakeoverDoesNotWait(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{}, 1)
	gate <- struct{}{}
	w.model.Script(modeltest.Slow("This would go on for ever and ever and ever.", gate), modeltest.Text("Now you."))
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "default")
	v.shows(w, "manual mode on")
	v.enter(w, "Take your time")
	w.model.WaitRequests(t.Context(), 1)
	began := time.Now()
	w.post(w.path("/switch"), map[string]string{"to": "remote"}, nil)
	w.side(false)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	w.send("From the phone", "local-1")
	w.waitSaid("Now you.")
	w.once("Take your time", "From the phone", "Now you.")
}

func TestTwoSpacesTakeTheSessionBackToTheTerminal(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Hello at the desk."), modeltest.Text("Hello on the way."), modeltest.Text("Welcome back."), modeltest.Text("Hello again, phone."))
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "acceptEdits")
	v.shows(w, "accept edits on")
	v.enter(w, "Good morning")
	w.waitSaid("Hello at the desk.")
	w.waitIdle()
	w.send("From the phone", "local-1")
	v.shows(w, "› From the phone")
	v.shows(w, "● Hello on the way.")
	v.shows(w, "/sessions/"+string(w.id))
	w.waitIdle()
	v.shows(w, "Nobody is watching.")
	w.watch()
	v.shows(w, "Watched from 1 device, nobody is looking.")
	w.post(w.path("/model"), map[string]string{"model": "opus"}, nil)
	w.post(w.path("/effort"), map[string]string{"effort": "high"}, nil)
	v.typing(" ")
	v.shows(w, "Press space again")
	v.typing(" I am") // and the person goes on before Claude is there
	v.shows(w, "accept edits on")
	v.shows(w, "Hello on the way.") // Claude itself shows what was said meanwhile
	w.side(true)
	v.shows(w, "❯ I am")
	v.typing(" back")
	v.shows(w, "❯ I am back")
	v.typing("\r")
	w.waitSaid("Welcome back.")
	w.waitIdle()
	w.send("And off again", "local-2")
	w.waitSaid("Hello again, phone.")
	w.once("Good morning", "Hello at the desk.", "From the phone", "Hello on the way.", "I am back", "Welcome back.", "And off again", "Hello again, phone.")
	if got := w.detail().PermissionMode; got != wire.ModeAcceptEdits {
		t.Errorf("the mode is %q, want acceptEdits", got)
	}
	requests := w.model.Requests()
	for _, r := range requests[len(requests)-2:] { // what was chosen on the phone holds on both sides
		if !strings.Contains(r.Model, "opus") || r.Output.Effort != "high" {
			t.Errorf("%q was asked with effort %q", r.Model, r.Output.Effort)
		}
	}
	if got := requests[len(requests)-1].All(); !strings.Contains(got, "Good morning") || !strings.Contains(got, "From the phone") || !strings.Contains(got, "I am back") {
		t.Errorf("the conversation was not carried on: %q", got)
	}
}

// TestAPromptThatTheAgentHadNotBegunWithIsNotLostAtASwitch takes the session
// back to the terminal while a message waits in a Claude that is still starting.
func TestAPromptThatTheAgentHadNotBegunWithIsNotLostAtASwitch(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Hello at the desk."), modeltest.Text("Hello on the way."))
	begun, hold := filepath.Join(w.home, "begun"), filepath.Join(w.home, "hold")
	script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *stream-json*) echo x >> '%s'; while [ -e '%s' ]; do sleep 0.1; done;; esac\nexec '%s' \"$@\"\n", begun, hold, w.claude)
	w.claude = filepath.Join(w.home, "slow-claude")
	for path, content := range map[string]string{w.claude: script, hold: "x"} {
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	starts := func(n int) {
		t.Helper()
		w.wait(fmt.Sprintf("start %d of the agent", n), func() bool {
			raw, _ := os.ReadFile(begun)
			return strings.Count(string(raw), "x") >= n
		})
	}
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "acceptEdits")
	v.shows(w, "accept edits on")
	v.enter(w, "Good morning")
	w.waitSaid("Hello at the desk.")
	w.waitIdle()
	w.send("From the phone", "local-1")
	starts(1)
	v.shows(w, "space twice")
	v.typing("  ")
	starts(2) // the message still takes over
	for _, m := range w.messages() {
		if m.LocalID != nil && *m.LocalID == "local-1" && m.InvokedAt != nil {
			t.Error("the message counts as taken, and no agent has it")
		}
	}
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
	w.waitSaid("Hello on the way.")
	w.waitIdle()
	w.once("From the phone", "Hello on the way.")
	requests := w.model.Requests()
	if got := requests[len(requests)-1].All(); len(requests) != 2 || strings.Count(got, "From the phone") != 1 {
		t.Errorf("the model was asked %d times, the last time %q", len(requests), got)
	}
}

// TestSwitchesLoseAndDoubleNothing goes from side to side at random:
// HAPI_E2E_SWITCHES times, or a few.
func TestSwitchesLoseAndDoubleNothing(t *testing.T) {
	switches := 6
	if text := os.Getenv("HAPI_E2E_SWITCHES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		switches = n
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HAPI_E2E_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "acceptEdits")
	v.shows(w, "accept edits on")
	var said []string
	say := func(how func(prompt string)) {
		n := len(said) / 2
		prompt, answer := fmt.Sprintf("prompt number %d.", n), fmt.Sprintf("answer number %d.", n)
		said = append(said, prompt, answer)
		w.model.Script(modeltest.Text(answer))
		how(prompt)
		w.wait(fmt.Sprintf("%q in the conversation", answer), func() bool { return w.saidLately(answer) })
		w.waitIdle()
	}
	local := true
	for done := 0; done < switches; {
		switch move := random.IntN(3); {
		case local && move == 0:
			say(func(prompt string) { v.enter(w, prompt) })
		case local && move == 1:
			w.post(w.path("/switch"), map[string]string{"to": "remote"}, nil)
			w.side(false)
			local, done = false, done+1
		case local:
			say(func(prompt string) { w.send(prompt, fmt.Sprintf("local-%d", len(said))) })
			w.side(false)
			local, done = false, done+1
		case move == 0:
			say(func(prompt string) { w.send(prompt, fmt.Sprintf("local-%d", len(said))) })
		default:
			v.shows(w, "space twice")
			before := v.printed()
			v.typing("  ")
			w.side(true)
			v.takesKeys(w, before)
			v.shows(w, "accept edits on")
			local, done = true, done+1
		}
	}
	w.once(said...)
	if requests := w.model.Requests(); len(requests) != len(said)/2 {
		t.Errorf("the model was asked %d times for %d prompts", len(requests), len(said)/2)
	}
}

func TestTheAgentHasToolsOfItsSession(t *testing.T) {
	w := newWorld(t)
	image := filepath.Join(w.project, "shot.gif")
	if err := os.WriteFile(image, []byte("GIF89a......"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.model.Script(
		modeltest.ToolUse("mcp__hapi__change_title", map[string]any{"title": "The new name"}),
		modeltest.ToolUse("mcp__hapi__display_image", map[string]any{"path": image}),
		modeltest.ToolUse("mcp__hapi__display_media", map[string]any{"path": image}), // this one is asked for
		modeltest.Text("All shown."),
	)
	w.startSession("--permission-mode", "default")
	w.send("Show it", "local-1")
	w.approve(w.request("mcp__hapi__display_media"), nil)
	w.waitSaid("All shown.")
	var m struct {
		Summary struct{ Text string }
		URL     string `json:"hapiMcpUrl"`
	}
	if err := json.Unmarshal(w.detail().Metadata, &m); err != nil || m.Summary.Text != "The new name" || m.URL == "" {
		t.Errorf("the metadata has %+v, %v", m, err)
	}
	var id string
	for _, message := range w.messages() {
		var c struct {
			Content struct {
				Data struct{ Type, ImageID, MimeType, FileName string }
			}
		}
		if json.Unmarshal(message.Content, &c) == nil && c.Content.Data.Type == "generated-image" {
			id = c.Content.Data.ImageID
		}
	}
	status, raw := w.call("GET", w.path("/generated-images/"+id), nil)
	if status != 200 || string(raw) != "GIF89a......" {
		t.Errorf("the image is %d %q", status, raw)
	}
}

func TestASessionFromAfarGoesOnInTheTerminal(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Hello on the way."), modeltest.Text("Welcome back."))
	w.startSession("--permission-mode", "acceptEdits")
	w.send("From the phone", "local-1")
	w.waitSaid("Hello on the way.")
	w.waitIdle()
	earlier := w.session
	v := newTerminal(t)
	w.session = w.runIn(v, w.project, w.env("HAPI_CLAUDE_PATH="+w.claude, "TERM=xterm-256color"), "resume", string(w.id)[:8])
	v.shows(w, "accept edits on")
	v.shows(w, "Hello on the way.")
	<-earlier.done
	w.side(true)
	v.enter(w, "I am back")
	w.waitSaid("Welcome back.")
	w.once("From the phone", "Hello on the way.", "I am back", "Welcome back.")
}

func TestDoctorAndPeersOnTheCommandLine(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("I heard you."))
	w.startSession()
	run := func(args ...string) string {
		p := w.run(w.project, w.env("HAPI_CLAUDE_PATH="+w.claude), args...)
		select {
		case <-p.done:
		case <-time.After(patience):
			t.Fatalf("hapi %v does not end", args)
		}
		return p.out.String()
	}
	if got := run("ping-peer", string(w.id)[:8], "Hello", "peer"); !strings.Contains(got, "OK: delivered to "+string(w.id)) {
		t.Errorf("ping-peer says %q", got)
	}
	w.waitSaid("I heard you.")
	if got := run("inspect-peer", "/sessions/"+string(w.id)); !strings.Contains(got, "[user] Hello peer\n[agent] I heard you.") || !strings.Contains(got, "active: true") {
		t.Errorf("inspect-peer says %q", got)
	}
	if got := run("ping-peer", "--list"); !strings.Contains(got, string(w.id)+"  active=true  flavor=claude") {
		t.Errorf("the list is %q", got)
	}
	var report []struct{ Name, Value, Status string }
	if err := json.Unmarshal([]byte(run("doctor", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range report {
		found[f.Name] = f.Status
		if strings.Contains(f.Value, w.token) {
			t.Error("a secret is in the report")
		}
	}
	for _, name := range []string{"reachable", "access token", "clock", "Claude Code"} {
		if found[name] != "ok" {
			t.Errorf("%s is %q, want ok: %+v", name, found[name], report)
		}
	}
}

func TestKilledAtTheTerminalAndResumedLosesNothing(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.model.Script(modeltest.Text("First answer."), modeltest.Slow("Said while hapi was dead.", gate), modeltest.Text("Third answer."))
	v := newTerminal(t)
	w.startAt(v, "--permission-mode", "acceptEdits")
	v.shows(w, "accept edits on")
	v.enter(w, "One")
	w.waitSaid("First answer.")
	w.waitIdle()
	v.enter(w, "Two")
	w.waitSaid(`"Two"`)
	w.session.kill()
	close(gate)
	w.wait("the hub to notice", func() bool { return !w.detail().Active })
	again := newTerminal(t)
	w.session = w.runIn(again, w.project, w.env("HAPI_CLAUDE_PATH="+w.claude, "TERM=xterm-256color"), "resume", string(w.id))
	again.shows(w, "accept edits on")
	again.shows(w, "First answer.")
	again.enter(w, "Three")
	w.waitSaid("Third answer.")
	w.once(`"One"`, "First answer.", `"Two"`, `"Three"`, "Third answer.")
}

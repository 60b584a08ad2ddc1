//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hapi/internal/agent/child"
	"hapi/internal/hubclient"
	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

func bash(command string) modeltest.Turn {
	return modeltest.ToolUse("Bash", map[string]any{"command": command, "description": "do it"})
}

func TestTextTurn(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Hello from the model.").Thinking("A greeting."))
	w.startSession()
	events := w.watch()
	w.send("Say hello", "local-1")
	w.waitSaid("Hello from the model.")
	w.waitSaid(`"ready"`)
	w.waitIdle()
	if got := w.model.Requests()[0].Last(); !strings.Contains(got, "Say hello") {
		t.Errorf("the model was asked %q", got)
	}
	messages := w.messages()
	if m := messages[0]; m.LocalID == nil || *m.LocalID != "local-1" || m.InvokedAt == nil {
		t.Errorf("the prompt is %+v, want it taken", m)
	}
	w.wait("all messages on the event stream", func() bool { return len(events.said()) >= len(messages)-1 })
	w.wait("a title and the native id", func() bool {
		var m struct {
			Summary struct{ Text string }
			Native  string `json:"claudeSessionId"`
			Tools   []string
		}
		if err := json.Unmarshal(w.detail().Metadata, &m); err != nil {
			t.Fatal(err)
		}
		return m.Summary.Text == "Say hello" && m.Native != "" && len(m.Tools) > 0
	})
	w.model.Script(modeltest.Text("Aye."))
	w.peerSays(`{"role":"user","content":{"type":"text","text":"And now?"},"meta":{"sentFrom":"bot","appendSystemPrompt":"Talk like a pirate."}}`)
	w.waitSaid("Aye.")
	told := slices.ContainsFunc(w.model.Requests(), func(r *modeltest.Request) bool {
		return strings.Contains(string(r.System)+r.All(), "Talk like a pirate.") && strings.Contains(r.All(), "Hello from the model.")
	})
	if !told {
		t.Error("the model was not told the peer's instructions in the same conversation")
	}
}

// peerSays says a row as another program of the session's namespace.
func (w *world) peerSays(row string) {
	w.t.Helper()
	client := hubclient.New(hubclient.Options{BaseURL: w.url(""), Token: w.accessToken()})
	link := client.Link(w.detail(), hubclient.LinkOptions{})
	link.Leave() // it is not the session's process
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = link.Run(ctx) // ends with ctx
	}()
	defer func() { stop(); <-ended }()
	if err := link.Say(ctx, json.RawMessage(row), time.Time{}); err != nil {
		w.t.Fatal(err)
	}
	if err := link.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func TestToolIsRunOnceApproved(t *testing.T) {
	w := newWorld(t)
	w.model.Script(bash("touch made.txt"), modeltest.Text("It is made."))
	w.startSession()
	w.send("Make the file", "local-1")
	id := w.request("Bash")
	if w.exists("made.txt") {
		t.Error("the file was made before anybody allowed it")
	}
	w.approve(id, nil)
	w.waitSaid("It is made.")
	w.waitIdle()
	if !w.exists("made.txt") {
		t.Error("the file was not made")
	}
	if done := w.state().CompletedRequests[id]; done.Status != wire.StatusApproved {
		t.Errorf("the request is %+v, want approved", done)
	}
	asked := len(w.model.Requests())
	for answer, want := range map[string]int{"approve": http.StatusOK, "deny": http.StatusNotFound} {
		if status, _ := w.call(http.MethodPost, w.path("/permissions/"+string(id)+"/"+answer), nil); status != want {
			t.Errorf("the answer %s after it was approved gets %d, want %d", answer, status, want)
		}
	}
	if len(w.model.Requests()) != asked {
		t.Error("an answer said again reached Claude")
	}
}

func TestToolIsNotRunWhenDenied(t *testing.T) {
	w := newWorld(t)
	w.model.Script(bash("touch made.txt"))
	w.startSession()
	w.send("Make the file", "local-1")
	id := w.request("Bash")
	w.post(w.path("/permissions/"+string(id)+"/deny"), map[string]string{"decision": "denied"}, nil)
	w.waitIdle()
	if w.exists("made.txt") {
		t.Error("the file was made")
	}
	if done := w.state().CompletedRequests[id]; done.Status != wire.StatusDenied {
		t.Errorf("the request is %+v, want denied", done)
	}
	w.model.Script(modeltest.Text("Then something else."))
	w.send("Do something else", "local-2")
	w.waitSaid("Then something else.")
	if n := len(w.model.Requests()); n != 2 {
		t.Errorf("the model was asked %d times, want 2: not after the refusal", n)
	}
}

func TestToolAllowedForTheSessionIsNotAskedAgain(t *testing.T) {
	w := newWorld(t)
	w.model.Script(bash("touch a.txt"), modeltest.Text("First."), bash("touch a.txt"), modeltest.Text("Second."), bash("touch b.txt"))
	w.startSession()
	w.send("Make it", "local-1")
	w.approve(w.request("Bash"), map[string]any{"allowTools": []string{"Bash(touch a.txt)"}})
	w.waitSaid("First.")
	w.send("Make it again", "local-2")
	w.waitSaid("Second.")
	w.send("Make another", "local-3")
	w.request("Bash") // another command is another question
}

func TestQuestionIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.ToolUse("AskUserQuestion", map[string]any{"questions": []any{map[string]any{
		"question": "Which colour?", "header": "Colour", "multiSelect": false,
		"options": []any{
			map[string]string{"label": "Red", "description": "warm"},
			map[string]string{"label": "Blue", "description": "cold"},
		},
	}}}), modeltest.Text("Blue it is."))
	w.startSession()
	w.send("Ask me", "local-1")
	w.approve(w.request("AskUserQuestion"), map[string]any{"answers": map[string][]string{"0": {"Blue"}}})
	w.waitSaid("Blue it is.")
	requests := w.model.WaitRequests(t.Context(), 2)
	if got := requests[1].Last(); !strings.Contains(got, `"Which colour?"="Blue"`) {
		t.Errorf("the model got %q", got)
	}
}

func TestPlanIsApprovedAndCarriedOut(t *testing.T) {
	w := newWorld(t)
	w.model.Script(
		modeltest.ToolUse("ExitPlanMode", map[string]any{"plan": "1. Write the file"}),
		modeltest.ToolUse("Write", map[string]any{"file_path": filepath.Join(w.project, "plan.txt"), "content": "done"}),
		modeltest.Text("The plan is carried out."),
	)
	w.startSession("--permission-mode", "plan")
	w.send("Plan it", "local-1")
	id := w.request("ExitPlanMode")
	if got := string(w.state().Requests[id].Arguments); !strings.Contains(got, "Write the file") {
		t.Errorf("the person is shown %s, want the plan", got)
	}
	w.approve(id, map[string]string{"mode": "acceptEdits"})
	w.waitSaid("The plan is carried out.")
	if !w.exists("plan.txt") {
		t.Error("the file was not written")
	}
	w.wait("the new mode", func() bool { return w.detail().PermissionMode == wire.ModeAcceptEdits })
}

func TestAbortEndsASlowTurnAndKeepsTheConversation(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{}, 2)
	gate <- struct{}{}
	gate <- struct{}{}
	w.model.Script(modeltest.Slow("This would go on for a very long time and never end.", gate))
	w.startSession()
	w.send("Talk", "local-1")
	w.model.WaitRequests(t.Context(), 1)
	w.wait("thinking", func() bool { return w.detail().Thinking })
	w.post(w.path("/abort"), nil, nil)
	w.waitSaid("Aborted by user")
	w.waitIdle()
	w.model.Script(modeltest.Text("Here I am again."))
	w.send("Are you there?", "local-2")
	w.waitSaid("Here I am again.")
	if got := w.model.Requests()[1].All(); !strings.Contains(got, "Talk") {
		t.Errorf("the conversation was lost: %q", got)
	}
}

// TestClaudeIsConfiguredFromAfar changes model and effort in a conversation: the
// same Claude goes on with it.
func TestClaudeIsConfiguredFromAfar(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("First."), modeltest.Text("Second."))
	w.startSession("--model", "sonnet")
	w.send("One", "local-1")
	w.waitSaid("First.")
	w.waitIdle()
	claude := child.Descendants(w.session.cmd.Process.Pid)
	w.post(w.path("/model"), map[string]string{"model": "opus"}, nil)
	w.post(w.path("/effort"), map[string]string{"effort": "high"}, nil)
	w.send("Two", "local-2")
	w.waitSaid("Second.")
	w.waitIdle()
	if now := child.Descendants(w.session.cmd.Process.Pid); len(claude) == 0 || !slices.Contains(now, claude[0]) {
		t.Errorf("Claude was started anew: %v, before %v", now, claude)
	}
	w.wait("model and effort on the session", func() bool {
		s := w.detail()
		return s.Model != nil && *s.Model == "opus" && s.Effort != nil && *s.Effort == "high"
	})
	for i, want := range []struct{ model, effort string }{{"sonnet", ""}, {"opus", "high"}} {
		got := w.model.Requests()[i]
		if !strings.Contains(got.Model, want.model) || want.effort != "" && got.Output.Effort != want.effort {
			t.Errorf("request %d asked %q with effort %q, want %+v", i, got.Model, got.Output.Effort, want)
		}
	}
	if got := w.model.Requests()[1].All(); !strings.Contains(got, "One") {
		t.Errorf("the conversation was lost: %q", got)
	}
}

func TestPromptsQueueWhileBusyAndOneIsCancelled(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.model.Script(modeltest.Slow("Busy.", gate), modeltest.Text("Both done."))
	w.startSession()
	w.send("First", "local-1")
	w.model.WaitRequests(t.Context(), 1)
	for i := 2; i <= 4; i++ {
		w.send(fmt.Sprintf("Queued %d", i), fmt.Sprintf("local-%d", i))
	}
	var state wire.QueuedState
	w.post(w.path("/messages/queued-state"), map[string][]string{"localIds": {"local-1", "local-2", "local-3", "local-4"}}, &state)
	if len(state.QueuedLocalIDs) != 3 || len(state.InvokedLocalMessages) != 1 {
		t.Errorf("queued state is %+v, want three waiting", state)
	}
	var cancelled wire.CancelResult
	w.decode(http.MethodDelete, w.path("/messages/local-3"), nil, &cancelled)
	if cancelled.Status != "cancelled" {
		t.Errorf("cancel answered %+v", cancelled)
	}
	close(gate)
	w.waitSaid("Both done.")
	if got := w.model.Requests()[1].Last(); !strings.Contains(got, "Queued 2\nQueued 4") || strings.Contains(got, "Queued 3") {
		t.Errorf("the model got %q, want the two that were left, together", got)
	}
}

func TestAttachmentReachesTheAgent(t *testing.T) {
	w := newWorld(t)
	w.startSession()
	const secret = "the attached words"
	var uploaded wire.FileResult
	w.post(w.path("/upload"), map[string]string{
		"filename": "../notes of mine.txt", "content": base64.StdEncoding.EncodeToString([]byte(secret)), "mimeType": "text/plain",
	}, &uploaded)
	if !uploaded.Success {
		t.Fatalf("upload answered %+v", uploaded)
	}
	w.model.Script(modeltest.Text("I have read it."))
	w.post(w.path("/messages"), map[string]any{"text": "Read this", "localId": "local-1", "attachments": []any{map[string]any{
		"id": "att_1", "filename": "notes.txt", "mimeType": "text/plain", "size": len(secret), "path": uploaded.Path,
	}}}, nil)
	w.waitSaid("I have read it.")
	if got := w.model.Requests()[0].All(); !strings.Contains(got, secret) {
		t.Errorf("the model did not see the file: %q", got)
	}
	var deleted wire.FileResult
	w.post(w.path("/upload/delete"), map[string]string{"path": uploaded.Path}, &deleted)
	if _, err := os.Stat(uploaded.Path); !deleted.Success || !os.IsNotExist(err) {
		t.Errorf("delete answered %+v; the file: %v", deleted, err)
	}
	w.post(w.path("/upload/delete"), map[string]string{"path": "/etc/hostname"}, &deleted)
	if deleted.Success {
		t.Error("a path outside the uploads was deleted")
	}
}

func TestHubKilledInTheMiddleOfATurn(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.model.Script(
		bash("echo one"), modeltest.Slow("Spoken while the hub was away.", gate), modeltest.Text("And after it came back."),
	)
	w.startSession("--yolo")
	events := w.watch()
	w.send("Go on", "local-1")
	w.model.WaitRequests(t.Context(), 2)
	w.hub.kill()
	close(gate)
	if _, _, err := w.tryCall(http.MethodPost, w.path("/messages"), map[string]string{"text": "x"}); err == nil {
		t.Error("a message was taken by a hub that is not there")
	}
	w.startHub()
	w.waitSaid("Spoken while the hub was away.")
	w.wait("the session", func() bool { return w.detail().Active })
	w.send("And now?", "local-2")
	w.waitSaid("And after it came back.")
	w.waitIdle()
	all := w.conversation()
	for _, text := range []string{"Spoken while the hub was away.", "And after it came back."} {
		if n := strings.Count(all, text); n != 1 {
			t.Errorf("%q is there %d times, want once", text, n)
		}
	}
	messages := w.messages()
	w.wait("every message on the event stream", func() bool {
		told := events.said()
		for _, m := range messages {
			if !told[m.ID] {
				return false
			}
		}
		return true
	})
	if events.gaps != 0 {
		t.Errorf("the stream had %d gaps", events.gaps)
	}
}

func TestClearForgetsTheConversation(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("I will remember."), modeltest.Text("I know nothing."))
	w.startSession()
	w.send("The word is plover", "local-1")
	w.waitSaid("I will remember.")
	w.waitIdle()
	w.send("/clear", "local-2")
	w.waitSaid("Context was reset")
	w.send("What is the word?", "local-3")
	w.waitSaid("I know nothing.")
	if got := w.model.Requests()[1].All(); strings.Contains(got, "plover") {
		t.Errorf("the model was told of what was cleared: %q", got)
	}
}

func TestCompactKeepsTheConversationGoing(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("A long story."), modeltest.Text("Going on."))
	w.model.When(func(r *modeltest.Request) bool {
		return strings.Contains(r.Last(), "summary") && strings.Contains(r.All(), "A long story.") && !strings.Contains(r.Last(), "Go on")
	}, modeltest.Text("The story so far."))
	w.startSession()
	w.send("Tell", "local-1")
	w.waitSaid("A long story.")
	w.waitIdle()
	w.send("/compact", "local-2")
	w.waitSaid("Compaction completed")
	w.send("Go on", "local-3")
	w.waitSaid("Going on.")
}

func TestPlanCommandChangesTheMode(t *testing.T) {
	w := newWorld(t)
	w.startSession()
	w.send("/plan", "local-1")
	w.wait("plan mode", func() bool { return w.detail().PermissionMode == wire.ModePlan })
	w.send("/plan off", "local-2")
	w.wait("default mode", func() bool { return w.detail().PermissionMode == wire.ModeDefault })
	w.wait("both to be taken", func() bool {
		for _, m := range w.messages() {
			if m.LocalID != nil && m.InvokedAt == nil {
				return false
			}
		}
		return true
	})
}

func TestAutoModeThatClaudeDoesNotOfferIsRefused(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("The first answer."))
	w.startSession("--model", "claude-3-5-haiku-20241022", "--permission-mode", "auto")
	w.send("One", "local-1")
	w.waitSaid("Claude does not offer auto mode with this model.")
	w.waitSaid("The first answer.")
	asked := func() bool { return w.detail().PermissionMode == wire.ModeDefault }
	w.wait("the mode that Claude has", asked)
	w.waitIdle()
	if status, raw := w.call(http.MethodPost, w.path("/permission-mode"), map[string]string{"mode": "auto"}); status != http.StatusConflict || !strings.Contains(string(raw), "does not offer auto mode") {
		t.Errorf("auto mode: %d %s, want it refused in words", status, raw)
	}
	w.wait("the mode that Claude has still", asked)
}

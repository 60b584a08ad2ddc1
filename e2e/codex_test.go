//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

// codexPath is the pinned Codex; the package for this platform holds the
// executable itself.
func codexPath(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	pattern, err := filepath.Abs(filepath.Join("node_modules/@openai", "codex-"+runtime.GOOS+"-"+arch, "vendor/*/bin/codex"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("codex is not installed, run `make e2e/node_modules`: %v", err)
	}
	return found[0]
}

func (w *world) startCodex(args ...string) {
	w.t.Helper()
	w.startSessionIn(w.env("HAPI_CODEX_APP_SERVER_BIN="+codexPath(w.t)), append([]string{"codex"}, args...)...)
}

// shell is a command of Codex's; escalated, it asks to leave the sandbox.
func shell(command string) modeltest.Turn {
	return modeltest.ToolUse("exec_command", map[string]any{"cmd": command})
}

func escalated(command string) modeltest.Turn {
	return modeltest.ToolUse("exec_command", map[string]any{
		"cmd": command, "sandbox_permissions": "require_escalated", "justification": "needs to write outside",
	})
}

// codexRows are the generic rows of a type, oldest first.
func (w *world) codexRows(kind string) []map[string]any {
	w.t.Helper()
	var rows []map[string]any
	for _, m := range w.messages() {
		var c struct {
			Content struct {
				Type string         `json:"type"`
				Data map[string]any `json:"data"`
			} `json:"content"`
		}
		if json.Unmarshal(m.Content, &c) == nil && c.Content.Type == "codex" && c.Content.Data["type"] == kind {
			rows = append(rows, c.Content.Data)
		}
	}
	return rows
}

func TestCodexTextTurn(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("Hello from the model.").Thinking("**Greeting**\n\nSomebody says hello."))
	w.startCodex()
	w.send("Say hello", "local-1")
	w.waitSaid("Hello from the model.")
	w.waitSaid(`"ready"`)
	w.waitIdle()
	if got := w.model.Requests()[0].Last(); !strings.Contains(got, "Say hello") {
		t.Errorf("the model was asked %q", got)
	}
	if m := w.messages()[0]; m.LocalID == nil || *m.LocalID != "local-1" || m.InvokedAt == nil {
		t.Errorf("the prompt is %+v, want it taken", m)
	}
	if rows := w.codexRows("message"); len(rows) == 0 || rows[len(rows)-1]["message"] != "Hello from the model." {
		t.Errorf("the answer is %v", rows)
	}
	if rows := w.codexRows("tool-call"); len(rows) != 1 || rows[0]["name"] != "CodexReasoning" {
		t.Errorf("the thought is %v", rows)
	}
	if rows := w.codexRows("token_count"); len(rows) != 1 || rows[0]["model"] != modeltest.CodexModel || rows[0]["scopeRole"] != "parent" {
		t.Errorf("the usage is %v", rows)
	}
	w.wait("a title, the native id and the model", func() bool {
		var m struct {
			Summary struct{ Text string }
			Native  string `json:"codexSessionId"`
			Flavor  wire.Flavor
		}
		d := w.detail()
		if err := json.Unmarshal(d.Metadata, &m); err != nil {
			t.Fatal(err)
		}
		return m.Summary.Text == "Say hello" && m.Native != "" && m.Flavor == wire.FlavorCodex && d.Model != nil && *d.Model == modeltest.CodexModel
	})
}

func TestCodexRunsACommandOnceApproved(t *testing.T) {
	w := newWorld(t)
	w.model.Script(escalated("touch made.txt"), modeltest.Text("It is made."))
	w.startCodex()
	w.send("Make the file", "local-1")
	id := w.request("CodexBash")
	if w.exists("made.txt") {
		t.Error("the file was made before anybody allowed it")
	}
	w.approve(id, map[string]string{"decision": "approved"})
	w.waitSaid("It is made.")
	w.waitIdle()
	if !w.exists("made.txt") {
		t.Error("the file was not made")
	}
	if done := w.state().CompletedRequests[id]; done.Status != wire.StatusApproved {
		t.Errorf("the request is %+v, want approved", done)
	}
	for _, row := range w.codexRows("tool-call") {
		if row["callId"] != string(id) {
			t.Errorf("the call is %v, want it to have the request's id %s", row, id)
		}
	}
}

func TestCodexGoesOnAfterAPlainRefusal(t *testing.T) {
	w := newWorld(t)
	w.model.Script(escalated("touch made.txt"), modeltest.Text("Then not."))
	w.startCodex()
	w.send("Make the file", "local-1")
	id := w.request("CodexBash")
	w.post(w.path("/permissions/"+string(id)+"/deny"), nil, nil)
	w.waitSaid("Then not.")
	w.waitIdle()
	if w.exists("made.txt") {
		t.Error("the file was made")
	}
	if done := w.state().CompletedRequests[id]; done.Status != wire.StatusDenied {
		t.Errorf("the request is %+v, want denied", done)
	}
}

func TestCodexStopsWhenARefusalSaysSo(t *testing.T) {
	w := newWorld(t)
	w.model.Script(escalated("touch made.txt"), modeltest.Text("Something else."))
	w.startCodex()
	w.send("Make the file", "local-1")
	id := w.request("CodexBash")
	w.post(w.path("/permissions/"+string(id)+"/deny"), map[string]string{"decision": "abort"}, nil)
	w.waitIdle()
	w.send("Do something else", "local-2")
	w.waitSaid("Something else.")
	if n := len(w.model.Requests()); n != 2 || w.exists("made.txt") {
		t.Errorf("the model was asked %d times, want 2: not after the refusal", n)
	}
}

func TestCodexCommandAllowedForTheSessionIsNotAskedAgain(t *testing.T) {
	w := newWorld(t)
	w.model.Script(escalated("touch a.txt"), modeltest.Text("First."), escalated("touch a.txt"), modeltest.Text("Second."))
	w.startCodex()
	w.send("Make it", "local-1")
	id := w.request("CodexBash")
	w.approve(id, map[string]string{"decision": "approved_for_session"})
	w.waitSaid("First.")
	w.send("Make it again", "local-2")
	w.waitSaid("Second.")
	if n := len(w.state().CompletedRequests); n != 1 {
		t.Errorf("it was asked %d times, want once", n)
	}
}

func TestCodexModes(t *testing.T) {
	for _, c := range []struct {
		mode string
		// command is tried; want says whether it works, asked whether it is
		// decided without a person.
		command modeltest.Turn
		want    bool
		decided bool
	}{
		{"yolo", shell("touch made.txt"), true, false},
		{"safe-yolo", escalated("touch made.txt"), true, true},
		{"read-only", shell("touch made.txt"), false, false},
	} {
		t.Run(c.mode, func(t *testing.T) {
			w := newWorld(t)
			w.model.Script(c.command, modeltest.Text("Tried."))
			w.startCodex("--permission-mode", c.mode)
			w.send("Make the file", "local-1")
			w.waitSaid("Tried.")
			w.waitIdle()
			if w.exists("made.txt") != c.want {
				t.Errorf("the file is there: %v, want %v", !c.want, c.want)
			}
			if c.decided {
				w.wait("the decision to be shown", func() bool { return len(w.state().CompletedRequests) == 1 })
			}
			if n := len(w.state().Requests); n != 0 {
				t.Errorf("%d requests wait for a person", n)
			}
		})
	}
}

func TestCodexPatchIsApproved(t *testing.T) {
	w := newWorld(t)
	patch := "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: made.txt\n+hello\n*** End Patch\nEOF"
	w.model.Script(shell(patch), modeltest.Text("Patched."))
	w.startCodex()
	w.send("Patch it", "local-1")
	w.waitSaid("Patched.")
	w.waitIdle()
	if !w.exists("made.txt") {
		t.Error("the file was not made")
	}
	var patched bool
	for _, row := range w.codexRows("tool-call") {
		patched = patched || row["name"] == "CodexPatch"
	}
	if !patched {
		t.Errorf("no patch is shown:\n%s", w.conversation())
	}
}

func TestCodexAbortEndsASlowTurnAndKeepsTheConversation(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{}, 4)
	for range 4 {
		gate <- struct{}{}
	}
	w.model.Script(modeltest.Slow("This would go on for a very long time and never come to an end.", gate))
	w.startCodex()
	w.send("Talk", "local-1")
	w.model.WaitRequests(t.Context(), 1)
	w.waitSaid("This would") // it is seen while it grows
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

func TestCodexTextGrowsAndStaysOneRow(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	const text = "A text that is long enough to be seen while it is being written by the model, piece by piece."
	w.model.Script(modeltest.Slow(text, gate))
	w.startCodex()
	w.send("Write", "local-1")
	w.model.WaitRequests(t.Context(), 1)
	for range 4 {
		gate <- struct{}{}
	}
	w.waitSaid(`"live":true`)
	close(gate)
	w.waitSaid(text)
	w.waitIdle()
	rows := w.codexRows("message")
	if len(rows) != 1 || rows[0]["message"] != text {
		t.Errorf("the answer is %v, want one row", rows)
	}
}

func TestCodexIsSteeredInItsTurn(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	w.model.Script(modeltest.Slow("Working on the first.", gate), modeltest.Text("Both done."))
	w.startCodex()
	w.send("First", "local-1")
	w.model.WaitRequests(t.Context(), 1)
	w.wait("steering to be offered", func() bool { s := w.state().SteeringActive; return s != nil && *s })
	w.send("Second", "local-2")
	var result wire.SteerResult
	w.post(w.path("/messages/local-2/steer"), nil, &result)
	if result.Status != "steered" {
		t.Fatalf("the steer answered %+v", result)
	}
	close(gate)
	w.waitSaid("Both done.")
	w.waitIdle()
	if got := w.model.Requests()[1].Last(); !strings.Contains(got, "Second") {
		t.Errorf("the model got %q", got)
	}
	for _, m := range w.messages() {
		if m.LocalID != nil && *m.LocalID == "local-2" && (m.InvokedAt == nil || !m.Steered) {
			t.Errorf("the message is %+v, want steered", m)
		}
	}
	w.wait("steering to end", func() bool { return !*w.state().SteeringActive })
	w.send("Third", "local-3")
}

func TestCodexAsksQuestionsInPlanMode(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.ToolUse("request_user_input", map[string]any{"questions": []any{map[string]any{
		"id": "colour", "header": "Colour", "question": "Which colour?",
		"options": []any{map[string]string{"label": "Blue", "description": "calm"}, map[string]string{"label": "Red", "description": "loud"}},
	}}}), modeltest.Text("Blue it is."))
	w.startCodex()
	w.send("/plan Ask me", "local-1")
	id := w.request("request_user_input")
	w.approve(id, map[string]any{"answers": map[string]any{"colour": map[string]any{"answers": []string{"Blue"}}}})
	w.waitSaid("Blue it is.")
	if got := w.model.WaitRequests(t.Context(), 2)[1].Last(); !strings.Contains(got, "Blue") {
		t.Errorf("the model got %q", got)
	}
	if mode := w.detail().CollaborationMode; mode != "plan" {
		t.Errorf("the collaboration mode is %q", mode)
	}
	w.send("/plan off", "local-2")
	w.wait("the usual mode", func() bool { return w.detail().CollaborationMode == "default" })
}

func TestCodexNamesTheConversation(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.ToolUse("mcp__hapi/change_title", map[string]string{"title": "A good name"}), modeltest.Text("Named."))
	w.startCodex()
	w.send("Hello", "local-1")
	w.waitSaid("Named.")
	w.waitSaid(`"summary":"A good name"`)
	w.wait("the title", func() bool {
		var m struct{ Summary struct{ Text string } }
		_ = json.Unmarshal(w.detail().Metadata, &m)
		return m.Summary.Text == "A good name"
	})
	if rows := w.codexRows("tool-call"); len(rows) != 1 || rows[0]["name"] != "mcp__hapi__change_title" {
		t.Errorf("the call is %v", rows)
	}
}

func TestCodexClearForgetsAndCompactKeepsTheConversation(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("I will remember."), modeltest.Text("I know nothing."))
	w.startCodex()
	w.send("/compact", "local-0")
	w.waitSaid("nothing to compact")
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
	w.waitIdle()
	w.model.When(func(r *modeltest.Request) bool { return strings.Contains(r.Last(), "handoff summary") }, modeltest.Text("The story so far."))
	w.send("/compact", "local-4")
	w.waitSaid("Compaction completed")
	if rows := w.codexRows("context_compacted"); len(rows) != 1 {
		t.Errorf("the compaction is shown %d times, want once", len(rows))
	}
	w.model.Script(modeltest.Text("Going on."))
	w.send("Go on", "local-5")
	w.waitSaid("Going on.")
}

func TestCodexCommandsAnswerWithoutATurn(t *testing.T) {
	w := newWorld(t)
	w.startCodex()
	w.send("/reasoning high", "local-1")
	w.send("/permissions safe-yolo", "local-2")
	w.send("/status", "local-3")
	w.waitSaid("reasoning: `high`")
	w.waitSaid("permission: `safe-yolo`")
	w.wait("the settings on the hub", func() bool {
		d := w.detail()
		return d.PermissionMode == wire.ModeSafeYolo && d.ModelReasoningEffort != nil && *d.ModelReasoningEffort == "high"
	})
	w.send("/undo", "local-4")
	w.waitSaid("works only in Codex's own terminal")
	if n := len(w.model.Requests()); n != 0 {
		t.Errorf("the model was asked %d times", n)
	}
}

func TestCodexIsConfiguredFromAfar(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("As you like."))
	w.startCodex()
	w.post(w.path("/model-reasoning-effort"), map[string]string{"modelReasoningEffort": "high"}, nil)
	w.post(w.path("/model"), map[string]string{"model": "scripted-2"}, nil)
	w.post(w.path("/service-tier"), map[string]string{"serviceTier": "fast"}, nil)
	w.send("Hello", "local-1")
	w.waitSaid("As you like.")
	if got := w.model.Requests()[0]; got.Model != "scripted-2" || got.Reasoning.Effort != "high" {
		t.Errorf("the model %q was asked with effort %q", got.Model, got.Reasoning.Effort)
	}
	var models struct {
		Success bool
		Models  []struct{ ID string }
	}
	w.get(w.path("/codex-models"), &models)
	if !models.Success || len(models.Models) == 0 {
		t.Errorf("the models are %+v", models)
	}
}

func TestCodexAttachmentsReachTheModel(t *testing.T) {
	w := newWorld(t)
	w.startCodex()
	var pixel bytes.Buffer
	if err := png.Encode(&pixel, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	upload := func(name, mime string, content []byte) map[string]any {
		var uploaded wire.FileResult
		w.post(w.path("/upload"), map[string]string{"filename": name, "content": base64.StdEncoding.EncodeToString(content), "mimeType": mime}, &uploaded)
		if !uploaded.Success {
			t.Fatalf("upload answered %+v", uploaded)
		}
		return map[string]any{"id": name, "filename": name, "mimeType": mime, "size": len(content), "path": uploaded.Path}
	}
	text, dot := upload("notes.txt", "text/plain", []byte("words")), upload("dot.png", "image/png", pixel.Bytes())
	w.model.Script(modeltest.Text("I have seen them."))
	w.post(w.path("/messages"), map[string]any{"text": "Look", "localId": "local-1", "attachments": []any{text, dot}}, nil)
	w.waitSaid("I have seen them.")
	got := w.model.Requests()[0].Last()
	if !strings.Contains(got, "[input_image]") || !strings.Contains(got, "@"+text["path"].(string)) {
		t.Errorf("the model got %q", got[max(0, len(got)-500):])
	}
}

func TestCodexIsResumedAfterItsProcessWasKilled(t *testing.T) {
	w := newWorld(t)
	w.model.Script(modeltest.Text("The first answer."), modeltest.Text("The second answer."), modeltest.ToolUse("mcp__hapi/change_title", map[string]string{"title": "Second life"}), modeltest.Text("Named."))
	w.startCodex()
	w.send("One", "local-1")
	w.waitSaid("The first answer.")
	w.waitIdle()
	w.session.kill()
	w.send("Two", "local-2")
	w.wait("the hub to notice", func() bool { return !w.detail().Active })
	w.startCodex("--existing-session-id", string(w.id))
	w.waitSaid("The second answer.")
	if got := w.model.Requests()[1].All(); !strings.Contains(got, "The first answer.") {
		t.Errorf("the conversation was not resumed: %q", got)
	}
	w.send("Three", "local-3")
	w.waitSaid("Named.")
	w.waitSaid(`"summary":"Second life"`)
}

func TestRunnerStartsCodexAndKnowsItsModels(t *testing.T) {
	w := newWorld(t)
	w.repository("app.txt", "one\n")
	w.startRunner()
	machine, _ := w.machine()
	var models struct {
		Success bool
		Models  []struct {
			ID        string
			IsDefault bool `json:"isDefault"`
		}
	}
	w.get("/api/machines/"+string(machine)+"/codex-models", &models)
	if !models.Success || len(models.Models) == 0 {
		t.Errorf("the machine's models are %+v", models)
	}
	w.model.Script(escalated("touch made.txt"), modeltest.Text("It is made."))
	w.begin(map[string]any{"directory": w.project, "agent": "codex", "permissionMode": "safe-yolo"})
	w.send("Make the file", "local-1")
	w.waitSaid("It is made.")
	if !w.exists("made.txt") {
		t.Error("the file was not made")
	}
	if mode := w.detail().PermissionMode; mode != wire.ModeSafeYolo {
		t.Errorf("the mode is %q", mode)
	}

	// It edits a file, and a phone sees what has changed.
	w.model.Script(shell("apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: app.txt\n@@\n-one\n+two\n*** End Patch\nEOF"), modeltest.Text("It says two now."))
	w.send("Change it", "local-2")
	w.waitSaid("It says two now.")
	w.waitIdle()
	if diff := w.diff("app.txt"); !strings.Contains(diff, "-one\n+two\n") {
		t.Errorf("its edit shows as %q", diff)
	}

	// Archived and reopened, it remembers.
	w.post(w.path("/archive"), nil, nil)
	w.model.Script(modeltest.Text("As I said, two."))
	var reopened struct {
		SessionID wire.SessionID `json:"sessionId"`
		Resumed   bool
	}
	w.post(w.path("/reopen"), nil, &reopened)
	if reopened.SessionID != w.id || !reopened.Resumed {
		t.Errorf("reopen: %+v", reopened)
	}
	w.send("What does it say?", "local-3")
	w.waitSaid("As I said, two.")
	requests := w.model.Requests()
	if got := requests[len(requests)-1].All(); !strings.Contains(got, "It says two now.") {
		t.Errorf("the conversation was not reopened: %.500q", got)
	}
	if mode := w.detail().PermissionMode; mode != wire.ModeSafeYolo {
		t.Errorf("the mode is %q after that", mode)
	}
}

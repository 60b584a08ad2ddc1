//go:build e2e

package e2e

import (
	"encoding/json"
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
		t.Fatalf("codex is not installed, run `npm ci` in e2e: %v", err)
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

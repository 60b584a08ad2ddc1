//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hapi/internal/hubclient"
	"hapi/internal/modeltest"
	"hapi/internal/wire"
)

// waitForkable waits until clients can offer to cut the conversation at messages.
func (w *world) waitForkable(at ...wire.LocalID) {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the session is %s", w.detail().Metadata)
		}
	}()
	w.wait("the points at which the conversation can be cut", func() bool {
		var m struct {
			Capabilities struct {
				Past struct{ ForkCurrent, ForkAtMessage, RewindToMessage bool } `json:"conversationHistory"`
			}
			Points map[wire.LocalID]bool   `json:"conversationHistoryPoints"`
			Turns  map[wire.LocalID]string `json:"conversationHistoryTurns"`
		}
		if err := json.Unmarshal(w.detail().Metadata, &m); err != nil {
			w.t.Fatal(err)
		}
		for _, id := range at {
			if !m.Points[id] || m.Turns[id] == "" {
				return false
			}
		}
		can := m.Capabilities.Past
		return can.ForkCurrent && can.ForkAtMessage && can.RewindToMessage && len(m.Points) == len(at)
	})
}

// ask says something and waits for the model's answer; it gives what the model
// was told.
func (w *world) ask(text, answer, localID string) string {
	w.t.Helper()
	asked := len(w.model.Requests())
	w.model.Script(modeltest.Text(answer))
	w.send(text, localID)
	w.waitSaid(answer)
	w.waitIdle()
	return w.model.WaitRequests(w.t.Context(), asked+1)[asked].All()
}

func (w *world) fork(body any) wire.SessionID {
	w.t.Helper()
	var out struct {
		ID wire.SessionID `json:"sessionId"`
	}
	w.post(w.path("/fork"), body, &out)
	if out.ID == "" || out.ID == w.id {
		w.t.Fatalf("the fork is session %q", out.ID)
	}
	return out.ID
}

// has checks which texts are in a text and which are not.
func has(t *testing.T, what, all string, want, gone []string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(all, text) {
			t.Errorf("%s has no %q:\n%s", what, text, all)
		}
	}
	for _, text := range gone {
		if strings.Contains(all, text) {
			t.Errorf("%s still has %q:\n%s", what, text, all)
		}
	}
}

func TestCodexIsForkedAndBothGoOn(t *testing.T) {
	w := newWorld(t)
	w.startRunner()
	w.begin(map[string]any{"directory": w.project, "agent": "codex"})
	w.ask("Say plover", "It is plover.", "local-1")
	w.ask("Say heron", "It is heron.", "local-2")
	w.ask("Say curlew", "It is curlew.", "local-3")
	w.waitForkable("local-1", "local-2", "local-3")
	original := w.id

	w.id = w.fork(map[string]string{"messageLocalId": "local-3"})
	w.wait("the fork", func() bool { return w.detail().Active })
	has(t, "the forked conversation", w.conversation(), []string{"It is plover.", "It is heron."}, []string{"curlew"})
	w.waitForkable("local-1", "local-2")
	told := w.ask("Say godwit", "It is godwit.", "local-4")
	has(t, "what the fork told the model", told, []string{"It is plover.", "It is heron.", "Say godwit"}, []string{"curlew"})

	whole := w.fork(nil)
	w.id = whole
	told = w.ask("Say dunlin", "It is dunlin.", "local-5")
	has(t, "what the fork's fork told the model", told, []string{"It is heron.", "It is godwit."}, []string{"curlew"})

	w.id = original
	told = w.ask("Say ruff", "It is ruff.", "local-6")
	has(t, "what the original told the model", told, []string{"It is heron.", "It is curlew."}, []string{"godwit", "dunlin"})
}

func TestCodexIsRewoundAndGoesOnFromThere(t *testing.T) {
	w := newWorld(t)
	w.startCodex()
	w.ask("Say plover", "It is plover.", "local-1")
	w.ask("Say heron", "It is heron.", "local-2")
	w.ask("Say curlew", "It is curlew.", "local-3")
	w.waitForkable("local-1", "local-2", "local-3")
	rewind := func(to string) {
		t.Helper()
		w.post(w.path("/rewind"), map[string]string{"messageLocalId": to}, nil)
	}

	rewind("local-2")
	has(t, "the conversation", w.conversation(), []string{"It is plover."}, []string{"heron", "curlew"})
	w.waitForkable("local-1")
	told := w.ask("Say godwit", "It is godwit.", "local-4")
	has(t, "what the model was told", told, []string{"It is plover.", "Say godwit"}, []string{"heron", "curlew"})
	if status, raw := w.call(http.MethodPost, w.path("/rewind"), map[string]string{"messageLocalId": "local-3"}); status != http.StatusConflict {
		t.Errorf("a message that is gone: %d %s, want 409", status, raw)
	}

	// What was rewound stays so for a later process, which can go on rewinding.
	w.waitForkable("local-1", "local-4")
	w.session.signal(syscall.SIGTERM)
	<-w.session.done
	w.startCodex("--existing-session-id", string(w.id))
	w.waitForkable("local-1", "local-4")
	rewind("local-4")
	told = w.ask("Say dunlin", "It is dunlin.", "local-5")
	has(t, "what the model was told", told, []string{"It is plover.", "Say dunlin"}, []string{"heron", "godwit"})

	rewind("local-1")
	if n := len(w.messages()); n != 0 {
		t.Errorf("%d messages are left of a conversation that was forgotten", n)
	}
	told = w.ask("Say ruff", "It is ruff.", "local-6")
	has(t, "what the model was told", told, []string{"Say ruff"}, []string{"plover", "dunlin"})
}

// TestImportedCodexConversationIsForked goes on with a session whose conversation
// is somebody else's file.
func TestImportedCodexConversationIsForked(t *testing.T) {
	w := newWorld(t)
	w.startCodex()
	w.ask("Say plover", "It is plover.", "local-1")
	source, rollout := w.nativeCodex(), w.rollout()
	w.session.signal(syscall.SIGTERM)
	<-w.session.done
	before, err := os.ReadFile(rollout)
	if err != nil {
		t.Fatal(err)
	}

	metadata := map[string]json.RawMessage{}
	if err := json.Unmarshal(w.detail().Metadata, &metadata); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"conversationHistoryPoints", "conversationHistoryTurns"} {
		delete(metadata, key)
	}
	metadata["codexSourceSessionId"] = metadata["codexSessionId"]
	w.id = w.cliCreate(metadata)
	w.startCodex("--existing-session-id", string(w.id))
	told := w.ask("Say heron", "It is heron.", "local-2")
	has(t, "what the model was told", told, []string{"It is plover.", "Say heron"}, nil)
	w.waitForkable("local-2")
	if after, err := os.ReadFile(rollout); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the imported conversation was written to: %v", err)
	}
	var m struct {
		Native string `json:"codexSessionId"`
		Source string `json:"codexSourceSessionId"`
	}
	if err := json.Unmarshal(w.detail().Metadata, &m); err != nil || m.Source != source || m.Native == source || m.Native == "" {
		t.Errorf("the session is %+v, %v, want another conversation than %s", m, err, source)
	}
}

// rollout is the file of the only conversation that Codex has.
func (w *world) rollout() string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.user, ".codex/sessions/*/*/*/rollout-*.jsonl"))
	if err != nil || len(found) != 1 {
		w.t.Fatalf("the rollouts are %q, %v", found, err)
	}
	return found[0]
}

// cliCreate makes a session on the hub, as programs on a person's machine do.
func (w *world) cliCreate(metadata any) wire.SessionID {
	w.t.Helper()
	var settings struct {
		Token string `json:"cliApiToken"`
	}
	raw, err := os.ReadFile(filepath.Join(w.home, "settings.json"))
	if err == nil {
		err = json.Unmarshal(raw, &settings)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	encoded, err := json.Marshal(metadata)
	if err != nil {
		w.t.Fatal(err)
	}
	client := hubclient.New(hubclient.Options{BaseURL: w.url(""), Token: settings.Token})
	s, err := client.CreateSession(w.t.Context(), wire.CreateSession{Tag: "imported", Metadata: encoded, AgentState: json.RawMessage("{}")})
	if err != nil {
		w.t.Fatal(err)
	}
	return s.ID
}

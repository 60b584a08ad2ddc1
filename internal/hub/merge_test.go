package hub_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// sayAt says something at a time of its own.
func sayAt(t *testing.T, p *process, text string, at time.Time) {
	t.Helper()
	content, err := json.Marshal(map[string]any{"role": "agent", "content": map[string]any{"type": "output", "data": map[string]any{"type": "assistant", "text": text}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Say(t.Context(), content, at); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// bySeq are the texts of a session by seq, oldest first, after a check that
// this is the order of their positions.
func (h *testHub) bySeq(id wire.SessionID) []string {
	h.t.Helper()
	all := h.everything(id, 3)
	slices.Reverse(all)
	var texts []string
	for i, m := range all {
		if m.InvokedAt != nil && i > 0 && all[i-1].InvokedAt != nil && *m.InvokedAt < *all[i-1].InvokedAt {
			h.t.Errorf("seq %d is before seq %d by position", *m.Seq, *all[i-1].Seq)
		}
		var c struct {
			Content struct {
				Text string
				Data struct{ Text string }
			}
		}
		_ = json.Unmarshal(m.Content, &c)
		texts = append(texts, c.Content.Text+c.Content.Data.Text)
	}
	return texts
}

func TestAnOldRunnersNewSessionTakesTheConversationOver(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	old := h.sessionOf(`{"path":"/work","host":"devbox","machineId":"m1","flavor":"claude","claudeSessionId":"c1","lifecycleState":"running"}`)
	path := "/api/sessions/" + string(old.ID)
	p := h.processOf(old, nil)
	past := time.Now().Add(-time.Hour)
	sayAt(t, p, "one", past)
	sayAt(t, p, "four", past.Add(30*time.Minute))
	h.want(200, http.MethodPost, path+"/messages", map[string]string{"text": "waits", "localId": "w"}, nil)
	h.want(200, http.MethodPatch, path, map[string]string{"name": "My chat"}, nil)
	h.want(200, http.MethodPut, path+"/pin", map[string]string{"mode": "global"}, nil)
	if err := p.UpdateState(t.Context(), func(s *wire.AgentState) {
		s.Requests = map[wire.RequestID]wire.AgentRequest{"open": {Tool: "Bash", Arguments: json.RawMessage(`{}`)}}
	}); err != nil {
		t.Fatal(err)
	}
	h.leave(p, "terminated", "User terminated")
	var fresh wire.Session
	h.spawner(func(in wire.SpawnRequest) (wire.SessionID, error) {
		fresh = h.sessionOf(`{"path":"/work","host":"devbox","machineId":"m1","flavor":"claude","lifecycleState":"running"}`)
		q := &process{session: fresh, prompts: make(chan wire.DeliveredMessage, 10)}
		q.Link = h.client(baseToken).Link(fresh, hubclient.LinkOptions{Prompt: func(m wire.DeliveredMessage) { q.prompts <- m }})
		h.run(q)
		sayAt(t, q, "two", past.Add(10*time.Minute))
		return fresh.ID, nil
	})
	watching := h.stream("all=true", "", false)
	watching.next("connection-changed")
	cursor := func() string { watching.next(wire.MessageReceived); return watching.last }
	h.want(200, http.MethodPost, path+"/permission-mode", map[string]string{"mode": "plan"}, nil)
	status, out := h.lifecycle(old.ID, "resume", nil)
	if status != 200 || out.SessionID != fresh.ID {
		t.Fatalf("%d %+v", status, out)
	}
	before := cursor()
	if got := string(watching.next(wire.MessagesInvalidated)); !strings.Contains(got, string(fresh.ID)) {
		t.Errorf("told %s", got)
	}
	if got := string(watching.next(wire.SessionRemoved)); !strings.Contains(got, string(old.ID)) {
		t.Errorf("told %s", got)
	}
	if got := h.bySeq(fresh.ID); !slices.Equal(got, []string{"one", "two", "four", "waits"}) {
		t.Errorf("the conversation is %q", got)
	}
	if epoch := h.page(fresh.ID, "").Page.Epoch; epoch == 0 {
		t.Error("clients that page by position are not told")
	}
	w := h.detail(fresh.ID)
	m := metadataOf(t, w)
	if m["name"] != "My chat" || m["claudeSessionId"] != "c1" || m["preferredPermissionMode"] != "plan" || m["lifecycleState"] != "running" {
		t.Errorf("metadata %v", m)
	}
	if !w.GlobalPinned || !w.Active || !strings.Contains(string(w.AgentState), `"open"`) {
		t.Errorf("session %+v", w)
	}
	if status, _ := h.call(h.jwt, http.MethodGet, path, nil); status != 404 {
		t.Errorf("the old id: %d", status)
	}
	check := func() {
		t.Helper()
		if status, out := h.lifecycle(old.ID, "resume", nil); status != 200 || out.SessionID != fresh.ID {
			t.Errorf("resume by the old id: %d %+v", status, out)
		}
		var loaded wire.CLISession
		h.want(200, http.MethodGet, "/cli/sessions/"+string(old.ID), nil, &loaded)
		if loaded.Session.ID != fresh.ID {
			t.Errorf("a process that asks by the old id gets %s", loaded.Session.ID)
		}
	}
	check()
	h.restart()
	back := h.stream("all=true", before, false)
	if got := string(back.next("connection-changed")); !strings.Contains(got, `"resume":"ok"`) {
		t.Fatalf("resumed %s", got)
	}
	if got := string(back.next(wire.SessionRemoved)); !strings.Contains(got, string(old.ID)) {
		t.Errorf("a client that comes back is told %s", got)
	}
	if got := string(back.next(wire.MessagesInvalidated)); !strings.Contains(got, string(fresh.ID)) {
		t.Errorf("a client that comes back is told %s", got)
	}
	h.eventually("the process to be back", func() bool { return h.detail(fresh.ID).Active })
	check()
	c, _ := h.rawProcess(map[string]any{"token": baseToken, "sessionId": string(old.ID)})
	if _, err := c.Call(t.Context(), wire.EventMessage, map[string]any{"sid": old.ID, "clientKey": "k", "message": json.RawMessage(`{"role":"agent","content":{"type":"output","data":{"text":"late"}}}`)}); err != nil {
		t.Fatal(err)
	}
	if got := h.bySeq(fresh.ID); got[len(got)-1] != "late" {
		t.Errorf("what the old process still said is not there: %q", got)
	}
}

func TestSessionsOfOneConversationBecomeOne(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	const metadata = `{"path":"/work","host":"devbox","flavor":"codex","codexSessionId":"x"}`
	first := h.sessionOf(metadata)
	other, err := h.client(baseToken+":other").CreateSession(t.Context(), wire.CreateSession{Tag: "o", Metadata: json.RawMessage(metadata)})
	if err != nil {
		t.Fatal(err)
	}
	p := h.processOf(first, nil)
	sayAt(t, p, "before", time.Now())
	second := h.sessionOf(`{"path":"/work","host":"devbox","flavor":"codex"}`)
	q := h.processOf(second, nil)
	say(t, q, "after")
	know := func(id string) {
		t.Helper()
		if err := q.UpdateMetadata(t.Context(), func(m map[string]json.RawMessage) { m["codexSessionId"] = wire.AppendString(nil, id) }); err != nil {
			t.Fatal(err)
		}
	}
	know("x")
	if err := q.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, b := h.detail(first.ID), h.detail(second.ID); !a.Active || !b.Active {
		t.Fatal("two that are active were touched")
	}
	if err := p.End(t.Context(), "completed"); err != nil {
		t.Fatal(err)
	}
	h.eventually("the merge", func() bool {
		status, _ := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(first.ID), nil)
		return status == 404
	})
	if got := h.bySeq(second.ID); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("the conversation is %q", got)
	}
	if status, _ := h.call(h.signIn(baseToken+":other"), http.MethodGet, "/api/sessions/"+string(other.ID), nil); status != 200 {
		t.Error("a session of another namespace is gone")
	}
}

func TestNotesMoveWithAMergedSession(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	old := h.sessionOf(`{"path":"/work","host":"devbox","flavor":"codex","codexSessionId":"x"}`)
	notes := "/api/sessions/" + string(old.ID) + "/scratchlist"
	var uploaded struct{ Attachment wire.Attachment }
	h.want(200, http.MethodPost, notes+"/upload", map[string]string{"filename": "a.txt", "content": "aGVsbG8=", "mimeType": "text/plain"}, &uploaded)
	h.want(201, http.MethodPost, notes, map[string]any{"entryId": "e1", "text": "note", "attachments": []wire.Attachment{uploaded.Attachment}}, nil)
	fresh := h.sessionOf(`{"path":"/work","host":"devbox","flavor":"codex"}`)
	q := h.processOf(fresh, nil)
	if err := q.UpdateMetadata(t.Context(), func(m map[string]json.RawMessage) { m["codexSessionId"] = json.RawMessage(`"x"`) }); err != nil {
		t.Fatal(err)
	}
	h.eventually("the merge", func() bool {
		status, _ := h.call(h.jwt, http.MethodGet, "/api/sessions/"+string(old.ID), nil)
		return status == 404
	})
	notes = "/api/sessions/" + string(fresh.ID) + "/scratchlist"
	var list struct{ Entries []wire.ScratchlistEntry }
	h.want(200, http.MethodGet, notes, nil, &list)
	if len(list.Entries) != 1 || list.Entries[0].Text != "note" || !strings.Contains(list.Entries[0].Attachments[0].Path, string(fresh.ID)) {
		t.Fatalf("got %+v", list.Entries)
	}
	if status, raw := h.call(h.jwt, http.MethodGet, notes+"/attachments/"+list.Entries[0].Attachments[0].ID, nil); status != 200 || string(raw) != "hello" {
		t.Errorf("the file: %d %s", status, raw)
	}
}

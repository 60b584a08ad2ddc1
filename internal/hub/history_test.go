package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

func historyMetadata(flavor string) string {
	return `{"path":"/work","host":"devbox","machineId":"m1","flavor":"` + flavor + `","name":"Original","` + flavor + `SessionId":"n1","hostPid":7,
		"capabilities":{"terminal":true,"conversationHistory":{"forkCurrent":true,"forkAtMessage":true,"rewindToMessage":true}},
		"conversationHistoryPoints":{"l1":true,"l2":true,"l3":true}}`
}

// talker is a session with three turns, whose process does to its history what
// the test says.
func (h *testHub) talker(flavor string, methods map[string]hubclient.Method) (wire.Session, *process) {
	h.t.Helper()
	s := h.sessionOf(historyMetadata(flavor))
	p := h.processOf(s, methods)
	for n := 1; n <= 3; n++ {
		local := fmt.Sprintf("l%d", n)
		h.want(200, http.MethodPost, "/api/sessions/"+string(s.ID)+"/messages", map[string]string{"text": "ask" + local, "localId": local}, nil)
		if err := errors.Join(p.Consumed(h.t.Context(), true, wire.LocalID(local)), p.Flush(h.t.Context())); err != nil {
			h.t.Fatal(err)
		}
		say(h.t, p, "answer"+local)
		if err := p.Flush(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
	}
	h.idle(s.ID, p)
	return s, p
}

// idle has a process say that its agent does nothing.
func (h *testHub) idle(id wire.SessionID, p *process) {
	h.t.Helper()
	h.eventually("the turn to be over", func() bool {
		no := false
		p.SetAlive(func(a *wire.SessionAlive) { a.Thinking = &no })
		return !h.detail(id).Thinking
	})
}

func (h *testHub) post2(id wire.SessionID, action, body string) (int, string) {
	h.t.Helper()
	status, raw := h.call(h.jwt, http.MethodPost, "/api/sessions/"+string(id)+"/"+action, body)
	return status, string(raw)
}

func TestForkGoesOnFromAPoint(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	asked := h.spawner(h.starts)
	source, _ := h.talker("codex", map[string]hubclient.Method{
		wire.MethodFork: func(_ context.Context, params json.RawMessage) (any, error) {
			if string(params) != `{"messageLocalId":"l2"}` {
				return nil, errors.New("asked for " + string(params))
			}
			return wire.ForkResult{NativeSessionID: "n2"}, nil
		},
	})
	h.want(200, http.MethodPost, "/api/sessions/"+string(source.ID)+"/messages",
		map[string]any{"text": "later", "localId": "later", "scheduledAt": time.Now().Add(time.Hour).UnixMilli()}, nil)
	watching := h.stream("all=true", "", false)
	watching.next("connection-changed")
	status, raw := h.post2(source.ID, "fork", `{"messageLocalId":"l2"}`)
	if status != 200 {
		t.Fatalf("%d %s", status, raw)
	}
	var out struct{ SessionID wire.SessionID }
	if err := json.Unmarshal([]byte(raw), &out); err != nil {
		t.Fatal(err)
	}
	if got := string(watching.next(wire.SessionAdded)); !strings.Contains(got, string(out.SessionID)) {
		t.Errorf("told %s", got)
	}
	if got := <-asked; got.ResumeSessionID != "n2" || got.ExistingSessionID != out.SessionID || got.Agent != "codex" {
		t.Errorf("asked %+v", got)
	}
	if got := h.bySeq(out.SessionID); !slices.Equal(got, []string{"askl1", "answerl1"}) {
		t.Errorf("the copy is %q", got)
	}
	m := metadataOf(t, h.detail(out.SessionID))
	if m["forkedFrom"] != string(source.ID) || m["name"] != "Original" || m["codexSessionId"] != nil || m["hostPid"] != nil {
		t.Errorf("metadata %v", m)
	}
	if points := m["conversationHistoryPoints"].(map[string]any); len(points) != 1 || points["l1"] != true {
		t.Errorf("points %v", points)
	}
	if got := h.bySeq(source.ID); len(got) != 7 {
		t.Errorf("the original has %q", got)
	}
}

func TestForkThatCannotStartLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.spawner(func(wire.SpawnRequest) (wire.SessionID, error) { return "", errors.New("no room") })
	source, _ := h.talker("claude", map[string]hubclient.Method{
		wire.MethodFork: func(context.Context, json.RawMessage) (any, error) {
			return wire.ForkResult{NativeSessionID: "n1", ForkSession: true}, nil
		},
	})
	if status, raw := h.post2(source.ID, "fork", ""); status != 500 || !strings.Contains(raw, "no room") {
		t.Errorf("%d %s", status, raw)
	}
	var list struct{ Sessions []wire.SessionSummary }
	h.want(200, http.MethodGet, "/api/sessions", nil, &list)
	if len(list.Sessions) != 1 {
		t.Errorf("%d sessions are left", len(list.Sessions))
	}
}

func TestHistoryActionsAreRefusedInTheDocumentedCases(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	source, p := h.talker("codex", map[string]hubclient.Method{
		wire.MethodFork:   func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("not possible") },
		wire.MethodRewind: func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("not possible") },
	})
	h.newRunner(baseToken, "m1", machineMetadata, nil)
	check := func(name, action, body string, status int, text string) {
		t.Helper()
		got, raw := h.post2(source.ID, action, body)
		if got != status || !strings.Contains(raw, text) {
			t.Errorf("%s: %d %s", name, got, raw)
		}
		if strings.Contains(raw, "hydrateFailed") != (action == "rewind" && status == 409 && !strings.Contains(raw, "session_inactive")) {
			t.Errorf("%s: %s", name, raw)
		}
	}
	check("broken body", "fork", `{`, 400, `{"error":"Invalid JSON body"}`)
	check("bad boundary", "fork", `{"messageLocalId":5}`, 400, `{"error":"Invalid body"}`)
	check("broken body", "rewind", `{`, 400, `{"error":"Invalid body"}`)
	check("no boundary", "rewind", `{}`, 400, `{"error":"Invalid body"}`)
	check("unknown boundary", "fork", `{"messageLocalId":"none"}`, 409, "boundary_not_invoked")
	check("unknown boundary", "rewind", `{"messageLocalId":"none"}`, 409, "boundary_not_invoked")
	check("agent says no", "fork", `{"messageLocalId":"l1"}`, 409, "not possible")
	check("agent says no", "rewind", `{"messageLocalId":"l1"}`, 409, "not possible")
	h.want(200, http.MethodPost, "/api/sessions/"+string(source.ID)+"/messages", map[string]string{"text": "x", "localId": "l4"}, nil)
	h.eventually("the queue", func() bool {
		_, raw := h.post2(source.ID, "fork", "")
		return strings.Contains(raw, `"error":"Session has queued messages"`) || strings.Contains(raw, "session_thinking")
	})
	if err := p.Consumed(t.Context(), true, "l4"); err != nil {
		t.Fatal(err)
	}
	h.eventually("the prompt to be taken", func() bool { return h.message(source.ID, "l4").InvokedAt != nil })
	set := func(key, value string) {
		t.Helper()
		if err := p.UpdateMetadata(t.Context(), func(m map[string]json.RawMessage) { m[key] = json.RawMessage(value) }); err != nil {
			t.Fatal(err)
		}
	}
	h.idle(source.ID, p)
	set("conversationHistoryDiverged", "true")
	check("diverged", "rewind", `{"messageLocalId":"l1"}`, 409, "history_diverged")
	set("conversationHistoryDiverged", "false")
	set("capabilities", `{"conversationHistory":{"forkCurrent":true}}`)
	check("unsupported", "fork", `{"messageLocalId":"l1"}`, 409, "history_unsupported")
	yes := true
	if err := p.UpdateState(t.Context(), func(s *wire.AgentState) { s.ControlledByUser = &yes }); err != nil {
		t.Fatal(err)
	}
	check("controlled", "fork", "", 409, "controlled_by_user")
	if err := p.End(t.Context(), "completed"); err != nil {
		t.Fatal(err)
	}
	h.eventually("the end", func() bool { return !h.detail(source.ID).Active })
	check("inactive", "fork", "{", 409, "session_inactive")
	check("inactive", "rewind", "{", 409, "session_inactive")
}

func TestRewindForgetsOnBothSides(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var busy atomic.Int32
	var id atomic.Value
	source, p := h.talker("codex", map[string]hubclient.Method{
		wire.MethodRewind: func(_ context.Context, params json.RawMessage) (any, error) {
			path := "/api/sessions/" + id.Load().(string)
			status, raw := h.call(h.jwt, http.MethodPost, path+"/messages", `{"text":"now","localId":"now"}`)
			if status == 409 && strings.Contains(string(raw), `"code":"history_busy"`) {
				busy.Add(1)
			}
			if status, raw := h.call(h.jwt, http.MethodPost, path+"/fork", ``); status == 409 && strings.Contains(string(raw), "Conversation history action already in progress") {
				busy.Add(1)
			}
			return json.RawMessage(`{"success":true,"truncateFromLocalId":"l2","messages":[{"content":{"role":"agent","content":{"type":"codex","data":{"text":"instead"}}}}]}`), nil
		},
	})
	id.Store(string(source.ID))
	watching := h.stream("sessionId="+string(source.ID), "", false)
	watching.next("connection-changed")
	before := h.page(source.ID, "").Page.Epoch
	say(t, p, "the last word")
	watching.next(wire.MessageReceived)
	cursor := watching.last
	if status, raw := h.post2(source.ID, "rewind", `{"messageLocalId":"l2"}`); status != 200 || raw != `{"success":true}` {
		t.Fatalf("%d %s", status, raw)
	}
	if busy.Load() != 2 {
		t.Errorf("%d of 2 actions were refused meanwhile", busy.Load())
	}
	watching.next(wire.MessagesInvalidated)
	if got := h.bySeq(source.ID); !slices.Equal(got, []string{"askl1", "answerl1", "instead"}) {
		t.Errorf("the conversation is %q", got)
	}
	if after := h.page(source.ID, "").Page.Epoch; after == before {
		t.Error("the epoch stays")
	}
	if points := metadataOf(t, h.detail(source.ID))["conversationHistoryPoints"].(map[string]any); len(points) != 1 {
		t.Errorf("points %v", points)
	}
	h.restart()
	back := h.stream("sessionId="+string(source.ID), cursor, false)
	if got := string(back.next("connection-changed")); !strings.Contains(got, `"resume":"ok"`) {
		t.Fatalf("resumed %s", got)
	}
	back.next(wire.MessagesInvalidated)
	h.eventually("the process to be back", func() bool { return h.detail(source.ID).Active })
	h.want(200, http.MethodPost, "/api/sessions/"+string(source.ID)+"/messages", map[string]string{"text": "go on", "localId": "l5"}, nil)
	if got := h.bySeq(source.ID); got[len(got)-1] != "go on" {
		t.Errorf("the conversation is %q", got)
	}
}

func TestRewindWhoseOutcomeIsUnknownForbidsFurtherOnes(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	source, _ := h.talker("codex", map[string]hubclient.Method{
		wire.MethodRewind: func(context.Context, json.RawMessage) (any, error) {
			return json.RawMessage(`{"success":true,"truncateFromLocalId":"unknown"}`), nil
		},
	})
	status, raw := h.post2(source.ID, "rewind", `{"messageLocalId":"l2"}`)
	if status != 500 || !strings.Contains(raw, `"hydrateFailed":true`) {
		t.Errorf("%d %s", status, raw)
	}
	if status, raw := h.post2(source.ID, "rewind", `{"messageLocalId":"l2"}`); status != 409 || !strings.Contains(raw, "history_diverged") {
		t.Errorf("again: %d %s", status, raw)
	}
}

package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hapi/internal/hub/lifecycle"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

const resumableMetadata = `{"path":"/work","host":"devbox","machineId":"m1","flavor":"claude","claudeSessionId":"c1","lifecycleState":"running"}`

// leave says goodbye for a process as the reference does: first that it ends,
// then why it is archived.
func (h *testHub) leave(p *process, reason, archiveReason string) {
	h.t.Helper()
	if err := p.End(h.t.Context(), reason); err != nil {
		h.t.Error(err)
	}
	err := p.UpdateMetadata(h.t.Context(), func(m map[string]json.RawMessage) {
		m["lifecycleState"], m["archivedBy"] = json.RawMessage(`"archived"`), json.RawMessage(`"cli"`)
		m["archiveReason"] = wire.AppendString(nil, archiveReason)
	})
	if err != nil {
		h.t.Error(err)
	}
}

func TestArchiveEndsTheProcessAndPutsTheSessionAway(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.sessionOf(resumableMetadata)
	var p atomic.Pointer[process]
	p.Store(h.processOf(s, map[string]hubclient.Method{
		wire.MethodKillSession: func(context.Context, json.RawMessage) (any, error) {
			h.leave(p.Load(), "terminated", "User terminated")
			return map[string]any{"success": true}, nil
		},
	}))
	path := "/api/sessions/" + string(s.ID)
	if status, raw := h.call(h.jwt, http.MethodDelete, path, nil); status != 409 || !strings.Contains(string(raw), `"error":"Cannot delete active session. Archive it first."`) {
		t.Errorf("delete while active: %d %s", status, raw)
	}
	watching := h.stream("sessionId="+string(s.ID), "", false)
	watching.next("connection-changed")
	h.want(200, http.MethodPost, path+"/archive", nil, nil)
	if got := string(watching.next(wire.SessionEnded)); !strings.Contains(got, `"reason":"terminated"`) {
		t.Errorf("first %s", got)
	}
	if got := string(watching.next(wire.SessionEnded)); strings.Contains(got, "reason") {
		t.Errorf("then %s", got)
	}
	if m := metadataOf(t, h.detail(s.ID)); m["lifecycleState"] != "archived" || m["archivedBy"] != "cli" || h.detail(s.ID).Active {
		t.Errorf("got %v", m)
	}
	status, raw := h.call(h.jwt, http.MethodPost, path+"/archive", nil)
	if status != 200 || string(raw) != `{"ok":true,"alreadyArchived":true}` {
		t.Errorf("again: %d %s", status, raw)
	}
}

func TestArchiveOfASessionWhoseProcessIsGone(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var asked atomic.Int32
	h.newRunner(baseToken, "m1", machineMetadata, map[string]func(json.RawMessage) any{
		wire.MethodStopSession: func(json.RawMessage) any {
			asked.Add(1)
			return wire.StopResult{Status: wire.StopStillAlive}
		},
	})
	s := h.sessionOf(resumableMetadata)
	path := "/api/sessions/" + string(s.ID)
	h.want(200, http.MethodPost, path+"/archive", nil, nil)
	m := metadataOf(t, h.detail(s.ID))
	if m["lifecycleState"] != "archived" || m["archivedBy"] != "hub" || m["archiveReason"] != "Archived from hub (CLI unreachable)" || m["lifecycleStateSince"] == nil {
		t.Errorf("got %v", m)
	}
	if asked.Load() != 1 {
		t.Error("the runner was not asked to end what may be left")
	}
	h.processOf(s, nil)
	if m := metadataOf(t, h.detail(s.ID)); m["lifecycleState"] != "running" || m["archivedBy"] != nil || m["archiveReason"] != nil {
		t.Errorf("a process that comes back after all: %v", m)
	}
	ended := h.sessionOf(`{"path":"/work","host":"devbox","lifecycleState":"imported"}`)
	status, raw := h.call(h.jwt, http.MethodPost, "/api/sessions/"+string(ended.ID)+"/archive", nil)
	if status != 409 || string(raw) != `{"error":"Session is inactive"}` {
		t.Errorf("not running: %d %s", status, raw)
	}
}

func TestArchiveThatTheProcessRefusesChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.sessionOf(resumableMetadata)
	h.processOf(s, map[string]hubclient.Method{
		wire.MethodKillSession: func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("not now") },
	})
	status, raw := h.call(h.jwt, http.MethodPost, "/api/sessions/"+string(s.ID)+"/archive", nil)
	if status != 502 || !strings.Contains(string(raw), "not now") || metadataOf(t, h.detail(s.ID))["lifecycleState"] != "running" {
		t.Errorf("%d %s", status, raw)
	}
}

func TestDeleteTakesEverythingAndTellsEveryone(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.sessionOf(`{"path":"/work","host":"test"}`)
	p := h.processOf(s, nil)
	watching := h.stream("all=true", "", false)
	watching.next("connection-changed")
	say(t, p, "hello")
	watching.next(wire.MessageReceived)
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.End(t.Context(), "completed"); err != nil {
		t.Fatal(err)
	}
	watching.next(wire.SessionEnded)
	cursor := watching.last
	path := "/api/sessions/" + string(s.ID)
	if status, _ := h.call(h.signIn(baseToken+":other"), http.MethodDelete, path, nil); status != 403 {
		t.Errorf("foreign: %d", status)
	}
	h.want(200, http.MethodDelete, path, nil, nil)
	if got := string(watching.next(wire.SessionRemoved)); !strings.Contains(got, `"namespace":"default"`) || !strings.Contains(got, string(s.ID)) {
		t.Errorf("told %s", got)
	}
	for _, route := range []string{"", "/messages"} {
		if status, _ := h.call(h.jwt, http.MethodGet, path+route, nil); status != 404 {
			t.Errorf("GET %s afterwards: %d", route, status)
		}
	}
	h.restart()
	back := h.stream("all=true", cursor, false)
	if got := string(back.next("connection-changed")); !strings.Contains(got, `"resume":"ok"`) {
		t.Errorf("resumed: %s", got)
	}
	if got := string(back.next(wire.SessionRemoved)); !strings.Contains(got, string(s.ID)) {
		t.Errorf("a client that comes back is told %s", got)
	}
	again := h.sessionOf(`{"path":"/work","host":"test","another":1}`)
	if page := h.page(again.ID, ""); len(page.Messages) != 0 {
		t.Errorf("a new session has %d messages", len(page.Messages))
	}
}

func TestSwitchTakesOverFromTheTerminal(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	asked := make(chan string, 1)
	s := h.sessionOf(resumableMetadata)
	path := "/api/sessions/" + string(s.ID) + "/switch"
	if status, raw := h.call(h.jwt, http.MethodPost, path, nil); status != 409 || !strings.Contains(string(raw), "session_inactive") {
		t.Errorf("inactive: %d %s", status, raw)
	}
	h.processOf(s, map[string]hubclient.Method{
		wire.MethodSwitch: func(_ context.Context, params json.RawMessage) (any, error) {
			asked <- string(params)
			return nil, nil
		},
	})
	h.want(200, http.MethodPost, path, nil, nil)
	if got := <-asked; got != `{"to":"remote"}` {
		t.Errorf("asked %s", got)
	}
}

// spawner is a runner that starts processes in this test. It says which
// session one feeds, or what went wrong.
func (h *testHub) spawner(start func(wire.SpawnRequest) (wire.SessionID, error)) chan wire.SpawnRequest {
	h.t.Helper()
	asked := make(chan wire.SpawnRequest, 10)
	h.newRunner(baseToken, "m1", machineMetadata, map[string]func(json.RawMessage) any{
		wire.MethodSpawnSession: func(params json.RawMessage) any {
			var in wire.SpawnRequest
			_ = json.Unmarshal(params, &in)
			asked <- in
			id, err := start(in)
			if err != nil {
				return wire.SpawnResult{Type: wire.SpawnError, ErrorMessage: err.Error()}
			}
			return wire.SpawnResult{Type: wire.SpawnSuccess, SessionID: id}
		},
	})
	return asked
}

// starts lets processes come a moment after the runner has answered.
func (h *testHub) starts(in wire.SpawnRequest) (wire.SessionID, error) {
	go func() {
		row, err := h.client(baseToken).Session(context.Background(), in.ExistingSessionID)
		if err != nil {
			h.t.Error(err)
			return
		}
		l := h.client(baseToken).Link(row, hubclient.LinkOptions{})
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		h.t.Cleanup(func() { stop(); <-ended })
		defer close(ended)
		_ = l.Run(ctx)
	}()
	return in.ExistingSessionID, nil
}

type outcome struct {
	Type      string
	SessionID wire.SessionID
	OK        bool
	Resumed   bool
	Error     string
	Code      string
}

func (h *testHub) lifecycle(id wire.SessionID, action string, body any) (int, outcome) {
	h.t.Helper()
	status, raw := h.call(h.jwt, http.MethodPost, "/api/sessions/"+string(id)+"/"+action, body)
	var out outcome
	if err := json.Unmarshal(raw, &out); err != nil {
		h.t.Errorf("%s: %s", action, raw)
	}
	return status, out
}

func TestResumeKeepsTheSession(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	asked := h.spawner(h.starts)
	s := h.sessionOf(resumableMetadata)
	h.want(200, http.MethodPost, "/api/sessions/"+string(s.ID)+"/permission-mode", map[string]string{"mode": "plan"}, nil)
	done := make(chan wire.SessionID, 2)
	for range 2 { // two phones
		go func() {
			status, out := h.lifecycle(s.ID, "resume", nil)
			if status != 200 || out.Type != "success" {
				t.Errorf("%d %+v", status, out)
			}
			done <- out.SessionID
		}()
	}
	if a, b := <-done, <-done; a != s.ID || b != s.ID {
		t.Errorf("resumed as %s and %s", a, b)
	}
	got := <-asked
	want := wire.SpawnRequest{
		Type: wire.SpawnInDirectory, Directory: "/work", Agent: "claude", ResumeSessionID: "c1",
		ExistingSessionID: s.ID, SessionID: s.ID, PermissionMode: "plan",
	}
	if got != want || len(asked) != 0 {
		t.Errorf("asked %+v, and %d times more", got, len(asked))
	}
	if status, out := h.lifecycle(s.ID, "resume", map[string]string{"permissionMode": "default"}); status != 200 || out.SessionID != s.ID || len(asked) != 0 {
		t.Errorf("when active: %d %+v", status, out)
	}
	if status, out := h.lifecycle(s.ID, "reopen", nil); status != 200 || !out.OK || out.Resumed || out.SessionID != s.ID {
		t.Errorf("reopen when active: %d %+v", status, out)
	}
}

func TestResumeThatCannotBe(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	tests := map[string]struct {
		metadata string
		body     string
		status   int
		code     string
		text     string
	}{
		"no machine":     {resumableMetadata, "", 503, "no_machine_online", "No machine online"},
		"no path":        {`{"path":"","host":"devbox","claudeSessionId":"c"}`, "", 409, "resume_unavailable", "Session metadata missing path"},
		"no metadata":    {`null`, "", 409, "resume_unavailable", "Session metadata missing path"},
		"never resumes":  {`{"path":"/w","host":"devbox","flavor":"dsh"}`, "", 409, "resume_unavailable", "Resume session ID unavailable."},
		"replaced":       {`{"path":"/w","host":"devbox","claudeSessionId":"c","supersededBySessionId":"x"}`, "", 409, "resume_unavailable", "replaced"},
		"unknown mode":   {resumableMetadata + " ", `{"permissionMode":"all"}`, 400, "", "Invalid body"},
		"foreign mode":   {resumableMetadata + "  ", `{"permissionMode":"yolo"}`, 400, "", "Invalid permission mode for session flavor"},
		"no object":      {resumableMetadata + "   ", `[]`, 400, "", "Invalid body"},
		"machine is off": {`{"path":"/w","host":"devbox","machineId":"gone","flavor":"cursor","cursorSessionId":"c"}`, "", 503, "no_machine_online", "No machine online"},
	}
	for name, tt := range tests {
		s := h.sessionOf(tt.metadata)
		var body any
		if tt.body != "" {
			body = tt.body
		}
		status, out := h.lifecycle(s.ID, "resume", body)
		if status != tt.status || out.Code != tt.code || !strings.Contains(out.Error, tt.text) {
			t.Errorf("%s: %d %+v", name, status, out)
		}
	}
	if status, out := h.lifecycle("none", "resume", nil); status != 404 || out.Error != "Session not found" || out.Code != "session_not_found" {
		t.Errorf("unknown: %d %+v", status, out)
	}
	foreign, err := h.client(baseToken+":other").CreateSession(t.Context(), wire.CreateSession{Tag: "x", Metadata: json.RawMessage(resumableMetadata)})
	if err != nil {
		t.Fatal(err)
	}
	if status, out := h.lifecycle(foreign.ID, "resume", nil); status != 403 || out.Code != "access_denied" {
		t.Errorf("foreign: %d %+v", status, out)
	}
	begun := h.sessionOf(`{"path":"/w","host":"devbox","flavor":"gemini"}`)
	p := h.processOf(begun, nil)
	say(t, p, "something")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.End(t.Context(), "completed"); err != nil {
		t.Fatal(err)
	}
	h.eventually("the end", func() bool { return !h.detail(begun.ID).Active })
	if status, out := h.lifecycle(begun.ID, "resume", nil); status != 409 || out.Code != "resume_unavailable" {
		t.Errorf("without a native id: %d %+v", status, out)
	}
}

func TestReopenThatFailsLeavesTheSessionArchived(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.waits = lifecycle.Waits{Active: 50 * time.Millisecond}
	h.restart()
	var fails atomic.Bool
	fails.Store(true)
	h.spawner(func(in wire.SpawnRequest) (wire.SessionID, error) {
		if fails.Load() {
			return "", errors.New("Directory is outside this machine's workspace roots")
		}
		return in.ExistingSessionID, nil
	})
	const archived = `{"path":"/work","host":"devbox","flavor":"claude","claudeSessionId":"c1","lifecycleState":"archived","archivedBy":"cli","archiveReason":"User terminated","lifecycleStateSince":5}`
	s := h.sessionOf(archived)
	check := func() {
		t.Helper()
		m := metadataOf(t, h.detail(s.ID))
		if m["lifecycleState"] != "archived" || m["archivedBy"] != "cli" || m["archiveReason"] != "User terminated" || m["lifecycleStateSince"] != 5.0 {
			t.Errorf("got %v", m)
		}
	}
	status, out := h.lifecycle(s.ID, "reopen", nil)
	if status != 500 || out.Code != "resume_failed" || out.Error != "Directory is outside this machine's workspace roots" {
		t.Errorf("%d %+v", status, out)
	}
	check()
	fails.Store(false)
	if status, out := h.lifecycle(s.ID, "reopen", nil); status != 500 || out.Code != "resume_failed" {
		t.Errorf("a process that never comes: %d %+v", status, out)
	}
	check()
}

func TestReopenTakesTheSessionBack(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.spawner(h.starts)
	s := h.sessionOf(`{"path":"/work","host":"devbox","flavor":"claude","claudeSessionId":"c1","lifecycleState":"archived","archivedBy":"cli","archiveReason":"x"}`)
	status, out := h.lifecycle(s.ID, "reopen", "nonsense")
	if status != 200 || !out.OK || !out.Resumed || out.SessionID != s.ID {
		t.Fatalf("%d %+v", status, out)
	}
	m := metadataOf(t, h.detail(s.ID))
	if m["lifecycleState"] != nil || m["archivedBy"] != nil || m["archiveReason"] != nil || m["lifecycleStateSince"] == nil {
		t.Errorf("got %v", m)
	}
	cursor := h.sessionOf(`{"path":"/work","host":"devbox","flavor":"cursor","cursorSessionId":"x","lifecycleState":"archived"}`)
	status, raw := h.call(h.jwt, http.MethodPost, "/api/sessions/"+string(cursor.ID)+"/reopen", nil)
	if status != 200 || !strings.Contains(string(raw), `"cursorSessionProtocol":"stream-json"`) {
		t.Errorf("cursor: %d %s", status, raw)
	}
}

func TestANativeIDThatGotLostIsFoundInTheConversation(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	asked := h.spawner(h.starts)
	s := h.sessionOf(`{"path":"/work","host":"devbox","flavor":"claude"}`)
	p := h.processOf(s, nil)
	for _, line := range []string{
		`{"type":"assistant","sessionId":"old"}`, `{"type":"assistant","sessionId":"c7"}`, `{"type":"assistant","sessionId":"side","isSidechain":true}`,
	} {
		if err := p.Say(t.Context(), json.RawMessage(`{"role":"agent","content":{"type":"output","data":`+line+`}}`), time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.End(t.Context(), "error"); err != nil {
		t.Fatal(err)
	}
	h.eventually("the end", func() bool { return !h.detail(s.ID).Active })
	if status, out := h.lifecycle(s.ID, "resume", nil); status != 200 {
		t.Fatalf("%d %+v", status, out)
	}
	if got := <-asked; got.ResumeSessionID != "c7" {
		t.Errorf("asked for %q", got.ResumeSessionID)
	}
	if m := metadataOf(t, h.detail(s.ID)); m["claudeSessionId"] != "c7" {
		t.Errorf("got %v", m)
	}
}

func TestHandoffToATerminal(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.sessionOf(resumableMetadata)
	h.sessionOf(`{"path":"/work","host":"devbox","machineId":"m2","flavor":"codex","codexSessionId":"x"}`)
	h.sessionOf(`{"path":"/work","host":"devbox","machineId":"m1","flavor":"claude"}`)
	var process atomic.Pointer[process]
	p := h.processOf(s, map[string]hubclient.Method{
		wire.MethodHandoffLocal: func(context.Context, json.RawMessage) (any, error) {
			return map[string]bool{"ok": true}, process.Load().End(context.Background(), "handoff")
		},
	})
	process.Store(p)
	h.want(200, http.MethodPost, "/api/sessions/"+string(s.ID)+"/messages", map[string]string{"text": "  first \n words", "localId": "l1"}, nil)
	var list struct{ Sessions []wire.ResumableSession }
	h.want(200, http.MethodGet, "/cli/sessions/resumable?machineId=m1", nil, &list)
	if len(list.Sessions) != 1 || list.Sessions[0].SessionID != s.ID || !list.Sessions[0].Active || list.Sessions[0].FirstUserMessage != "first words" {
		t.Errorf("resumable: %+v", list.Sessions)
	}
	h.want(200, http.MethodGet, "/cli/sessions/resumable", nil, &list)
	if len(list.Sessions) != 2 {
		t.Errorf("of all machines: %+v", list.Sessions)
	}
	path := "/cli/sessions/" + string(s.ID)
	var target struct{ Target wire.LocalResumeTarget }
	h.want(200, http.MethodGet, path+"/resume-target", nil, &target)
	if got := target.Target; got.AgentSessionID != "c1" || got.Directory != "/work" || got.MachineID != "m1" || !got.Active || got.ControlledByUser {
		t.Errorf("target %+v", got)
	}
	yes, no := true, false
	if err := p.UpdateState(t.Context(), func(s *wire.AgentState) { s.ControlledByUser = &yes }); err != nil {
		t.Fatal(err)
	}
	if status, raw := h.call(baseToken, http.MethodPost, path+"/handoff-local", `{}`); status != 409 || !strings.Contains(string(raw), "already_local") {
		t.Errorf("already local: %d %s", status, raw)
	}
	if err := p.UpdateState(t.Context(), func(s *wire.AgentState) { s.ControlledByUser = &no }); err != nil {
		t.Fatal(err)
	}
	h.want(200, http.MethodPost, path+"/handoff-local", `{}`, nil)
	if h.detail(s.ID).Active {
		t.Error("the process has not left")
	}
	h.want(200, http.MethodPost, path+"/handoff-local", `{}`, nil)
	for name, tt := range map[string]struct {
		token, path, code string
		status            int
	}{
		"unknown": {baseToken, "/cli/sessions/none", "session_not_found", 404},
		"foreign": {baseToken + ":other", path, "access_denied", 403},
	} {
		for _, route := range []string{"GET /resume-target", "POST /handoff-local"} {
			method, suffix, _ := strings.Cut(route, " ")
			if status, raw := h.call(tt.token, method, tt.path+suffix, nil); status != tt.status || !strings.Contains(string(raw), `"code":"`+tt.code+`"`) {
				t.Errorf("%s %s: %d %s", name, route, status, raw)
			}
		}
	}
}

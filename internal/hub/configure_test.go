package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"hapi/internal/hubclient"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// sessionOf makes a session of a flavor without a process.
func (h *testHub) sessionOf(metadata string) wire.Session {
	h.t.Helper()
	row, err := h.client(baseToken).CreateSession(h.t.Context(), wire.CreateSession{
		Tag: h.t.Name() + metadata, Metadata: json.RawMessage(metadata), AgentState: json.RawMessage(`{}`),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return row
}

// processOf connects a process to a session that exists.
func (h *testHub) processOf(row wire.Session, methods map[string]hubclient.Method) *process {
	h.t.Helper()
	p := &process{session: row, prompts: make(chan wire.DeliveredMessage, 100)}
	p.Link = h.client(baseToken).Link(row, hubclient.LinkOptions{
		Methods: methods, Prompt: func(m wire.DeliveredMessage) { p.prompts <- m },
		Cancel: func(wire.CancelQueuedUpdate) wire.CancelAnswer { return wire.CancelAnswer{Removed: true} },
	})
	h.run(p)
	h.eventually("the session to be active", func() bool { return h.detail(row.ID).Active })
	return p
}

// run keeps a process connected until the test ends.
func (h *testHub) run(p *process) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Run(ctx)
	}()
	h.t.Cleanup(func() { stop(); <-ended })
}

func metadataOf(t *testing.T, w wire.Session) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(w.Metadata, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRenamingIsShownAndIsNoActivity(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.sessionOf(`{"path":"/work","host":"test","flavor":"claude","own":7}`)
	path := "/api/sessions/" + string(s.ID)
	watching := h.stream("all=true", "", false)
	watching.next("connection-changed")
	h.want(200, http.MethodPatch, path, map[string]string{"name": " My chat "}, nil)
	var told struct{ Data wire.SessionPatch }
	if err := json.Unmarshal(watching.next(wire.SessionUpdated), &told); err != nil {
		t.Fatal(err)
	}
	if told.Data.Metadata == nil || told.Data.Metadata.Version != 2 || told.Data.UpdatedAt != nil {
		t.Errorf("told %+v", told.Data)
	}
	h.want(200, http.MethodPatch, path+"/summary", map[string]string{"text": "  Short text "}, nil)
	got := h.detail(s.ID)
	m := metadataOf(t, got)
	if m["name"] != " My chat " || m["summary"].(map[string]any)["text"] != "Short text" || m["own"] != 7.0 || got.MetadataVersion != 3 {
		t.Errorf("got %v, version %d", m, got.MetadataVersion)
	}
	if got.UpdatedAt != s.UpdatedAt {
		t.Error("a new name is activity")
	}
	h.restart()
	if m := metadataOf(t, h.detail(s.ID)); m["name"] != " My chat " {
		t.Errorf("after a restart: %v", m)
	}
	for _, bad := range []string{`{"name":""}`, `{}`, `{"name":5}`, `nonsense`, `{"name":"` + strings.Repeat("x", 256) + `"}`} {
		if status, raw := h.call(h.jwt, http.MethodPatch, path, bad); status != 400 || string(raw) != `{"error":"Invalid body: name is required"}` {
			t.Errorf("%s: %d %s", bad, status, raw)
		}
	}
	if status, raw := h.call(h.jwt, http.MethodPatch, path+"/summary", `{"text":"  "}`); status != 400 || string(raw) != `{"error":"Invalid body: text is required"}` {
		t.Errorf("%d %s", status, raw)
	}
}

func TestASessionWithoutMetadataCanBeNamed(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.sessionOf(`null`)
	h.want(200, http.MethodPatch, "/api/sessions/"+string(s.ID), map[string]string{"name": "x"}, nil)
	if got := string(h.detail(s.ID).Metadata); got != `{"host":"","name":"x","path":""}` {
		t.Errorf("got %s", got)
	}
}

func TestPinnedSessionsComeFirst(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.sessionOf(`{"path":"/work","host":"test"}`)
	path := "/api/sessions/" + string(s.ID) + "/pin"
	watching := h.stream("sessionId="+string(s.ID), "", false)
	for mode, want := range map[string][2]bool{"project": {true, false}, "global": {false, true}} {
		h.want(200, http.MethodPut, path, map[string]string{"mode": mode}, nil)
		var told struct{ Data wire.Session }
		if err := json.Unmarshal(watching.next(wire.SessionUpdated), &told); err != nil || told.Data.Pinned != want[0] || told.Data.GlobalPinned != want[1] {
			t.Errorf("%s: told %+v, %v", mode, told.Data, err)
		}
	}
	h.want(200, http.MethodPut, path, map[string]string{"mode": "none"}, nil)
	if got := h.detail(s.ID); got.Pinned || got.GlobalPinned {
		t.Errorf("got %+v", got)
	}
	if status, raw := h.call(h.jwt, http.MethodPut, path, `{"mode":"nope"}`); status != 400 || string(raw) != `{"error":"Invalid body: mode must be none, project, or global"}` {
		t.Errorf("%d %s", status, raw)
	}
}

// applies is a process that does what it is told and says so.
func applies(got chan<- string) map[string]hubclient.Method {
	return map[string]hubclient.Method{
		wire.MethodSetSessionConfig: func(_ context.Context, params json.RawMessage) (any, error) {
			got <- string(params)
			return map[string]json.RawMessage{"applied": params}, nil
		},
	}
}

func TestSettingsByFlavor(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	calls := make(chan string, 100)
	byFlavor := map[string]string{}
	for _, flavor := range []string{"claude", "codex", "copilot", "opencode", "pi", "dsh", "unknown"} {
		s := h.sessionOf(`{"path":"/work","host":"test","flavor":"` + flavor + `"}`)
		h.processOf(s, applies(calls))
		byFlavor[flavor] = "/api/sessions/" + string(s.ID)
	}
	tests := []struct {
		flavor, route, body string
		status              int
		want                string // the call, or the refusal
	}{
		{"claude", "/permission-mode", `{"mode":"plan"}`, 200, `{"permissionMode":"plan"}`},
		{"claude", "/permission-mode", `{"mode":"yolo"}`, 400, "Invalid permission mode for session flavor"},
		{"claude", "/permission-mode", `{"mode":"all"}`, 400, "Invalid body"},
		{"claude", "/permission-mode", `{}`, 400, "Invalid body"},
		{"unknown", "/permission-mode", `{"mode":"acceptEdits"}`, 200, `{"permissionMode":"acceptEdits"}`},
		{"dsh", "/permission-mode", `{"mode":"default"}`, 400, "Invalid permission mode for session flavor"},
		{"codex", "/permission-mode", `{"mode":"safe-yolo"}`, 200, `{"permissionMode":"safe-yolo"}`},
		{"claude", "/model", `{"model":"sonnet"}`, 200, `{"model":"sonnet"}`},
		{"claude", "/model", `{"model":null}`, 200, `{"model":null}`},
		{"claude", "/model", `{"model":""}`, 400, "Invalid body"},
		{"claude", "/model", `{}`, 400, "Invalid body"},
		{"pi", "/model", `{"model":{"provider":"p","modelId":"m"}}`, 200, `{"model":{"provider":"p","modelId":"m"}}`},
		{"dsh", "/model", `{"model":"x"}`, 400, "Model selection is not supported for this session type"},
		{"unknown", "/model", `{"model":"x"}`, 400, "Model selection is not supported for this session type"},
		{"claude", "/effort", `{"effort":"high"}`, 200, `{"effort":"high"}`},
		{"codex", "/effort", `{"effort":"high"}`, 400, "Effort selection is not supported for this session type"},
		{"codex", "/model-reasoning-effort", `{"modelReasoningEffort":"high"}`, 200, `{"modelReasoningEffort":"high"}`},
		{"claude", "/model-reasoning-effort", `{"modelReasoningEffort":"high"}`, 400, "Reasoning effort selection is not supported for this session type"},
		{"codex", "/service-tier", `{"serviceTier":"standard"}`, 200, `{"serviceTier":"standard"}`},
		{"codex", "/service-tier", `{"serviceTier":null}`, 400, "Invalid body"},
		{"codex", "/collaboration-mode", `{"mode":"plan"}`, 200, `{"collaborationMode":"plan"}`},
		{"opencode", "/collaboration-mode", `{"mode":"plan"}`, 400, "Collaboration mode is not supported for this session type"},
		{"copilot", "/copilot-agent-mode", `{"mode":"fleet"}`, 200, `{"copilotAgentMode":"interactive"}`},
		{"claude", "/copilot-agent-mode", `{"mode":"plan"}`, 400, "Agent mode is not supported for this session type"},
	}
	for _, tt := range tests {
		status, raw := h.call(h.jwt, http.MethodPost, byFlavor[tt.flavor]+tt.route, tt.body)
		if status != tt.status {
			t.Errorf("%s %s %s: %d %s", tt.flavor, tt.route, tt.body, status, raw)
			continue
		}
		got := string(raw)
		if status == 200 {
			got = <-calls
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s %s %s: %s, want %s", tt.flavor, tt.route, tt.body, got, tt.want)
		}
	}
	var codex struct{ Session wire.Session }
	h.want(200, http.MethodGet, byFlavor["codex"], nil, &codex)
	if s := codex.Session; s.PermissionMode != "safe-yolo" || *s.ModelReasoningEffort != "high" || *s.ServiceTier != "standard" || s.CollaborationMode != "plan" {
		t.Errorf("codex is shown as %+v", s)
	}
}

func TestSettingsARefusedBySessionsThatCannot(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	inactive := h.sessionOf(`{"path":"/work","host":"test","flavor":"codex"}`)
	path := "/api/sessions/" + string(inactive.ID)
	if status, raw := h.call(h.jwt, http.MethodPost, path+"/model", `{"model":"x"}`); status != 409 || !strings.Contains(string(raw), "session_inactive") {
		t.Errorf("inactive: %d %s", status, raw)
	}
	h.want(200, http.MethodPost, path+"/permission-mode", map[string]string{"mode": "yolo"}, nil)
	h.restart()
	if got := h.detail(inactive.ID); got.PermissionMode != "yolo" {
		t.Errorf("the mode for the next resume is %q", got.PermissionMode)
	}
	answers := make(chan any, 1)
	p := h.processOf(inactive, map[string]hubclient.Method{
		wire.MethodSetSessionConfig: func(context.Context, json.RawMessage) (any, error) {
			a := <-answers
			if err, ok := a.(error); ok {
				return nil, err
			}
			return a, nil
		},
	})
	for name, answer := range map[string]any{
		"Invalid model":                             errors.New("Invalid model"),
		"did not apply model":                       map[string]any{"applied": map[string]any{"effort": "x"}},
		"The session process did not say what":      map[string]any{},
		"The session process did not say what it a": nil,
	} {
		answers <- answer
		if status, raw := h.call(h.jwt, http.MethodPost, path+"/model", `{"model":"x"}`); status != 409 || !strings.Contains(string(raw), name) {
			t.Errorf("%s: %d %s", name, status, raw)
		}
	}
	if got := h.detail(inactive.ID); got.Model != nil {
		t.Errorf("a refused model is shown: %s", *got.Model)
	}
	yes := true
	if err := p.UpdateState(t.Context(), func(s *wire.AgentState) { s.ControlledByUser = &yes }); err != nil {
		t.Fatal(err)
	}
	if status, raw := h.call(h.jwt, http.MethodPost, path+"/model", `{"model":"x"}`); status != 409 || !strings.Contains(string(raw), "controlled_by_user") {
		t.Errorf("controlled from the terminal: %d %s", status, raw)
	}
	other := h.signIn(baseToken + ":other")
	if status, raw := h.call(other, http.MethodPost, path+"/model", `{`); status != 403 || string(raw) != `{"error":"Session access denied"}` {
		t.Errorf("foreign: %d %s", status, raw)
	}
	if status, _ := h.call(h.jwt, http.MethodPost, "/api/sessions/none/permission-mode", `{`); status != 404 {
		t.Errorf("unknown: %d", status)
	}
}

func TestABeatThatWasOnItsWayDoesNotUndoAChange(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	s := h.sessionOf(`{"path":"/work","host":"test","flavor":"claude"}`)
	c := h.connect("/cli", map[string]any{"token": baseToken, "sessionId": string(s.ID)}, map[string]socketio.Handler{
		wire.EventRPCRequest: func(args []json.RawMessage, ack socketio.Ack) {
			var q wire.RPCRequest
			_ = json.Unmarshal(args[0], &q)
			ack(`{"applied":` + q.Params + `}`)
		},
	})
	if err := c.Emit(wire.EventRPCRegister, map[string]any{"method": string(s.ID) + ":" + wire.MethodSetSessionConfig}); err != nil {
		t.Fatal(err)
	}
	beat := func(at wire.Millis, model, mode string) {
		t.Helper()
		if err := c.Emit(wire.EventSessionAlive, map[string]any{"sid": s.ID, "time": at, "thinking": false, "model": model, "permissionMode": mode}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Call(t.Context(), wire.EventPing); err != nil {
			t.Fatal(err)
		}
	}
	const slow = 3 * 60 * 1000 // the process's clock is this much behind
	sent := wire.Now() - slow
	beat(sent, "opus", "default")
	h.want(200, http.MethodPost, "/api/sessions/"+string(s.ID)+"/permission-mode", map[string]string{"mode": "plan"}, nil)
	beat(sent, "haiku", "default")
	if got := h.detail(s.ID); got.PermissionMode != "plan" || *got.Model != "haiku" {
		t.Errorf("an old beat: mode %s, model %s", got.PermissionMode, *got.Model)
	}
	beat(wire.Now()-slow+1000, "haiku", "acceptEdits")
	if got := h.detail(s.ID); got.PermissionMode != "acceptEdits" {
		t.Errorf("a new beat: mode %s", got.PermissionMode)
	}
}

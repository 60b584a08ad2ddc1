package hub_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hubclient"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// ask shows a request as a session process does.
func ask(t *testing.T, p *process, id wire.RequestID) {
	t.Helper()
	err := p.UpdateState(t.Context(), func(s *wire.AgentState) {
		now := wire.Now()
		s.Requests = map[wire.RequestID]wire.AgentRequest{id: {Tool: "Bash", Arguments: json.RawMessage(`{"command":"ls"}`), CreatedAt: &now}}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPermissionAnswersReachTheProcess(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	answers := make(chan wire.PermissionAnswer, 10)
	p := h.newSession(baseToken, map[string]hubclient.Method{
		wire.MethodPermission: func(_ context.Context, params json.RawMessage) (any, error) {
			var a wire.PermissionAnswer
			err := json.Unmarshal(params, &a)
			answers <- a
			return nil, err
		},
	}, false)
	path := "/api/sessions/" + string(p.session.ID) + "/permissions/r1"
	if status, _ := h.call(h.jwt, http.MethodPost, path+"/approve", nil); status != 404 {
		t.Errorf("an unknown request: %d", status)
	}
	ask(t, p, "r1")
	tests := map[string]struct {
		route  string
		body   any
		status int
		want   *wire.PermissionAnswer
	}{
		"plain":                    {"/approve", nil, 200, &wire.PermissionAnswer{ID: "r1", Approved: true}},
		"empty object":             {"/approve", `{}`, 200, &wire.PermissionAnswer{ID: "r1", Approved: true}},
		"with a mode":              {"/approve", `{"mode":"acceptEdits"}`, 200, &wire.PermissionAnswer{ID: "r1", Approved: true, Mode: "acceptEdits"}},
		"for the session":          {"/approve", `{"allowTools":["Bash(ls)"],"decision":"approved_for_session"}`, 200, &wire.PermissionAnswer{ID: "r1", Approved: true, AllowTools: []string{"Bash(ls)"}, Decision: "approved_for_session"}},
		"with answers":             {"/approve", `{"answers":{"0":["A"]}}`, 200, &wire.PermissionAnswer{ID: "r1", Approved: true, Answers: json.RawMessage(`{"0":["A"]}`)}},
		"denied":                   {"/deny", nil, 200, &wire.PermissionAnswer{ID: "r1"}},
		"denied for good":          {"/deny", `{"decision":"abort"}`, 200, &wire.PermissionAnswer{ID: "r1", Decision: "abort"}},
		"denied with the reason":   {"/deny", `{"reason":"not on Fridays"}`, 200, &wire.PermissionAnswer{ID: "r1", Reason: "not on Fridays"}},
		"a body that is broken":    {"/approve", `{"mode":`, 400, nil},
		"a body that is no object": {"/approve", `"yes"`, 400, nil},
		"an unknown mode":          {"/approve", `{"mode":"all"}`, 400, nil},
		"a mode of another agent":  {"/approve", `{"mode":"yolo"}`, 400, nil},
		"a decision to deny":       {"/approve", `{"decision":"denied"}`, 400, nil},
		"answers of another type":  {"/approve", `{"answers":{"0":"A"}}`, 400, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, raw := h.call(h.jwt, http.MethodPost, path+tt.route, tt.body)
			if status != tt.status {
				t.Fatalf("got %d %s, want %d", status, raw, tt.status)
			}
			if tt.want == nil {
				if len(answers) != 0 {
					t.Errorf("the process got %+v", <-answers)
				}
				return
			}
			if diff := cmp.Diff(*tt.want, <-answers); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// A phone that lost the answer says its decision again; another decision comes
// too late.
func TestADecisionSaidAgainIsAnsweredAgain(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	told := make(chan struct{}, 10)
	p := h.newSession(baseToken, map[string]hubclient.Method{
		wire.MethodPermission: func(context.Context, json.RawMessage) (any, error) {
			told <- struct{}{}
			return nil, nil
		},
	}, false)
	now := wire.Now()
	completed := func(c wire.CompletedRequest) {
		t.Helper()
		c.AgentRequest = wire.AgentRequest{Tool: "Bash", CreatedAt: &now}
		err := p.UpdateState(t.Context(), func(s *wire.AgentState) {
			s.Requests, s.CompletedRequests = nil, map[wire.RequestID]wire.CompletedRequest{"r1": c}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	path := "/api/sessions/" + string(p.session.ID) + "/permissions/r1"
	approved, denied := wire.CompletedRequest{Status: wire.StatusApproved}, wire.CompletedRequest{Status: wire.StatusDenied, Reason: "no"}
	forSession := wire.CompletedRequest{Status: wire.StatusApproved, Decision: wire.DecisionApprovedForSession, AllowTools: []string{"Bash(ls)"}}
	answered := wire.CompletedRequest{Status: wire.StatusApproved, Answers: json.RawMessage(`{"0": ["A"]}`)}
	for _, tt := range []struct {
		outcome wire.CompletedRequest
		route   string
		body    any
		want    int
	}{
		{approved, "/approve", nil, 200},
		{approved, "/approve", `{"decision":"approved"}`, 200},
		{approved, "/approve", `{"decision":"approved_for_session"}`, 404},
		{approved, "/approve", `{"mode":"acceptEdits"}`, 404},
		{approved, "/approve", `{"mode":`, 400},
		{approved, "/deny", nil, 404},
		{denied, "/deny", `{"reason":"no"}`, 200},
		{denied, "/deny", `{"decision":"abort"}`, 404},
		{denied, "/approve", nil, 404},
		{forSession, "/approve", `{"allowTools":["Bash(ls)"],"decision":"approved_for_session"}`, 200},
		{forSession, "/approve", `{}`, 404},
		{answered, "/approve", `{"answers":{"0":["A"]}}`, 200},
		{answered, "/approve", `{"answers":{"0":["B"]}}`, 404},
		{wire.CompletedRequest{Status: wire.StatusCanceled}, "/deny", nil, 404},
	} {
		completed(tt.outcome)
		if status, raw := h.call(h.jwt, http.MethodPost, path+tt.route, tt.body); status != tt.want {
			t.Errorf("%s %v after %+v: got %d %s, want %d", tt.route, tt.body, tt.outcome, status, raw, tt.want)
		}
	}
	if len(told) != 0 {
		t.Errorf("the process was told %d times", len(told))
	}
}

func TestCallsOfAProcessThatCannotAnswer(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, map[string]hubclient.Method{
		wire.MethodAbort: func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("nothing to abort") },
	}, false)
	path := "/api/sessions/" + string(p.session.ID)
	status, raw := h.call(h.jwt, http.MethodPost, path+"/abort", nil)
	if status != http.StatusBadGateway || !strings.Contains(string(raw), "nothing to abort") {
		t.Errorf("a refusal: %d %s", status, raw)
	}
	status, raw = h.call(h.jwt, http.MethodPost, path+"/upload", map[string]string{"filename": "a", "content": "YQ==", "mimeType": "text/plain"})
	if status != http.StatusInternalServerError || !strings.Contains(string(raw), "RPC handler not registered") {
		t.Errorf("a method that is not there: %d %s", status, raw)
	}
}

func TestUploadIsHandedToTheProcess(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var got wire.UploadParams
	p := h.newSession(baseToken, map[string]hubclient.Method{
		wire.MethodUploadFile: func(_ context.Context, params json.RawMessage) (any, error) {
			return wire.FileResult{Success: true, Path: "/tmp/x"}, json.Unmarshal(params, &got)
		},
	}, false)
	path := "/api/sessions/" + string(p.session.ID) + "/upload"
	content := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 10<<20))
	var result wire.FileResult
	h.want(200, http.MethodPost, path, map[string]string{"filename": "ten.bin", "content": content, "mimeType": "application/octet-stream"}, &result)
	if result.Path != "/tmp/x" || got.Content != content || got.SessionID != p.session.ID {
		t.Errorf("got %+v and %d characters", result, len(got.Content))
	}
	tooLarge := strings.Repeat("A", 50<<20/3*4+8)
	if status, raw := h.call(h.jwt, http.MethodPost, path, map[string]string{"filename": "a", "content": tooLarge, "mimeType": "b"}); status != 413 {
		t.Errorf("too large: %d %s", status, raw)
	}
	if status, raw := h.call(h.jwt, http.MethodPost, path, map[string]string{"filename": "a", "content": strings.Repeat("A", 69<<20), "mimeType": "b"}); status != 413 {
		t.Errorf("beyond every limit: %d %s", status, raw)
	}
}

func TestCLIRoutesInTheDocumentedOrder(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	foreign, err := h.client(baseToken+":other").CreateMachine(t.Context(), wire.CreateMachine{ID: "m-foreign", Metadata: json.RawMessage(`{"host":"h","platform":"linux","happyCliVersion":"1"}`)})
	if err != nil {
		t.Fatal(err)
	}
	const id = "11111111-1111-4111-8111-111111111111"
	tests := []struct {
		name, token, method, path string
		body                      any
		status                    int
		text                      string
	}{
		{"no header", "", "GET", "/cli/sessions/x", nil, 401, "Missing Authorization header"},
		{"bad token", "nope", "GET", "/cli/sessions/x", nil, 401, "Invalid token"},
		{"unknown path", baseToken, "GET", "/cli/nothing", nil, 404, ""},
		{"unknown session", baseToken, "GET", "/cli/sessions/x", nil, 404, "Session not found"},
		{"unknown machine", baseToken, "GET", "/cli/machines/x", nil, 404, "Machine not found"},
		{"foreign machine", baseToken, "GET", "/cli/machines/" + string(foreign.ID), nil, 403, "Machine access denied"},
		{"register a foreign machine", baseToken, "POST", "/cli/machines", `{"id":"m-foreign","metadata":{}}`, 403, "Machine access denied"},
		{"session with a foreign machine", baseToken, "POST", "/cli/sessions", `{"tag":"t","metadata":{},"machine":{"id":"m-foreign","metadata":{}}}`, 403, "Machine access denied"},
		{"no tag", baseToken, "POST", "/cli/sessions", `{"metadata":{}}`, 400, "Invalid body"},
		{"no JSON", baseToken, "POST", "/cli/sessions", `{`, 400, "Invalid body"},
		{"id that is no uuid", baseToken, "POST", "/cli/sessions", `{"id":"x","tag":"t","metadata":{}}`, 400, "Invalid body"},
		{"create", baseToken, "POST", "/cli/sessions", `{"id":"` + id + `","tag":"t1","metadata":{"path":"/","host":"h"}}`, 200, ""},
		{"create again", baseToken, "POST", "/cli/sessions", `{"id":"` + id + `","tag":"t1","metadata":{"path":"/else","host":"h"}}`, 200, `"path":"/"`},
		{"tag bound elsewhere", baseToken, "POST", "/cli/sessions", `{"id":"22222222-2222-4222-8222-222222222222","tag":"t1","metadata":{}}`, 409, "Session tag is already bound to a different id"},
		{"id bound elsewhere", baseToken, "POST", "/cli/sessions", `{"id":"` + id + `","tag":"t2","metadata":{}}`, 409, "Session id is already bound to a different session"},
		{"id of another namespace", baseToken + ":other", "POST", "/cli/sessions", `{"id":"` + id + `","tag":"t1","metadata":{}}`, 409, "Session id is already bound to a different session"},
		{"foreign session", baseToken + ":other", "GET", "/cli/sessions/" + id, nil, 403, "Session access denied"},
		{"backfill without a cursor", baseToken, "GET", "/cli/sessions/" + id + "/messages", nil, 400, "Invalid query"},
		{"backfill", baseToken, "GET", "/cli/sessions/" + id + "/messages?afterSeq=0", nil, 200, `"messages":[]`},
	}
	for _, tt := range tests {
		status, raw := h.call(tt.token, tt.method, tt.path, tt.body)
		if status != tt.status || !strings.Contains(string(raw), tt.text) {
			t.Errorf("%s: got %d %s, want %d %s", tt.name, status, raw, tt.status, tt.text)
		}
	}
}

func TestProtocolVersionIsOnEveryAnswerForProcesses(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	for _, path := range []string{"/cli/sessions/x", "/cli/nothing", "/cli"} {
		res, err := http.Get(h.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("X-Hapi-Protocol-Version"); got != "1" {
			t.Errorf("%s: version %q", path, got)
		}
	}
}

// rawProcess is a peer that says what a test wants.
func (h *testHub) rawProcess(auth map[string]any) (*socketio.Client, chan wire.SocketError) {
	h.t.Helper()
	failures := make(chan wire.SocketError, 100)
	c := h.connect("/cli", auth, map[string]socketio.Handler{wire.EventError: func(args []json.RawMessage, _ socketio.Ack) {
		var e wire.SocketError
		_ = json.Unmarshal(args[0], &e)
		failures <- e
	}})
	return c, failures
}

// connect joins a namespace and stays until the test ends.
func (h *testHub) connect(namespace string, auth map[string]any, handlers map[string]socketio.Handler) *socketio.Client {
	h.t.Helper()
	c := socketio.NewClient(h.url, socketio.ClientOptions{Namespace: namespace, Auth: func() any { return auth }})
	for event, handle := range handlers {
		c.Handle(event, handle)
	}
	connected := make(chan struct{}, 1)
	c.OnConnect(func() {
		select {
		case connected <- struct{}{}:
		default:
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx)
	}()
	h.t.Cleanup(func() { stop(); <-ended })
	<-connected
	return c
}

func TestEventsOnForeignSessionsAreRefused(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	mine := h.newSession(baseToken, nil, false).session.ID
	c, failures := h.rawProcess(map[string]any{"token": baseToken + ":other", "sessionId": mine})
	for _, event := range []string{wire.EventMessage, wire.EventSessionAlive, wire.EventSessionEnd, wire.EventMessagesConsumed} {
		payload := map[string]any{"sid": mine, "time": 1.0 * float64(wire.Now()), "message": map[string]any{"role": "agent"}, "localIds": []string{"x"}}
		if err := c.Emit(event, payload); err != nil {
			t.Fatal(err)
		}
		if e := <-failures; e.Code != "access-denied" || e.Scope != "session" || e.Message != "session access denied" {
			t.Errorf("%s: %+v", event, e)
		}
	}
	reply, err := c.Call(t.Context(), wire.EventUpdateState, map[string]any{"sid": mine, "expectedVersion": 1, "agentState": nil})
	if err != nil || string(reply[0]) != `{"result":"error","reason":"access-denied"}` {
		t.Errorf("update-state: %s %v", reply, err)
	}
	reply, err = c.Call(t.Context(), wire.EventUpdateMetadata, map[string]any{"sid": "unknown", "expectedVersion": 1, "metadata": map[string]any{}})
	if err != nil || string(reply[0]) != `{"result":"error","reason":"not-found"}` {
		t.Errorf("update-metadata: %s %v", reply, err)
	}
	if err := c.Emit(wire.EventRPCRegister, map[string]any{"method": string(mine) + ":permission"}); err != nil {
		t.Fatal(err)
	}
	if e := <-failures; e.Code != "access-denied" {
		t.Errorf("rpc-register: %+v", e)
	}
}

func TestMalformedEventsDoNoHarm(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	c, _ := h.rawProcess(map[string]any{"token": baseToken, "sessionId": 5, "machineId": []int{1}})
	events := []string{
		wire.EventMessage, wire.EventUpdateMetadata, wire.EventUpdateState, wire.EventSessionAlive, wire.EventSessionEnd,
		wire.EventMessagesConsumed, wire.EventMachineAlive, wire.EventMachineUpdateMetadata, wire.EventMachineUpdateState,
		wire.EventRPCRegister, wire.EventRPCUnregister, "no-such-event",
	}
	payloads := []any{
		nil, true, 5, 1e308, "text", []any{}, []any{[]any{}}, map[string]any{}, map[string]any{"sid": 5}, map[string]any{"sid": p.session.ID},
		map[string]any{"sid": p.session.ID, "time": "soon"}, map[string]any{"sid": p.session.ID, "time": 1e300, "thinking": "yes", "permissionMode": 7},
		map[string]any{"sid": p.session.ID, "message": nil}, map[string]any{"sid": p.session.ID, "message": strings.Repeat("[", 5000)},
		map[string]any{"sid": p.session.ID, "expectedVersion": 1.5, "metadata": "x"}, map[string]any{"sid": p.session.ID, "localIds": []any{1, nil, "x"}},
		map[string]any{"machineId": "m"}, map[string]any{"method": "no colon"}, map[string]any{"method": ":"}, map[string]any{"method": 5},
	}
	for _, event := range events {
		for _, payload := range payloads {
			if err := c.Emit(event, payload); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Emit(event); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Call(t.Context(), wire.EventPing); err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	say(t, p, "still here")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestVersionedWritesOfTwoProcessesDoNotLoseEachOther(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	a := h.newSession(baseToken, nil, false)
	c := h.client(baseToken)
	b := &process{session: a.session}
	b.Link = c.Link(a.session, hubclient.LinkOptions{})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-ended })
	done := make(chan error, 2)
	for _, p := range []*process{a, b} {
		go func() {
			for range 25 {
				err := p.UpdateMetadata(t.Context(), func(m map[string]json.RawMessage) {
					var n int
					_ = json.Unmarshal(m["n"], &n) // absent at first
					m["n"], _ = json.Marshal(n + 1)
				})
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	var m struct{ N int }
	if err := json.Unmarshal(h.detail(a.session.ID).Metadata, &m); err != nil || m.N != 50 {
		t.Errorf("got %d, %v; want 50", m.N, err)
	}
}

func TestPromptSentWhileTheProcessWasAwayIsDeliveredOnceItAttaches(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, true)
	h.restart() // the process reconnects by itself; meanwhile:
	h.eventually("the session to be active", func() bool { return h.detail(p.session.ID).Active })
	h.want(200, http.MethodPost, "/api/sessions/"+string(p.session.ID)+"/messages", map[string]string{"text": "x", "localId": "l1"}, nil)
	if m := <-p.prompts; *m.LocalID != "l1" {
		t.Errorf("got %+v", m)
	}
	h.eventually("the prompt to be taken", func() bool { return h.page(p.session.ID, "").Messages[0].InvokedAt != nil })
}

func TestHubRefusesOddRequests(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	tests := []struct {
		name, token, method, path string
		body                      any
		status                    int
	}{
		{"no token", "", "GET", "/api/sessions", nil, 401},
		{"access token instead of a session token", baseToken, "GET", "/api/sessions", nil, 401},
		{"unknown route without a token", "", "GET", "/api/nothing", nil, 401},
		{"unknown route", h.jwt, "GET", "/api/nothing", nil, 404},
		{"wrong method", h.jwt, "PUT", "/api/sessions", nil, 404},
		{"path that climbs", h.jwt, "GET", "/api/sessions/../sessions", nil, 404},
		{"double slash", h.jwt, "GET", "/api//sessions", nil, 404},
		{"sign in without a body", "", "POST", "/api/auth", nil, 400},
		{"sign in with a list", "", "POST", "/api/auth", `[]`, 400},
		{"sign in with a number", "", "POST", "/api/auth", `{"accessToken":5}`, 400},
		{"sign in with a wrong token", "", "POST", "/api/auth", `{"accessToken":"x"}`, 401},
		{"sign in with an empty token", "", "POST", "/api/auth", `{"accessToken":""}`, 401},
		{"sign in by a bot that is not there", "", "POST", "/api/auth", `{"initData":"x"}`, 503},
	}
	for _, tt := range tests {
		if status, raw := h.call(tt.token, tt.method, tt.path, tt.body); status != tt.status {
			t.Errorf("%s: got %d %s, want %d", tt.name, status, raw, tt.status)
		}
	}
}

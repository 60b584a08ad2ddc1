package hub_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// fakeProcess is a session process that answers the hub's questions as a test says.
type fakeProcess struct {
	*socketio.Client
	id      wire.SessionID
	prompts chan wire.DeliveredMessage
	retried chan wire.RetryQueuedUpdate
	leave   func()

	mu     sync.Mutex
	cancel wire.CancelAnswer
	retry  wire.RetryAnswer
	steer  wire.SteerOutcome
}

// answers says what the process answers from now on.
func (p *fakeProcess) answers(set func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set()
}

// newFakeProcess makes a session of a flavor with its process attached.
func (h *testHub) newFakeProcess(metadata string) *fakeProcess {
	h.t.Helper()
	row, err := h.client(baseToken).CreateSession(h.t.Context(), wire.CreateSession{
		Tag: h.t.Name() + time.Now().String(), Metadata: json.RawMessage(metadata), AgentState: json.RawMessage(`{}`),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.attach(row.ID)
}

// attach connects a process to a session.
func (h *testHub) attach(id wire.SessionID) *fakeProcess {
	h.t.Helper()
	p := &fakeProcess{
		id: id, prompts: make(chan wire.DeliveredMessage, 1000), retried: make(chan wire.RetryQueuedUpdate, 10),
		retry: wire.RetryAnswer{Accepted: true}, steer: wire.SteerOutcome{Steered: true},
	}
	p.Client = socketio.NewClient(h.url, socketio.ClientOptions{
		Namespace: "/cli", ReconnectMin: time.Millisecond, ReconnectMax: 20 * time.Millisecond,
		Auth: func() any {
			return map[string]any{"token": baseToken, "sessionId": id, "clientType": "session-scoped"}
		},
	})
	p.Handle(wire.EventUpdate, p.update)
	p.Handle(wire.EventRPCRequest, func(_ []json.RawMessage, ack socketio.Ack) {
		p.mu.Lock()
		defer p.mu.Unlock()
		raw, _ := json.Marshal(p.steer)
		ack(string(raw))
	})
	p.Handle(wire.EventError, func(args []json.RawMessage, _ socketio.Ack) { h.t.Errorf("the hub refused: %s", args) })
	connected := make(chan struct{}, 100)
	p.OnConnect(func() { connected <- struct{}{} })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Run(ctx)
	}()
	p.leave = func() { stop(); <-ended }
	h.t.Cleanup(p.leave)
	<-connected
	p.emit(h.t, wire.EventRPCRegister, map[string]any{"method": string(id) + ":" + wire.MethodSteerQueued})
	p.emit(h.t, wire.EventSessionAlive, map[string]any{"sid": id, "time": wire.Now()})
	h.eventually("the session to be active", func() bool { return h.detail(id).Active })
	return p
}

func (p *fakeProcess) update(args []json.RawMessage, ack socketio.Ack) {
	var u struct {
		Body json.RawMessage `json:"body"`
	}
	var kind struct {
		T string `json:"t"`
	}
	_ = json.Unmarshal(args[0], &u)
	_ = json.Unmarshal(u.Body, &kind)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch kind.T {
	case "new-message":
		var body wire.NewMessageUpdate
		_ = json.Unmarshal(u.Body, &body)
		p.prompts <- body.Message
	case "cancel-queued-message":
		ack(p.cancel)
	case "retry-queued-message":
		var body wire.RetryQueuedUpdate
		_ = json.Unmarshal(u.Body, &body)
		p.retried <- body
		ack(p.retry)
	}
}

func (p *fakeProcess) emit(t *testing.T, event string, payload any) {
	t.Helper()
	if err := p.Emit(event, payload); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Call(t.Context(), wire.EventPing); err != nil {
		t.Fatal(err)
	}
}

func (p *fakeProcess) steerState(t *testing.T, state wire.DeliveryState, ids ...string) bool {
	t.Helper()
	reply, err := p.Call(t.Context(), wire.EventMessagesSteerState, map[string]any{"sid": p.id, "localIds": ids, "state": state})
	if err != nil {
		t.Fatal(err)
	}
	var ack wire.SteerStateAck
	if err := json.Unmarshal(reply[0], &ack); err != nil {
		t.Fatal(err)
	}
	return ack.OK
}

func (h *testHub) send(id wire.SessionID, local string, more map[string]any) {
	h.t.Helper()
	body := map[string]any{"text": "do " + local, "localId": local}
	for key, value := range more {
		body[key] = value
	}
	h.want(http.StatusOK, http.MethodPost, "/api/sessions/"+string(id)+"/messages", body, nil)
}

// act asks for something of a queued message and gives the answer's text.
func (h *testHub) act(method string, id wire.SessionID, message, action string) string {
	h.t.Helper()
	status, raw := h.call(h.jwt, method, "/api/sessions/"+string(id)+"/messages/"+message+action, nil)
	if status != http.StatusOK {
		h.t.Fatalf("%s %s%s: %d %s", method, message, action, status, raw)
	}
	return string(raw)
}

func (h *testHub) message(id wire.SessionID, local string) *wire.Message {
	h.t.Helper()
	page := h.page(id, "limit=200")
	for i := range page.Messages {
		if l := page.Messages[i].LocalID; l != nil && string(*l) == local {
			return &page.Messages[i]
		}
	}
	return nil
}

const codexMetadata = `{"path":"/work","host":"test","flavor":"codex"}`

func TestSteeredPromptLeavesTheQueueAndStaysMarked(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	h.send(p.id, "l1", nil)
	<-p.prompts
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	if got := h.act(http.MethodPost, p.id, "l1", "/steer"); got != `{"status":"steered","localId":"l1"}` {
		t.Errorf("steer: %s", got)
	}
	if !p.steerState(t, wire.Dispatching, "l1") {
		t.Error("a queued prompt must be free to dispatch")
	}
	if m := h.message(p.id, "l1"); m.DeliveryState != wire.Indeterminate || m.InvokedAt != nil {
		t.Errorf("while it is handed over: %+v", m)
	}
	p.emit(t, wire.EventMessagesConsumed, map[string]any{"sid": p.id, "localIds": []string{"l1"}, "steered": true})
	if got := string(s.next(wire.MessagesConsumedEvent)); !strings.Contains(got, `"steered":true`) {
		t.Errorf("event %s", got)
	}
	if p.steerState(t, wire.Dispatching, "l1") {
		t.Error("a taken prompt must not be dispatched again")
	}
	h.restart()
	if m := h.message(p.id, "l1"); !m.Steered || m.InvokedAt == nil || m.DeliveryState != "" {
		t.Errorf("afterwards: %+v", m)
	}
}

func TestSteerIsRefusedInTheDocumentedOrder(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	claude, codex := h.newFakeProcess(`{"path":"/work","host":"test","flavor":"claude"}`), h.newFakeProcess(codexMetadata)
	cursors := map[string]string{
		"acp":             `{"path":"/","host":"t","flavor":"cursor","cursorSessionProtocol":"acp","cursorSessionId":"c"}`,
		"new":             `{"path":"/","host":"t","flavor":"cursor"}`,
		"stream-json":     `{"path":"/","host":"t","flavor":"cursor","cursorSessionProtocol":"stream-json"}`,
		"old without one": `{"path":"/","host":"t","flavor":"cursor","cursorSessionId":"c"}`,
	}
	for name, metadata := range cursors {
		p := h.newFakeProcess(metadata)
		got := h.act(http.MethodPost, p.id, "nothing", "/steer")
		if supported := !strings.Contains(got, "only supported"); supported != (name == "acp" || name == "new") {
			t.Errorf("cursor %s: %s", name, got)
		}
	}
	h.send(claude.id, "l1", nil)
	h.send(codex.id, "later", map[string]any{"scheduledAt": wire.Now() + 3600_000})
	h.send(codex.id, "due", map[string]any{"scheduledAt": wire.Now() - 1000})
	h.send(codex.id, "taken", nil)
	h.send(codex.id, "l2", nil)
	codex.emit(t, wire.EventMessagesConsumed, map[string]any{"sid": codex.id, "localIds": []string{"taken"}})
	codex.emit(t, wire.EventMessage, map[string]any{"sid": codex.id, "message": map[string]any{"role": "agent", "content": "said"}})
	said := h.page(codex.id, "limit=1").Messages[0].ID
	codex.answers(func() { codex.steer = wire.SteerOutcome{Error: "There is no active turn"} })
	tests := []struct {
		p    *fakeProcess
		name string
		want string
	}{
		{claude, "nothing", `{"status":"failed","error":"Steering is only supported for Pi, Codex, and Cursor ACP sessions","localId":null}`},
		{claude, "l1", `{"status":"failed","error":"Steering is only supported for Pi, Codex, and Cursor ACP sessions","localId":"l1"}`},
		{codex, "nothing", `{"status":"failed","error":"Message not found","localId":null}`},
		{codex, string(said), `{"status":"failed","error":"Message has no local id and cannot be steered","localId":null}`},
		{codex, "later", `{"status":"failed","error":"Scheduled messages cannot be steered","localId":"later"}`},
		{codex, "due", `{"status":"failed","error":"Scheduled messages cannot be steered","localId":"due"}`},
		{codex, "taken", `"status":"invoked"`},
		{codex, "l2", `{"status":"failed","error":"There is no active turn","localId":"l2"}`},
	}
	for _, tt := range tests {
		if got := h.act(http.MethodPost, tt.p.id, tt.name, "/steer"); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	reply, err := codex.Call(t.Context(), wire.EventUpdateState, map[string]any{"sid": codex.id, "expectedVersion": 1, "agentState": map[string]any{"controlledByUser": true}})
	if err != nil || !strings.Contains(string(reply[0]), "success") {
		t.Fatalf("%s %v", reply, err)
	}
	if got := h.act(http.MethodPost, codex.id, "nothing", "/steer"); !strings.Contains(got, "only available for remote sessions") {
		t.Errorf("locally controlled: %s", got)
	}
	codex.emit(t, wire.EventSessionEnd, map[string]any{"sid": codex.id, "time": wire.Now()})
	for _, tt := range []struct {
		id     wire.SessionID
		token  string
		status int
		text   string
	}{
		{"unknown", h.jwt, 404, "Session not found"},
		{codex.id, h.signIn(baseToken + ":other"), 403, "Session access denied"},
		{codex.id, h.jwt, 409, `"code":"session_inactive"`},
	} {
		status, raw := h.call(tt.token, http.MethodPost, "/api/sessions/"+string(tt.id)+"/messages/l2/steer", nil)
		if status != tt.status || !strings.Contains(string(raw), tt.text) {
			t.Errorf("got %d %s, want %d", status, raw, tt.status)
		}
	}
}

func TestPromptOfUnknownOutcomeIsNeverDeliveredByItself(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	h.send(p.id, "lost", nil)
	h.send(p.id, "midway", nil)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	p.steerState(t, wire.Dispatching, "lost", "midway")
	p.emit(t, wire.EventMessagesIndeterminate, map[string]any{"sid": p.id, "localIds": []any{"lost", 7}})
	if got := string(s.next(wire.MessagesIndeterminate)); !strings.Contains(got, `"localIds":["lost"]`) {
		t.Errorf("event %s", got)
	}
	p.emit(t, wire.EventSessionEnd, map[string]any{"sid": p.id, "time": wire.Now(), "reason": "terminated"})
	h.restart() // in the middle of handing one over
	for _, local := range []string{"lost", "midway"} {
		if m := h.message(p.id, local); m.DeliveryState != wire.Indeterminate || m.InvokedAt != nil {
			t.Errorf("%s after the restart: %+v", local, m)
		}
	}
	var state wire.QueuedState
	h.want(200, http.MethodPost, "/api/sessions/"+string(p.id)+"/messages/queued-state", map[string]any{"localIds": []string{"lost", "midway", "gone"}}, &state)
	if len(state.IndeterminateLocalIDs) != 2 || len(state.QueuedLocalIDs) != 0 || len(state.InvokedLocalMessages) != 0 {
		t.Errorf("queued state %+v", state)
	}
	h.send2(p, "fresh")
	var backfill struct {
		Messages []wire.BackfillMessage `json:"messages"`
	}
	h.want(200, http.MethodGet, "/cli/sessions/"+string(p.id)+"/messages?afterSeq=0", nil, &backfill)
	if len(backfill.Messages) != 1 || *backfill.Messages[0].LocalID != "fresh" {
		t.Errorf("backfill %+v", backfill)
	}
}

// send2 attaches a process anew and sends a prompt; only that may arrive.
func (h *testHub) send2(p *fakeProcess, local string) {
	h.t.Helper()
	again := h.attach(p.id)
	h.send(p.id, local, nil)
	if m := <-again.prompts; *m.LocalID != wire.LocalID(local) {
		h.t.Errorf("%s was delivered", *m.LocalID)
	}
}

func TestRejectedSteerQueuesAgain(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	h.send(p.id, "l1", nil)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	p.steerState(t, wire.Dispatching, "l1")
	if !p.steerState(t, wire.Queued, "l1", "unknown") {
		t.Error("not moved back")
	}
	if got := string(s.next(wire.MessagesRequeued)); !strings.Contains(got, `"localIds":["l1"]`) {
		t.Errorf("event %s", got)
	}
	if p.steerState(t, wire.Queued, "l1") {
		t.Error("a queued prompt cannot be put back")
	}
	reply, err := p.Call(t.Context(), wire.EventMessagesSteerState, map[string]any{"sid": p.id, "localIds": []string{"l1"}, "state": "invoked"})
	if err != nil || string(reply[0]) != `{"ok":false}` {
		t.Errorf("an unknown state: %s %v", reply, err)
	}
	if m := h.message(p.id, "l1"); m.DeliveryState != "" || m.InvokedAt != nil {
		t.Errorf("got %+v", m)
	}
}

func TestRetrySettlesAPromptOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	prepare := func(local string) {
		h.send(p.id, local, nil)
		p.steerState(t, wire.Dispatching, local)
		p.emit(t, wire.EventMessagesIndeterminate, map[string]any{"sid": p.id, "localIds": []string{local}})
	}
	tests := []struct {
		name   string
		cancel wire.CancelAnswer
		retry  wire.RetryAnswer
		want   string
		state  wire.DeliveryState
		taken  bool
	}{
		{"held and accepted", wire.CancelAnswer{Removed: true}, wire.RetryAnswer{Accepted: true}, `{"status":"retried","localId":"l0"}`, "", false},
		{"unknown and accepted", wire.CancelAnswer{}, wire.RetryAnswer{Accepted: true}, `{"status":"retried","localId":"l1"}`, "", false},
		{"not accepted", wire.CancelAnswer{Removed: true}, wire.RetryAnswer{}, `{"status":"retry-unavailable","localId":"l2"}`, wire.Indeterminate, false},
		{"in flight", wire.CancelAnswer{InFlight: true}, wire.RetryAnswer{Accepted: true}, `{"status":"retry-unavailable","localId":"l3"}`, wire.Indeterminate, false},
		{"consumed", wire.CancelAnswer{Consumed: true}, wire.RetryAnswer{}, `{"status":"invoked","message":{`, "", true},
		{"consumed meanwhile", wire.CancelAnswer{}, wire.RetryAnswer{Consumed: true}, `{"status":"invoked","message":{`, "", true},
	}
	for i, tt := range tests {
		local := "l" + string(rune('0'+i))
		prepare(local)
		p.answers(func() { p.cancel, p.retry = tt.cancel, tt.retry })
		if got := h.act(http.MethodPost, p.id, local, "/retry"); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if m := h.message(p.id, local); m.DeliveryState != tt.state || (m.InvokedAt != nil) != tt.taken {
			t.Errorf("%s: afterwards %+v", tt.name, m)
		}
	}
	if got := h.act(http.MethodPost, p.id, "l0", "/retry"); got != `{"status":"already-queued","localId":"l0"}` {
		t.Errorf("a queued one: %s", got)
	}
	if got := h.act(http.MethodPost, p.id, "none", "/retry"); got != `{"status":"not-found"}` {
		t.Errorf("an unknown one: %s", got)
	}
	if m := (<-p.retried).Message; *m.LocalID != "l0" || !strings.Contains(string(m.Content), "do l0") {
		t.Errorf("the process was given %+v", m)
	}
	second := h.attach(p.id)
	if got := h.act(http.MethodPost, p.id, "l2", "/retry"); !strings.Contains(got, "retry-unavailable") {
		t.Errorf("with two processes: %s", got)
	}
	_ = second
	for _, tt := range []struct {
		id     wire.SessionID
		token  string
		status int
	}{{"unknown", h.jwt, 404}, {p.id, h.signIn(baseToken + ":other"), 403}} {
		if status, raw := h.call(tt.token, http.MethodPost, "/api/sessions/"+string(tt.id)+"/messages/l2/retry", nil); status != tt.status {
			t.Errorf("got %d %s, want %d", status, raw, tt.status)
		}
	}
}

func TestPromptLeftMidwayByADeadProcessCanBeRetried(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	h.send(p.id, "l1", nil)
	p.steerState(t, wire.Dispatching, "l1")
	h.restart()
	h.eventually("the process to be back", func() bool {
		return strings.Contains(h.act(http.MethodPost, p.id, "l1", "/retry"), `"retried"`)
	})
}

func TestCancelOfAnUnsettledPrompt(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	tests := []struct {
		name  string
		state wire.DeliveryState
		says  wire.CancelAnswer
		want  string
		after wire.DeliveryState
		gone  bool
	}{
		{"dispatching and consumed", wire.Dispatching, wire.CancelAnswer{Consumed: true}, `{"status":"invoked"`, "", false},
		{"dispatching and removed", wire.Dispatching, wire.CancelAnswer{Removed: true}, `{"status":"busy","localId":"l1"}`, wire.Indeterminate, false},
		{"dispatching and unknown", wire.Dispatching, wire.CancelAnswer{}, `{"status":"busy","localId":"l2"}`, wire.Indeterminate, false},
		{"unknown outcome and consumed", wire.Indeterminate, wire.CancelAnswer{Consumed: true}, `{"status":"invoked"`, "", false},
		{"unknown outcome and in flight", wire.Indeterminate, wire.CancelAnswer{InFlight: true}, `{"status":"busy","localId":"l4"}`, wire.Indeterminate, false},
		{"unknown outcome and held", wire.Indeterminate, wire.CancelAnswer{Indeterminate: true}, `{"status":"busy","localId":"l5"}`, wire.Indeterminate, false},
		{"unknown outcome and removed", wire.Indeterminate, wire.CancelAnswer{Removed: true}, `{"status":"cancelled","localId":"l6"}`, "", true},
		{"unknown outcome and unknown", wire.Indeterminate, wire.CancelAnswer{}, `{"status":"cancelled","localId":"l7"}`, "", true},
		{"queued and in flight", wire.Queued, wire.CancelAnswer{InFlight: true}, `{"status":"busy","localId":"l8"}`, "", false},
		{"queued and unknown", wire.Queued, wire.CancelAnswer{}, `{"status":"invoked"`, "", false},
	}
	for i, tt := range tests {
		local := "l" + string(rune('0'+i))
		h.send(p.id, local, nil)
		if tt.state != wire.Queued {
			p.steerState(t, wire.Dispatching, local)
		}
		if tt.state == wire.Indeterminate {
			p.emit(t, wire.EventMessagesIndeterminate, map[string]any{"sid": p.id, "localIds": []string{local}})
		}
		p.answers(func() { p.cancel = tt.says })
		if got := h.act(http.MethodDelete, p.id, local, ""); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		m := h.message(p.id, local)
		if (m == nil) != tt.gone || m != nil && m.DeliveryState != tt.after {
			t.Errorf("%s: afterwards %+v", tt.name, m)
		}
	}
	p.leave()
	h.eventually("the process to be gone", func() bool {
		return strings.Contains(h.act(http.MethodDelete, p.id, "l5", ""), "cancelled")
	})
}

func TestPiIsAskedToSteerOnlyWhileTheTurnMayStillRun(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(`{"path":"/work","host":"test","flavor":"pi"}`)
	h.send(p.id, "l1", map[string]any{"deliveryMode": "steer"})
	if m := <-p.prompts; !strings.Contains(string(m.Content), `"deliveryMode":"steer"`) {
		t.Errorf("at once: %s", m.Content)
	}
	h.send(p.id, "l1", map[string]any{"deliveryMode": "steer"}) // repeated by a client that heard no answer
	if m := <-p.prompts; !strings.Contains(string(m.Content), `"meta":{"sentFrom":"webapp","deliveryMode":"queue"}`) {
		t.Errorf("again: %s", m.Content)
	}
	if m := h.message(p.id, "l1"); !strings.Contains(string(m.Content), `"deliveryMode":"steer"`) {
		t.Errorf("stored: %s", m.Content)
	}
	other := h.newFakeProcess(codexMetadata)
	h.send(other.id, "l1", map[string]any{"deliveryMode": "steer"})
	if m := <-other.prompts; !strings.Contains(string(m.Content), `"deliveryMode":"queue"`) {
		t.Errorf("another flavor: %s", m.Content)
	}
}

func TestScheduledPromptWaitsForItsTime(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(codexMetadata)
	s := h.stream("all=true", "", false)
	s.next("connection-changed")
	before := h.detail(p.id).UpdatedAt
	soon, later := wire.Now()+700, wire.Now()+3600_000
	h.send(p.id, "soon", map[string]any{"scheduledAt": soon})
	h.send(p.id, "later", map[string]any{"scheduledAt": later})
	if w := h.detail(p.id); w.Thinking || w.UpdatedAt != before {
		t.Errorf("a prompt for later is activity: %+v", w)
	}
	sum := h.summary(p.id)
	if sum.FutureScheduledMessageCount != 2 || sum.NextScheduledAt == nil || *sum.NextScheduledAt != soon {
		t.Errorf("listed as %d, %v", sum.FutureScheduledMessageCount, sum.NextScheduledAt)
	}
	if m := <-p.prompts; *m.LocalID != "soon" || wire.Now() < soon {
		t.Errorf("delivered %+v", m)
	}
	if got := string(s.next(wire.ScheduledMatured)); !strings.Contains(got, string(p.id)) {
		t.Errorf("event %s", got)
	}
	h.eventually("the session to think", func() bool { return h.detail(p.id).Thinking })
	if sum := h.summary(p.id); sum.FutureScheduledMessageCount != 1 || *sum.NextScheduledAt != later {
		t.Errorf("listed as %d, %v", sum.FutureScheduledMessageCount, *sum.NextScheduledAt)
	}
	if m := <-p.prompts; *m.LocalID != "soon" {
		t.Errorf("an untaken prompt is delivered again; got %+v", m)
	}
	p.emit(t, wire.EventMessagesConsumed, map[string]any{"sid": p.id, "localIds": []string{"soon"}})
	if m := h.message(p.id, "soon"); m.InvokedAt == nil || m.ScheduledAt == nil {
		t.Errorf("taken: %+v", m)
	}
	if got := h.act(http.MethodDelete, p.id, "later", ""); got != `{"status":"cancelled","localId":"later"}` {
		t.Errorf("cancel: %s", got)
	}
	if sum := h.summary(p.id); sum.FutureScheduledMessageCount != 0 || sum.NextScheduledAt != nil {
		t.Errorf("listed as %d, %v", sum.FutureScheduledMessageCount, sum.NextScheduledAt)
	}
}

func (h *testHub) summary(id wire.SessionID) wire.SessionSummary {
	h.t.Helper()
	var list struct {
		Sessions []wire.SessionSummary `json:"sessions"`
	}
	h.want(200, http.MethodGet, "/api/sessions", nil, &list)
	for _, s := range list.Sessions {
		if s.ID == id {
			return s
		}
	}
	h.t.Fatalf("session %s is not listed", id)
	return wire.SessionSummary{}
}

func TestWhatAPeerSaysOfAPromptReachesTheProcessUntouched(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newFakeProcess(`{"path":"/work","host":"test","flavor":"claude"}`)
	peer := h.attach(p.id)
	const content = `{"role":"user","content":{"type":"text","text":"Go"},"meta":{"sentFrom":"bot","appendSystemPrompt":"Be  brief.","fallbackModel":null,"allowedTools":["Bash(ls:*)"]}}`
	peer.emit(t, wire.EventMessage, map[string]any{"sid": p.id, "message": json.RawMessage(content)})
	if m := <-p.prompts; string(m.Content) != content {
		t.Errorf("it got %s", m.Content)
	}
}

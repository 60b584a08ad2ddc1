package hub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hub/apitest"
	"hapi/internal/hub/store"
	"hapi/internal/hub/webpush/pushtest"
	"hapi/internal/wire"
)

// phone subscribes a browser of a push service, for whoever holds jwt.
func (h *testHub) phone(service *pushtest.Service, jwt string) *pushtest.Browser {
	h.t.Helper()
	b := service.Browser()
	if status, raw := h.call(jwt, http.MethodPost, "/api/push/subscribe", b.Subscription()); status != http.StatusOK {
		h.t.Fatalf("subscribe: %d %s", status, raw)
	}
	return b
}

// asks has the process write requests, with nothing else in its state.
func (p *fakeProcess) asks(t *testing.T, version int, requests string) {
	t.Helper()
	reply, err := p.Call(t.Context(), wire.EventUpdateState, map[string]any{
		"sid": p.id, "expectedVersion": version, "agentState": json.RawMessage(`{"requests":` + requests + `}`),
	})
	if err != nil || !strings.Contains(string(reply[0]), `"success"`) {
		t.Fatalf("update the state: %v %s", err, reply)
	}
}

const (
	saysReady = `{"role":"agent","content":{"id":"e1","type":"event","data":{"type":"ready"}}}`
	taskEnded = `{"role":"agent","content":{"type":"output","data":{"type":"system","subtype":"task_notification","summary":"tests ran","status":%q}}}`
	oneAsks   = `{"r1":{"tool":"Bash","arguments":{"command":"ls"},"createdAt":1}}`
)

// see opens a stream and says whether a person sees it.
func (h *testHub) see(query string, visible bool) (*stream, string) {
	h.t.Helper()
	s := h.stream(query, "", true)
	var hello struct {
		Data struct{ SubscriptionID string } `json:"data"`
	}
	if err := json.Unmarshal(s.next("connection-changed"), &hello); err != nil {
		h.t.Fatal(err)
	}
	h.show(hello.Data.SubscriptionID, visible)
	return s, hello.Data.SubscriptionID
}

func (h *testHub) show(subscription string, visible bool) {
	h.t.Helper()
	is := map[bool]string{true: "visible", false: "hidden"}[visible]
	h.want(http.StatusOK, http.MethodPost, "/api/visibility", map[string]string{"subscriptionId": subscription, "visibility": is}, nil)
}

func TestPersonWhoLooksIsShownToastsAndNothingIsPushed(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	phone := h.phone(pushtest.New(t, pushKeys().Public), h.jwt)
	p := h.newFakeProcess(`{"path":"/work/app","host":"test","flavor":"claude"}`)
	all, _ := h.see("all=true", true)
	other, _ := h.see("sessionId="+string(h.emptySession()), true) // whatever its filter
	hidden, _ := h.see("all=true", false)
	p.asks(t, 1, oneAsks)
	toast := func(title, body, kind, more string) {
		t.Helper()
		want := fmt.Sprintf(`{"type":"toast","data":{"title":%q,"body":%q,"sessionId":%q,"url":"/sessions/%s","type":%q,"params":{"agent":"Claude","session":"app"%s}}}`,
			title, body, p.id, p.id, kind, more)
		for _, s := range []*stream{all, other} {
			last := s.last
			if got := string(s.next("toast")); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if s == other && s.last != last {
				t.Error("the toast moved the cursor")
			}
		}
	}
	toast("Permission Request", "app (Bash)", "permission-request", `,"tool":"Bash"`)
	p.says(t, saysReady)
	toast("Ready for input", "Claude is waiting in app", "ready", "")
	p.says(t, fmt.Sprintf(taskEnded, "completed"))
	toast("Task completed", "Claude · app · tests ran", "task-notification", `,"summary":"tests ran"`)
	p.says(t, fmt.Sprintf(taskEnded, "killed"))
	toast("Task failed", "Claude · app · tests ran", "task-notification", `,"summary":"tests ran","failed":true`)
	if n := phone.Tries(); n != 0 {
		t.Errorf("%d were pushed", n)
	}
	p.says(t, `{"role":"agent","content":{"type":"codex","data":{"type":"message","message":"the end"}}}`)
	for done := false; !done; {
		e := <-hidden.events
		if e.typ == "toast" {
			t.Error("a toast nobody sees")
		}
		done = strings.Contains(string(e.raw), "the end")
	}
	if _, text := h.metrics(nil); !strings.Contains(text, `hapi_notifications_total{kind="ready",channel="toast"} 1`) {
		t.Error("toasts are not counted")
	}
}

// pushed is what a service worker gets.
func pushed(t *testing.T, b *pushtest.Browser) string {
	t.Helper()
	got := b.Next()
	if got.Subject != "mailto:operator@example.com" || got.Header.Get("TTL") != "2419200" || got.Header.Get("Urgency") != "normal" {
		t.Errorf("of %s with %v", got.Subject, got.Header)
	}
	return got.Text
}

func TestPersonWhoIsAwayIsTold(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	service := pushtest.New(t, pushKeys().Public)
	phone, tablet := h.phone(service, h.jwt), h.phone(service, h.jwt)
	stranger := h.phone(service, h.signIn(baseToken+":other"))
	p := h.newFakeProcess(`{"path":"/work/app","host":"test","flavor":"claude"}`)
	seen, subscription := h.see("all=true", true)
	h.show(subscription, false)
	id := string(p.id)
	both := func(want string) {
		t.Helper()
		for _, b := range []*pushtest.Browser{phone, tablet} {
			if diff := cmp.Diff(want, pushed(t, b)); diff != "" {
				t.Errorf("pushed (-want +got):\n%s", diff)
			}
		}
	}
	p.asks(t, 1, oneAsks)
	both(`{"title":"Permission Request","body":"app (Bash)","tag":"permission-` + id + `","data":{"type":"permission-request","sessionId":"` + id + `","url":"/sessions/` + id + `","requestId":"r1","params":{"agent":"Claude","session":"app","tool":"Bash"}}}`)
	p.says(t, saysReady)
	p.says(t, saysReady) // in the cooldown
	both(`{"title":"Ready for input","body":"Claude is waiting in app","tag":"ready-` + id + `","data":{"type":"ready","sessionId":"` + id + `","url":"/sessions/` + id + `","params":{"agent":"Claude","session":"app"}}}`)
	p.says(t, fmt.Sprintf(taskEnded, "failed"))
	both(`{"title":"Task failed","body":"Claude · app · tests ran","data":{"type":"task-notification","sessionId":"` + id + `","url":"/sessions/` + id + `","params":{"agent":"Claude","session":"app","summary":"tests ran","failed":true}}}`)
	if n := stranger.Tries(); n != 0 {
		t.Errorf("another namespace was told %d times", n)
	}
	seen.cancel()
	_, text := h.metrics(nil)
	for _, want := range []string{`hapi_notifications_total{kind="permission-request",channel="webpush"} 1`, `hapi_pushes_total{outcome="sent"} 6`} {
		h.eventually(want, func() bool { _, text = h.metrics(nil); return strings.Contains(text, want) })
	}
	if strings.Contains(text, id) {
		t.Error("metrics carry a session")
	}
}

func TestInactiveSessionTellsNobody(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	phone := h.phone(pushtest.New(t, pushKeys().Public), h.jwt)
	gone, here := h.newFakeProcess(claudeMetadata), h.newFakeProcess(claudeMetadata)
	gone.emit(t, wire.EventSessionEnd, map[string]any{"sid": gone.id, "time": wire.Now(), "reason": "completed"})
	h.eventually("the end", func() bool { return !h.detail(gone.id).Active })
	gone.asks(t, 1, oneAsks)
	gone.says(t, saysReady)
	gone.says(t, fmt.Sprintf(taskEnded, "failed"))
	here.asks(t, 1, oneAsks) // is told half a second later than the others would be
	if got := pushed(t, phone); !strings.Contains(got, string(here.id)) {
		t.Errorf("told of the wrong session: %s", got)
	}
	if n := phone.Got(); n != 0 {
		t.Errorf("%d more", n)
	}
	// What waits is told when the session is there again.
	gone.emit(t, wire.EventSessionAlive, map[string]any{"sid": gone.id, "time": wire.Now()})
	if got := pushed(t, phone); !strings.Contains(got, `"tag":"permission-`+string(gone.id)) {
		t.Errorf("got %s", got)
	}
}

func TestRowThatIsSentTwiceIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	phone := h.phone(pushtest.New(t, pushKeys().Public), h.jwt)
	p := h.newFakeProcess(claudeMetadata)
	for range 3 {
		p.emit(t, wire.EventMessage, map[string]any{"sid": p.id, "clientKey": "k1", "message": json.RawMessage(fmt.Sprintf(taskEnded, "completed"))})
	}
	p.says(t, saysReady)
	for _, want := range []string{"Task completed", "Ready for input"} {
		if got := pushed(t, phone); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestBrowserThatIsGoneIsRemoved(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	service := pushtest.New(t, pushKeys().Public)
	uninstalled, expired, ill := h.phone(service, h.jwt), h.phone(service, h.jwt), h.phone(service, h.jwt)
	uninstalled.Answers(pushtest.Status(http.StatusGone))
	expired.Answers(pushtest.Status(http.StatusNotFound))
	ill.Answers(pushtest.Status(http.StatusServiceUnavailable))
	p := h.newFakeProcess(claudeMetadata)
	p.says(t, fmt.Sprintf(taskEnded, "completed"))
	if got := pushed(t, ill); !strings.Contains(got, "tests ran") {
		t.Errorf("got %s", got)
	}
	h.eventually("both to be removed", func() bool {
		_, text := h.metrics(nil)
		return strings.Contains(text, `hapi_pushes_total{outcome="gone"} 2`) && strings.Contains(text, `hapi_pushes_total{outcome="sent"} 1`)
	})
	h.stop()
	browsers, _ := h.recipients("default")
	if len(browsers) != 1 || browsers[0].Endpoint != ill.Subscription().Endpoint {
		t.Errorf("left are %+v", browsers)
	}
}

func TestPushServiceThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	service := pushtest.New(t, pushKeys().Public)
	stuck, well := h.phone(service, h.jwt), h.phone(service, h.jwt)
	stuck.Answers(pushtest.Hang, pushtest.Hang, pushtest.Hang, pushtest.Hang)
	p := h.newFakeProcess(claudeMetadata)
	for n := range 20 {
		p.says(t, strings.Replace(fmt.Sprintf(taskEnded, "completed"), "tests ran", fmt.Sprintf("task %d.", n), 1))
		if got := pushed(t, well); !strings.Contains(got, fmt.Sprintf("task %d.", n)) {
			t.Errorf("got %s, want task %d", got, n)
		}
	}
	stuck.Tried()
	began := time.Now()
	h.stop()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestRestartedHubTellsNothingTwice(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	phone := h.phone(pushtest.New(t, pushKeys().Public), h.jwt)
	p := h.newFakeProcess(claudeMetadata)
	p.asks(t, 1, oneAsks)
	pushed(t, phone)
	p.leave()
	h.stop()
	h.underneathAged(p.id)
	again, other := h.attach(p.id), h.newFakeProcess(claudeMetadata)
	other.asks(t, 1, oneAsks) // is told later than the old request would be
	if got := pushed(t, phone); !strings.Contains(got, string(other.id)) {
		t.Errorf("got %s", got)
	}
	again.asks(t, 2, `{"r1":{"tool":"Bash","arguments":{}},"r2":{"tool":"Edit","arguments":{}}}`)
	if got := pushed(t, phone); !strings.Contains(got, `"requestId":"r2"`) {
		t.Errorf("got %s", got)
	}
	if n := phone.Got(); n != 0 {
		t.Errorf("%d more", n)
	}
}

func TestHubCallsNoPrivateAddressForAStranger(t *testing.T) {
	t.Parallel()
	h := &testHub{t: t, dir: t.TempDir(), http: apitest.Client(t), change: func(c *hubConfig) { c.PushAllowPrivate = false }}
	h.start("127.0.0.1:0")
	t.Cleanup(func() { h.stop() })
	h.jwt = h.signIn(baseToken)
	service := pushtest.New(t, pushKeys().Public)
	keys, err := json.Marshal(service.Browser().Subscription().Keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []string{service.Browser().Subscription().Endpoint, "http://push.example/a", "https://127.0.0.1/a", "https://169.254.169.254/latest", "https://[::1]/a", "https://10.0.0.7/a"} {
		body := fmt.Sprintf(`{"endpoint":%q,"keys":%s}`, endpoint, keys)
		if status, raw := h.call(h.jwt, http.MethodPost, "/api/push/subscribe", body); status != http.StatusBadRequest || string(raw) != `{"error":"Invalid body"}` {
			t.Errorf("%s: %d %s", endpoint, status, raw)
		}
	}
}

// A stream that ended is no person who looks.
func TestClosedStreamDoesNotSilenceThePhone(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	phone := h.phone(pushtest.New(t, pushKeys().Public), h.jwt)
	p := h.newFakeProcess(claudeMetadata)
	s := h.stream("all=true&visibility=visible", "", false)
	s.next("connection-changed")
	p.says(t, fmt.Sprintf(taskEnded, "completed"))
	s.next("toast")
	s.cancel()
	for range s.events { // until it has ended
	}
	h.eventually("the hub to notice", func() bool { _, text := h.metrics(nil); return strings.Contains(text, "hapi_watchers 0") })
	p.says(t, fmt.Sprintf(taskEnded, "failed"))
	if got := pushed(t, phone); !strings.Contains(got, "Task failed") {
		t.Errorf("got %s", got)
	}
}

// underneathAged makes the session of a stopped hub one that was last active long
// ago, and starts the hub.
func (h *testHub) underneathAged(id wire.SessionID) {
	h.t.Helper()
	h.underneath(func(st *store.Store) {
		err := st.Write(h.t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(h.t.Context(), `UPDATE sessions SET updated_at = updated_at - 3600000, active = 1 WHERE id = $1`, id)
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
	})
}

func TestDeviceIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	service := pushtest.New(t, pushKeys().Public)
	subscribe := func(jwt, device string) *pushtest.Browser {
		b := service.Browser()
		s := b.Subscription()
		s.DeviceID = device
		if status, raw := h.call(jwt, http.MethodPost, "/api/push/subscribe", s); status != http.StatusOK {
			t.Fatalf("subscribe: %d %s", status, raw)
		}
		return b
	}
	other := h.signIn(baseToken + ":other")
	page, app, laptop, theirs := subscribe(h.jwt, "phone"), subscribe(h.jwt, "phone"), subscribe(h.jwt, "laptop"), subscribe(other, "phone")
	moved := subscribe(h.jwt, "")
	if status, raw := h.call(other, http.MethodPost, "/api/push/subscribe", moved.Subscription()); status != http.StatusOK {
		t.Fatalf("subscribe elsewhere: %d %s", status, raw)
	}
	if status, _ := h.call(h.jwt, http.MethodPost, "/api/push/subscribe", map[string]any{
		"endpoint": "https://push.example/a", "keys": page.Subscription().Keys, "deviceId": strings.Repeat("x", 129),
	}); status != http.StatusBadRequest {
		t.Errorf("a long id: %d", status)
	}
	p := h.newFakeProcess(claudeMetadata)
	p.says(t, fmt.Sprintf(taskEnded, "completed"))
	pushed(t, app)
	pushed(t, laptop)
	for name, b := range map[string]*pushtest.Browser{"the page that was replaced": page, "another namespace's": theirs, "the one that moved": moved} {
		if n := b.Tries(); n != 0 {
			t.Errorf("%s was told", name)
		}
	}
}

func TestDisplayOnTheWallDoesNotSilenceThePhone(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	phone := h.phone(pushtest.New(t, pushKeys().Public), h.jwt)
	p := h.newFakeProcess(claudeMetadata)
	display := h.newToken(map[string]any{"name": "display", "readOnly": true})
	owner := h.jwt
	h.jwt = h.signIn(display.Secret)
	wall := h.stream("all=true&visibility=visible", "", false)
	h.jwt = owner
	wall.next("connection-changed")
	p.says(t, fmt.Sprintf(taskEnded, "completed"))
	wall.next("toast")
	pushed(t, phone)
}

package hub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

func TestHubSettingsAreTheOwnersToSwitch(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	path := filepath.Join(h.dir, "settings.json")
	if err := os.WriteFile(path, []byte(`{"own":{"kept":[1]},"sessionSummaryInChat":"odd"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	other := h.signIn(baseToken + ":other")
	for _, tt := range []struct{ name, token, method, body, want string }{
		{"at first", h.jwt, "GET", "", `200 {"sessionSummaryContract":false,"sessionSummaryInChat":false}`},
		{"one", h.jwt, "PUT", `{"sessionSummaryContract":true}`, `200 {"sessionSummaryContract":true,"sessionSummaryInChat":false}`},
		{"the other", h.jwt, "PUT", `{"sessionSummaryInChat":true,"unknown":1}`, `200 {"sessionSummaryContract":true,"sessionSummaryInChat":true}`},
		{"read by others", other, "GET", "", `200 {"sessionSummaryContract":true,"sessionSummaryInChat":true}`},
		{"switched by others", other, "PUT", `{"sessionSummaryContract":false}`, `403 {"error":"Hub settings are only available to the hub owner"}`},
		{"nothing", h.jwt, "PUT", `{}`, `400 {"error":"Invalid body"}`},
		{"a text", h.jwt, "PUT", `{"sessionSummaryContract":"yes"}`, `400 {"error":"Invalid body"}`},
		{"half a body", h.jwt, "PUT", `{`, `400 {"error":"Invalid body"}`},
	} {
		var body any
		if tt.body != "" {
			body = tt.body
		}
		status, raw := h.call(tt.token, tt.method, "/api/hub-settings", body)
		if got := fmt.Sprintf("%d %s", status, raw); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var stored map[string]any
	if err := json.Unmarshal(raw, &stored); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"own": map[string]any{"kept": []any{1.0}}, "sessionSummaryContract": true, "sessionSummaryInChat": true}
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("settings.json (-want +got):\n%s", diff)
	}
	var created wire.CLISession
	h.want(200, http.MethodPost, "/cli/sessions", `{"tag":"t","metadata":{"path":"/","host":"h"}}`, &created)
	var read wire.CLISession
	h.want(200, http.MethodGet, "/cli/sessions/"+string(created.Session.ID), nil, &read)
	if !created.SessionSummaryContract || !read.SessionSummaryContract {
		t.Error("session processes are not told of the contract")
	}
}

func TestStorageSizeIsForTheOwner(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var size struct {
		Path                                          string
		DatabaseBytes, WalBytes, ShmBytes, TotalBytes int64
	}
	h.want(200, http.MethodGet, "/api/storage/sqlite", nil, &size)
	if size.Path != filepath.Join(h.dir, "hapi.db") || size.DatabaseBytes <= 0 || size.TotalBytes != size.DatabaseBytes+size.WalBytes+size.ShmBytes {
		t.Errorf("got %+v", size)
	}
	if status, raw := h.call(h.signIn(baseToken+":other"), http.MethodGet, "/api/storage/sqlite", nil); status != 403 || string(raw) != `{"error":"Storage usage is only available to the hub owner"}` {
		t.Errorf("others: %d %s", status, raw)
	}
}

// recipients are who wants to be told, as the stopped hub's database has them.
func (h *testHub) recipients(ns wire.Namespace) (browsers []wire.PushSubscription, devices []wire.Device) {
	h.t.Helper()
	st, err := store.Open(context.Background(), filepath.Join(h.dir, "hapi.db"), store.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	defer st.Close()
	if browsers, err = st.PushSubscriptions(h.t.Context(), st.Reader(), ns); err != nil {
		h.t.Fatal(err)
	}
	if devices, err = st.Devices(h.t.Context(), st.Reader(), ns); err != nil {
		h.t.Fatal(err)
	}
	return browsers, devices
}

func TestBrowsersSubscribe(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	var key struct{ PublicKey string }
	h.want(200, http.MethodGet, "/api/push/vapid-public-key", nil, &key)
	if key.PublicKey != pushKeys().Public {
		t.Errorf("key %q", key.PublicKey)
	}
	const subscribe = "/api/push/subscribe"
	h.want(200, http.MethodPost, subscribe, `{"endpoint":"https://push/a","keys":{"p256dh":"p","auth":"a"}}`, nil)
	h.want(200, http.MethodPost, subscribe, `{"endpoint":"https://push/a","keys":{"p256dh":"p2","auth":"a2"}}`, nil)
	h.want(200, http.MethodPost, subscribe, `{"endpoint":"https://push/b","keys":{"p256dh":"p","auth":"a"}}`, nil)
	for range 2 {
		h.want(200, http.MethodDelete, subscribe, `{"endpoint":"https://push/b"}`, nil)
	}
	other := h.signIn(baseToken + ":other")
	if status, raw := h.call(other, http.MethodDelete, subscribe, `{"endpoint":"https://push/a"}`); status != 200 {
		t.Errorf("of others: %d %s", status, raw)
	}
	for _, body := range []string{`{}`, `[]`, `{"endpoint":"https://push/a"}`, `{"endpoint":"","keys":{"p256dh":"p","auth":"a"}}`, `{"endpoint":"https://push/a","keys":{"p256dh":"p"}}`,
		`{"endpoint":"https://push/a","keys":null}`, `{"endpoint":"file:///etc","keys":{"p256dh":"p","auth":"a"}}`, `{"endpoint":"https://push/a","keys":{"p256dh":"","auth":"a"}}`} {
		if status, raw := h.call(h.jwt, http.MethodPost, subscribe, body); status != 400 || string(raw) != `{"error":"Invalid body"}` {
			t.Errorf("%s: %d %s", body, status, raw)
		}
	}
	if status, raw := h.call(h.jwt, http.MethodDelete, subscribe, `{}`); status != 400 || string(raw) != `{"error":"Invalid body"}` {
		t.Errorf("no endpoint: %d %s", status, raw)
	}
	h.stop()
	browsers, _ := h.recipients("default")
	if diff := cmp.Diff([]wire.PushSubscription{{Endpoint: "https://push/a", Keys: wire.PushKeys{P256dh: "p2", Auth: "a2"}}}, browsers); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestBrowsersThatAreToldAreListedWithoutTheirSecretsAndRemoved(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	const subscribe, list = "/api/push/subscribe", "/api/push/subscriptions"
	type browsers struct {
		Subscriptions []wire.Browser `json:"subscriptions"`
	}
	listed := func(jwt string) []wire.Browser {
		t.Helper()
		status, raw := h.call(jwt, http.MethodGet, list, nil)
		var out browsers
		if err := json.Unmarshal(raw, &out); status != 200 || err != nil || strings.Contains(string(raw), "https://push") {
			t.Fatalf("%d %s: %v", status, raw, err)
		}
		return out.Subscriptions
	}
	if got := listed(h.jwt); len(got) != 0 {
		t.Errorf("nobody subscribed, and %v are listed", got)
	}
	h.want(200, http.MethodPost, subscribe, `{"endpoint":"https://push/a","keys":{"p256dh":"p","auth":"a"}}`, nil)
	h.want(200, http.MethodPost, subscribe, `{"endpoint":"https://push/b","keys":{"p256dh":"p","auth":"a"},"deviceId":"d1","label":"Chrome on Android","muted":["ready","task-notification"]}`, nil)
	h.want(400, http.MethodPost, subscribe, `{"endpoint":"https://push/c","keys":{"p256dh":"p","auth":"a"},"muted":["weather"]}`, nil)
	other := h.signIn(baseToken + ":other")
	if got := listed(other); len(got) != 0 {
		t.Errorf("another namespace sees %v", got)
	}
	got := map[string]wire.Browser{}
	for _, b := range listed(h.jwt) {
		if b.ID == "" || b.CreatedAt == 0 {
			t.Errorf("incomplete: %+v", b)
		}
		got[b.Label] = b
	}
	if b := got["Chrome on Android"]; len(got) != 2 || b.DeviceID != "d1" || !slices.Equal(b.Muted, []string{"ready", "task-notification"}) {
		t.Errorf("listed: %+v", got)
	}
	remove := list + "/" + got["Chrome on Android"].ID
	if status, raw := h.call(other, http.MethodDelete, remove, nil); status != 200 || len(listed(h.jwt)) != 2 {
		t.Errorf("another namespace removed one: %d %s", status, raw)
	}
	for range 2 {
		h.want(200, http.MethodDelete, remove, nil, nil)
	}
	if left := listed(h.jwt); len(left) != 1 || left[0].Label != "" {
		t.Errorf("left: %+v", left)
	}
}

func TestNativeAppsRegister(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	other := h.signIn(baseToken + ":other")
	const register = "/api/devices/register"
	key := "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	for _, r := range []struct{ token, body string }{
		{h.jwt, `{"token":"t1","platform":"phone","deviceId":"pixel"}`},
		{h.jwt, `{"token":"t2","platform":"phone","deviceId":"pixel"}`},
		{h.jwt, `{"token":"t3","platform":"wear","deviceId":"pixel","pushKey":"ignored"}`},
		{other, `{"token":"t4","platform":"ios","deviceId":"iphone","pushKey":"` + key + `"}`},
		{h.jwt, `{"token":"t4","platform":"ios","deviceId":"iphone","pushKey":"` + strings.TrimRight(key, "=") + `"}`}, // paired anew
	} {
		if status, raw := h.call(r.token, http.MethodPost, register, r.body); status != 200 {
			t.Errorf("%s: %d %s", r.body, status, raw)
		}
	}
	for range 2 {
		h.want(200, http.MethodDelete, register, `{"token":"t3"}`, nil)
	}
	if status, _ := h.call(other, http.MethodDelete, register, `{"token":"t2"}`); status != 200 {
		t.Errorf("of others: %d", status)
	}
	for field, body := range map[string]string{
		"token":    `{"platform":"phone","deviceId":"d"}`,
		"platform": `{"token":"t","platform":"toaster","deviceId":"d"}`,
		"deviceId": `{"token":"t","platform":"phone","deviceId":"` + strings.Repeat("x", 129) + `"}`,
		"pushKey":  `{"token":"t","platform":"ios","deviceId":"d","pushKey":"AAEC"}`,
	} {
		status, raw := h.call(h.jwt, http.MethodPost, register, body)
		if status != 400 || !strings.Contains(string(raw), `"fieldErrors":{"`+field+`":[`) {
			t.Errorf("%s: %d %s", field, status, raw)
		}
	}
	for _, body := range []string{`{"token":"t","platform":"ios","deviceId":"d"}`, `{"token":"t","platform":"ios","deviceId":"d","pushKey":"` + key + `=="}`} {
		if status, raw := h.call(h.jwt, http.MethodPost, register, body); status != 400 || !strings.Contains(string(raw), "pushKey") {
			t.Errorf("%s: %d %s", body, status, raw)
		}
	}
	if status, raw := h.call(h.jwt, http.MethodDelete, register, `{}`); status != 400 || !strings.Contains(string(raw), `"token"`) {
		t.Errorf("no token: %d %s", status, raw)
	}
	h.stop()
	_, devices := h.recipients("default")
	want := []wire.Device{{Token: "t4", Platform: "ios", DeviceID: "iphone", PushKey: key}, {Token: "t2", Platform: "phone", DeviceID: "pixel"}}
	if diff := cmp.Diff(want, devices); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if _, devices := h.recipients("other"); len(devices) != 0 {
		t.Errorf("the token still stands for %+v", devices)
	}
}

func TestAbsentFeaturesSaySo(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	id := string(h.row(baseToken, `{"path":"/p","host":"h"}`))
	cursor := string(h.row(baseToken, `{"path":"/p","host":"h","flavor":"cursor"}`))
	foreign := string(h.row(baseToken+":other", `{"path":"/p","host":"h"}`))
	other := h.signIn(baseToken + ":other")
	const noGraph = `404 {"error":"This hub keeps no work graph","code":"feature_absent"}`
	const noVoice = `400 {"error":"No voice provider is configured on this hub","code":"feature_absent"}`
	const noToken = `400 {"allowed":false,"error":"No voice provider is configured on this hub","code":"feature_absent"}`
	const noCodex = `{"success":false,"error":"This hub does not import Codex transcripts","code":"feature_absent"}`
	for _, tt := range []struct{ token, method, path, want string }{
		{h.jwt, "GET", "/api/work-graph/events?related_session_id=x", noGraph},
		{h.jwt, "POST", "/api/work-graph/events", noGraph},
		{h.jwt, "GET", "/api/work-graph/events/e", noGraph},
		{h.jwt, "GET", "/api/work-graph/events/e/links", noGraph},
		{h.jwt, "POST", "/api/work-graph/event-links", noGraph},
		{h.jwt, "GET", "/api/codex/status", `200 {"codexClientAvailable":false,"codexDesktopRunning":false,"success":true}`},
		{other, "GET", "/api/codex/status", `403 {"success":false,"error":"Codex transcript import is not available outside the default namespace"}`},
		{other, "POST", "/api/codex/sync-session", `403 {"success":false,"error":"Codex transcript import is not available outside the default namespace"}`},
		{h.jwt, "GET", "/api/codex/sessions", `503 {"success":false,"error":"This hub does not import Codex transcripts","code":"feature_absent","sessions":[]}`},
		{h.jwt, "POST", "/api/codex/archive-session", "503 " + noCodex},
		{h.jwt, "POST", "/api/codex/duplicate-sessions", "200 " + noCodex},
		{h.jwt, "POST", "/api/codex/merge-duplicate-sessions", "200 " + noCodex},
		{h.jwt, "POST", "/api/codex/restart-desktop", "200 " + noCodex},
		{h.jwt, "POST", "/api/codex/sync-session", `200 {"success":false,"error":"This hub does not import Codex transcripts","code":"feature_absent","cwd":""}`},
		{h.jwt, "GET", "/api/pi/sessions", `503 {"success":false,"error":"This hub does not import Pi sessions","code":"feature_absent","sessions":[]}`},
		{h.jwt, "POST", "/api/pi/import-sessions", `503 {"success":false,"error":"This hub does not import Pi sessions","code":"feature_absent"}`},
		{h.jwt, "POST", "/api/sessions/" + id + "/title-suggestion", `503 {"error":"No provider of titles is configured","code":"feature_absent"}`},
		{h.jwt, "POST", "/api/sessions/" + foreign + "/title-suggestion", `403 {"error":"Session access denied"}`},
		{h.jwt, "GET", "/api/sessions/" + id + "/cursor-chat-store", `409 {"error":"This hub does not look into Cursor's chat store","code":"resume_unavailable"}`},
		{h.jwt, "GET", "/api/sessions/nope/cursor-chat-store", `404 {"error":"Session not found","code":"session_not_found"}`},
		{h.jwt, "GET", "/api/sessions/" + foreign + "/cursor-chat-store", `403 {"error":"Session access denied","code":"access_denied"}`},
		{h.jwt, "POST", "/api/sessions/" + id + "/migrate-to-acp", `409 {"ok":false,"sessionId":"` + id + `","reason":"not_cursor_session","message":"Only Cursor sessions can be migrated","durationMs":0}`},
		{h.jwt, "POST", "/api/sessions/" + cursor + "/migrate-to-acp", `500 {"ok":false,"sessionId":"` + cursor + `","reason":"feature_absent","message":"This hub does not migrate Cursor sessions","durationMs":0}`},
		{h.jwt, "GET", "/api/voice/transcription/providers", `200 {"providers":[]}`},
		{h.jwt, "POST", "/api/voice/transcription", noVoice},
		{h.jwt, "POST", "/api/voice/transcription/realtime-token", noVoice},
		{other, "GET", "/api/voice/transcription/credentials", `403 {"error":"Provider credentials are only available to the hub owner"}`},
		{h.jwt, "PUT", "/api/voice/transcription/credentials", `409 {"error":"This hub keeps no voice credentials","code":"feature_absent"}`},
		{h.jwt, "GET", "/api/voice/backend", `200 {"backend":null,"backends":[]}`},
		{h.jwt, "GET", "/api/voice/voices", `200 {"voices":[]}`},
		{h.jwt, "POST", "/api/voice/telemetry", `200 {"ok":true}`},
		{h.jwt, "POST", "/api/voice/token", noToken},
		{h.jwt, "POST", "/api/voice/gemini-token", noToken},
		{h.jwt, "POST", "/api/voice/qwen-token", noToken},
		{h.jwt, "GET", "/api/voice/gemini-ws", `401 Missing authorization token`},
		{h.jwt, "GET", "/api/voice/gemini-ws?token=x", `401 Invalid token`},
		{"", "GET", "/api/voice/qwen-ws?token=" + h.jwt, `400 Qwen API key not configured`},
	} {
		status, raw := h.call(tt.token, tt.method, tt.path, nil)
		if got := fmt.Sprintf("%d %s", status, raw); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.method, tt.path, got, tt.want)
		}
	}
	var keys map[string]struct{ Configured bool }
	h.want(200, http.MethodGet, "/api/voice/transcription/credentials", nil, &keys)
	if keys["openai"].Configured || len(keys) != 6 {
		t.Errorf("keys: %+v", keys)
	}
}

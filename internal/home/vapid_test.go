package home

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestPushKeysAreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func() (*Hub, error) {
		h := &Home{Dir: dir, env: func(string) (string, bool) { return "", false }}
		return h.Hub(t.Context(), HubFlags{})
	}
	first, err := start()
	if err != nil {
		t.Fatal(err)
	}
	public, err := base64.RawURLEncoding.DecodeString(first.VAPID.Public)
	if err != nil || len(public) != 65 || public[0] != 4 {
		t.Errorf("public key %q: %v", first.VAPID.Public, err)
	}
	second, err := start()
	if err != nil || second.VAPID != first.VAPID {
		t.Errorf("the second start has other keys: %v", err)
	}
	path := At(dir).SettingsPath()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("settings: %v %v", info, err)
	}
	if _, err := At(dir).SetToggles(t.Context(), func(t *Toggles) { t.SessionSummaryContract = true }); err != nil {
		t.Fatal(err)
	}
	if third, err := start(); err != nil || third.VAPID != first.VAPID || third.Token.Text != first.Token.Text {
		t.Errorf("after a switch: %v", err)
	}
	raw, err := json.Marshal(map[string]any{"vapidKeys": map[string]string{"publicKey": first.VAPID.Public, "privateKey": strings.Repeat("A", 43)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := start(); err == nil || !strings.Contains(err.Error(), "vapidKeys") {
		t.Errorf("keys that do not fit: %v", err)
	}
}

func TestPushSettings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env     map[string]string
		subject string
		private bool
		fails   string
	}{
		"nothing":            {nil, "mailto:admin@hapi.run", false, ""},
		"public by https":    {map[string]string{"HAPI_PUBLIC_URL": "https://hapi.example"}, "https://hapi.example", false, ""},
		"a mail address":     {map[string]string{"VAPID_SUBJECT": "mailto:me@example.com", "HAPI_PUSH_ALLOW_PRIVATE": "yes"}, "mailto:me@example.com", true, ""},
		"a page":             {map[string]string{"VAPID_SUBJECT": "https://example.com/me"}, "https://example.com/me", false, ""},
		"no scheme":          {map[string]string{"VAPID_SUBJECT": "me@example.com"}, "", false, "VAPID_SUBJECT"},
		"no address":         {map[string]string{"VAPID_SUBJECT": "mailto:me"}, "", false, "VAPID_SUBJECT"},
		"http":               {map[string]string{"VAPID_SUBJECT": "http://example.com"}, "", false, "VAPID_SUBJECT"},
		"a doubtful private": {map[string]string{"HAPI_PUSH_ALLOW_PRIVATE": "maybe"}, "", false, "HAPI_PUSH_ALLOW_PRIVATE"},
	} {
		h := &Home{Dir: t.TempDir(), env: func(key string) (string, bool) { v, ok := tt.env[key]; return v, ok }}
		c, err := h.Hub(t.Context(), HubFlags{})
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || c.VAPIDSubject != tt.subject || c.PushAllowPrivate != tt.private {
			t.Errorf("%s: %v %q %v", name, err, c.VAPIDSubject, c.PushAllowPrivate)
		}
	}
}

package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"hapi/internal/home"
	"hapi/internal/hub/webpush/pushtest"
	"hapi/internal/wire"
)

func raw(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example of RFC 8291, section 5 and appendix A.
func TestEncryptionIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	once, err := ecdh.P256().NewPrivateKey(raw(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	browser, auth, err := readKeys(wire.PushKeys{
		P256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
		Auth:   "BTBZMqHH6r4Tts7J_aSIgg",
	})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal([]byte("When I grow up, I want to be a watermelon"), browser, auth, once, raw(t, "DGv6ra1nlYgDCS1FRnbzlw"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_" +
		"yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if got := base64.RawURLEncoding.EncodeToString(sealed); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func newSender(t *testing.T, allowPrivate bool) (*Sender, *pushtest.Service) {
	t.Helper()
	keys, err := home.NewVAPIDKeys()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{PublicKey: keys.Public, PrivateKey: keys.Private, Subject: "mailto:operator@example.com", AllowPrivate: allowPrivate})
	if err != nil {
		t.Fatal(err)
	}
	return s, pushtest.New(t, keys.Public)
}

func TestBrowserReadsWhatIsSent(t *testing.T) {
	t.Parallel()
	s, service := newSender(t, true)
	browser := service.Browser()
	for _, text := range []string{"", `{"title":"Übung 任务"}`, strings.Repeat("x", MaxBody)} {
		if r := s.Send(t.Context(), browser.Subscription(), Message{Body: []byte(text), Topic: "about"}); r.Outcome != Sent || r.Err != nil {
			t.Fatalf("%d bytes: %+v", len(text), r)
		}
		got := browser.Next()
		if got.Text != text || got.Subject != "mailto:operator@example.com" {
			t.Errorf("got %q of %s", got.Text, got.Subject)
		}
		for key, want := range map[string]string{"Ttl": "2419200", "Urgency": "normal", "Topic": "about", "Content-Encoding": "aes128gcm"} {
			if got.Header.Get(key) != want {
				t.Errorf("%s: %q", key, got.Header.Get(key))
			}
		}
	}
	if r := s.Send(t.Context(), browser.Subscription(), Message{Body: make([]byte, MaxBody+1)}); r.Outcome != Refused {
		t.Errorf("too large: %+v", r)
	}
}

func TestAnswersOfThePushServiceAreTold(t *testing.T) {
	t.Parallel()
	s, service := newSender(t, true)
	browser := service.Browser()
	for code, want := range map[int]Outcome{200: Sent, 404: Gone, 410: Gone, 400: Refused, 401: Refused, 403: Refused, 413: Refused, 302: Refused, 429: Failed, 500: Failed, 503: Failed} {
		browser.Answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
		})
		r := s.Send(t.Context(), browser.Subscription(), Message{})
		if r.Outcome != want || (r.Outcome == Failed) != (r.RetryAfter.Seconds() == 7) {
			t.Errorf("%d: %+v", code, r)
		}
	}
}

func TestHubSendsToNoPrivateAddress(t *testing.T) {
	t.Parallel()
	s, service := newSender(t, false)
	browser := service.Browser()
	r := s.Send(t.Context(), browser.Subscription(), Message{})
	if r.Outcome != Refused || !errors.Is(r.Err, ErrEndpoint) || browser.Tries() != 0 {
		t.Errorf("over http: %+v, %d tries", r, browser.Tries())
	}
	// A name that leads inside is found out when it is called.
	if err := onlyPublic("tcp4", "127.0.0.1:443", nil); !errors.Is(err, ErrEndpoint) {
		t.Errorf("a connection to this machine: %v", err)
	}
	if err := onlyPublic("tcp6", "[2606:4700::1111]:443", nil); err != nil {
		t.Errorf("a connection to the internet: %v", err)
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]struct{ strangers, private bool }{
		"https://push.example/a":        {true, true},
		"https://8.8.8.8/a":             {true, true},
		"https://[2606:4700::1111]/a":   {true, true},
		"http://push.example/a":         {},
		"http://127.0.0.1:9/a":          {false, true},
		"http://localhost:9/a":          {false, true},
		"http://10.0.0.1/a":             {},
		"https://localhost/a":           {false, true},
		"https://127.0.0.1/a":           {false, true},
		"https://10.1.2.3/a":            {false, true},
		"https://172.16.0.1/a":          {false, true},
		"https://192.168.1.1/a":         {false, true},
		"https://169.254.169.254/a":     {false, true},
		"https://100.64.0.1/a":          {false, true},
		"https://0.0.0.0/a":             {false, true},
		"https://224.0.0.1/a":           {false, true},
		"https://[::1]/a":               {false, true},
		"https://[::ffff:10.0.0.1]/a":   {false, true},
		"https://[fd00::1]/a":           {false, true},
		"https://[fe80::1]/a":           {false, true},
		"https://[64:ff9b::a00:1]/a":    {false, true},
		"https://[2002:a00:1::]/a":      {false, true},
		"https://me:secret@push.test/a": {},
		"file:///etc/passwd":            {},
		"https:///a":                    {},
		"https:push.example":            {},
		"":                              {},
		"://":                           {},
	} {
		if got := CheckEndpoint(endpoint, false) == nil; got != want.strangers {
			t.Errorf("%s: taken %v", endpoint, got)
		}
		if got := CheckEndpoint(endpoint, true) == nil; got != want.private {
			t.Errorf("%s with private addresses: taken %v", endpoint, got)
		}
	}
}

func TestKeysThatNoBrowserHasAreRefused(t *testing.T) {
	t.Parallel()
	_, service := newSender(t, true)
	good := service.Browser().Subscription().Keys
	padded := wire.PushKeys{P256dh: strings.NewReplacer("-", "+", "_", "/").Replace(good.P256dh) + "=", Auth: good.Auth + "=="}
	for _, keys := range []wire.PushKeys{good, padded} {
		if err := CheckKeys(keys); err != nil {
			t.Errorf("%+v: %v", keys, err)
		}
	}
	for _, keys := range []wire.PushKeys{{}, {P256dh: good.P256dh}, {P256dh: "!", Auth: good.Auth}, {P256dh: good.P256dh, Auth: "AAAA"}, {P256dh: strings.Repeat("A", 87), Auth: good.Auth}} {
		if CheckKeys(keys) == nil {
			t.Errorf("%+v was taken", keys)
		}
	}
}

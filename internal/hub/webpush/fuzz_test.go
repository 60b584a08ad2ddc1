package webpush

import (
	"testing"

	"hapi/internal/wire"
)

// FuzzSubscription takes what browsers, and others, subscribe with: for keys
// that are accepted a message can be encrypted.
func FuzzSubscription(f *testing.F) {
	const point = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8" // RFC 8291
	f.Add("https://push.example/x", point, "BTBZMqHH6r4Tts7J_aSIgg")
	f.Add("http://localhost/", point+"==", "")
	f.Add("https://10.0.0.1:99999/%zz", "+/", "AAAAAAAAAAAAAAAAAAAAAA==")
	f.Add("https://[::1]", "BA==", "\xff")
	f.Fuzz(func(t *testing.T, endpoint, p256dh, auth string) {
		_ = CheckEndpoint(endpoint, false)
		_ = CheckEndpoint(endpoint, true)
		keys := wire.PushKeys{P256dh: p256dh, Auth: auth}
		if CheckKeys(keys) != nil {
			return
		}
		if b, err := encrypt([]byte("hello"), keys); err != nil || len(b) != overhead+len("hello") {
			t.Errorf("%+v: %d bytes, %v", keys, len(b), err)
		}
	})
}

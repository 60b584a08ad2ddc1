package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/notify"
	"hapi/internal/wire"
)

func (a *API) pushRoutes(mux *http.ServeMux) {
	a.handle(mux, "GET /api/push/vapid-public-key", a.pushKey)
	a.handle(mux, "POST /api/push/subscribe", a.subscribe)
	a.handle(mux, "DELETE /api/push/subscribe", a.unsubscribe)
	a.handle(mux, "GET /api/push/subscriptions", a.subscriptions)
	a.handle(mux, "DELETE /api/push/subscriptions/{id}", a.removeSubscription)
	a.handle(mux, "POST /api/devices/register", a.registerDevice)
	a.handle(mux, "DELETE /api/devices/register", a.unregisterDevice)
}

// pushKey serves GET /api/push/vapid-public-key.
func (a *API) pushKey(w http.ResponseWriter, r *http.Request) error {
	a.write(w, r, http.StatusOK, map[string]string{"publicKey": a.push.PublicKey()})
	return nil
}

// subscribe serves POST /api/push/subscribe.
func (a *API) subscribe(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	var keys object
	if fields := decodeAs[map[string]json.RawMessage](o, "keys", o.fields["keys"], "object"); fields != nil {
		keys.fields = *fields
	}
	p := wire.PushSubscription{
		Endpoint: o.requiredText("endpoint"),
		Keys:     wire.PushKeys{P256dh: keys.requiredText("p256dh"), Auth: keys.requiredText("auth")},
	}
	if id := o.text("deviceId"); id != nil {
		p.DeviceID = *id
	}
	if label := o.text("label"); label != nil {
		p.Label = *label
	}
	if o.has("muted") {
		if muted := decodeAs[[]string](o, "muted", o.fields["muted"], "array"); muted != nil {
			p.Muted = distinct(*muted)
		}
	}
	for _, kind := range p.Muted {
		if !slices.Contains(mutable, kind) {
			return wire.ErrInvalidBody
		}
	}
	if o.err() != nil || keys.err() != nil || utf8.RuneCountInString(p.DeviceID) > maxDeviceID || utf8.RuneCountInString(p.Label) > maxLabel || p.Endpoint == "" || len(p.Endpoint) > maxEndpoint || p.Keys.P256dh == "" || p.Keys.Auth == "" {
		return wire.ErrInvalidBody
	}
	if err := a.push.Subscribe(r.Context(), callerOf(r).NS, p); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

const (
	maxEndpoint = 4096
	maxLabel    = 128 // characters
)

// mutable are the types of notifications that a browser can do without.
var mutable = []string{string(notify.Permission), string(notify.Ready), string(notify.Task)}

// subscriptions serves GET /api/push/subscriptions.
func (a *API) subscriptions(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	list, err := a.push.List(r.Context(), callerOf(r).NS)
	if err != nil {
		return err
	}
	noStore(w)
	a.write(w, r, http.StatusOK, map[string][]wire.Browser{"subscriptions": append([]wire.Browser{}, list...)})
	return nil
}

// removeSubscription serves DELETE /api/push/subscriptions/{id}.
func (a *API) removeSubscription(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	if err := a.push.Remove(r.Context(), callerOf(r).NS, r.PathValue("id")); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// unsubscribe serves DELETE /api/push/subscribe.
func (a *API) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	endpoint := o.requiredText("endpoint")
	if o.err() != nil || endpoint == "" {
		return wire.ErrInvalidBody
	}
	if err := a.push.Unsubscribe(r.Context(), callerOf(r).NS, endpoint); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

// registerDevice serves POST /api/devices/register.
func (a *API) registerDevice(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return err
	}
	d := decodeDevice(o)
	if err := o.err(); err != nil {
		return err
	}
	if err := a.push.Register(r.Context(), callerOf(r).NS, d); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

const maxDeviceID = 128 // characters

func decodeDevice(o *object) wire.Device {
	d := wire.Device{
		Token: o.requiredText("token"), DeviceID: o.requiredText("deviceId"),
		Platform: o.oneOf("platform", wire.PlatformPhone, wire.PlatformWear, wire.PlatformIOS),
	}
	if !o.has("platform") {
		o.expected("platform", "string")
	}
	for name, text := range map[string]string{"token": d.Token, "deviceId": d.DeviceID} {
		if text == "" && o.has(name) {
			o.issue(name, "Too small: expected string to have >=1 characters")
		}
	}
	if utf8.RuneCountInString(d.DeviceID) > maxDeviceID {
		o.issue("deviceId", "Too big: expected string to have <=128 characters")
	}
	key := o.text("pushKey")
	if d.Platform != wire.PlatformIOS {
		return d
	}
	if key == nil {
		o.issue("pushKey", "pushKey is required for ios")
		return d
	}
	raw, ok := strictKey(*key)
	if !ok {
		o.issue("pushKey", "pushKey must be base64 of exactly 32 bytes")
	}
	d.PushKey = base64.StdEncoding.EncodeToString(raw)
	return d
}

// pushKeyBytes is the length of a key of AES-256.
const pushKeyBytes = 32

func strictKey(text string) ([]byte, bool) {
	bare := strings.TrimRight(text, "=")
	if len(text)-len(bare) > 2 || strings.ContainsAny(text, "\r\n") { // the decoder skips line ends
		return nil, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(bare)
	return raw, err == nil && len(raw) == pushKeyBytes
}

// unregisterDevice serves DELETE /api/devices/register.
func (a *API) unregisterDevice(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	o, err := readObject(r)
	if err != nil {
		return err
	}
	token := o.requiredText("token")
	if token == "" && o.has("token") && o.issues == nil {
		o.issue("token", "Too small: expected string to have >=1 characters")
	}
	if err := o.err(); err != nil {
		return err
	}
	if err := a.push.Unregister(r.Context(), callerOf(r).NS, token); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

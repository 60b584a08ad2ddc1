package home

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
)

// VAPIDKeys is the pair of P-256 keys by which push services know the hub, in
// base64url. Browsers keep the public one: new keys mean that all subscribe anew.
type VAPIDKeys struct {
	Public  string `json:"publicKey"`
	Private string `json:"privateKey"` // secret
}

// NewVAPIDKeys makes a pair.
func NewVAPIDKeys() (VAPIDKeys, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return VAPIDKeys{}, fmt.Errorf("make the push keys: %w", err)
	}
	return VAPIDKeys{
		Public:  base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes()),
		Private: base64.RawURLEncoding.EncodeToString(private.Bytes()),
	}, nil
}

// vapidKeys reads the stored pair, or makes it once.
func (l *loader) vapidKeys() VAPIDKeys {
	stored, known := l.settings["vapidKeys"]
	if !known {
		keys, err := NewVAPIDKeys()
		if err == nil {
			err = l.settings.set("vapidKeys", keys)
		}
		l.fail(err)
		l.made = true
		return keys
	}
	var keys VAPIDKeys
	if err := json.Unmarshal(stored, &keys); err != nil || keys.check() != nil {
		l.fail(errors.New("the vapidKeys in settings.json are not a pair of keys: restore them, or remove them to have new ones made; browsers then subscribe anew"))
	}
	return keys
}

// vapidSubject is an address that push services take; some refuse all messages of
// a hub whose address is none.
func (l *loader) vapidSubject(publicURL string) string {
	text, _ := l.env("VAPID_SUBJECT")
	text = strings.TrimSpace(text)
	switch {
	case text == "" && strings.HasPrefix(publicURL, "https://"):
		return publicURL
	case text == "":
		return "mailto:admin@hapi.run"
	}
	u, err := url.Parse(text)
	if err != nil || !isMail(text) && (u.Scheme != "https" || u.Host == "") {
		l.fail(fmt.Errorf("VAPID_SUBJECT is %q; push services take a mailto: address or an https URL, by which they reach you", text))
	}
	return text
}

func isMail(subject string) bool {
	address, ok := strings.CutPrefix(subject, "mailto:")
	parsed, err := mail.ParseAddress(address)
	return ok && err == nil && parsed.Address == address
}

// yes reads a switch from the environment.
func (l *loader) yes(variable string) bool {
	text, _ := l.env(variable)
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "true", "yes", "on":
		return true
	case "", "0", "false", "no", "off":
	default:
		l.fail(fmt.Errorf("%s is %q; it must be 1 or 0", variable, text))
	}
	return false
}

func (k VAPIDKeys) check() error {
	raw, err := base64.RawURLEncoding.DecodeString(k.Private)
	if err != nil {
		return err
	}
	private, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return err
	}
	public, err := base64.RawURLEncoding.DecodeString(k.Public)
	if err != nil || !bytes.Equal(public, private.PublicKey().Bytes()) {
		return errors.New("the public key is another one's")
	}
	return nil
}

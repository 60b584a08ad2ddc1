// Package pushtest is a push service for tests, with the browsers behind it: it
// checks who sends, and decrypts what is sent as a browser would.
package pushtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hapi/internal/wire"
)

// Service is a push service on loopback.
type Service struct {
	t      *testing.T
	server *httptest.Server
	hub    *ecdsa.PublicKey

	mu       sync.Mutex
	browsers map[string]*Browser // by path
}

// New starts a push service. hubKey is the public key of the hub that may send.
func New(t *testing.T, hubKey string) *Service {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(hubKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{t: t, hub: key, browsers: map[string]*Browser{}}
	s.server = httptest.NewServer(http.HandlerFunc(s.receive))
	t.Cleanup(s.server.Close)
	return s
}

// Browser is a subscription of the service and what came for it.
type Browser struct {
	service *Service
	url     string
	key     *ecdh.PrivateKey
	auth    []byte
	got     chan Received
	tries   chan struct{}

	mu      sync.Mutex
	answers []http.HandlerFunc
}

// Received is a message as the browser reads it.
type Received struct {
	Text    string
	Header  http.Header
	Subject string // who the sender says it is
}

// Browser makes a subscription.
func (s *Service) Browser() *Browser {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &Browser{service: s, key: key, auth: []byte(rand.Text()[:16]), got: make(chan Received, 1000), tries: make(chan struct{}, 1000)}
	s.mu.Lock()
	defer s.mu.Unlock()
	path := fmt.Sprintf("/push/%d", len(s.browsers)+1)
	b.url = s.server.URL + path
	s.browsers[path] = b
	return b
}

// Subscription is what the browser tells the hub.
func (b *Browser) Subscription() wire.PushSubscription {
	encode := base64.RawURLEncoding.EncodeToString
	return wire.PushSubscription{Endpoint: b.url, Keys: wire.PushKeys{P256dh: encode(b.key.PublicKey().Bytes()), Auth: encode(b.auth)}}
}

// Answers has the service answer the next messages by these, before it takes any.
func (b *Browser) Answers(list ...http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = list
}

// Status is an answer with a status.
func Status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// Hang is no answer until the caller gives up.
func Hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then is the end of the connection seen
	<-r.Context().Done()
}

// Next waits for the next message.
func (b *Browser) Next() Received {
	b.service.t.Helper()
	select {
	case got := <-b.got:
		return got
	case <-time.After(60 * time.Second):
		b.service.t.Fatal("no message was pushed")
		return Received{}
	}
}

// Got is how many messages wait to be read by Next.
func (b *Browser) Got() int { return len(b.got) }

// Tried waits for the next request, whatever the service answers.
func (b *Browser) Tried() {
	b.service.t.Helper()
	select {
	case <-b.tries:
	case <-time.After(60 * time.Second):
		b.service.t.Fatal("nothing was tried")
	}
}

// Tries is how many requests came that Tried has not waited for.
func (b *Browser) Tries() int { return len(b.tries) }

func (s *Service) receive(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	b := s.browsers[r.URL.Path]
	s.mu.Unlock()
	if b == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if answer := b.next(); answer != nil {
		b.tries <- struct{}{}
		answer(w, r)
		return
	}
	got, err := b.read(r)
	if err != nil {
		s.t.Errorf("a push that no browser could read: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.got <- got
	b.tries <- struct{}{}
	w.WriteHeader(http.StatusCreated)
}

func (b *Browser) next() http.HandlerFunc {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.answers) == 0 {
		return nil
	}
	first := b.answers[0]
	b.answers = b.answers[1:]
	return first
}

func (b *Browser) read(r *http.Request) (Received, error) {
	got := Received{Header: r.Header}
	subject, err := b.service.sender(r)
	if err != nil {
		return got, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return got, err
	}
	text, err := b.decrypt(body)
	got.Subject, got.Text = subject, string(text)
	return got, err
}

// sender checks the signature and says who sends.
func (s *Service) sender(r *http.Request) (string, error) {
	token, key, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "vapid t="), ", k=")
	if raw, err := s.hub.Bytes(); !ok || err != nil || key != base64.RawURLEncoding.EncodeToString(raw) {
		return "", errors.New("not signed by the hub's key")
	}
	parsed, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return s.hub, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithExpirationRequired(), jwt.WithAudience(s.server.URL))
	if err != nil {
		return "", err
	}
	if expires, err := parsed.Claims.GetExpirationTime(); err != nil || time.Until(expires.Time) > 24*time.Hour {
		return "", errors.New("signed for too long")
	}
	return parsed.Claims.GetSubject()
}

// decrypt is RFC 8291 from the browser's side.
func (b *Browser) decrypt(body []byte) ([]byte, error) {
	if len(body) < 86 || body[20] != 65 {
		return nil, errors.New("no aes128gcm header")
	}
	salt, size, theirs, sealed := body[:16], binary.BigEndian.Uint32(body[16:20]), body[21:86], body[86:]
	if size > 4096 || len(body) > 4096 || len(sealed) > int(size) {
		return nil, fmt.Errorf("%d bytes in records of %d", len(body), size)
	}
	sender, err := ecdh.P256().NewPublicKey(theirs)
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(theirs)
	secret, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutSuffix(strings.TrimRight(string(plain), "\x00"), "\x02")
	if !ok {
		return nil, errors.New("no end of the last record")
	}
	return []byte(text), nil
}

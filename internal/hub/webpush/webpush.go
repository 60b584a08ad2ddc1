// Package webpush sends messages to browsers by their push services: encrypted
// for the browser alone (RFC 8291), signed as this hub's (RFC 8292), and only to
// addresses that a stranger may have the hub call.
package webpush

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hapi/internal/wire"
)

// Urgency of what people are told; the push service may wait with less.
const urgency = "normal"

// TTL is how long a push service keeps a message for a browser that is away.
const TTL = 28 * 24 * time.Hour

const (
	// sendWithin bounds one request: a service that hangs holds up nobody.
	sendWithin = 10 * time.Second
	// signedFor is how long a signature is good; services allow 24 h at most.
	signedFor = 12 * time.Hour
)

// Options of a Sender; the keys are required.
type Options struct {
	PublicKey, PrivateKey string // in base64url
	// Subject is how a push service reaches the operator: a mailto: or https: URL.
	Subject string
	// AllowPrivate lets endpoints be on private addresses, and on this machine
	// by http.
	AllowPrivate bool
}

// Sender sends to browsers. It is safe for many goroutines.
type Sender struct {
	client       *http.Client
	key          *ecdsa.PrivateKey
	publicKey    string
	subject      string
	allowPrivate bool
}

// New makes a Sender.
func New(o Options) (*Sender, error) {
	raw, err := base64.RawURLEncoding.DecodeString(o.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("read the push keys: %w", err)
	}
	key, err := signingKey(raw)
	if err != nil {
		return nil, fmt.Errorf("read the push keys: %w", err)
	}
	return &Sender{
		client: newClient(o.AllowPrivate), key: key, publicKey: o.PublicKey, subject: o.Subject, allowPrivate: o.AllowPrivate,
	}, nil
}

// Message is what a browser is sent. One with a topic takes the place of an
// earlier one with the same topic that the push service still keeps.
type Message struct {
	Body  []byte
	Topic string
}

// Outcome is what became of a message.
type Outcome int

// The outcomes.
const (
	Sent    Outcome = iota
	Gone            // there is no such subscription any more
	Refused         // it will never be taken
	Failed          // it may be taken later
)

// Result is an outcome, why, and when to try again if the service said so.
type Result struct {
	Outcome    Outcome
	Err        error // nil when sent; says nothing secret
	RetryAfter time.Duration
}

// Send sends a message to a browser.
func (s *Sender) Send(ctx context.Context, to wire.PushSubscription, m Message) Result {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if err := CheckEndpoint(to.Endpoint, s.allowPrivate); err != nil {
		return Result{Outcome: Refused, Err: err}
	}
	if err := CheckKeys(to.Keys); err != nil { // no browser has such
		return Result{Outcome: Gone, Err: err}
	}
	req, err := s.request(ctx, to, m)
	if err != nil {
		return Result{Outcome: Refused, Err: err}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return failure(err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10) // so that the connection can be used again
	return judge(res)
}

func (s *Sender) request(ctx context.Context, to wire.PushSubscription, m Message) (*http.Request, error) {
	body, err := encrypt(m.Body, to.Keys)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", withoutURL(err))
	}
	token, err := s.sign(req.URL)
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("Authorization", "vapid t="+token+", k="+s.publicKey)
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Encoding", "aes128gcm")
	h.Set("TTL", strconv.Itoa(int(TTL/time.Second)))
	h.Set("Urgency", urgency)
	if m.Topic != "" {
		h.Set("Topic", m.Topic)
	}
	return req, nil
}

// sign is the proof towards a push service that the hub is the one the browser
// subscribed with.
func (s *Sender) sign(endpoint *url.URL) (string, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"aud": endpoint.Scheme + "://" + endpoint.Host,
		"exp": time.Now().Add(signedFor).Unix(),
		"sub": s.subject,
	}).SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("sign for the push service: %w", err)
	}
	return token, nil
}

func judge(res *http.Response) Result {
	r := Result{Err: fmt.Errorf("the push service answered %d", res.StatusCode)}
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return Result{Outcome: Sent}
	case code == http.StatusNotFound, code == http.StatusGone:
		r.Outcome = Gone
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		r.Outcome = Failed
		if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
			r.RetryAfter = time.Duration(min(seconds, 3600)) * time.Second
		}
	default: // redirects too: a subscription does not move
		r.Outcome = Refused
	}
	return r
}

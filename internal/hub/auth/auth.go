// Package auth decides who a caller is: from an access token, which people and
// machines hold, or from a session token, which web clients get for it.
package auth

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hapi/internal/wire"
)

var (
	// ErrAccessToken is an access token that is not this hub's.
	ErrAccessToken = errors.New("invalid access token")
	// ErrInvalidToken is a session token that is forged, expired or no token.
	ErrInvalidToken = errors.New("invalid session token")
	// ErrInvalidPayload is a genuine session token that names nobody.
	ErrInvalidPayload = errors.New("invalid session token payload")
)

// lifetime of a session token. Clients read it from the token.
const lifetime = 4 * time.Hour

// Keys are the hub's secrets and whom its tokens stand for.
type Keys struct {
	Token     string // the base token; without a colon
	JWTSecret []byte // 32 bytes
	OwnerID   int64
}

// Identity is whom a token stands for.
type Identity struct {
	UID     int64
	NS      wire.Namespace
	Expires time.Time // zero: never
	// Key is the named token behind it; nil: the hub's own token.
	Key *Key
}

// ReadOnly says whether it may look and change nothing.
func (i Identity) ReadOnly() bool { return i.Key != nil && i.Key.ReadOnly }

// Ended calls f when the named token behind it is revoked or runs out; stop
// gives up waiting. The hub's own token does not end while the hub runs.
func (i Identity) Ended(f func()) (stop func() bool) {
	if i.Key == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(i.Key.Alive, f)
}

// Key is a named token as the hub knows it.
type Key struct {
	ID       string
	NS       wire.Namespace
	ReadOnly bool
	Expires  time.Time       // zero: never
	Alive    context.Context // ends when the token is revoked or runs out
}

// Keyring finds named tokens, those that are valid now.
type Keyring interface {
	BySum(sum [sha256.Size]byte) (*Key, bool) // by the SHA-256 of the token
	ByID(id string) (*Key, bool)
}

// Auth checks and issues tokens.
type Auth struct {
	base     [sha256.Size]byte // of the base token: equal length for comparison
	baseID   string
	secret   []byte
	ownerID  int64
	now      func() time.Time
	parser   *jwt.Parser
	keyring  Keyring
	throttle *throttle
	audit    audit
}

// Options of an Auth. The zero value works.
type Options struct {
	Now     func() time.Time
	Keyring Keyring // nil: there are no named tokens
	Logger  *slog.Logger
}

// New makes an Auth.
func New(k Keys, o Options) *Auth {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Keyring == nil {
		o.Keyring = noKeys{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Auth{
		base: sha256.Sum256([]byte(k.Token)), baseID: baseID(k), secret: k.JWTSecret, ownerID: k.OwnerID, now: o.Now,
		parser:  jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithTimeFunc(o.Now)),
		keyring: o.Keyring, throttle: newThrottle(o.Now), audit: audit{log: o.Logger},
	}
}

type noKeys struct{}

func (noKeys) BySum([sha256.Size]byte) (*Key, bool) { return nil, false }
func (noKeys) ByID(string) (*Key, bool)             { return nil, false }

// baseID names the base token in session tokens, so that they end when it is
// replaced. Whoever holds a session token cannot try guesses against it.
func baseID(k Keys) string {
	mac := hmac.New(sha256.New, k.JWTSecret)
	mac.Write([]byte(k.Token))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// AccessToken reads `<base>` or `<base>:<namespace>` (http contract §3.1) that
// came from an address. The work is the same for every token that is heard. It
// fails with ErrAccessToken, or with a *Throttled.
func (a *Auth) AccessToken(from Address, raw string) (Identity, error) {
	if strings.TrimSpace(raw) == "" {
		return Identity{}, ErrAccessToken // nothing was tried
	}
	base, ns, err := splitAccessToken(raw)
	sum := sha256.Sum256([]byte(base))
	if wait := a.throttle.wait(from, sum); wait > 0 {
		a.audit.refused(a.now(), from)
		return Identity{}, &Throttled{wait}
	}
	if id, ok := a.holder(sum, ns); ok && err == nil {
		a.throttle.succeeded(from, sum)
		return id, nil
	}
	if wait := a.throttle.failed(from); wait > 0 {
		a.audit.refused(a.now(), from)
		return Identity{}, &Throttled{wait}
	}
	return Identity{}, ErrAccessToken
}

// holder is whom a token stands for. A named token is bound to its namespace:
// it may be said, another may not.
func (a *Auth) holder(sum [sha256.Size]byte, ns wire.Namespace) (Identity, bool) {
	own := subtle.ConstantTimeCompare(sum[:], a.base[:]) == 1
	key, named := a.keyring.BySum(sum)
	switch {
	case own:
		return Identity{UID: a.ownerID, NS: cmp.Or(ns, wire.OwnerNamespace)}, true
	case named && (ns == "" || ns == key.NS):
		return Identity{UID: a.ownerID, NS: key.NS, Expires: key.Expires, Key: key}, true
	default:
		return Identity{}, false
	}
}

// splitAccessToken gives no namespace for a token that names none.
func splitAccessToken(raw string) (base string, ns wire.Namespace, err error) {
	token := strings.TrimSpace(raw)
	colon := strings.LastIndexByte(token, ':')
	if colon < 0 {
		if token == "" {
			return "", "", ErrAccessToken
		}
		return token, "", nil
	}
	base, name := token[:colon], token[colon+1:]
	if base == "" || name == "" || strings.TrimSpace(base) != base || strings.TrimSpace(name) != name {
		return "", "", ErrAccessToken
	}
	return base, wire.Namespace(name), nil
}

type claims struct {
	UID any    `json:"uid"`
	NS  any    `json:"ns"`
	Key string `json:"key,omitempty"` // the access token it was given for
	jwt.RegisteredClaims
}

// Issue makes a session token for the holder of an access token.
func (a *Auth) Issue(id Identity) (string, error) {
	now := a.now()
	key, expires := a.baseID, now.Add(lifetime)
	if id.Key != nil {
		key = id.Key.ID
		if !id.Key.Expires.IsZero() && id.Key.Expires.Before(expires) {
			expires = id.Key.Expires
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		UID: a.ownerID, NS: string(id.NS), Key: key,
		RegisteredClaims: jwt.RegisteredClaims{IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires)},
	})
	delete(token.Header, "typ")
	signed, err := token.SignedString(a.secret)
	if err != nil {
		return "", fmt.Errorf("sign session token: %w", err)
	}
	return signed, nil
}

// Verify reads a session token: ErrInvalidToken or ErrInvalidPayload when it
// does not stand for anybody. A token without an end is taken, and so is one
// that names no access token: earlier hubs made such.
func (a *Auth) Verify(token string) (Identity, error) {
	var c claims
	_, err := a.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.secret, nil })
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	uid, isNumber := c.UID.(float64)
	ns, isText := c.NS.(string)
	if !isNumber || !isText || uid != math.Trunc(uid) || math.Abs(uid) > 1<<53 {
		return Identity{}, ErrInvalidPayload
	}
	id := Identity{UID: int64(uid), NS: wire.Namespace(ns)}
	if c.Key != "" && c.Key != a.baseID {
		key, ok := a.keyring.ByID(c.Key)
		if !ok || key.NS != id.NS {
			return Identity{}, fmt.Errorf("%w: its access token is not valid any more", ErrInvalidToken)
		}
		id.Key, id.Expires = key, key.Expires
	}
	if c.ExpiresAt != nil {
		id.Expires = c.ExpiresAt.Time
	}
	return id, nil
}

// Package auth decides who a caller is: from an access token, which people and
// machines hold, or from a session token, which web clients get for it.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
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

// Identity is who a session token stands for.
type Identity struct {
	UID     int64
	NS      wire.Namespace
	Expires time.Time // zero: never
}

// Auth checks and issues tokens.
type Auth struct {
	base    [sha256.Size]byte // of the base token: equal length for comparison
	secret  []byte
	ownerID int64
	now     func() time.Time
	parser  *jwt.Parser
}

// Options of an Auth. The zero value works.
type Options struct{ Now func() time.Time }

// New makes an Auth.
func New(k Keys, o Options) *Auth {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Auth{
		base: sha256.Sum256([]byte(k.Token)), secret: k.JWTSecret, ownerID: k.OwnerID, now: o.Now,
		parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithTimeFunc(o.Now)),
	}
}

// AccessToken reads `<base>` or `<base>:<namespace>` (http contract §3.1) and
// gives the namespace. The base is compared in constant time.
func (a *Auth) AccessToken(raw string) (wire.Namespace, error) {
	base, ns, err := splitAccessToken(raw)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(base))
	if subtle.ConstantTimeCompare(sum[:], a.base[:]) != 1 {
		return "", ErrAccessToken
	}
	return ns, nil
}

func splitAccessToken(raw string) (base string, ns wire.Namespace, err error) {
	token := strings.TrimSpace(raw)
	colon := strings.LastIndexByte(token, ':')
	if colon < 0 {
		if token == "" {
			return "", "", ErrAccessToken
		}
		return token, wire.OwnerNamespace, nil
	}
	base, name := token[:colon], token[colon+1:]
	if base == "" || name == "" || strings.TrimSpace(base) != base || strings.TrimSpace(name) != name {
		return "", "", ErrAccessToken
	}
	return base, wire.Namespace(name), nil
}

type claims struct {
	UID any `json:"uid"`
	NS  any `json:"ns"`
	jwt.RegisteredClaims
}

// Issue makes a session token for a namespace.
func (a *Auth) Issue(ns wire.Namespace) (string, error) {
	now := a.now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{UID: a.ownerID, NS: string(ns), RegisteredClaims: jwt.RegisteredClaims{
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
	}})
	delete(token.Header, "typ")
	signed, err := token.SignedString(a.secret)
	if err != nil {
		return "", fmt.Errorf("sign session token: %w", err)
	}
	return signed, nil
}

// Verify reads a session token: ErrInvalidToken or ErrInvalidPayload when it
// does not stand for anybody. A token without an end is taken.
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
	if c.ExpiresAt != nil {
		id.Expires = c.ExpiresAt.Time
	}
	return id, nil
}

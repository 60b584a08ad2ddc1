package auth

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hapi/internal/wire"
)

var now = time.Unix(1_760_000_000, 0)

func newAuth() *Auth {
	return New(Keys{Token: "secret-base", JWTSecret: []byte("0123456789abcdef0123456789abcdef"), OwnerID: 42}, Options{Now: func() time.Time { return now }})
}

func TestAccessTokenGrammar(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		raw  string
		want wire.Namespace // empty: refused
	}{
		"base alone is the owner":       {"secret-base", "default"},
		"surrounding blanks":            {"  secret-base\n", "default"},
		"namespace":                     {"secret-base:alice", "alice"},
		"any namespace":                 {"secret-base:ä / b", "ä / b"},
		"last colon splits":             {"secret-base:a:b", ""},
		"empty":                         {"", ""},
		"blank":                         {"  ", ""},
		"wrong base":                    {"secret-bass", ""},
		"prefix of the base":            {"secret", ""},
		"empty namespace":               {"secret-base:", ""},
		"empty base":                    {":alice", ""},
		"blank before the namespace":    {"secret-base: alice", ""},
		"blank after the base":          {"secret-base :alice", ""},
		"nothing but a colon":           {":", ""},
		"case matters":                  {"Secret-Base", ""},
		"longer than the base":          {"secret-base-and-more", ""},
		"wrong base with a namespace":   {"x:alice", ""},
		"namespace named like an owner": {"secret-base:default", "default"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := newAuth().AccessToken(Local, tt.raw)
			got := id.NS
			if got != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, ErrAccessToken) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestIssuedTokenStandsForItsNamespaceForFourHours(t *testing.T) {
	t.Parallel()
	a := newAuth()
	token, err := a.Issue(Identity{NS: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.Verify(token)
	want := Identity{UID: 42, NS: "alice", Expires: now.Add(4 * time.Hour)}
	if err != nil || id.UID != want.UID || id.NS != want.NS || !id.Expires.Equal(want.Expires) {
		t.Errorf("got %+v, %v; want %+v", id, err, want)
	}
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil || string(header) != `{"alg":"HS256"}` {
		t.Errorf("header %s, %v", header, err)
	}
	late := newAuth()
	late.parser = jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(func() time.Time { return now.Add(4*time.Hour + time.Second) }))
	if _, err := late.Verify(token); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("after its time: got %v", err)
	}
}

func TestTokensThatStandForNobody(t *testing.T) {
	t.Parallel()
	a := newAuth()
	sign := func(method jwt.SigningMethod, key any, c jwt.MapClaims) string {
		s, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := jwt.MapClaims{"uid": 1, "ns": "a"}
	tests := map[string]struct {
		token string
		want  error
	}{
		"no token":            {"", ErrInvalidToken},
		"garbage":             {"a.b.c", ErrInvalidToken},
		"other secret":        {sign(jwt.SigningMethodHS256, []byte("other"), good), ErrInvalidToken},
		"other algorithm":     {sign(jwt.SigningMethodHS512, a.secret, good), ErrInvalidToken},
		"unsigned":            {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), ErrInvalidToken},
		"no namespace":        {sign(jwt.SigningMethodHS256, a.secret, jwt.MapClaims{"uid": 1}), ErrInvalidPayload},
		"uid is text":         {sign(jwt.SigningMethodHS256, a.secret, jwt.MapClaims{"uid": "1", "ns": "a"}), ErrInvalidPayload},
		"namespace is a list": {sign(jwt.SigningMethodHS256, a.secret, jwt.MapClaims{"uid": 1, "ns": []string{"a"}}), ErrInvalidPayload},
		"no end":              {sign(jwt.SigningMethodHS256, a.secret, good), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := a.Verify(tt.token); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func FuzzSplitAccessToken(f *testing.F) {
	for _, seed := range []string{"a", "a:b", ":", " a : b ", "a:b:c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		base, ns, err := splitAccessToken(raw)
		if err == nil && (base == "" || strings.HasSuffix(strings.TrimSpace(raw), ":") || strings.TrimSpace(base) != base || strings.Contains(string(ns), ":")) {
			t.Errorf("%q gave %q, %q", raw, base, ns)
		}
	})
}

// FuzzVerify reads session tokens nobody here made: none stands for anybody.
func FuzzVerify(f *testing.F) {
	a := New(Keys{Token: "base", JWTSecret: []byte(strings.Repeat("s", 32)), OwnerID: 1}, Options{})
	good, err := a.Issue(Identity{NS: "default"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, good + "x", strings.ToUpper(good), "..", "e30.e30.", "eyJhbGciOiJub25lIn0.eyJ1aWQiOjEsIm5zIjoiYSJ9.", strings.Repeat("a.", 1000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if id, err := a.Verify(token); err == nil && token != good && id.NS != "default" {
			t.Errorf("%q stands for %+v", token, id)
		}
	})
}

package auth

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"hapi/internal/wire"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func throttled(t *testing.T) (*Auth, *clock) {
	t.Helper()
	c := &clock{now}
	return New(Keys{Token: "secret-base", JWTSecret: []byte("0123456789abcdef0123456789abcdef")}, Options{Now: c.now}), c
}

// attempt gives how long the caller is told to wait; -1 for a plain refusal, 0
// for a welcome.
func attempt(t *testing.T, a *Auth, from Address, token string) time.Duration {
	t.Helper()
	_, err := a.AccessToken(from, token)
	var wait *Throttled
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wait):
		return wait.After
	case !errors.Is(err, ErrAccessToken):
		t.Fatal(err)
	}
	return -1
}

func TestGuessesBecomeSlow(t *testing.T) {
	t.Parallel()
	a, c := throttled(t)
	for n := range freeFailures {
		if got := attempt(t, a, "192.0.2.1", fmt.Sprint("guess-", n)); got != -1 {
			t.Fatalf("guess %d: got %v", n, got)
		}
	}
	guesses, begun := 0, c.at
	var longest time.Duration
	for c.at.Sub(begun) < 24*time.Hour {
		wait := attempt(t, a, "192.0.2.1", "another")
		guesses++
		if wait <= 0 {
			c.at = c.at.Add(time.Millisecond)
			continue
		}
		longest = max(longest, wait)
		if got := attempt(t, a, "192.0.2.1", "secret-base"); got != wait {
			t.Fatalf("the right token while the address waits: got %v, want %v", got, wait)
		}
		c.at = c.at.Add(wait)
	}
	if most := int(24*time.Hour/forgetOne) + 20; guesses > most || longest > longestWait {
		t.Errorf("%d guesses in a day, waits up to %v", guesses, longest)
	}
	c.at = c.at.Add(time.Hour)
	if got := attempt(t, a, "192.0.2.1", "secret-base"); got != 0 {
		t.Errorf("later: got %v", got)
	}
}

func TestNobodyWaitsForTheFailuresOfOthers(t *testing.T) {
	t.Parallel()
	a, _ := throttled(t)
	if got := attempt(t, a, "192.0.2.1", "secret-base:alice"); got != 0 {
		t.Fatalf("got %v", got)
	}
	for n := range 20 * maxAddresses { // a flood from everywhere
		attempt(t, a, Address(fmt.Sprint("10.0.", n>>8, ".", n&255)), "guess")
		attempt(t, a, "192.0.2.1", "guess")
		attempt(t, a, Local, "guess")
	}
	for name, from := range map[string]Address{"the same address": "192.0.2.1", "a new address": "192.0.2.2", "this machine": Local} {
		if got := attempt(t, a, from, "secret-base"); got != 0 {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got := attempt(t, a, Local, "guess"); got <= 0 {
		t.Errorf("a wrong token on this machine: got %v", got)
	}
	if n := len(a.throttle.addresses.byKey); n > maxAddresses || n != a.throttle.addresses.order.Len() {
		t.Errorf("%d addresses are remembered", n)
	}
	if n := len(a.throttle.known.byKey); n > maxKnown {
		t.Errorf("%d successes are remembered", n)
	}
}

func TestInAFloodTheFirstFailureCounts(t *testing.T) {
	t.Parallel()
	a, c := throttled(t)
	for n := range floodFailures {
		attempt(t, a, Address(fmt.Sprint("10.0.0.", n)), "guess")
	}
	if got := attempt(t, a, "192.0.2.1", "guess"); got < waitUnderFlood {
		t.Errorf("got %v", got)
	}
	c.at = c.at.Add(2 * floodFailures * forgetFlood)
	if got := attempt(t, a, "192.0.2.2", "guess"); got != -1 {
		t.Errorf("after the flood: got %v", got)
	}
}

func TestClockThatJumpsLocksNobodyOut(t *testing.T) {
	t.Parallel()
	a, c := throttled(t)
	for range 40 {
		attempt(t, a, "192.0.2.1", "guess")
	}
	c.at = c.at.Add(-1000 * time.Hour)
	if got := attempt(t, a, "192.0.2.1", "secret-base"); got > longestWait {
		t.Errorf("after a jump back: wait %v", got)
	}
	c.at = c.at.Add(3000 * time.Hour)
	if got := attempt(t, a, "192.0.2.1", "secret-base"); got != 0 {
		t.Errorf("after a jump ahead: got %v", got)
	}
}

func TestNoTokenIsNoAttempt(t *testing.T) {
	t.Parallel()
	a, _ := throttled(t)
	for range 100 {
		if got := attempt(t, a, "192.0.2.1", " "); got != -1 {
			t.Fatalf("got %v", got)
		}
	}
}

func TestAddressOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		remote string
		header http.Header
		want   Address
	}{
		"this machine":                      {"127.0.0.1:5000", nil, Local},
		"this machine by IPv6":              {"[::1]:5000", nil, Local},
		"somebody":                          {"192.0.2.1:5000", nil, "192.0.2.1"},
		"somebody by IPv6":                  {"[2001:db8:1:2:3:4:5:6]:5000", nil, "2001:db8:1:2::/64"},
		"IPv4 in IPv6":                      {"[::ffff:192.0.2.1]:5000", nil, "192.0.2.1"},
		"link-local":                        {"[fe80::1%eth0]:5000", nil, "fe80::/64"},
		"somebody who names another":        {"192.0.2.1:5000", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, "192.0.2.1"},
		"behind a proxy here":               {"127.0.0.1:5000", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, "192.0.2.1"},
		"who lies to a proxy here":          {"127.0.0.1:5000", http.Header{"X-Forwarded-For": {"127.0.0.1, 192.0.2.1"}}, "192.0.2.1"},
		"a proxy that names this machine":   {"127.0.0.1:5000", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, "127.0.0.1"},
		"a proxy that names a port":         {"127.0.0.1:5000", http.Header{"X-Forwarded-For": {"192.0.2.1:99"}}, "192.0.2.1"},
		"a proxy that names nobody":         {"127.0.0.1:5000", http.Header{"Via": {"1.1 proxy"}}, proxied},
		"a proxy that names something else": {"127.0.0.1:5000", http.Header{"X-Forwarded-For": {"unknown"}}, proxied},
		"a tunnel here":                     {"127.0.0.1:5000", http.Header{"Cf-Connecting-Ip": {"192.0.2.7"}}, "192.0.2.7"},
		"no address":                        {"@", nil, "@"},
	} {
		if got := AddressOf(&http.Request{RemoteAddr: test.remote, Header: test.header}); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestSessionTokenEndsWithItsBaseToken(t *testing.T) {
	t.Parallel()
	a := newAuth()
	token, err := a.Issue(Identity{NS: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	rotated := New(Keys{Token: "another-base", JWTSecret: a.secret, OwnerID: 42}, Options{Now: a.now})
	if _, err := rotated.Verify(token); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("after the base token was replaced: got %v", err)
	}
	if _, err := a.Verify(token); err != nil {
		t.Error(err)
	}
	if id, err := a.AccessToken(Local, "secret-base"); err != nil || id.NS != wire.OwnerNamespace {
		t.Errorf("got %+v %v", id, err)
	}
}

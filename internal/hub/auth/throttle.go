package auth

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

const (
	// freeFailures are the mistakes of people, and of scripts with an old token.
	freeFailures = 10
	// firstWait doubles with each further failure, up to longestWait.
	firstWait   = time.Second
	longestWait = 5 * time.Minute
	// forgetOne is how long a failure counts: the rate of guesses in the long run.
	forgetOne = 30 * time.Second
	// When all addresses together fail more often than floodFailures, and go on
	// with more than one failure each forgetFlood, an address has no free ones.
	floodFailures  = 100
	forgetFlood    = time.Second
	waitUnderFlood = 30 * time.Second
	// What is remembered at most. The rules of a flood make up for what is
	// forgotten under one.
	maxAddresses = 4096
	maxKnown     = 4096
)

// Throttled refuses an attempt that was not made, or failed too often.
type Throttled struct{ After time.Duration }

func (e *Throttled) Error() string {
	return fmt.Sprintf("too many failed attempts to sign in; try again in %d s", e.Seconds())
}

// Seconds are how long to wait, rounded up.
func (e *Throttled) Seconds() int { return int((e.After + time.Second - 1) / time.Second) }

// throttle makes guessing slow. An address that failed too often has to wait,
// whatever it brings next. Nobody waits for the failures of others: a token
// that was right at an address is always heard there, a first attempt is heard
// even in a flood, and this machine is always heard; only its wrong tokens are
// refused as throttled.
type throttle struct {
	now func() time.Time

	mu        sync.Mutex
	addresses *recent[Address, tally]
	known     *recent[success, struct{}]
	all       tally
}

// success is a token that was right, at an address.
type success struct {
	at  Address
	sum [sha256.Size]byte
}

// tally is how often an address failed of late.
type tally struct {
	failures float64
	last     time.Time
	until    time.Time // attempts are refused
}

// add counts a failure, after forgetting one for each time forget.
func (t *tally) add(now time.Time, forget time.Duration) {
	t.settle(now, forget)
	t.failures++
}

func (t *tally) settle(now time.Time, forget time.Duration) {
	if passed := now.Sub(t.last); passed > 0 { // not for a clock that was put back
		t.failures = max(0, t.failures-float64(passed)/float64(forget))
	}
	t.last = now
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, addresses: newRecent[Address, tally](maxAddresses), known: newRecent[success, struct{}](maxKnown)}
}

// wait is how long an attempt is not to be heard; 0: it is.
func (t *throttle) wait(at Address, sum [sha256.Size]byte) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	tally, failed := t.addresses.get(at)
	if !failed || at == Local {
		return 0
	}
	if _, known := t.known.get(success{at, sum}); known {
		return 0
	}
	// A clock that was put back keeps nobody out for longer than a wait lasts.
	return min(max(0, tally.until.Sub(t.now())), longestWait)
}

// succeeded remembers a token that was right.
func (t *throttle) succeeded(at Address, sum [sha256.Size]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known.put(success{at, sum}, struct{}{})
}

// failed counts an attempt with a wrong token, and says how long the address
// has to wait for the next one; 0: not at all.
func (t *throttle) failed(at Address) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	free, first := float64(freeFailures), firstWait
	if at != Local {
		t.all.add(now, forgetFlood)
		if t.all.failures > floodFailures {
			free, first = 0, waitUnderFlood
		}
	}
	own, _ := t.addresses.get(at)
	own.add(now, forgetOne)
	wait := time.Duration(0)
	if over := own.failures - free; over > 0 {
		wait = min(first<<min(int(over), 16), longestWait)
	}
	own.until = now.Add(wait)
	t.addresses.put(at, own)
	return wait
}

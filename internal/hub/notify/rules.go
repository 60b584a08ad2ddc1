package notify

import (
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"hapi/internal/wire"
)

const (
	// settle is how long a session's requests are watched before anybody is told:
	// an agent that asks for several things is one interruption.
	settle = 500 * time.Millisecond
	// readyEvery is how long after one ready the next ones are not told.
	readyEvery = 5 * time.Second
	// freshTask is how old a task's end may be. Older ones come from a transcript
	// that was read late.
	freshTask = time.Hour
	// surelyTold is how long before its end a process had surely told of what it
	// saw; what is younger is told again, under the same tag.
	surelyTold = 30 * time.Second
	// returnWithin is how long a restarted hub takes a session that becomes active
	// for one that never went away.
	returnWithin = 2 * time.Minute
)

// Sessions is what the rules ask.
type Sessions interface {
	Get(ns wire.Namespace, id wire.SessionID) (wire.Session, error)
}

// rules say which changes deserve attention (services contract §2.1). One
// goroutine uses them; time is what it says.
type rules struct {
	sessions Sessions
	watched  map[wire.SessionID]*watched
	settling map[wire.SessionID]time.Time // when to tell of their fresh requests
}

// watched is what was seen of an active session.
type watched struct {
	ns    wire.Namespace
	seen  []wire.RequestID // that waited at the last look
	fresh []wire.RequestID // not told of yet, in the order they came
	// readyAgain is when the next ready may be told.
	readyAgain time.Time
	// expected is set while the session is not back since the hub was restarted.
	expected time.Time
}

func newRules(s Sessions) *rules {
	return &rules{sessions: s, watched: map[wire.SessionID]*watched{}, settling: map[wire.SessionID]time.Time{}}
}

func (r *rules) remember(w *wire.Session, now time.Time) {
	requests, ok := requestsOf(w)
	if !ok || len(requests) == 0 || now.Sub(w.UpdatedAt.Time()) < surelyTold {
		return
	}
	r.watched[w.ID] = &watched{ns: w.Namespace, seen: ids(requests), expected: now.Add(returnWithin)}
}

// active is the session if its process is there.
func (r *rules) active(ns wire.Namespace, id wire.SessionID) (*wire.Session, bool) {
	w, err := r.sessions.Get(ns, id)
	return &w, err == nil && w.Active
}

// look takes in a session's present state.
func (r *rules) look(ns wire.Namespace, id wire.SessionID, now time.Time) {
	w, active := r.active(ns, id)
	seen := r.watched[id]
	if seen != nil && !seen.expected.IsZero() && now.After(seen.expected) {
		seen = nil
	}
	if !active {
		if seen == nil || seen.expected.IsZero() { // when it comes back, all that waits is new
			delete(r.watched, id)
			delete(r.settling, id)
		}
		return
	}
	if seen == nil {
		seen = &watched{ns: ns}
	}
	seen.expected = time.Time{}
	r.watched[id] = seen
	requests, ok := requestsOf(w)
	if !ok {
		return
	}
	news := 0
	for _, id := range ids(requests) {
		if !slices.Contains(seen.seen, id) {
			seen.fresh = append(seen.fresh, id)
			news++
		}
	}
	seen.seen = ids(requests)
	seen.fresh = slices.DeleteFunc(seen.fresh, func(id wire.RequestID) bool { return !slices.Contains(seen.seen, id) })
	switch {
	case len(seen.fresh) == 0:
		delete(r.settling, id)
	case news > 0:
		r.settling[id] = now.Add(settle)
	}
}

// next is when to ask due again.
func (r *rules) next() (at time.Time, ok bool) {
	for _, t := range r.settling {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// due are the requests that have settled and still wait: of each session the
// newest.
func (r *rules) due(now time.Time) (list []*Notification) {
	for id, at := range r.settling {
		if at.After(now) {
			continue
		}
		delete(r.settling, id)
		seen := r.watched[id]
		fresh := seen.fresh
		seen.fresh = nil
		w, active := r.active(seen.ns, id)
		if !active {
			continue
		}
		requests, _ := requestsOf(w)
		for _, request := range slices.Backward(requests) {
			if slices.Contains(fresh, request.id) {
				n := permission(w, request.id, request.tool)
				n.still = func() bool { return r.waits(seen.ns, id, request.id) }
				list = append(list, n)
				break
			}
		}
	}
	return list
}

// waits says whether a request still waits for an answer. Any goroutine may ask.
func (r *rules) waits(ns wire.Namespace, id wire.SessionID, request wire.RequestID) bool {
	w, active := r.active(ns, id)
	if !active {
		return false
	}
	requests, _ := requestsOf(w)
	return slices.Contains(ids(requests), request)
}

// hear takes in what a row said.
func (r *rules) hear(h heard, now time.Time) (list []*Notification) {
	w, active := r.active(h.ns, h.id)
	if !active {
		return nil
	}
	if h.notice.Ready {
		seen := r.watched[h.id]
		if seen == nil { // its becoming active is noted, or will be
			seen = &watched{ns: h.ns}
			r.watched[h.id] = seen
		}
		if !now.Before(seen.readyAgain) {
			seen.readyAgain = now.Add(readyEvery)
			list = append(list, ready(w))
		}
	}
	if t := h.notice.Task; t != nil && now.Sub(h.at.Time()) < freshTask {
		list = append(list, task(w, t))
	}
	return list
}

type request struct {
	id   wire.RequestID
	tool string
}

// requestsOf are the requests that wait, in the order the session's process has
// them; ok is false when it says nothing about requests.
func requestsOf(w *wire.Session) (list []request, ok bool) {
	requests := gjson.GetBytes(w.AgentState, "requests")
	if !requests.IsObject() {
		return nil, false
	}
	requests.ForEach(func(id, r gjson.Result) bool {
		list = append(list, request{wire.RequestID(id.Str), r.Get("tool").Str})
		return true
	})
	return list, true
}

func ids(list []request) (out []wire.RequestID) {
	for _, r := range list {
		out = append(out, r.id)
	}
	return out
}

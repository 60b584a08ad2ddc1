package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hapi/internal/hub/events"
	"hapi/internal/hub/negotiate"
	"hapi/internal/wire"
)

// errTokenExpired ends a stream whose token ran out; the client comes back
// with a fresh one and its cursor.
var errTokenExpired = errors.New("session token expired")

// events serves GET /api/events: the handshake first, then what the client
// missed, then what happens.
func (a *API) events(w http.ResponseWriter, r *http.Request) error {
	filter, err := a.eventFilter(r)
	if err != nil {
		return err
	}
	compressed := negotiate.Gzip(r.Header.Values("Accept-Encoding"))
	if r.Method == http.MethodHead {
		streamHead(w, compressed)
		return nil
	}
	sub, resume := a.bus.Subscribe(filter, lastEventID(r))
	defer sub.Close()
	missed, err := a.missed(r.Context(), sub, resume, filter)
	if err != nil {
		return err
	}

	watcher := a.watchers.add(filter, callerOf(r).ReadOnly(), r.URL.Query().Get("visibility") == "visible", sub.Call)
	defer a.watchers.remove(watcher)
	ctx, cancel := a.streamContext(r)
	defer cancel()
	s := &stream{w: w, conn: http.NewResponseController(w), watcher: watcher, gzip: compressed}
	streamHead(w, compressed)
	err = s.run(ctx, sub, missed)
	a.log.DebugContext(r.Context(), "event stream ended", "subscription", watcher.id, "cause", err)
	return nil
}

// run holds the stream from handshake to end.
func (s *stream) run(ctx context.Context, sub *events.Subscription, missed missed) error {
	// The server's own deadlines are for requests that end.
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if err := s.open(handshake(s.watcher.id, missed.resumed)); err != nil {
		return err
	}
	if len(missed.frames) > 0 {
		if err := s.say(missed.frames); err != nil {
			return err
		}
	}
	err := s.follow(ctx, sub)
	s.end()
	return err
}

// streamContext ends with the request, the token, the access token behind it or
// the hub.
func (a *API) streamContext(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(a.closing, cancel)
	unwatch := callerOf(r).Ended(cancel)
	end := func() { stop(); unwatch(); cancel() }
	if expires := callerOf(r).Expires; !expires.IsZero() {
		timed, cancelTimer := context.WithDeadlineCause(ctx, expires, errTokenExpired)
		return timed, func() { cancelTimer(); end() }
	}
	return ctx, end
}

func streamHead(w http.ResponseWriter, compressed bool) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("Connection", "keep-alive")
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers would hold events back
	h.Add("Vary", "Accept-Encoding")
	if compressed {
		h.Set("Content-Encoding", "gzip")
	}
}

// eventFilter is what the client wants to hear, once it may.
func (a *API) eventFilter(r *http.Request) (events.Filter, error) {
	if err := a.connected(); err != nil {
		return events.Filter{}, err
	}
	if a.closing.Err() != nil {
		return events.Filter{}, wire.ErrNotConnected
	}
	f := parseEventFilter(r.URL.Query(), callerOf(r).NS)
	if f.SessionID != "" {
		if err := a.sessions.Access(f.Namespace, f.SessionID); err != nil {
			return events.Filter{}, err
		}
	}
	if f.MachineID != "" {
		if _, err := a.machines.Get(f.Namespace, f.MachineID); err != nil {
			return events.Filter{}, err
		}
	}
	return f, nil
}

func parseEventFilter(q url.Values, ns wire.Namespace) events.Filter {
	all := q.Get("all")
	return events.Filter{
		Namespace: ns,
		All:       all == "true" || all == "1",
		SessionID: wire.SessionID(strings.TrimSpace(q.Get("sessionId"))),
		MachineID: wire.MachineID(strings.TrimSpace(q.Get("machineId"))),
	}
}

// lastEventID is the cursor. The header wins: a browser that reconnects by
// itself keeps the URL of its first connection.
func lastEventID(r *http.Request) string {
	if id := strings.TrimSpace(r.Header.Get("Last-Event-ID")); id != "" {
		return id
	}
	return strings.TrimSpace(r.URL.Query().Get("lastEventId"))
}

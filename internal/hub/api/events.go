package api

import (
	"net/http"
	"net/url"
	"strings"

	"hapi/internal/hub/events"
	"hapi/internal/hub/negotiate"
	"hapi/internal/wire"
)

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
	missed, err := a.missed(r.Context(), sub, resume, filter)
	if err != nil {
		sub.Close()
		return err
	}
	caller := callerOf(r)
	watcher := newWatcher(sub, filter, caller.ReadOnly(), r.URL.Query().Get("visibility") == "visible")
	streamHead(w, compressed)
	s, err := takeOver(w, r, watcher, compressed)
	if err != nil {
		sub.Close()
		a.log.DebugContext(r.Context(), "event stream not begun", "subscription", watcher.id, "err", err)
		panic(http.ErrAbortHandler) // the answer has begun
	}
	if !a.watchers.add(watcher) { // the hub is stopping
		sub.Close()
		return s.conn.Close()
	}
	a.follow(s, caller, missed)
	return nil
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

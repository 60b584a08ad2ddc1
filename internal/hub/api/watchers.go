package api

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/events"
	"hapi/internal/wire"
)

// stalledAfter is how long a write may hang before the person behind it
// counts as away: a suspended phone never says goodbye.
const stalledAfter = 10 * time.Second

// watchers are the open event streams, by subscription id.
type watchers struct {
	mu      sync.Mutex
	open    map[string]*watcher
	closed  bool
	running sync.WaitGroup // the open ones
}

// watcher is one open event stream, as the rest of the hub sees it.
type watcher struct {
	id        string
	sub       *events.Subscription // closing it ends the stream
	namespace wire.Namespace
	filter    events.Filter
	onlyLooks bool // a display on a wall: nobody can answer there
	visible   atomic.Bool
	writing   atomic.Int64 // since when a write has been under way, in Unix nanoseconds; 0 when none is
	toasts    toasts
	cut       func() // closes the connection
}

func newWatcher(sub *events.Subscription, filter events.Filter, onlyLooks, visible bool) *watcher {
	w := &watcher{id: uuid.NewString(), sub: sub, namespace: filter.Namespace, filter: filter, onlyLooks: onlyLooks, toasts: toasts{call: sub.Call}}
	w.visible.Store(visible)
	return w
}

// add registers a stream, which ends with remove. It says no once the streams
// are closed.
func (ws *watchers) add(w *watcher) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed {
		return false
	}
	if ws.open == nil {
		ws.open = map[string]*watcher{}
	}
	ws.open[w.id] = w
	ws.running.Add(1)
	return true
}

func (ws *watchers) count() int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.open)
}

func (ws *watchers) remove(w *watcher) {
	defer ws.running.Done()
	w.toasts.close()
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.open, w.id)
}

// close ends the streams and waits until they have ended. Those that have not
// when ctx ends, because their reader takes nothing, are cut.
func (ws *watchers) close(ctx context.Context) error {
	ws.mu.Lock()
	ws.closed = true
	for _, w := range ws.open {
		w.sub.Close()
	}
	ws.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		ws.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	ws.mu.Lock()
	for _, w := range ws.open {
		w.cut()
	}
	ws.mu.Unlock()
	<-ended
	return context.Cause(ctx)
}

// find is the stream id if it belongs to the namespace.
func (ws *watchers) find(ns wire.Namespace, id string) (*watcher, bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w, ok := ws.open[id]
	return w, ok && w.namespace == ns
}

// looking are the streams of the namespace that a person has on screen. Streams
// whose reader does not take what is written do not count.
func (ws *watchers) looking(ns wire.Namespace, now time.Time) (list []*watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.open {
		if w.namespace == ns && w.visible.Load() && !w.stalled(now) {
			list = append(list, w)
		}
	}
	return list
}

// of counts the streams that tell of a session. Streams whose reader does not
// take what is written do not count.
func (ws *watchers) of(ns wire.Namespace, id wire.SessionID, now time.Time) (n wire.Watchers) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.open {
		if w.namespace != ns || !w.filter.All && w.filter.SessionID != id || w.stalled(now) {
			continue
		}
		n.Connected++
		if w.visible.Load() {
			n.Looking++
		}
	}
	return n
}

// WatchersOf counts the clients that are told what happens in a session.
func (a *API) WatchersOf(ns wire.Namespace, id wire.SessionID) wire.Watchers {
	return a.watchers.of(ns, id, time.Now())
}

func (w *watcher) stalled(now time.Time) bool {
	since := w.writing.Load()
	return since != 0 && now.Sub(time.Unix(0, since)) > stalledAfter
}

var errNoSubscription = &wire.Error{Kind: wire.NotFound, Text: "Subscription not found"}

// setVisibility serves POST /api/visibility.
func (a *API) setVisibility(w http.ResponseWriter, r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	in, err := readObject(r)
	if err != nil {
		return bare(err)
	}
	id, visibility := in.requiredText("subscriptionId"), in.requiredText("visibility")
	if in.err() != nil || id == "" || (visibility != "visible" && visibility != "hidden") {
		return wire.ErrInvalidBody
	}
	stream, ok := a.watchers.find(callerOf(r).NS, id)
	if !ok {
		return errNoSubscription
	}
	stream.visible.Store(visibility == "visible")
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

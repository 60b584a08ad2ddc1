// Package hub puts the hub together and runs it: the store, the event bus, the
// services that hold the rules, and the two planes that peers talk to.
package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"hapi/internal/home"
	"hapi/internal/hub/api"
	"hapi/internal/hub/auth"
	"hapi/internal/hub/cliplane"
	"hapi/internal/hub/events"
	"hapi/internal/hub/extract"
	"hapi/internal/hub/lifecycle"
	"hapi/internal/hub/machines"
	"hapi/internal/hub/messages"
	"hapi/internal/hub/metrics"
	"hapi/internal/hub/notify"
	"hapi/internal/hub/push"
	"hapi/internal/hub/rpc"
	"hapi/internal/hub/scratchlist"
	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/hub/terminals"
	"hapi/internal/hub/tokens"
	"hapi/internal/hub/usage"
	"hapi/internal/hub/webpush"
	"hapi/internal/hub/webui"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

const (
	// headerWithin bounds how long a client may take to send its headers.
	headerWithin = 10 * time.Second
	// requestWithin bounds a whole request; an upload over a phone's line takes
	// minutes. Event streams and polls lift it for themselves.
	requestWithin = 10 * time.Minute
	idleFor       = 75 * time.Second
	// stopWithin bounds how long a stopping hub waits for its requests.
	stopWithin = 10 * time.Second
)

// Options of a Hub.
type Options struct {
	Logger *slog.Logger
	// WebApp is the built web app; nil is the one in the binary.
	WebApp fs.FS
	// Waits replace how long processes may take to come and go.
	Waits lifecycle.Waits
	// Now replaces the clock of the services.
	Now func() time.Time
}

// Hub is one running hub.
type Hub struct {
	log       *slog.Logger
	store     *store.Store
	sessions  *sessions.Service
	messages  *messages.Service
	machines  *machines.Service
	lifecycle *lifecycle.Service
	usage     *usage.Service
	metrics   *metrics.Metrics
	io        *socketio.Server
	api       *api.API
	handler   http.Handler
	ready     atomic.Bool

	tokens    *tokens.Service
	notes     *scratchlist.Service
	terminals *terminals.Service
	notify    *notify.Service
}

// Open opens the hub's database and puts everything in place. Nothing runs
// before Serve.
func Open(ctx context.Context, c *home.Hub, o Options) (*Hub, error) {
	h := &Hub{log: o.Logger, metrics: metrics.New()}
	var bus *events.Bus
	st, err := store.Open(ctx, c.DBPath, store.Options{
		Logger: o.Logger, Committed: h.metrics.Commit,
		Announce: func(change int64, list []wire.Event) {
			h.metrics.Events(len(list))
			bus.Publish(change, list...)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", c.DBPath, err)
	}
	bus = events.New(events.Options{HubID: st.HubID(), LastChange: st.LastChange()})
	if err := h.assemble(c, o, st, bus); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return h, nil
}

func (h *Hub) assemble(c *home.Hub, o Options, st *store.Store, bus *events.Bus) error {
	origins, err := api.ParseOrigins(c.CORSOrigins)
	if err != nil {
		return err
	}
	files := o.WebApp
	if files == nil {
		files = webui.Embedded()
	}
	app, err := webui.New(files)
	if err != nil {
		return err
	}
	h.store = st
	h.sessions = sessions.New(st, sessions.Options{
		Now: o.Now, Logger: h.log, Live: bus.PublishLive,
		Changed: func(ns wire.Namespace, id wire.SessionID) { h.notify.Changed(ns, id) },
	})
	h.messages = messages.New(st, h.sessions, messages.Options{
		Now: o.Now, Logger: h.log, Live: bus.PublishLive,
		Noticed: func(ns wire.Namespace, id wire.SessionID, n extract.Notice, at wire.Millis) {
			h.notify.Said(ns, id, n, at)
		},
	})
	calls := rpc.New(rpc.Options{Called: h.metrics.Call})
	h.machines = machines.New(st, machines.Options{Now: o.Now, Logger: h.log, Live: bus.PublishLive, Calls: calls})
	h.notes = scratchlist.New(st, h.sessions, scratchlist.Options{
		Now: o.Now, Dir: filepath.Join(c.Dir, "scratchlist-attachments"), Limits: c.ScratchlistLimits, Logger: h.log,
	})
	h.sessions.Follow(h.notes)
	h.usage = usage.New(st, usage.Options{Now: o.Now, Logger: h.log})
	h.io = socketio.NewServer(socketio.ServerOptions{
		AllowOrigin: origins.Allows, AllowAnyOrigin: origins.Any(), Logger: h.log,
		Address: func(r *http.Request) string { return string(auth.AddressOf(r)) },
	})
	h.tokens = tokens.New(st, tokens.Options{Now: o.Now})
	keys := auth.New(auth.Keys{Token: c.Token.Text, JWTSecret: c.JWTSecret, OwnerID: c.OwnerID}, auth.Options{Now: o.Now, Keyring: h.tokens, Logger: h.log})
	h.lifecycle = lifecycle.New(h.sessions, h.machines, st, calls, h.messages, lifecycle.Options{Now: o.Now, Logger: h.log, Waits: o.Waits})
	settings := home.At(c.Dir)
	h.terminals = terminals.New(h.sessions, terminals.Options{Now: o.Now, Max: c.TerminalMax, Idle: c.TerminalIdle})
	h.terminals.Serve(h.io, terminals.Gate{Auth: keys, Ready: h.ready.Load})
	processes := cliplane.New(cliplane.Deps{
		Auth: keys, Sessions: h.sessions, Messages: h.messages, Machines: h.machines, Lifecycle: h.lifecycle, RPC: calls, IO: h.io,
		Settings: settings, Terminals: h.terminals,
		Ready: h.ready.Load, Logger: h.log, Counted: h.metrics.Route,
	})
	h.messages.DeliverTo(processes)
	h.terminals.ServedBy(processes)
	browsers := push.New(st, push.Options{PublicKey: c.VAPID.Public, AllowPrivate: c.PushAllowPrivate, Now: o.Now})
	h.api = api.New(api.Deps{
		Auth: keys, OwnerID: c.OwnerID, Sessions: h.sessions, Messages: h.messages, Machines: h.machines, RPC: calls,
		Notes: h.notes, Push: browsers, Settings: settings, Storage: st, Tokens: h.tokens,
		Lifecycle: h.lifecycle, Usage: h.usage, Bus: bus, Changes: st, Origins: origins, WebUI: app, Ready: h.ready.Load, Logger: h.log, Counted: h.metrics.Route,
	})
	processes.WatchedBy(h.api.WatchersOf)
	if err := h.notifyBy(c, browsers); err != nil {
		return err
	}
	h.metrics.Gauge("hapi_watchers", h.api.Watchers)
	h.metrics.Gauge("hapi_sockets", h.io.Connections)
	h.metrics.Gauge("hapi_jobs_waiting", st.Waiting)
	h.handler = h.route(origins.CORS(h.api.Recovering(processes.Handler())), keys)
	return nil
}

// notifyBy puts the channels in their order: a person who looks is shown a toast,
// and only when nobody looks, browsers are told by their push services.
func (h *Hub) notifyBy(c *home.Hub, browsers *push.Service) error {
	channels := []notify.Channel{notify.Toasts{Show: h.api.Toast}}
	if c.VAPID.Private != "" { // a hub that has a data directory of its own has one
		sender, err := webpush.New(webpush.Options{
			PublicKey: c.VAPID.Public, PrivateKey: c.VAPID.Private, Subject: c.VAPIDSubject, AllowPrivate: c.PushAllowPrivate,
		})
		if err != nil {
			return err
		}
		channels = append(channels, notify.NewWebPush(browsers, sender, notify.WebPushOptions{Logger: h.log, Counted: h.metrics.Pushed}))
	}
	h.notify = notify.New(h.sessions, notify.Options{
		Channels: channels, Logger: h.log,
		Counted: func(kind notify.Kind, channel string) { h.metrics.Notified(string(kind), channel) },
	})
	return nil
}

// route sends each request to its plane.
func (h *Hub) route(processes http.Handler, keys *auth.Auth) http.Handler {
	people := h.api.Handler()
	return secured(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case strings.HasPrefix(p, "/socket.io/"):
			h.io.ServeHTTP(w, r)
		case p == "/cli", strings.HasPrefix(p, "/cli/"):
			processes.ServeHTTP(w, r)
		case p == "/metrics":
			h.serveMetrics(w, r, keys)
		default:
			people.ServeHTTP(w, r)
		}
	}))
}

// Panics counts the requests that ended in a panic.
func (h *Hub) Panics() int64 { return h.api.Panics() }

// Serve runs the hub on a listener until ctx ends, then stops in order: no new
// requests, streams and sockets end, what was accepted is written, the database
// is closed. ready is called when the hub takes calls.
func (h *Hub) Serve(ctx context.Context, listener net.Listener, ready func()) error {
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	written := make(chan error, 1)
	go func() { written <- h.store.Run(writing) }()
	err := h.run(ctx, listener, ready)
	stopWriting()
	return errors.Join(err, <-written, h.store.Close())
}

func (h *Hub) run(ctx context.Context, listener net.Listener, ready func()) error {
	if err := errors.Join(h.tokens.Load(ctx), h.sessions.Load(ctx), h.machines.Load(ctx)); err != nil {
		return errors.Join(err, listener.Close())
	}
	h.notify.Remember(h.sessions.Expected())
	server := &http.Server{
		Handler: h.handler, ReadHeaderTimeout: headerWithin, ReadTimeout: requestWithin, IdleTimeout: idleFor,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return h.sessions.Run(running) })
	group.Go(func() error { return h.messages.Run(running) })
	group.Go(func() error { return h.machines.Run(running) })
	group.Go(func() error { return h.notes.Run(running) })
	group.Go(func() error { return h.terminals.Run(running) })
	group.Go(func() error { return h.usage.Run(running) })
	group.Go(func() error { return h.notify.Run(running) })
	group.Go(func() error { return giveBack(running) })
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-running.Done()
		return h.stop(context.WithoutCancel(ctx), server)
	})
	h.ready.Store(true)
	if ready != nil {
		ready()
	}
	return group.Wait()
}

// stop ends requests, streams and sockets.
func (h *Hub) stop(ctx context.Context, server *http.Server) error {
	h.ready.Store(false)
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	var group errgroup.Group
	group.Go(func() error { return h.io.Shutdown(ctx) })
	group.Go(func() error { return h.api.CloseStreams(ctx) })
	group.Go(func() error { return server.Shutdown(ctx) })
	h.lifecycle.Close()
	h.tokens.Close()
	if err := group.Wait(); err != nil {
		h.log.Warn("some requests did not end in time and are cut off", "err", err)
		return server.Close()
	}
	return nil
}

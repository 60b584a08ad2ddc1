// Package api is the HTTP plane for people's clients: REST and the event
// stream. It decodes, asks the services, which hold the rules, and encodes.
// Nothing here changes state by itself.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync/atomic"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/auth"
	"hapi/internal/hub/events"
	"hapi/internal/hub/lifecycle"
	"hapi/internal/hub/messages"
	"hapi/internal/hub/push"
	"hapi/internal/hub/scratchlist"
	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/hub/usage"
	"hapi/internal/wire"
)

// Deps are the services behind the plane; all are required.
type Deps struct {
	Auth      Authority
	OwnerID   int64 // the user id every token holder is given
	Sessions  Sessions
	Messages  Messages
	Machines  Machines
	Lifecycle Lifecycle
	Usage     Usage
	RPC       Caller
	Bus       Bus
	Changes   Changes
	Origins   Origins
	WebUI     http.Handler // everything outside the hub's own paths

	Notes    *scratchlist.Service
	Push     *push.Service
	Settings Settings
	Storage  Storage
	Tokens   Tokens

	// Ready says whether the services take calls; before and after, routes
	// that need them answer 503.
	Ready  func() bool
	Logger *slog.Logger
	// Counted counts the requests of a route.
	Counted func(pattern string, next http.Handler) http.Handler
}

// API serves /health, /api/* and, through the web app, every other path.
type API struct {
	auth      Authority
	ownerID   int64
	sessions  Sessions
	messages  Messages
	machines  Machines
	lifecycle Lifecycle
	usage     Usage
	rpc       Caller
	bus       Bus
	changes   Changes
	origins   Origins
	webUI     http.Handler
	ready     func() bool
	log       *slog.Logger
	counted   func(pattern string, next http.Handler) http.Handler

	notes    *scratchlist.Service
	push     *push.Service
	settings Settings
	storage  Storage
	tokens   Tokens

	watchers watchers
	uploads  chan struct{} // one token for each upload being relayed
	panics   atomic.Int64
}

// New makes the plane.
func New(d Deps) *API {
	return &API{
		auth: d.Auth, ownerID: d.OwnerID, sessions: d.Sessions, messages: d.Messages, machines: d.Machines, lifecycle: d.Lifecycle,
		rpc: d.RPC, bus: d.Bus, changes: d.Changes, origins: d.Origins, webUI: d.WebUI, ready: d.Ready, log: d.Logger, counted: d.Counted,
		notes: d.Notes,
		push:  d.Push, settings: d.Settings, storage: d.Storage, tokens: d.Tokens,
		usage:   d.Usage,
		uploads: make(chan struct{}, maxUploads),
	}
}

// CloseStreams ends every event stream and waits for that; clients reconnect and
// resume. Those whose reader takes nothing are cut when ctx ends.
func (a *API) CloseStreams(ctx context.Context) error { return a.watchers.close(ctx) }

// Watchers counts the open event streams.
func (a *API) Watchers() int { return a.watchers.count() }

// Panics counts the requests that ended in a panic.
func (a *API) Panics() int64 { return a.panics.Load() }

// Handler serves the whole plane.
func (a *API) Handler() http.Handler {
	hub := a.origins.CORS(a.Recovering(a.routes()))
	return limitBody(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case p == "/health", p == "/api", strings.HasPrefix(p, "/api/"):
			hub.ServeHTTP(w, r)
		case strings.HasPrefix(p, "/api"): // never the app's index page
			answer.NotFound(w, r)
		default:
			a.webUI.ServeHTTP(w, r)
		}
	}))
}

// handler is a route: what it returns is answered by fail.
type handler func(w http.ResponseWriter, r *http.Request) error

func (a *API) routes() http.Handler {
	open := http.NewServeMux()
	a.handle(open, "GET /health", a.health)
	a.handle(open, "/health", noRoute)
	a.handle(open, "POST /api/auth", a.authenticate)
	a.handle(open, "/api/auth", noRoute)
	a.handle(open, "POST /api/bind", a.bind)
	a.handle(open, "/api/bind", noRoute)
	a.handle(open, "GET /api/openapi.json", a.openAPI)
	a.handle(open, "/api/openapi.json", noRoute)
	a.handle(open, "GET /api/docs", a.docsPage)
	a.handle(open, "/api/docs", noRoute)
	for path := range voiceSockets {
		a.handle(open, "GET "+path, a.noVoiceSocket)
		a.handle(open, path, noRoute)
	}

	known := http.NewServeMux()
	a.handle(known, "GET /api/sessions", a.listSessions)
	a.handle(known, "GET /api/sessions/{id}", a.getSession)
	a.handle(known, "POST /api/sessions/{id}/abort", a.abort)
	a.handle(known, "POST /api/sessions/{id}/switch", a.switchMode)
	a.handle(known, "PATCH /api/sessions/{id}", a.renameSession)
	a.handle(known, "DELETE /api/sessions/{id}", a.deleteSession)
	a.handle(known, "POST /api/sessions/{id}/fork", a.forkSession)
	a.handle(known, "POST /api/sessions/{id}/rewind", a.rewindSession)
	a.handle(known, "POST /api/sessions/{id}/archive", a.archiveSession)
	a.handle(known, "POST /api/sessions/{id}/resume", a.resumeSession)
	a.handle(known, "POST /api/sessions/{id}/reopen", a.reopenSession)
	a.handle(known, "PATCH /api/sessions/{id}/summary", a.setSummary)
	a.handle(known, "PUT /api/sessions/{id}/pin", a.pinSession)
	a.handle(known, "POST /api/sessions/{id}/permission-mode", a.setPermissionMode)
	a.handle(known, "POST /api/sessions/{id}/model", a.configure(settingModel))
	a.handle(known, "POST /api/sessions/{id}/effort", a.configure(settingEffort))
	a.handle(known, "POST /api/sessions/{id}/model-reasoning-effort", a.configure(settingReasoningEffort))
	a.handle(known, "POST /api/sessions/{id}/service-tier", a.configure(settingServiceTier))
	a.handle(known, "POST /api/sessions/{id}/collaboration-mode", a.configure(settingCollaborationMode))
	a.handle(known, "POST /api/sessions/{id}/copilot-agent-mode", a.configure(settingCopilotAgentMode))
	a.handle(known, "GET /api/sessions/{id}/messages", a.listMessages)
	a.handle(known, "POST /api/sessions/{id}/messages", a.sendMessage)
	a.handle(known, "DELETE /api/sessions/{id}/messages/{messageId}", a.cancelMessage)
	a.handle(known, "POST /api/sessions/{id}/messages/queued-state", a.queuedState)
	a.handle(known, "POST /api/sessions/{id}/messages/{messageId}/steer", a.steerMessage)
	a.handle(known, "POST /api/sessions/{id}/messages/{messageId}/retry", a.retryMessage)
	a.handle(known, "POST /api/sessions/{id}/permissions/{requestId}/approve", a.approve)
	a.handle(known, "POST /api/sessions/{id}/permissions/{requestId}/deny", a.deny)
	a.handle(known, "POST /api/sessions/{id}/upload", a.upload)
	a.handle(known, "POST /api/sessions/{id}/upload/delete", a.deleteUpload)
	a.machineRoutes(known)
	a.workspaceRoutes(known)
	a.catalogRoutes(known)
	a.scratchlistRoutes(known)
	a.pushRoutes(known)
	a.hubRoutes(known)
	a.tokenRoutes(known)
	a.absentRoutes(known)
	a.handle(known, "GET /api/sessions/{id}/generated-images/{imageId}", a.generatedImage)
	a.handle(known, "GET /api/sessions/{id}/export", a.exportSession)
	a.handle(known, "GET /api/usage/summary", a.usageSummary)
	a.handle(known, "POST /api/visibility", a.setVisibility)
	a.handle(known, "GET /api/events", a.events)
	a.handle(known, "/", noRoute)

	authenticated := a.authenticated(known)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health", "/api/auth", "/api/bind", "/api/openapi.json", "/api/docs", "/api/voice/gemini-ws", "/api/voice/qwen-ws":
			open.ServeHTTP(w, r)
		default:
			authenticated.ServeHTTP(w, r)
		}
	})
}

func (a *API) handle(mux *http.ServeMux, pattern string, h handler) {
	limit := bodyLimit(pattern)
	mux.Handle(pattern, a.counted(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		if err := h(w, r); err != nil {
			a.fail(w, r, err)
		}
	})))
}

func noRoute(http.ResponseWriter, *http.Request) error { return errNoRoute }

// canonical says whether the mux would serve p as it is; it redirects any
// other spelling, and peers expect those to be unknown.
func canonical(p string) bool {
	return p == path.Clean(p) || p == path.Clean(p)+"/"
}

// Authority says who may call.
type Authority interface {
	AccessToken(from auth.Address, raw string) (auth.Identity, error)
	Issue(holder auth.Identity) (string, error)
	Verify(token string) (auth.Identity, error)
}

// Sessions is what the plane asks about sessions.
type Sessions interface {
	Get(ns wire.Namespace, id wire.SessionID) (wire.Session, error)
	Active(ns wire.Namespace, id wire.SessionID) (wire.Session, error)
	Access(ns wire.Namespace, id wire.SessionID) error
	List(ctx context.Context, ns wire.Namespace, q sessions.ListQuery) ([]*wire.SessionSummary, error)
	ActiveSessions(ns wire.Namespace) []wire.Session
	Rename(ctx context.Context, ns wire.Namespace, id wire.SessionID, name string) error
	SetSummary(ctx context.Context, ns wire.Namespace, id wire.SessionID, text string) error
	Pin(ctx context.Context, ns wire.Namespace, id wire.SessionID, pin string) error
	Delete(ctx context.Context, ns wire.Namespace, id wire.SessionID) error
	Prune(ctx context.Context, before wire.Millis, dry bool) (int, error)
}

// Lifecycle is what the plane asks of a session as a whole.
type Lifecycle interface {
	Configure(ctx context.Context, w *wire.Session, change wire.SessionConfig) error
	Archive(ctx context.Context, w *wire.Session) (already bool, err error)
	Get(ns wire.Namespace, id wire.SessionID) (wire.Session, error)
	Resume(ctx context.Context, ns wire.Namespace, id wire.SessionID, mode wire.PermissionMode) (wire.SessionID, error)
	Reopen(ctx context.Context, ns wire.Namespace, id wire.SessionID) (lifecycle.Reopened, error)
	Fork(ctx context.Context, w wire.Session, boundary wire.LocalID) (wire.SessionID, error)
	Rewind(ctx context.Context, w wire.Session, boundary wire.LocalID) error
}

// Machines is what the plane asks about machines.
type Machines interface {
	Get(ns wire.Namespace, id wire.MachineID) (wire.Machine, error)
	List(ns wire.Namespace, offline bool) []wire.Machine
	Rename(ctx context.Context, ns wire.Namespace, id wire.MachineID, name string) error
	Spawn(ctx context.Context, ns wire.Namespace, id wire.MachineID, in wire.SpawnRequest) (wire.SessionID, error)
}

// Messages is what the plane asks about messages.
type Messages interface {
	Page(ctx context.Context, ns wire.Namespace, id wire.SessionID, q messages.PageQuery) (*wire.Page, error)
	Send(ctx context.Context, ns wire.Namespace, id wire.SessionID, in wire.SendRequest, sentFrom string) (wire.Message, error)
	Cancel(ctx context.Context, ns wire.Namespace, id wire.SessionID, key string) (wire.CancelResult, error)
	QueuedState(ctx context.Context, ns wire.Namespace, id wire.SessionID, ids []wire.LocalID) (wire.QueuedState, error)
	ExportSize(ctx context.Context, ns wire.Namespace, id wire.SessionID) (count, bytes int64, err error)
	Export(ctx context.Context, ns wire.Namespace, id wire.SessionID, visit func(*wire.Message) error) error
	Steer(ctx context.Context, ns wire.Namespace, id wire.SessionID, key string) (wire.SteerResult, error)
	Retry(ctx context.Context, ns wire.Namespace, id wire.SessionID, key string) (wire.RetryResult, error)
}

// Usage is what the plane asks about what agents used.
type Usage interface {
	Summary(ctx context.Context, ns wire.Namespace, q usage.Query) (wire.UsageSummary, error)
}

// Caller asks the process that runs a session to do something.
type Caller interface {
	CallRaw(ctx context.Context, scope, method string, params any) (json.RawMessage, error)
}

// Bus is where events come from.
type Bus interface {
	Subscribe(f events.Filter, lastEventID string) (*events.Subscription, events.Resume)
}

// Changes lists what changed since a client was last here.
type Changes interface {
	Reader() store.Querier
	ChangesSince(ctx context.Context, q store.Querier, scope store.ChangeScope, since int64) (store.Changes, error)
}

// connected refuses a call outside the time the services take calls.
func (a *API) connected() error {
	if !a.ready() {
		return wire.ErrNotConnected
	}
	return nil
}

// session is the guard of a session's routes: 503, 404, 403.
func (a *API) session(r *http.Request) (wire.Session, error) {
	if err := a.connected(); err != nil {
		return wire.Session{}, err
	}
	return a.sessions.Get(callerOf(r).NS, sessionID(r))
}

// activeSession is session, and 409 when its process is not there.
func (a *API) activeSession(r *http.Request) (wire.Session, error) {
	if err := a.connected(); err != nil {
		return wire.Session{}, err
	}
	return a.sessions.Active(callerOf(r).NS, sessionID(r))
}

// access is session for routes that need only its existence.
func (a *API) access(r *http.Request) error {
	if err := a.connected(); err != nil {
		return err
	}
	return a.sessions.Access(callerOf(r).NS, sessionID(r))
}

func sessionID(r *http.Request) wire.SessionID { return wire.SessionID(r.PathValue("id")) }

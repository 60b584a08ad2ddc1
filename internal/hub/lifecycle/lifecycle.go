// Package lifecycle is what people do to a session as a whole, which takes its
// process and its machine: configure, archive, hand over, resume, reopen, fork
// and rewind.
package lifecycle

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"hapi/internal/hub/machines"
	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Caller asks a session process to do something.
type Caller interface {
	CallRaw(ctx context.Context, scope, method string, params any) (json.RawMessage, error)
}

// Todos makes a session's todo list anew from its conversation.
type Todos interface {
	RebuildTodos(ctx context.Context, tx *store.Tx, id wire.SessionID) (applied func(), err error)
}

// Options of a Service. The zero value works.
type Options struct {
	Now    func() time.Time
	Logger *slog.Logger
	Waits  Waits
}

// Waits are how long a process may take. Zero values are the usual ones.
type Waits struct {
	Active   time.Duration // until the first beat of a process that was started: 15 s
	Ready    time.Duration // until an agent that says so has loaded its conversation: 60 s
	Inactive time.Duration // until a process that was told to leave has gone: 15 s
}

// Service does what people ask of sessions as a whole.
type Service struct {
	sessions *sessions.Service
	machines *machines.Service
	store    *store.Store
	calls    Caller
	todos    Todos
	now      func() time.Time
	log      *slog.Logger
	waits    Waits

	resumes singleflight.Group

	closing context.Context // ends when the hub stops
	close   context.CancelFunc
}

// New makes a Service.
func New(se *sessions.Service, ma *machines.Service, st *store.Store, calls Caller, todos Todos, o Options) *Service {
	s := &Service{sessions: se, machines: ma, store: st, calls: calls, todos: todos, now: o.Now, log: o.Logger, waits: o.Waits}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for wait, usual := range map[*time.Duration]time.Duration{
		&s.waits.Active: 15 * time.Second, &s.waits.Ready: 60 * time.Second, &s.waits.Inactive: 15 * time.Second,
	} {
		if *wait == 0 {
			*wait = usual
		}
	}
	s.closing, s.close = context.WithCancel(context.Background())
	return s
}

// Close ends what still waits for a process. The hub is stopping.
func (s *Service) Close() { s.close() }

// outlive is the context of an action that is to be finished although its
// caller left: a phone that goes to sleep must not leave a session half
// resumed. It ends with the hub.
func (s *Service) outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() { stop(); cancel() }
}

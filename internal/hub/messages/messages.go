// Package messages keeps the conversation of a session: what its agent says is
// appended, what people send is queued, delivered and taken, and both are read
// in pages. A row is announced only after it is committed.
package messages

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"hapi/internal/hub/extract"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Sessions is what this package asks of the session service.
type Sessions interface {
	Access(ns wire.Namespace, id wire.SessionID) error
	Active(ns wire.Namespace, id wire.SessionID) (wire.Session, error)
	Touch(ctx context.Context, tx *store.Tx, id wire.SessionID, at wire.Millis) (applied func(), err error)
	Derive(ctx context.Context, tx *store.Tx, id wire.SessionID, f *extract.Findings, at wire.Millis) (applied func(), err error)
	ReplaceTodos(ctx context.Context, tx *store.Tx, id wire.SessionID, steps []extract.TodoStep) (applied func(), err error)
	WithoutTodos() []wire.SessionID
	// HistoryBusy says whether the session's history is being changed: then
	// nothing is added for its agent.
	HistoryBusy(id wire.SessionID) bool
	PromptAccepted(id wire.SessionID, at wire.Millis)
	PromptsConsumed(id wire.SessionID, endGrace bool)
}

// Deliverer reaches the session processes. Its methods do not block, except
// those that ask, which wait for an answer.
type Deliverer interface {
	// Deliver hands a prompt to every process of the session.
	Deliver(id wire.SessionID, m *wire.Message)
	// Relay hands a row that one process said to the session's other ones.
	Relay(id wire.SessionID, m *wire.Message, from any)
	// AskCancel asks whether a queued prompt can still be taken back. present
	// says whether any process is connected, answered whether one answered in time.
	AskCancel(ctx context.Context, q wire.CancelQueuedUpdate) (answer wire.CancelAnswer, present, answered bool)
	// AskRetry asks the session's process to queue a prompt that it knows already.
	AskRetry(ctx context.Context, id wire.SessionID, u wire.RetryQueuedUpdate) wire.RetryAnswer
	// AskSteer asks the session's process to hand a prompt into the running turn.
	AskSteer(ctx context.Context, id wire.SessionID, local wire.LocalID) wire.SteerOutcome
	// Processes is how many processes the session has.
	Processes(id wire.SessionID) int
}

// Options of a Service. The zero value works.
type Options struct {
	Now    func() time.Time
	NewID  func() string // ids that sort by time keep inserts at the end of their index
	Logger *slog.Logger
	Live   func(...wire.Event) // tells watchers what is not durable
	// Noticed is told what a new row says that a person may want to be told of,
	// after the commit, on the store's writer: it must not block.
	Noticed func(ns wire.Namespace, id wire.SessionID, n extract.Notice, at wire.Millis)
}

// Service answers for the messages of all sessions.
type Service struct {
	store    *store.Store
	sessions Sessions
	deliver  Deliverer
	now      func() time.Time
	newID    func() string
	log      *slog.Logger
	tell     func(...wire.Event)
	noticed  func(wire.Namespace, wire.SessionID, extract.Notice, wire.Millis)

	mu       sync.Mutex
	replays  map[wire.SessionID]*replay
	matured  map[wire.MessageID]bool // scheduled rows already announced as due
	retrying map[wire.MessageID]bool
}

// New makes a Service. DeliverTo comes before the first message.
func New(st *store.Store, sessions Sessions, o Options) *Service {
	s := &Service{
		store: st, sessions: sessions, now: o.Now, newID: o.NewID, log: o.Logger, tell: o.Live, noticed: o.Noticed,
		replays: map[wire.SessionID]*replay{}, matured: map[wire.MessageID]bool{}, retrying: map[wire.MessageID]bool{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.tell == nil {
		s.tell = func(...wire.Event) {}
	}
	if s.noticed == nil {
		s.noticed = func(wire.Namespace, wire.SessionID, extract.Notice, wire.Millis) {}
	}
	return s
}

// DeliverTo says who reaches the session processes.
func (s *Service) DeliverTo(d Deliverer) { s.deliver = d }

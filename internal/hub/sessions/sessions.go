// Package sessions holds the life of a session: created, heard of, written to,
// silent, ended. All sessions are kept in memory as the store has committed
// them, together with what only lives while the hub runs: whether the agent is
// thinking, since when, and in which mode.
package sessions

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

const (
	expireAfter = 30 * time.Second // without a beat, a session is inactive
	sweepEvery  = 5 * time.Second
	// A prompt makes its session think until the agent says so itself, or this
	// long: the gap until an agent starts its turn.
	thinkingGrace = 15 * time.Second
	// Beats that change nothing but the time are told this seldom.
	patchEvery = 60 * time.Second
	// An older beat was kept somewhere and says nothing about now.
	staleBeat = 10 * time.Minute
)

// Options of a Service. The zero value works.
type Options struct {
	Now    func() time.Time
	NewID  func() string
	Logger *slog.Logger
	// Live tells watchers what is not durable.
	Live func(...wire.Event)
	// Changed is told of a session that comes, goes, becomes active or inactive,
	// or whose agent state was written. It is called with the sessions locked: it
	// must not block nor ask for them.
	Changed func(wire.Namespace, wire.SessionID)
}

// Service answers for all sessions of the hub.
type Service struct {
	store *store.Store
	now   func() time.Time
	newID func() string
	log   *slog.Logger
	tell  func(...wire.Event)
	saw   func(wire.Namespace, wire.SessionID)

	mu      sync.RWMutex
	all     map[wire.SessionID]*entry
	aliases map[wire.SessionID]store.Alias // former ids
	// appeared is closed, and replaced, when a session is added.
	appeared chan struct{}

	held     map[conversation][]wire.SessionID // who holds which conversation
	suspects map[conversation]bool             // those to look at
	nudge    chan struct{}                     // wakes Run when there are any
	busy     map[wire.SessionID]bool           // whose history is being changed

	follower Follower
}

// Follower keeps something of sessions that is not in the store. Its methods
// are called outside of transactions, one at a time for a session.
type Follower interface {
	// Joining is told before a session is merged into another one: what is kept
	// of the first is to be there for the second as well.
	Joining(ns wire.Namespace, from, into wire.SessionID) error
	// Gone is told that there is no such session any more.
	Gone(ns wire.Namespace, id wire.SessionID)
}

// Follow says who follows the sessions. It comes before the first call.
func (s *Service) Follow(f Follower) { s.follower = f }

// entry is one session: what is committed, how that is shown, and what only
// memory knows. Guarded by Service.mu.
type entry struct {
	row   store.Session
	shown wire.Session // row as peers see it, without what is live
	view  MetadataView // of shown
	live  live

	derived      atomic.Pointer[derived] // for the list
	conversation conversation            // as the namespace's sessions are compared by it
	changed      chan struct{}           // closed at the next change; nil while nobody waits
}

type live struct {
	activeAt          wire.Millis
	thinking          bool
	thinkingAt        wire.Millis
	turnStartedAt     *wire.Millis
	permissionMode    wire.PermissionMode
	collaborationMode string
	copilotAgentMode  string
	config            configGuard
	ready             bool      // its agent said that it takes prompts
	expectedUntil     time.Time // its process was there before the hub was restarted

	graceUntil   time.Time // thinking is held until then
	promptWaits  bool      // a prompt was accepted and not taken
	lastPatch    time.Time
	activeAsOfDB wire.Millis
}

// New makes a Service. Load comes before anything else.
func New(st *store.Store, o Options) *Service {
	s := &Service{
		store: st, now: o.Now, newID: o.NewID, log: o.Logger, tell: o.Live, saw: o.Changed,
		all: map[wire.SessionID]*entry{}, aliases: map[wire.SessionID]store.Alias{}, appeared: make(chan struct{}),
		held: map[conversation][]wire.SessionID{}, suspects: map[conversation]bool{}, nudge: make(chan struct{}, 1), busy: map[wire.SessionID]bool{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = uuid.NewString
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.tell == nil {
		s.tell = func(...wire.Event) {}
	}
	if s.saw == nil {
		s.saw = func(wire.Namespace, wire.SessionID) {}
	}
	return s
}

// Load reads all sessions and marks them inactive: nobody has been heard of
// since this hub started. The store's writer must be running.
func (s *Service) Load(ctx context.Context) error {
	before, err := s.store.Sessions(ctx, s.store.Reader())
	if err != nil {
		return fmt.Errorf("load sessions: %w", err)
	}
	if err := s.store.Write(ctx, func(tx *store.Tx) error { return tx.DeactivateSessions(ctx) }); err != nil {
		return fmt.Errorf("mark sessions inactive: %w", err)
	}
	rows, err := s.store.Sessions(ctx, s.store.Reader())
	if err != nil {
		return fmt.Errorf("load sessions: %w", err)
	}
	aliases, err := s.store.Aliases(ctx, s.store.Reader())
	if err != nil {
		return fmt.Errorf("load aliases: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range aliases {
		s.aliases[a.ID] = a
	}
	for _, row := range rows {
		s.applyLocked(row)
	}
	for _, row := range before {
		if e := s.all[row.ID]; e != nil && row.Active {
			e.live.expectedUntil = s.now().Add(expireAfter)
		}
	}
	return nil
}

// Expected lists the sessions whose process was there when the hub stopped and is
// likely to come back.
func (s *Service) Expected() []wire.Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []wire.Session
	for _, e := range s.all {
		if !e.live.expectedUntil.IsZero() {
			out = append(out, e.show())
		}
	}
	return out
}

// Access says whether the namespace may use the session: nil,
// wire.ErrSessionNotFound or wire.ErrSessionDenied.
func (s *Service) Access(ns wire.Namespace, id wire.SessionID) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, err := s.lookupLocked(ns, id)
	return err
}

// Get is the session as peers see it.
func (s *Service) Get(ns wire.Namespace, id wire.SessionID) (wire.Session, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, err := s.lookupLocked(ns, id)
	if err != nil {
		return wire.Session{}, err
	}
	return e.show(), nil
}

// Active is Get for a session that was heard of lately, else wire.ErrSessionInactive.
func (s *Service) Active(ns wire.Namespace, id wire.SessionID) (wire.Session, error) {
	session, err := s.Get(ns, id)
	if err != nil {
		return wire.Session{}, err
	}
	if !session.Active {
		return wire.Session{}, wire.ErrSessionInactive
	}
	return session, nil
}

// IsActive says whether the session was heard of lately.
func (s *Service) IsActive(id wire.SessionID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.all[id]
	return e != nil && e.row.Active
}

// All lists the namespace's sessions.
func (s *Service) All(ns wire.Namespace) []wire.Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []wire.Session
	for _, e := range s.all {
		if e.row.Namespace == ns {
			out = append(out, e.show())
		}
	}
	return out
}

// ActiveSessions lists the namespace's sessions that were heard of lately.
func (s *Service) ActiveSessions(ns wire.Namespace) []wire.Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []wire.Session
	for _, e := range s.all {
		if e.row.Namespace == ns && e.row.Active {
			out = append(out, e.show())
		}
	}
	return out
}

func (s *Service) lookupLocked(ns wire.Namespace, id wire.SessionID) (*entry, error) {
	e := s.all[id]
	switch {
	case e == nil:
		return nil, wire.ErrSessionNotFound
	case e.row.Namespace != ns:
		return nil, wire.ErrSessionDenied
	}
	return e, nil
}

// apply takes over a committed row.
func (s *Service) apply(row store.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applyLocked(row)
}

func (s *Service) applyLocked(row store.Session) {
	e := s.all[row.ID]
	if e == nil {
		e = &entry{live: live{activeAt: row.ActiveAt}}
		s.all[row.ID] = e
		close(s.appeared)
		s.appeared = make(chan struct{})
	}
	known, wasActive, state := e.row.ID != "", e.row.Active, e.row.AgentStateVersion
	e.row = row
	if !known || wasActive != row.Active || state != row.AgentStateVersion {
		s.saw(row.Namespace, row.ID)
	}
	e.shown, e.view = present(&row)
	if changed := s.track(row.ID, e); known && (changed || wasActive != row.Active) {
		s.suspect(e.conversation)
	}
	e.live.activeAt = max(e.live.activeAt, row.ActiveAt)
	e.live.activeAsOfDB = row.ActiveAt
	e.notify()
}

// show is the session with what is live. The caller holds mu.
func (e *entry) show() wire.Session {
	w := e.shown
	l := &e.live
	w.ActiveAt = l.activeAt
	w.Thinking, w.ThinkingAt, w.ActiveTurnStartedAt = l.thinking, l.thinkingAt, l.turnStartedAt
	if e.row.Active { // without its process nothing runs
		w.BackgroundTaskCount = len(strings.Fields(e.row.BackgroundTasks))
	}
	if l.permissionMode != "" {
		w.PermissionMode = l.permissionMode
	}
	if l.copilotAgentMode != "" {
		w.CopilotAgentMode = l.copilotAgentMode
	}
	w.CollaborationMode = l.collaborationMode
	return w
}

// job is a change of one stored session. mutate sees the row as the
// transaction has it and says whether it changed; a nil row means it is gone.
func (s *Service) job(ctx context.Context, id wire.SessionID, mutate func(tx *store.Tx, row *store.Session) (bool, error)) store.Job {
	var next *store.Session
	return store.Job{
		Do: func(tx *store.Tx) error {
			next = nil
			row, ok, err := s.store.SessionByID(ctx, tx, id)
			if err != nil {
				return fmt.Errorf("read session %s: %w", id, err)
			}
			if !ok {
				_, err := mutate(tx, nil)
				return err
			}
			changed, err := mutate(tx, &row)
			if err != nil || !changed {
				return err
			}
			next = &row
			return tx.UpdateSession(ctx, &row)
		},
		Applied: func() {
			if next != nil {
				s.apply(*next)
			}
		},
	}
}

// patchEvent is a session-updated with a patch. Patches always marshal.
func patchEvent(ns wire.Namespace, id wire.SessionID, p wire.SessionPatch) wire.Event {
	e, err := wire.SessionDataEvent(wire.SessionUpdated, ns, id, p)
	if err != nil {
		panic(fmt.Sprintf("marshal a session patch: %v", err))
	}
	return e
}

// UpdatedEvent is a session-updated with the whole session.
func UpdatedEvent(w wire.Session) (wire.Event, error) {
	return wire.SessionDataEvent(wire.SessionUpdated, w.Namespace, w.ID, w)
}

// Touch notes activity in the session at a time: updatedAt never goes back. It
// runs in the caller's transaction; applied belongs into the job's Applied.
func (s *Service) Touch(ctx context.Context, tx *store.Tx, id wire.SessionID, at wire.Millis) (applied func(), err error) {
	j := s.job(ctx, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		if row == nil || row.UpdatedAt >= at {
			return false, nil
		}
		row.UpdatedAt = at
		tx.Announce(patchEvent(row.Namespace, id, wire.SessionPatch{UpdatedAt: &at}))
		return true, nil
	})
	return j.Applied, j.Do(tx)
}

// AgentState is the session's agent state as far as it validates, for rules
// that need to look into it.
func AgentState(w *wire.Session) (wire.AgentState, error) {
	var state wire.AgentState
	if w.AgentState == nil {
		return state, nil
	}
	if err := json.Unmarshal(w.AgentState, &state); err != nil {
		return state, fmt.Errorf("read the agent state of %s: %w", w.ID, err)
	}
	return state, nil
}

// MetadataView is what the hub itself reads of a session's metadata.
type MetadataView struct {
	Path                    string              `json:"path"`
	Host                    string              `json:"host"`
	Name                    string              `json:"name"`
	Summary                 *wire.SummaryText   `json:"summary"`
	Flavor                  *wire.Flavor        `json:"flavor"`
	MachineID               wire.MachineID      `json:"machineId"`
	Worktree                json.RawMessage     `json:"worktree"`
	LifecycleState          string              `json:"lifecycleState"`
	HapiMcpURL              string              `json:"hapiMcpUrl"`
	PreferredPermissionMode wire.PermissionMode `json:"preferredPermissionMode"`
	PreferredCopilotMode    string              `json:"preferredCopilotAgentMode"`
	ArchivedBy              string              `json:"archivedBy"`
	SupersededBy            wire.SessionID      `json:"supersededBySessionId"`
	StartingMode            *string             `json:"startingMode"`
	CursorProtocol          string              `json:"cursorSessionProtocol"`
	Diverged                bool                `json:"conversationHistoryDiverged"`
	Capabilities            struct {
		ConversationHistory map[string]bool `json:"conversationHistory"`
	} `json:"capabilities"`

	ClaudeSessionID   string `json:"claudeSessionId"`
	CodexSessionID    string `json:"codexSessionId"`
	GeminiSessionID   string `json:"geminiSessionId"`
	OpencodeSessionID string `json:"opencodeSessionId"`
	GrokSessionID     string `json:"grokSessionId"`
	CursorSessionID   string `json:"cursorSessionId"`
	PiSessionID       string `json:"piSessionId"`
	AgySessionID      string `json:"agySessionId"`
	CopilotSessionID  string `json:"copilotSessionId"`
	KimiSessionID     string `json:"kimiSessionId"`
}

// Metadata reads a session's shown metadata; null gives the zero view.
func Metadata(w *wire.Session) MetadataView {
	var v MetadataView
	if w.Metadata != nil {
		_ = json.Unmarshal(w.Metadata, &v) // shown metadata has been validated field by field
	}
	return v
}

// natives are the view's native ids, in the order in which sessions are
// compared by them.
func (v *MetadataView) natives() [10]nativeID {
	return [...]nativeID{
		{wire.FlavorCodex, v.CodexSessionID}, {wire.FlavorClaude, v.ClaudeSessionID}, {wire.FlavorGemini, v.GeminiSessionID},
		{wire.FlavorOpencode, v.OpencodeSessionID}, {wire.FlavorGrok, v.GrokSessionID}, {wire.FlavorCursor, v.CursorSessionID},
		{wire.FlavorPi, v.PiSessionID}, {wire.FlavorAgy, v.AgySessionID}, {wire.FlavorCopilot, v.CopilotSessionID}, {wire.FlavorKimi, v.KimiSessionID},
	}
}

type nativeID struct {
	flavor wire.Flavor
	id     string
}

// Host is the host name in a session's or a machine's metadata.
func Host(metadata json.RawMessage) string {
	var m struct{ Host string }
	_ = json.Unmarshal(metadata, &m) // unreadable metadata names no host
	return m.Host
}

// Flavor is the session's agent; Claude when it does not say.
func Flavor(w *wire.Session) wire.Flavor { return Metadata(w).flavor() }

// Steerable says whether the session's agent can be handed a prompt while a
// turn runs.
func Steerable(w *wire.Session) bool {
	f := Flavor(w)
	if f != wire.FlavorCursor {
		return f == wire.FlavorCodex || f == wire.FlavorPi
	}
	var m struct {
		Protocol string `json:"cursorSessionProtocol"`
		Session  string `json:"cursorSessionId"`
	}
	_ = json.Unmarshal(w.Metadata, &m) // null has neither
	return m.Protocol != "stream-json" && (m.Protocol != "" || m.Session == "")
}

func (v MetadataView) flavor() wire.Flavor {
	if v.Flavor != nil && *v.Flavor != "" {
		return *v.Flavor
	}
	return wire.FlavorClaude
}

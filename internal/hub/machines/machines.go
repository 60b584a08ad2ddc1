// Package machines answers for the computers that can run agents: what they
// said of themselves, and whether their runner was heard of lately.
package machines

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

const (
	expireAfter = 45 * time.Second // without a beat, a machine is inactive
	sweepEvery  = 5 * time.Second
	// Beats that change nothing but the time are told this seldom.
	patchEvery = 60 * time.Second
	// An older beat was kept somewhere and says nothing about now.
	staleBeat = 10 * time.Minute
)

// Options of a Service. The zero value works.
type Options struct {
	Now    func() time.Time
	Logger *slog.Logger
	Live   func(...wire.Event) // tells watchers what is not durable
	Calls  Caller              // reaches the runners; needed to spawn
}

// Service answers for all machines of the hub.
type Service struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger
	tell  func(...wire.Event)
	calls Caller

	mu  sync.RWMutex
	all map[wire.MachineID]*entry
}

// entry is one machine: what is committed, and what only memory knows. Guarded
// by Service.mu.
type entry struct {
	row       store.Machine
	active    bool
	activeAt  wire.Millis
	health    *wire.Health
	lastPatch time.Time
}

// New makes a Service. Load comes before anything else.
func New(st *store.Store, o Options) *Service {
	s := &Service{store: st, now: o.Now, log: o.Logger, tell: o.Live, calls: o.Calls, all: map[wire.MachineID]*entry{}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.tell == nil {
		s.tell = func(...wire.Event) {}
	}
	return s
}

// Load reads all machines. None is active until it is heard of.
func (s *Service) Load(ctx context.Context) error {
	rows, err := s.store.Machines(ctx, s.store.Reader())
	if err != nil {
		return fmt.Errorf("load machines: %w", err)
	}
	for _, row := range rows {
		s.apply(row)
	}
	return nil
}

// Access says whether the namespace may use the machine: nil,
// wire.ErrMachineNotFound or wire.ErrMachineDenied.
func (s *Service) Access(ns wire.Namespace, id wire.MachineID) error {
	_, err := s.Get(ns, id)
	return err
}

// List is the machines of a namespace, the oldest first. Those that were not
// heard of lately are left out unless offline is set.
func (s *Service) List(ns wire.Namespace, offline bool) []wire.Machine {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := []wire.Machine{}
	for _, e := range s.all {
		if e.row.Namespace == ns && (e.active || offline) {
			list = append(list, e.show())
		}
	}
	slices.SortFunc(list, func(a, b wire.Machine) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Get is the machine as peers see it.
func (s *Service) Get(ns wire.Namespace, id wire.MachineID) (wire.Machine, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.all[id]
	switch {
	case e == nil:
		return wire.Machine{}, wire.ErrMachineNotFound
	case e.row.Namespace != ns:
		return wire.Machine{}, wire.ErrMachineDenied
	}
	return e.show(), nil
}

func (s *Service) apply(row store.Machine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.all[row.ID]
	if e == nil {
		e = &entry{activeAt: row.ActiveAt}
		s.all[row.ID] = e
	}
	e.row = row
	e.activeAt = max(e.activeAt, row.ActiveAt)
}

// show is the machine as peers see it. The caller holds mu.
func (e *entry) show() wire.Machine {
	r := &e.row
	return wire.Machine{
		ID: r.ID, Namespace: r.Namespace, Seq: r.Seq, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		Active: e.active, ActiveAt: e.activeAt, Metadata: shownMetadata(r.Metadata), MetadataVersion: r.MetadataVersion,
		RunnerState: orNull(r.RunnerState), RunnerStateVersion: r.RunnerStateVersion, Health: e.health,
	}
}

// shownMetadata is what peers see of metadata that they can read, else null.
func shownMetadata(raw json.RawMessage) json.RawMessage {
	var m struct {
		Host     *string `json:"host"`
		Platform *string `json:"platform"`
		Version  *string `json:"happyCliVersion"`
	}
	if json.Unmarshal(raw, &m) != nil || m.Host == nil || m.Platform == nil || m.Version == nil {
		return json.RawMessage("null")
	}
	return raw
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

func notNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return raw
}

// event announces a machine's present state.
func event(w wire.Machine) wire.Event {
	e, err := wire.MachineEvent(w.Namespace, w.ID, w)
	if err != nil { // it was stored as JSON
		panic(fmt.Sprintf("marshal a machine: %v", err))
	}
	return e
}

// shown is the machine with a changed row.
func (s *Service) shown(row *store.Machine) wire.Machine {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := entry{row: *row, activeAt: row.ActiveAt}
	if known := s.all[row.ID]; known != nil {
		e.active, e.activeAt, e.health = known.active, max(known.activeAt, row.ActiveAt), known.health
	}
	return e.show()
}

package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// row is the session's on the hub. It may come late: a person who opens an agent
// at the terminal, says nothing and leaves it, leaves nothing on the hub.
type row struct {
	create  wire.CreateSession // what makes it
	needed  chan struct{}      // closed when there is something to keep
	stored  chan struct{}      // closed when the hub has it
	refused chan struct{}      // closed when the hub will not have it

	once    sync.Once
	mu      sync.Mutex
	failure error // why the hub does not have it yet
}

func newRow(create wire.CreateSession) *row {
	return &row{create: create, needed: make(chan struct{}), stored: make(chan struct{}), refused: make(chan struct{})}
}

// storedRow is one that the hub has.
func storedRow() *row {
	r := newRow(wire.CreateSession{})
	r.need()
	close(r.stored)
	return r
}

// lateRow is one that the hub is to have when it is needed, and how it will be.
func lateRow(o *Options) (*row, wire.Session, error) {
	create, err := describe(o)
	if err != nil {
		return nil, wire.Session{}, err
	}
	create.ID = wire.SessionID(uuid.NewString())
	if create.Machine, err = describeMachine(&o.Facts); err != nil {
		return nil, wire.Session{}, err
	}
	return newRow(create), wire.Session{
		ID: create.ID, Metadata: create.Metadata, MetadataVersion: 1, AgentState: create.AgentState, AgentStateVersion: 1,
	}, nil
}

// need says that there is something to keep.
func (r *row) need() { r.once.Do(func() { close(r.needed) }) }

// isNeeded says whether there was ever something to keep.
func (r *row) isNeeded() bool { return closed(r.needed) }

// isStored says whether the hub has it.
func (r *row) isStored() bool { return closed(r.stored) }

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// await waits until the hub has it or refuses it, or ctx ends.
func (r *row) await(ctx context.Context) error {
	select {
	case <-r.stored:
		return nil
	case <-r.refused:
		return errRefused
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// storeAgain is the pause before the hub is asked again for a row.
const storeAgain = 2 * time.Second

// store makes the row once it is needed. It tries until the hub has it, refuses
// it, or ctx ends.
func (r *row) store(ctx context.Context, client *hubclient.Client, log *slog.Logger) error {
	select {
	case <-r.needed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for !r.isStored() {
		made, err := client.CreateSession(ctx, r.create)
		if err == nil && made.ID != r.create.ID {
			err = errors.Join(errOtherID, errRefused)
		}
		var refused *hubclient.StatusError
		if errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 && refused.Status != 429 {
			err = errors.Join(err, errRefused)
		}
		r.mu.Lock()
		r.failure = err
		r.mu.Unlock()
		switch {
		case err == nil:
			close(r.stored)
			return nil
		case errors.Is(err, errRefused):
			close(r.refused)
			return err
		}
		log.Warn("the hub does not have this session yet; trying again", "err", err)
		select {
		case <-time.After(storeAgain):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

var (
	errOtherID = errors.New("the hub gave the session another id")
	errRefused = errors.New("the hub refused the session")
)

// Unsaved says why what was said is not on the hub; nil: it is, or there was
// nothing to keep.
func (s *Session) Unsaved() error {
	if !s.stored.isNeeded() || s.stored.isStored() {
		return nil
	}
	s.stored.mu.Lock()
	defer s.stored.mu.Unlock()
	return errors.Join(errors.New("the hub does not have this session"), s.stored.failure)
}

// connect keeps the session's link, from when the hub has its row, until ctx ends.
// A hub that refuses a late row takes nothing from the person at the terminal:
// they go on, and are told when they leave, see Unsaved.
func (s *Session) connect(ctx context.Context) {
	late := !s.stored.isStored()
	if err := s.stored.store(ctx, s.client, s.log); err != nil {
		if errors.Is(err, errRefused) {
			s.log.Error("the hub does not keep this session", "err", err)
		}
		return
	}
	if late {
		s.mu.Lock()
		s.open.Env = append(s.open.Env[:len(s.open.Env):len(s.open.Env)], sessionVariable+string(s.row.ID))
		s.mu.Unlock()
		reportToRunner(ctx, &s.facts, s.row.ID, s.log)
	}
	_ = s.link.Run(ctx) // ends with ctx
}

// sessionVariable says to agents which session they are of. They never see an id
// that the hub does not know.
const sessionVariable = "HAPI_SESSION_ID="

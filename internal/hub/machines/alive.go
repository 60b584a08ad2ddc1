package machines

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Alive takes a runner's keep-alive, stamped with the hub's clock. Health that
// does not validate counts as none.
func (s *Service) Alive(ns wire.Namespace, a wire.MachineAlive) error {
	if err := s.Access(ns, a.MachineID); err != nil {
		return err
	}
	now := s.now()
	if a.Time == nil || now.Sub(wire.Millis(int64(*a.Time)).Time()) > staleBeat {
		return nil
	}
	s.mu.Lock()
	e := s.all[a.MachineID]
	if shuttingDown(e.row.RunnerState) { // a last beat does not bring it back
		s.mu.Unlock()
		return nil
	}
	health := parseHealth(a.Health)
	tell := !e.active || healthDiffers(e.health, health) || now.Sub(e.lastPatch) > patchEvery
	e.active, e.activeAt, e.health = true, max(e.activeAt, wire.At(now)), health
	if tell {
		e.lastPatch = now
	}
	shown := e.show()
	s.mu.Unlock()
	if tell {
		s.tell(event(shown))
	}
	return nil
}

func parseHealth(raw json.RawMessage) *wire.Health {
	if notNull(raw) == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	h := &wire.Health{}
	if d.Decode(h) != nil || h.CPUCount != nil && *h.CPUCount <= 0 || !within(h.CPUPercent, 100) || !within(h.MemoryPercent, 100) ||
		!within(h.Load1m, 1e9) || !within(h.UptimeSeconds, 1e12) {
		return nil
	}
	return h
}

func within(v *float64, most float64) bool { return v == nil || *v >= 0 && *v <= most }

func healthDiffers(a, b *wire.Health) bool {
	if a == nil || b == nil {
		return a != b
	}
	x, y := *a, *b
	x.CollectedAt, y.CollectedAt = 0, 0
	x.UptimeSeconds, y.UptimeSeconds = nil, nil
	rawX, errX := json.Marshal(x)
	rawY, errY := json.Marshal(y)
	return errX != nil || errY != nil || !bytes.Equal(rawX, rawY)
}

// Run marks machines inactive that were not heard of for too long. It returns
// when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.tell(s.expire()...)
		}
	}
}

func (s *Service) expire() []wire.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []wire.Event
	for _, e := range s.all {
		if e.active && s.now().Sub(e.activeAt.Time()) > expireAfter {
			e.active, e.health = false, nil
			gone = append(gone, event(e.show()))
		}
	}
	return gone
}

// VersionedDone gets the outcome of a versioned write; written is the persisted
// value after a success, else nil. It runs on the store's writer and must not block.
type VersionedDone func(ack wire.VersionedAck, written *wire.Versioned)

// UpdateMetadata writes the machine's metadata if the expected version is the
// stored one (socket contract §6).
func (s *Service) UpdateMetadata(ctx context.Context, ns wire.Namespace, in wire.MachineUpdate, done VersionedDone) {
	s.versioned(ctx, ns, &in, in.Metadata, field{
		value:   func(r *store.Machine) *json.RawMessage { return &r.Metadata },
		version: func(r *store.Machine) *int64 { return &r.MetadataVersion },
		ack:     func(a *wire.VersionedAck, v json.RawMessage) { a.Metadata = orNull(v) },
	}, done)
}

// UpdateRunnerState writes the machine's runner state likewise. A runner that
// says it is shutting down is inactive from then on.
func (s *Service) UpdateRunnerState(ctx context.Context, ns wire.Namespace, in wire.MachineUpdate, done VersionedDone) {
	s.versioned(ctx, ns, &in, in.RunnerState, field{
		value:   func(r *store.Machine) *json.RawMessage { return &r.RunnerState },
		version: func(r *store.Machine) *int64 { return &r.RunnerStateVersion },
		ack:     func(a *wire.VersionedAck, v json.RawMessage) { a.RunnerState = orNull(v) },
		applied: s.heardFromRunner,
	}, done)
}

type field struct {
	value   func(*store.Machine) *json.RawMessage
	version func(*store.Machine) *int64
	ack     func(*wire.VersionedAck, json.RawMessage)
	applied func(id wire.MachineID, value json.RawMessage)
}

func (s *Service) heardFromRunner(id wire.MachineID, state json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.all[id]
	if e == nil {
		return
	}
	e.active = !shuttingDown(state)
	e.activeAt = max(e.activeAt, wire.At(s.now()))
	if !e.active {
		e.health = nil
	}
}

// shuttingDown says whether a runner said that it goes. A state without status
// is a running one.
func shuttingDown(state json.RawMessage) bool {
	var said struct {
		Status string `json:"status"`
	}
	return json.Unmarshal(state, &said) == nil && said.Status == wire.RunnerShuttingDown
}

func (s *Service) versioned(ctx context.Context, ns wire.Namespace, in *wire.MachineUpdate, value json.RawMessage, f field, done VersionedDone) {
	failed := wire.VersionedAck{Result: wire.WriteError}
	if err := s.Access(ns, in.MachineID); err != nil {
		failed.Reason = "not-found"
		if errors.Is(err, wire.ErrMachineDenied) {
			failed.Reason = "access-denied"
		}
		done(failed, nil)
		return
	}
	if in.ExpectedVersion == nil || len(value) == 0 {
		done(failed, nil)
		return
	}
	var ack wire.VersionedAck
	var written *wire.Versioned
	var row store.Machine
	err := s.store.Submit(ctx, store.Job{
		Do: func(tx *store.Tx) (err error) {
			written = nil
			if row, _, err = s.store.MachineByID(ctx, tx, in.MachineID); err != nil {
				return fmt.Errorf("read machine: %w", err)
			}
			version, stored := f.version(&row), f.value(&row)
			if *version != *in.ExpectedVersion {
				ack = wire.VersionedAck{Result: wire.WriteMismatch, Version: *version}
				f.ack(&ack, *stored)
				return nil
			}
			*stored = notNull(value)
			*version++
			row.Seq++
			row.UpdatedAt = max(row.UpdatedAt, wire.At(s.now()))
			ack = wire.VersionedAck{Result: wire.WriteSuccess, Version: *version}
			f.ack(&ack, *stored)
			written = &wire.Versioned{Version: *version, Value: orNull(*stored)}
			return tx.PutMachine(ctx, &row)
		},
		Applied: func() {
			if written == nil {
				return
			}
			s.apply(row)
			if f.applied != nil {
				f.applied(row.ID, value)
			}
			s.tell(event(s.shown(&row)))
		},
		Done: func(err error) {
			if err != nil {
				s.log.Error("machine write failed", "machine", in.MachineID, "err", err)
				ack, written = failed, nil
			}
			done(ack, written)
		},
	})
	if err != nil {
		done(failed, nil)
	}
}

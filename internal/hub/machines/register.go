package machines

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Claims that a runner makes anew each time it registers: left out means gone,
// so that going back to an older version leaves none behind.
var runnerClaims = []string{"capabilities", "supervisedRestart", "startedCliMtimeMs", "installedCliMtimeMs"}

// CreateOrLoad registers a machine (socket contract §3.2). What is known of it
// stays unless it says otherwise.
func (s *Service) CreateOrLoad(ctx context.Context, ns wire.Namespace, in wire.CreateMachine) (wire.Machine, error) {
	var row store.Machine
	var changed bool
	err := s.store.WriteJob(ctx, store.Job{
		Do: func(tx *store.Tx) error {
			var err error
			row, changed, err = s.register(ctx, tx, ns, &in)
			if err != nil || !changed {
				return err
			}
			tx.Announce(event(s.shown(&row)))
			return tx.PutMachine(ctx, &row)
		},
		Applied: func() {
			if changed {
				s.apply(row)
			}
		},
	})
	if err != nil {
		return wire.Machine{}, fmt.Errorf("register machine: %w", err)
	}
	return s.Get(ns, in.ID)
}

func (s *Service) register(ctx context.Context, tx *store.Tx, ns wire.Namespace, in *wire.CreateMachine) (row store.Machine, changed bool, err error) {
	now := wire.At(s.now())
	row, known, err := s.store.MachineByID(ctx, tx, in.ID)
	if err != nil {
		return row, false, fmt.Errorf("read machine: %w", err)
	}
	if !known {
		return store.Machine{
			ID: in.ID, Namespace: ns, CreatedAt: now, UpdatedAt: now, ActiveAt: now,
			Metadata: notNull(in.Metadata), MetadataVersion: 1, RunnerState: notNull(in.RunnerState), RunnerStateVersion: 1,
		}, true, nil
	}
	if row.Namespace != ns {
		return row, false, wire.ErrMachineDenied
	}
	runner := notNull(in.RunnerState) != nil
	if merged, ok := mergeMetadata(row.Metadata, in.Metadata, runner); ok {
		row.Metadata, changed = merged, true
		row.MetadataVersion++
	}
	if merged, ok := mergeCapabilities(row.RunnerState, in.RunnerState); ok {
		row.RunnerState, changed = merged, true
		row.RunnerStateVersion++
	}
	if changed {
		row.Seq++
		row.UpdatedAt = max(row.UpdatedAt, now)
	}
	return row, changed, nil
}

// mergeMetadata lays incoming over stored and says whether that changes it.
func mergeMetadata(stored, incoming json.RawMessage, runner bool) (json.RawMessage, bool) {
	var old, fresh map[string]json.RawMessage
	if json.Unmarshal(incoming, &fresh) != nil || fresh == nil {
		return stored, false
	}
	if json.Unmarshal(stored, &old) != nil || old == nil {
		return incoming, true
	}
	merged := maps.Clone(old)
	maps.Copy(merged, fresh)
	if runner {
		for _, key := range runnerClaims {
			if _, claimed := fresh[key]; !claimed {
				delete(merged, key)
			}
		}
	}
	return remarshal(old, merged)
}

// mergeCapabilities takes only the capabilities of a registering runner: its
// live fields come by socket.
func mergeCapabilities(stored, incoming json.RawMessage) (json.RawMessage, bool) {
	var fresh map[string]json.RawMessage
	if json.Unmarshal(incoming, &fresh) != nil || fresh["capabilities"] == nil {
		return stored, false
	}
	var old map[string]json.RawMessage
	if json.Unmarshal(stored, &old) != nil || old == nil {
		old = map[string]json.RawMessage{}
	}
	merged := maps.Clone(old)
	merged["capabilities"] = fresh["capabilities"]
	return remarshal(old, merged)
}

// remarshal is merged as JSON, and whether it says something else than old.
func remarshal(old, merged map[string]json.RawMessage) (json.RawMessage, bool) {
	a, errA := canonical(old)
	b, errB := canonical(merged)
	if errA == nil && errB == nil && reflect.DeepEqual(a, b) {
		return nil, false
	}
	raw, err := json.Marshal(merged)
	if err != nil { // its parts were just read
		panic(fmt.Sprintf("marshal merged machine data: %v", err))
	}
	return raw, true
}

func canonical(m map[string]json.RawMessage) (map[string]any, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v map[string]any
	return v, d.Decode(&v)
}

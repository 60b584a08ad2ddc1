package machines

import (
	"context"
	"encoding/json"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Rename sets the name people gave the machine; an empty one removes it. All
// else in the metadata stays.
func (s *Service) Rename(ctx context.Context, ns wire.Namespace, id wire.MachineID, name string) error {
	if err := s.Access(ns, id); err != nil {
		return err
	}
	var row store.Machine
	err := s.store.WriteJob(ctx, store.Job{
		Do: func(tx *store.Tx) (err error) {
			if row, _, err = s.store.MachineByID(ctx, tx, id); err != nil {
				return fmt.Errorf("read machine: %w", err)
			}
			if row.Metadata, err = withName(row.Metadata, name); err != nil {
				return err
			}
			row.MetadataVersion++
			row.Seq++
			row.UpdatedAt = max(row.UpdatedAt, wire.At(s.now()))
			tx.Announce(event(s.shown(&row)))
			return tx.PutMachine(ctx, &row)
		},
		Applied: func() { s.apply(row) },
	})
	if err != nil {
		return fmt.Errorf("rename machine: %w", err)
	}
	return nil
}

func withName(metadata json.RawMessage, name string) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	_ = json.Unmarshal(metadata, &fields) // what is no object is replaced by one
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	if name == "" {
		delete(fields, "displayName")
		return json.Marshal(fields)
	}
	raw, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	fields["displayName"] = raw
	return json.Marshal(fields)
}

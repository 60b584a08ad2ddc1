package sessions

import (
	"context"
	"encoding/json"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

var (
	errTagBound = &wire.Error{Kind: wire.Conflict, Text: "Session tag is already bound to a different id"}
	errIDBound  = &wire.Error{Kind: wire.Conflict, Text: "Session id is already bound to a different session"}
)

// CreateOrLoad finds the session with the request's tag in the namespace, or
// makes it. Repeating a request gives the same session, unchanged.
func (s *Service) CreateOrLoad(ctx context.Context, ns wire.Namespace, in wire.CreateSession) (wire.Session, error) {
	id := in.ID
	if id == "" {
		id = wire.SessionID(s.newID())
	}
	var row store.Session
	var refused *wire.Error
	job := store.Job{
		Do: func(tx *store.Tx) (err error) {
			row, refused, err = s.findOrInsert(ctx, tx, ns, id, &in)
			return err
		},
		Applied: func() {
			if refused == nil {
				s.apply(row)
			}
		},
	}
	if err := s.store.WriteJob(ctx, job); err != nil {
		return wire.Session{}, fmt.Errorf("create session: %w", err)
	}
	if refused != nil {
		return wire.Session{}, refused
	}
	return s.Get(ns, row.ID)
}

func (s *Service) findOrInsert(ctx context.Context, tx *store.Tx, ns wire.Namespace, id wire.SessionID, in *wire.CreateSession) (row store.Session, refused *wire.Error, err error) {
	row, found, err := s.store.SessionByTag(ctx, tx, ns, in.Tag)
	if err != nil {
		return row, nil, err
	}
	if found {
		if in.ID != "" && in.ID != row.ID {
			return row, errTagBound, nil
		}
		return row, nil, nil
	}
	if _, taken, err := s.store.SessionByID(ctx, tx, id); err != nil || taken {
		return row, errIDBound, err
	}
	row = s.newRow(ns, id, in)
	if err := tx.InsertSession(ctx, &row); err != nil {
		return row, nil, err
	}
	shown, _ := present(&row)
	added, err := wire.SessionDataEvent(wire.SessionAdded, ns, id, shown)
	if err != nil {
		return row, nil, fmt.Errorf("announce session %s: %w", id, err)
	}
	tx.Announce(added)
	return row, nil, nil
}

func (s *Service) newRow(ns wire.Namespace, id wire.SessionID, in *wire.CreateSession) store.Session {
	now := wire.At(s.now())
	return store.Session{
		ID: id, Namespace: ns, Tag: in.Tag, CreatedAt: now, UpdatedAt: now, ActiveAt: now,
		Metadata: notNull(in.Metadata), MetadataVersion: 1, AgentState: notNull(in.AgentState), AgentStateVersion: 1,
		Model: in.Model, ModelReasoningEffort: in.ModelReasoningEffort, Effort: in.Effort, Pin: "none",
	}
}

func notNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return raw
}

package sessions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// VersionedDone gets the outcome of a versioned write; written is the persisted
// value after a success, else nil. It runs on the store's writer and must not block.
type VersionedDone func(ack wire.VersionedAck, written *wire.Versioned)

// UpdateMetadata writes the session's metadata if the expected version is the
// stored one (socket contract §6). It returns at once; writes take effect in
// the order of the calls.
func (s *Service) UpdateMetadata(ctx context.Context, ns wire.Namespace, in wire.UpdateMetadata, done VersionedDone) {
	s.versioned(ctx, ns, in.SID, in.ExpectedVersion, metadataField, in.Metadata, done)
}

// UpdateState writes the session's agent state likewise.
func (s *Service) UpdateState(ctx context.Context, ns wire.Namespace, in wire.UpdateState, done VersionedDone) {
	s.versioned(ctx, ns, in.SID, in.ExpectedVersion, agentStateField, in.AgentState, done)
}

// field is one of the two versioned fields of a session.
type field struct {
	value   func(*store.Session) *json.RawMessage
	version func(*store.Session) *int64
	merge   func(incoming, stored json.RawMessage) json.RawMessage
	ack     func(*wire.VersionedAck, json.RawMessage)
	patch   func(*wire.SessionPatch, *wire.Versioned)
	present func(json.RawMessage) json.RawMessage
}

var metadataField = field{
	value:   func(r *store.Session) *json.RawMessage { return &r.Metadata },
	version: func(r *store.Session) *int64 { return &r.MetadataVersion },
	merge:   mergeMetadata,
	ack:     func(a *wire.VersionedAck, v json.RawMessage) { a.Metadata = orNull(v) },
	patch:   func(p *wire.SessionPatch, v *wire.Versioned) { p.Metadata = v },
	present: presentMetadata,
}

var agentStateField = field{
	value:   func(r *store.Session) *json.RawMessage { return &r.AgentState },
	version: func(r *store.Session) *int64 { return &r.AgentStateVersion },
	merge:   func(incoming, _ json.RawMessage) json.RawMessage { return incoming },
	ack:     func(a *wire.VersionedAck, v json.RawMessage) { a.AgentState = orNull(v) },
	patch:   func(p *wire.SessionPatch, v *wire.Versioned) { p.AgentState = v },
	present: presentAgentState,
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

func (s *Service) versioned(ctx context.Context, ns wire.Namespace, id wire.SessionID, expected *int64, f field, value json.RawMessage, done VersionedDone) {
	if err := s.Access(ns, id); err != nil {
		done(wire.VersionedAck{Result: wire.WriteError, Reason: AccessReason(err)}, nil)
		return
	}
	if expected == nil || len(value) == 0 {
		done(wire.VersionedAck{Result: wire.WriteError}, nil)
		return
	}
	ack := wire.VersionedAck{Result: wire.WriteError}
	var written *wire.Versioned
	j := s.job(ctx, id, func(tx *store.Tx, row *store.Session) (bool, error) {
		ack, written = wire.VersionedAck{Result: wire.WriteError}, nil
		if row == nil {
			return false, nil
		}
		version, stored := f.version(row), f.value(row)
		if *version != *expected {
			ack = wire.VersionedAck{Result: wire.WriteMismatch, Version: *version}
			f.ack(&ack, *stored)
			return false, nil
		}
		*stored = notNull(f.merge(value, *stored))
		*version++
		row.Seq++
		row.UpdatedAt = max(row.UpdatedAt, wire.At(s.now()))
		ack = wire.VersionedAck{Result: wire.WriteSuccess, Version: *version}
		f.ack(&ack, *stored)
		written = &wire.Versioned{Version: *version, Value: orNull(*stored)}
		tx.Announce(patchEvent(ns, id, versionedPatch(f, row)))
		return true, nil
	})
	j.Done = func(err error) {
		if err != nil {
			s.log.Error("versioned write failed", "session", id, "err", err)
			ack, written = wire.VersionedAck{Result: wire.WriteError}, nil
		}
		done(ack, written)
	}
	if err := s.store.Submit(ctx, j); err != nil {
		done(wire.VersionedAck{Result: wire.WriteError}, nil)
	}
}

func versionedPatch(f field, row *store.Session) wire.SessionPatch {
	p := wire.SessionPatch{UpdatedAt: &row.UpdatedAt}
	f.patch(&p, &wire.Versioned{Version: *f.version(row), Value: orNull(f.present(*f.value(row)))})
	return p
}

// AccessReason is how the socket plane calls a failed access check.
func AccessReason(err error) string {
	switch {
	case errors.Is(err, wire.ErrSessionDenied), errors.Is(err, wire.ErrMachineDenied):
		return "access-denied"
	default:
		return "not-found"
	}
}

// Keys of metadata that only the hub writes.
var hubOwnedKeys = []string{"supersededBySessionId", "opencodeClearOperation"}

// Keys that a sparse or stale write must not lose: without them a session
// cannot be resumed. An explicit null deletes one.
var carriedKeys = []string{
	"path", "host", "flavor", "machineId", "claudeSessionId", "codexSessionId", "geminiSessionId", "opencodeSessionId",
	"grokSessionId", "agySessionId", "cursorSessionId", "kimiSessionId", "copilotSessionId", "piSessionId", "acpSessionId",
}

// mergeMetadata is what is stored when a peer writes incoming over stored
// (socket contract §6). It applies only between objects.
func mergeMetadata(incoming, stored json.RawMessage) json.RawMessage {
	var in, old map[string]json.RawMessage
	if json.Unmarshal(incoming, &in) != nil || in == nil || json.Unmarshal(stored, &old) != nil || old == nil {
		return incoming
	}
	changed := false
	set := func(key string, value json.RawMessage) {
		changed = true
		if value == nil {
			delete(in, key)
		} else {
			in[key] = value
		}
	}
	_, newChat := in["cursorSessionId"]
	if protocol, ok := old["cursorSessionProtocol"]; ok && !newChat && in["cursorSessionProtocol"] == nil {
		set("cursorSessionProtocol", protocol)
	}
	for _, key := range hubOwnedKeys {
		if string(in[key]) != string(old[key]) {
			set(key, old[key])
		}
	}
	for _, key := range carriedKeys {
		value, present := in[key]
		switch {
		case present && string(value) == "null":
			set(key, nil)
		case !present && old[key] != nil:
			set(key, old[key])
		}
	}
	if !changed {
		return incoming
	}
	merged, err := json.Marshal(in)
	if err != nil { // it was just read
		panic(fmt.Sprintf("marshal merged metadata: %v", err))
	}
	return merged
}

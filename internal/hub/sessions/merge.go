package sessions

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Merge makes one conversation of two sessions that turned out to be the same:
// what from had goes into the other, and its id leads there from then on. A
// session that is merged there already is a success.
func (s *Service) Merge(ctx context.Context, ns wire.Namespace, from, into wire.SessionID) error {
	if s.follower != nil {
		if err := s.follower.Joining(ns, from, into); err != nil {
			return fmt.Errorf("prepare the merge of session %s: %w", from, err)
		}
	}
	var merged *store.Session
	err := s.store.WriteJob(ctx, store.Job{
		Do: func(tx *store.Tx) error {
			merged = nil
			source, known, err := s.store.SessionByID(ctx, tx, from)
			if err != nil {
				return fmt.Errorf("read session %s: %w", from, err)
			}
			target, ok, err := s.store.SessionByID(ctx, tx, into)
			switch {
			case err != nil:
				return fmt.Errorf("read session %s: %w", into, err)
			case !ok || from == into:
				return wire.ErrSessionNotFound
			case target.Namespace != ns || known && source.Namespace != ns:
				return wire.ErrSessionDenied
			case !known:
				return nil
			}
			absorb(&target, &source)
			if err := tx.MergeSession(ctx, ns, from, into); err != nil {
				return err
			}
			if err := tx.UpdateSession(ctx, &target); err != nil {
				return err
			}
			merged = &target
			tx.Announce(wire.SessionEvent(wire.MessagesInvalidated, ns, into), wire.SessionEvent(wire.SessionRemoved, ns, from))
			return s.announceWhole(tx, &target)
		},
		Applied: func() {
			if merged != nil {
				s.forget(from, into)
				s.apply(*merged)
			}
		},
	})
	if err == nil && merged != nil {
		s.gone(ns, from)
	}
	return err
}

// absorb gives a session what it lacks and another one of the same conversation
// has (socket contract §8.5).
func absorb(row, other *store.Session) {
	row.Metadata = absorbMetadata(row.Metadata, other.Metadata)
	row.MetadataVersion++
	row.AgentState = absorbState(row.AgentState, other.AgentState)
	row.AgentStateVersion++
	row.Seq++
	row.UpdatedAt = max(row.UpdatedAt, other.UpdatedAt)
	for _, f := range [][2]**string{
		{&row.Model, &other.Model}, {&row.Effort, &other.Effort},
		{&row.ModelReasoningEffort, &other.ModelReasoningEffort}, {&row.ServiceTier, &other.ServiceTier},
	} {
		if *f[0] == nil {
			*f[0] = *f[1]
		}
	}
	if pinStrength[other.Pin] > pinStrength[row.Pin] {
		row.Pin = other.Pin
	}
	if other.TodosUpdatedAt > row.TodosUpdatedAt {
		row.Todos, row.TodosUpdatedAt = other.Todos, other.TodosUpdatedAt
	}
	if other.TeamStateUpdatedAt > row.TeamStateUpdatedAt {
		row.TeamState, row.TeamStateUpdatedAt = other.TeamState, other.TeamStateUpdatedAt
	}
}

var pinStrength = map[string]int{PinNone: 0, PinProject: 1, PinGlobal: 2}

// absorbedKeys are taken over where they are missing: what people named, where
// it is, how it is to be resumed. A process that has just resumed a
// conversation does not know its native id before the first turn; without it
// the session could not be resumed once more.
var absorbedKeys = append([]string{"name", "worktree", "preferredPermissionMode", "preferredCopilotAgentMode"}, carriedKeys...)

func absorbMetadata(raw, other json.RawMessage) json.RawMessage {
	var m, o map[string]json.RawMessage
	if json.Unmarshal(other, &o) != nil || o == nil {
		return raw
	}
	if json.Unmarshal(raw, &m) != nil || m == nil {
		return other
	}
	for _, key := range absorbedKeys {
		if value, ok := o[key]; ok && (m[key] == nil || string(m[key]) == `""`) {
			m[key] = value
		}
	}
	if summaryTime(o["summary"]) > summaryTime(m["summary"]) {
		m["summary"] = o["summary"]
	}
	return marshalled(m)
}

func summaryTime(raw json.RawMessage) float64 {
	var summary struct {
		UpdatedAt *float64 `json:"updatedAt"`
	}
	if json.Unmarshal(raw, &summary) != nil || summary.UpdatedAt == nil {
		return -1
	}
	return *summary.UpdatedAt
}

// absorbState unites the requests of both. What one of them completed is not
// asked again.
func absorbState(raw, other json.RawMessage) json.RawMessage {
	var m, o map[string]json.RawMessage
	if json.Unmarshal(other, &o) != nil || o == nil {
		return raw
	}
	if json.Unmarshal(raw, &m) != nil || m == nil {
		m = map[string]json.RawMessage{}
	}
	completed := union(o["completedRequests"], m["completedRequests"])
	requests := union(o["requests"], m["requests"])
	for id := range completed {
		delete(requests, id)
	}
	m["requests"], m["completedRequests"] = marshalled(requests), marshalled(completed)
	return marshalled(m)
}

func union(under, over json.RawMessage) map[string]json.RawMessage {
	all, more := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	_ = json.Unmarshal(under, &all) // what is not an object holds no requests
	_ = json.Unmarshal(over, &more)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	maps.Copy(all, more)
	return all
}

func marshalled(m map[string]json.RawMessage) json.RawMessage {
	raw, err := json.Marshal(m)
	if err != nil { // its parts were just read
		panic(fmt.Sprintf("marshal merged session data: %v", err))
	}
	return raw
}

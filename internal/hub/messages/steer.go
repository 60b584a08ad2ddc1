package messages

import (
	"context"
	"fmt"

	"hapi/internal/hub/sessions"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Why a prompt is not handed into the running turn.
const (
	cannotSteer      = "Steering is only supported for Pi, Codex, and Cursor ACP sessions"
	steerOnlyRemote  = "Steering is only available for remote sessions"
	steerUnknown     = "Message not found"
	steerNoLocalID   = "Message has no local id and cannot be steered"
	steerScheduled   = "Scheduled messages cannot be steered"
	steerNotAccepted = "The agent did not take the message"
)

// Steer asks the session's process to hand a queued prompt into the turn that
// is running (messages contract §6.2). Steered means that it is under way: the
// prompt leaves the queue when the process says that it was taken.
func (s *Service) Steer(ctx context.Context, ns wire.Namespace, id wire.SessionID, name string) (wire.SteerResult, error) {
	session, err := s.sessions.Active(ns, id)
	if err != nil {
		return wire.SteerResult{}, err
	}
	m, found, err := s.store.FindMessage(ctx, s.store.Reader(), id, name)
	if err != nil {
		return wire.SteerResult{}, fmt.Errorf("find message: %w", err)
	}
	refusal, err := whyNotSteer(&session, &m, found)
	switch {
	case err != nil:
		return wire.SteerResult{}, err
	case refusal != "":
		return wire.SteerResult{Status: "failed", Error: refusal, LocalID: m.LocalID}, nil
	case !m.Pending():
		w := m.Wire()
		return wire.SteerResult{Status: "invoked", Message: &w}, nil
	case m.ScheduledAt != nil: // due ones too: they are handed over on their own
		return wire.SteerResult{Status: "failed", Error: steerScheduled, LocalID: m.LocalID}, nil
	}
	outcome := s.deliver.AskSteer(ctx, id, *m.LocalID)
	if !outcome.Steered {
		if outcome.Error == "" {
			outcome.Error = steerNotAccepted
		}
		return wire.SteerResult{Status: "failed", Error: outcome.Error, LocalID: m.LocalID}, nil
	}
	return wire.SteerResult{Status: "steered", LocalID: m.LocalID}, nil
}

func whyNotSteer(session *wire.Session, m *store.Message, found bool) (string, error) {
	if !sessions.Steerable(session) {
		return cannotSteer, nil
	}
	state, err := sessions.AgentState(session)
	switch {
	case err != nil:
		return "", err
	case state.ControlledByUser != nil && *state.ControlledByUser:
		return steerOnlyRemote, nil
	case !found:
		return steerUnknown, nil
	case m.LocalID == nil:
		return steerNoLocalID, nil
	}
	return "", nil
}

// SteerState notes how far handing prompts into the running turn has come. done
// learns whether any prompt moved; it runs on the store's writer and must not
// block.
func (s *Service) SteerState(ctx context.Context, ns wire.Namespace, in wire.MessagesSteerState, done func(moved bool, err error)) error {
	if err := s.sessions.Access(ns, in.SID); err != nil {
		return err
	}
	from := []wire.DeliveryState{wire.Queued, wire.Indeterminate}
	if in.State == wire.Queued {
		from[0] = wire.Dispatching
	}
	var moved []wire.LocalID
	return s.store.Submit(ctx, store.Job{
		Do: func(tx *store.Tx) (err error) {
			if moved, err = tx.SetDeliveryState(ctx, in.SID, LocalIDs(in.LocalIDs), from, in.State); err != nil {
				return fmt.Errorf("note the steering of prompts: %w", err)
			}
			if in.State == wire.Queued && len(moved) > 0 {
				tx.Announce(wire.LocalIDsEvent(wire.MessagesRequeued, ns, in.SID, moved))
			}
			return nil
		},
		Applied: func() {
			if in.State == wire.Queued && len(moved) > 0 {
				s.planRepeat(in.SID, firstRepeat)
			}
		},
		Done: func(err error) { done(len(moved) > 0, err) },
	})
}

// Indeterminate notes that nobody can tell whether the agent took prompts. Only
// a person's retry or cancel, or the process itself, settles them.
func (s *Service) Indeterminate(ctx context.Context, ns wire.Namespace, sid wire.SessionID, ids []wire.LocalID, done func(error)) error {
	if err := s.sessions.Access(ns, sid); err != nil {
		return err
	}
	if len(ids) == 0 {
		done(nil)
		return nil
	}
	return s.store.Submit(ctx, store.Job{
		Do: func(tx *store.Tx) error {
			if _, err := tx.SetDeliveryState(ctx, sid, ids, []wire.DeliveryState{wire.Queued, wire.Dispatching}, wire.Indeterminate); err != nil {
				return fmt.Errorf("note that the outcome of prompts is unknown: %w", err)
			}
			tx.Announce(wire.LocalIDsEvent(wire.MessagesIndeterminate, ns, sid, ids))
			return nil
		},
		Done: done,
	})
}

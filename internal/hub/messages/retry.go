package messages

import (
	"context"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Retry queues a prompt again whose outcome is unknown, if the session's one
// process says that it does not have it (messages contract §6.3).
func (s *Service) Retry(ctx context.Context, ns wire.Namespace, id wire.SessionID, name string) (wire.RetryResult, error) {
	if err := s.sessions.Access(ns, id); err != nil {
		return wire.RetryResult{}, err
	}
	m, ok, err := s.store.FindMessage(ctx, s.store.Reader(), id, name)
	switch {
	case err != nil:
		return wire.RetryResult{}, fmt.Errorf("find message: %w", err)
	case !ok:
		return wire.RetryResult{Status: "not-found"}, nil
	case !m.Pending():
		return wire.RetryResult(invoked(&m)), nil
	case m.State == wire.Queued:
		return wire.RetryResult{Status: "already-queued", LocalID: m.LocalID}, nil
	}
	release, free := s.claimRetry(m.ID)
	if !free {
		return unavailable(&m), nil
	}
	defer release()
	r := retry{Service: s, ctx: ctx, ns: ns, id: id, m: &m}
	return r.run()
}

// claimRetry makes one retry of a prompt at a time.
func (s *Service) claimRetry(id wire.MessageID) (release func(), free bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retrying[id] {
		return nil, false
	}
	s.retrying[id] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.retrying, id)
	}, true
}

type retry struct {
	*Service
	ctx context.Context
	ns  wire.Namespace
	id  wire.SessionID
	m   *store.Message
}

func unavailable(m *store.Message) wire.RetryResult {
	return wire.RetryResult{Status: "retry-unavailable", LocalID: m.LocalID}
}

func (r *retry) run() (wire.RetryResult, error) {
	// With two processes, what one of them says proves nothing.
	if r.deliver.Processes(r.id) != 1 {
		return unavailable(r.m), nil
	}
	answer, _, answered := r.deliver.AskCancel(r.ctx, wire.CancelQueuedUpdate{
		T: "cancel-queued-message", SID: r.id, MessageID: r.m.ID, LocalID: *r.m.LocalID,
	})
	switch {
	case answer.Consumed:
		return r.consume()
	case !answered || answer.InFlight:
		return unavailable(r.m), nil
	}
	// A row that is still marked as dispatching was left so by a process that
	// has gone: the present one has just said that it is not in flight.
	claimed, err := r.move([]wire.DeliveryState{wire.Indeterminate, wire.Dispatching}, wire.Dispatching, "")
	if err != nil || !claimed {
		return r.settled(err)
	}
	reply := r.deliver.AskRetry(r.ctx, r.id, r.update())
	switch {
	case reply.Consumed:
		return r.consume()
	case !reply.Accepted:
		_, err := r.move([]wire.DeliveryState{wire.Dispatching}, wire.Indeterminate, wire.MessagesIndeterminate)
		return unavailable(r.m), err
	}
	requeued, err := r.move([]wire.DeliveryState{wire.Dispatching, wire.Indeterminate}, wire.Queued, wire.MessagesRequeued)
	if err != nil || !requeued {
		return r.settled(err)
	}
	r.planRepeat(r.id, firstRepeat)
	return wire.RetryResult{Status: "retried", LocalID: r.m.LocalID}, nil
}

func (r *retry) update() wire.RetryQueuedUpdate {
	return wire.RetryQueuedUpdate{
		T: "retry-queued-message", SID: r.id, MessageID: r.m.ID, LocalID: *r.m.LocalID,
		Message: wire.DeliveredMessage{
			ID: r.m.ID, Seq: r.m.Seq, CreatedAt: r.m.CreatedAt, LocalID: r.m.LocalID, Content: asQueued(r.m.Content),
		},
	}
}

// move changes the prompt's state and announces it, if it still has one of the
// states in from.
func (r *retry) move(from []wire.DeliveryState, to wire.DeliveryState, event string) (bool, error) {
	var moved []wire.LocalID
	err := r.store.Write(r.ctx, func(tx *store.Tx) (err error) {
		moved, err = tx.SetDeliveryState(r.ctx, r.id, []wire.LocalID{*r.m.LocalID}, from, to)
		if err == nil && len(moved) > 0 && event != "" {
			tx.Announce(wire.LocalIDsEvent(event, r.ns, r.id, moved))
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("retry message: %w", err)
	}
	return len(moved) > 0, nil
}

func (r *retry) consume() (wire.RetryResult, error) {
	c := cancellation{Service: r.Service, ctx: r.ctx, ns: r.ns, id: r.id, name: string(r.m.ID), m: *r.m}
	result, err := c.consume()
	if err != nil || result.Status == "cancelled" {
		return wire.RetryResult{Status: "not-found"}, err
	}
	return wire.RetryResult(result), nil
}

// settled is the answer when somebody else settled the prompt meanwhile.
func (r *retry) settled(err error) (wire.RetryResult, error) {
	if err != nil {
		return wire.RetryResult{}, err
	}
	m, ok, err := r.store.FindMessage(r.ctx, r.store.Reader(), r.id, string(r.m.ID))
	switch {
	case err != nil:
		return wire.RetryResult{}, fmt.Errorf("find message: %w", err)
	case !ok:
		return wire.RetryResult{Status: "not-found"}, nil
	case !m.Pending():
		return wire.RetryResult(invoked(&m)), nil
	case m.State == wire.Queued:
		return wire.RetryResult{Status: "already-queued", LocalID: m.LocalID}, nil
	}
	return unavailable(&m), nil
}

package messages

import (
	"context"
	"fmt"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Cancel takes a queued prompt back, by its id or local id, if it is not too
// late (messages contract §6.1).
func (s *Service) Cancel(ctx context.Context, ns wire.Namespace, id wire.SessionID, name string) (wire.CancelResult, error) {
	if err := s.sessions.Access(ns, id); err != nil {
		return wire.CancelResult{}, err
	}
	m, ok, err := s.store.FindMessage(ctx, s.store.Reader(), id, name)
	if err != nil {
		return wire.CancelResult{}, fmt.Errorf("find message: %w", err)
	}
	c := cancellation{Service: s, ctx: ctx, ns: ns, id: id, name: name, m: m}
	switch {
	case !ok:
		return wire.CancelResult{Status: "cancelled"}, nil
	case !m.Pending():
		return invoked(&m), nil
	case m.ScheduledAt != nil && *m.ScheduledAt > wire.At(s.now()):
		return c.remove(true) // it was never delivered
	}
	answer, present, answered := s.deliver.AskCancel(ctx, wire.CancelQueuedUpdate{
		T: "cancel-queued-message", SID: id, MessageID: m.ID, LocalID: *m.LocalID,
	})
	switch m.State {
	case wire.Dispatching:
		return c.dispatching(answer)
	case wire.Indeterminate:
		return c.indeterminate(answer, present, answered)
	default:
		return c.queued(answer, present, answered)
	}
}

type cancellation struct {
	*Service
	ctx  context.Context
	ns   wire.Namespace
	id   wire.SessionID
	name string // what the canceller called the message
	m    store.Message
}

func (c *cancellation) queued(answer wire.CancelAnswer, present, answered bool) (wire.CancelResult, error) {
	switch {
	case !present:
		return c.remove(true)
	case answered && answer.InFlight:
		return c.busy(), nil
	case answered && (answer.Removed || answer.Indeterminate) && !answer.Consumed:
		return c.remove(false)
	}
	// Consumed, unknown to the process, or no answer: the prompt may be with the
	// agent, so it belongs in the conversation and must not vanish.
	return c.consume()
}

func (c *cancellation) dispatching(answer wire.CancelAnswer) (wire.CancelResult, error) {
	if answer.Consumed {
		return c.consume()
	}
	err := c.store.Write(c.ctx, func(tx *store.Tx) error {
		moved, err := tx.SetDeliveryState(c.ctx, c.id, []wire.LocalID{*c.m.LocalID}, []wire.DeliveryState{wire.Queued, wire.Dispatching}, wire.Indeterminate)
		if err == nil && len(moved) > 0 {
			tx.Announce(wire.LocalIDsEvent(wire.MessagesIndeterminate, c.ns, c.id, moved))
		}
		return err
	})
	if err != nil {
		return wire.CancelResult{}, fmt.Errorf("cancel message: %w", err)
	}
	return c.busy(), nil
}

func (c *cancellation) indeterminate(answer wire.CancelAnswer, present, answered bool) (wire.CancelResult, error) {
	switch {
	case answer.Consumed:
		return c.consume()
	case present && (!answered || answer.InFlight || answer.Indeterminate):
		return c.busy(), nil
	}
	return c.remove(true)
}

func (c *cancellation) busy() wire.CancelResult {
	return wire.CancelResult{Status: "busy", LocalID: c.m.LocalID}
}

// remove deletes the row unless the agent took it meanwhile.
func (c *cancellation) remove(tellLocalID bool) (wire.CancelResult, error) {
	var removed bool
	err := c.store.Write(c.ctx, func(tx *store.Tx) (err error) {
		if removed, err = tx.DeletePending(c.ctx, c.ns, c.id, c.m.ID); err != nil || !removed {
			return err
		}
		var local wire.LocalID
		if tellLocalID {
			local = *c.m.LocalID
		}
		tx.Announce(wire.CancelledEvent(c.ns, c.id, c.name, local))
		return nil
	})
	if err != nil {
		return wire.CancelResult{}, fmt.Errorf("cancel message: %w", err)
	}
	if removed {
		return wire.CancelResult{Status: "cancelled", LocalID: c.m.LocalID}, nil
	}
	return c.reread()
}

// consume marks the row as taken, if nobody has, and answers what is stored.
func (c *cancellation) consume() (wire.CancelResult, error) {
	now := wire.At(c.now())
	err := c.store.Write(c.ctx, func(tx *store.Tx) error {
		rows, err := tx.Consume(c.ctx, c.id, []wire.LocalID{*c.m.LocalID}, now, false)
		if err == nil && len(rows) > 0 {
			tx.Announce(wire.ConsumedEvent(c.ns, c.id, []wire.LocalID{*c.m.LocalID}, now, false))
		}
		return err
	})
	if err != nil {
		return wire.CancelResult{}, fmt.Errorf("cancel message: %w", err)
	}
	return c.reread()
}

func (c *cancellation) reread() (wire.CancelResult, error) {
	m, ok, err := c.store.FindMessage(c.ctx, c.store.Reader(), c.id, string(c.m.ID))
	if err != nil {
		return wire.CancelResult{}, fmt.Errorf("find message: %w", err)
	}
	if !ok {
		return wire.CancelResult{Status: "cancelled", LocalID: c.m.LocalID}, nil
	}
	return invoked(&m), nil
}

func invoked(m *store.Message) wire.CancelResult {
	w := m.Wire()
	return wire.CancelResult{Status: "invoked", Message: &w}
}

// QueuedState says what became of local messages. Ids in none of its lists no
// longer exist.
func (s *Service) QueuedState(ctx context.Context, ns wire.Namespace, id wire.SessionID, ids []wire.LocalID) (wire.QueuedState, error) {
	state := wire.QueuedState{QueuedLocalIDs: []wire.LocalID{}, IndeterminateLocalIDs: []wire.LocalID{}, InvokedLocalMessages: []wire.InvokedLocal{}}
	if err := s.sessions.Access(ns, id); err != nil {
		return state, err
	}
	rows, err := s.store.LocalMessages(ctx, s.store.Reader(), id, ids)
	if err != nil {
		return state, fmt.Errorf("read queued state: %w", err)
	}
	found := make(map[wire.LocalID]*store.Message, len(rows))
	for i := range rows {
		found[*rows[i].LocalID] = &rows[i]
	}
	for _, local := range ids {
		m := found[local]
		delete(found, local) // an id that is asked for twice is answered once
		switch {
		case m == nil:
		case m.InvokedAt != nil:
			state.InvokedLocalMessages = append(state.InvokedLocalMessages, wire.InvokedLocal{LocalID: local, InvokedAt: *m.InvokedAt})
		case m.State == wire.Queued:
			state.QueuedLocalIDs = append(state.QueuedLocalIDs, local)
		default:
			state.IndeterminateLocalIDs = append(state.IndeterminateLocalIDs, local)
		}
	}
	return state, nil
}

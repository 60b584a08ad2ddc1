package api

import (
	"context"
	"errors"
	"fmt"

	"hapi/internal/hub/events"
	"hapi/internal/hub/scratchlist"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// missed is what a stream begins with: whether the client may keep what it
// holds, and frames that bring it up to the moment of subscribing.
type missed struct {
	resumed bool
	frames  []byte
}

// missed tells a client that comes back what it needs besides the ring.
func (a *API) missed(ctx context.Context, sub *events.Subscription, resume events.Resume, f events.Filter) (missed, error) {
	if resume != events.ResumeChanges {
		return missed{resumed: resume == events.ResumeLive}, nil
	}
	scope := store.ChangeScope{Namespace: f.Namespace, All: f.All, Session: f.SessionID, Machine: f.MachineID}
	changes, err := a.changes.ChangesSince(ctx, a.changes.Reader(), scope, sub.SinceChange())
	if err != nil {
		return missed{}, fmt.Errorf("list what changed: %w", err)
	}
	if changes.TooMany {
		return missed{}, nil
	}
	list, err := a.presentState(f, &changes)
	if err != nil {
		return missed{}, err
	}
	return missed{resumed: true, frames: framesOf(list, sub.HeadID())}, nil
}

// framesOf gives only the last event an id: a client that is cut off before it
// asks for the whole list again.
func framesOf(list []wire.Event, headID string) []byte {
	var b []byte
	for i, e := range list {
		id := ""
		if i == len(list)-1 {
			id = headID
		}
		b = appendFrame(b, e.JSON, id)
	}
	return b
}

// presentState is the rows that changed as ordinary events. Removals come
// first: a prompt may have been sent again under the id of one that was
// cancelled.
func (a *API) presentState(f events.Filter, c *store.Changes) ([]wire.Event, error) {
	var list []wire.Event
	for _, id := range c.Removed {
		list = append(list, wire.SessionEvent(wire.SessionRemoved, f.Namespace, id))
	}
	for _, id := range c.Rewritten {
		list = append(list, wire.SessionEvent(wire.MessagesInvalidated, f.Namespace, id))
	}
	for _, m := range c.Deleted {
		list = append(list, wire.CancelledEvent(f.Namespace, m.Session, string(m.ID), m.LocalID))
	}
	machines, err := a.machineEvents(f.Namespace, c.Machines)
	if err != nil {
		return nil, err
	}
	list = append(list, machines...)
	for i := range c.Messages {
		list = append(list, messageEvents(f.Namespace, &c.Messages[i])...)
	}
	for _, n := range c.Notes {
		event, err := scratchlist.Changed(f.Namespace, n.Session, n.At)
		if err != nil {
			return nil, err
		}
		list = append(list, event)
	}
	states, err := a.sessionEvents(f, c.Sessions)
	return append(list, states...), err
}

func (a *API) machineEvents(ns wire.Namespace, ids []wire.MachineID) ([]wire.Event, error) {
	var list []wire.Event
	for _, id := range ids {
		m, err := a.machines.Get(ns, id)
		if errors.Is(err, wire.ErrMachineNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		event, err := wire.MachineEvent(ns, id, m)
		if err != nil {
			return nil, err
		}
		list = append(list, event)
	}
	return list, nil
}

// messageEvents is a row, and that the agent took it: that is what empties a
// client's list of waiting prompts.
func messageEvents(ns wire.Namespace, row *store.ChangedMessage) []wire.Event {
	m := row.Wire()
	list := []wire.Event{wire.MessageReceivedEvent(ns, row.Session, &m)}
	if m.LocalID != nil && m.InvokedAt != nil {
		list = append(list, wire.ConsumedEvent(ns, row.Session, []wire.LocalID{*m.LocalID}, *m.InvokedAt, m.Steered))
	}
	return list
}

// sessionEvents is the sessions that changed, and those that are active now:
// what only memory knows of them may have changed too.
func (a *API) sessionEvents(f events.Filter, changed []wire.SessionID) ([]wire.Event, error) {
	var list []wire.Event
	told := make(map[wire.SessionID]bool)
	tell := func(s wire.Session) error {
		if told[s.ID] || !(f.All || f.SessionID == s.ID) {
			return nil
		}
		told[s.ID] = true
		event, err := wire.SessionDataEvent(wire.SessionUpdated, f.Namespace, s.ID, s)
		list = append(list, event)
		return err
	}
	for _, id := range changed {
		s, err := a.sessions.Get(f.Namespace, id)
		if errors.Is(err, wire.ErrSessionNotFound) {
			continue
		}
		if err := errors.Join(err, tell(s)); err != nil {
			return nil, err
		}
	}
	for _, s := range a.sessions.ActiveSessions(f.Namespace) {
		if err := tell(s); err != nil {
			return nil, err
		}
	}
	return list, nil
}

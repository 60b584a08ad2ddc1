package messages

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"hapi/internal/hub/extract"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// Append stores what a session process says. It returns at once; rows take
// their place in the order of the calls, and done gets the outcome after the
// commit, on the store's writer: it must not block. from is the process, which
// does not hear its own words again.
//
// An error means that nothing was taken and done is not called.
func (s *Service) Append(ctx context.Context, ns wire.Namespace, in wire.AppendMessage, from any, order *Order, done func(wire.AppendAck)) error {
	row, err := s.read(ns, &in)
	if err != nil {
		order.settled(in.ClientKey)
		return err
	}
	if row.redundant {
		order.settled(in.ClientKey)
		done(wire.AppendAck{Result: wire.WriteSuccess})
		return nil
	}
	return s.store.Submit(ctx, s.appendJob(ctx, ns, in.SID, row, from, order, done))
}

// Order keeps what one process says in the order it was said when something
// could not be stored: what follows is not stored either until that has been
// said again. It is for rows with a client key, since only those are.
type Order struct {
	missing atomic.Pointer[string] // the client key of the first row that could not be stored
}

var errOutOfOrder = errors.New("what was said before it could not be stored")

// check fails for a row that follows one that is missing.
func (o *Order) check(key string) error {
	if missing := o.missing.Load(); key != "" && missing != nil && *missing != key {
		return errOutOfOrder
	}
	return nil
}

// failed notes a row that could not be stored.
func (o *Order) failed(key string) {
	if key != "" {
		o.missing.CompareAndSwap(nil, &key)
	}
}

// settled notes a row that was stored, or will never be.
func (o *Order) settled(key string) {
	if missing := o.missing.Load(); missing != nil && *missing == key {
		o.missing.CompareAndSwap(missing, nil)
	}
}

// incoming is a row to append and what follows from it. It is made before the
// row's turn on the writer comes.
type incoming struct {
	store.NewMessage
	facts
	findings extract.Findings
	notice   extract.Notice
}

func (s *Service) read(ns wire.Namespace, in *wire.AppendMessage) (row incoming, err error) {
	if err := s.sessions.Access(ns, in.SID); err != nil {
		return row, err
	}
	content, err := normalise(in.Message)
	if err != nil {
		return row, err
	}
	row.facts = look(content)
	if row.agent {
		if content, err = cut(content); err != nil {
			return row, err
		}
	}
	if row.agent || row.assistant {
		row.findings = extract.From(content)
	}
	if !row.user {
		row.notice = extract.NoticeOf(content)
	}
	row.NewMessage = store.NewMessage{
		ID: wire.MessageID(s.newID()), LocalID: in.LocalID, ClientKey: in.ClientKey,
		Content: content, CreatedAt: s.originTime(in.CreatedAt),
	}
	return row, nil
}

// originTime is the sender's time, but never in the future.
func (s *Service) originTime(given *float64) wire.Millis {
	now := wire.At(s.now())
	if given == nil || math.IsNaN(*given) || math.IsInf(*given, 0) || *given < 0 || *given > float64(now) {
		return now
	}
	return wire.Millis(int64(*given))
}

func (s *Service) appendJob(ctx context.Context, ns wire.Namespace, id wire.SessionID, in incoming, from any, order *Order, done func(wire.AppendAck)) store.Job {
	var row store.Message
	var inserted bool
	var touched, derived func()
	return store.Job{
		Do: func(tx *store.Tx) (err error) {
			touched, derived = nil, nil
			if err := order.check(in.ClientKey); err != nil {
				return err
			}
			if row, inserted, err = tx.InsertMessage(ctx, id, in.NewMessage); err != nil || !inserted {
				return err
			}
			if in.streamID != "" {
				if err := tx.RetireSnapshots(ctx, id, row.ID, in.streamID, isLiveSnapshot(in.streamID)); err != nil {
					return err
				}
			}
			if in.user && hasText(in.Content) {
				if touched, err = s.sessions.Touch(ctx, tx, id, row.CreatedAt); err != nil {
					return err
				}
			}
			if !in.findings.Empty() {
				if derived, err = s.sessions.Derive(ctx, tx, id, &in.findings, row.CreatedAt); err != nil {
					return err
				}
			}
			w := row.Wire()
			tx.Announce(wire.MessageReceivedEvent(ns, id, &w))
			return nil
		},
		Applied: func() {
			if touched != nil {
				touched()
			}
			if derived != nil {
				derived()
			}
		},
		Done: func(err error) {
			if err != nil {
				if !errors.Is(err, errOutOfOrder) {
					order.failed(in.ClientKey)
					s.log.Error("append failed", "session", id, "err", err)
				}
				done(wire.AppendAck{Result: wire.WriteError, Reason: "store", Retry: true})
				return
			}
			order.settled(in.ClientKey)
			if inserted {
				w := row.Wire()
				s.deliver.Relay(id, &w, from)
				if in.notice.Any() {
					s.noticed(ns, id, in.notice, row.CreatedAt)
				}
			}
			done(wire.AppendAck{Result: wire.WriteSuccess, ID: row.ID, Seq: row.Seq})
		},
	}
}

// Consumed notes that the agent took prompts: each gets the time and the next
// free seq. Watchers are told all ids of the call, also those that were known.
// done runs on the store's writer and must not block.
func (s *Service) Consumed(ctx context.Context, ns wire.Namespace, in wire.MessagesConsumed, done func(error)) error {
	if err := s.sessions.Access(ns, in.SID); err != nil {
		return err
	}
	ids := LocalIDs(in.LocalIDs)
	if len(ids) == 0 {
		done(nil)
		return nil
	}
	var touched func()
	now := wire.At(s.now())
	return s.store.Submit(ctx, store.Job{
		Do: func(tx *store.Tx) error {
			touched = nil
			rows, err := tx.Consume(ctx, in.SID, ids, now, in.Steered)
			if err != nil {
				return fmt.Errorf("mark prompts as taken: %w", err)
			}
			if len(rows) > 0 {
				if touched, err = s.sessions.Touch(ctx, tx, in.SID, now); err != nil {
					return err
				}
			}
			tx.Announce(wire.ConsumedEvent(ns, in.SID, ids, now, in.Steered))
			return nil
		},
		Applied: func() {
			if touched != nil {
				touched()
			}
			s.sessions.PromptsConsumed(in.SID, in.ClearQueuedThinkingGrace)
		},
		Done: done,
	})
}

// Flush calls done when everything taken before is durable.
func (s *Service) Flush(ctx context.Context, done func(error)) error {
	return s.store.Submit(ctx, store.Job{Do: func(*store.Tx) error { return nil }, Done: done})
}

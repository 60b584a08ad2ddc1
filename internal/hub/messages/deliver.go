package messages

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// A prompt is delivered when it is sent and when a process attaches. While it
// stays untaken it is repeated, ever more seldom: the process deduplicates by
// id, so a repeat only costs its bytes.
const (
	firstRepeat = 4 * time.Second
	lastRepeat  = 64 * time.Second
	dueEvery    = 5 * time.Second
)

// replay says when a session's untaken prompts are repeated. Guarded by Service.mu.
type replay struct {
	next time.Time     // zero: nothing waits
	wait time.Duration // until the repeat after the next
}

// handOver delivers a prompt and plans its repeat.
func (s *Service) handOver(id wire.SessionID, m *store.Message, first bool) {
	s.planRepeat(id, firstRepeat)
	if !first {
		s.deliverAgain(id, m)
		return
	}
	w := m.Wire()
	s.deliver.Deliver(id, &w)
}

func (s *Service) planRepeat(id wire.SessionID, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replays[id] = &replay{next: s.now().Add(wait), wait: min(2*wait, lastRepeat)}
}

// Attached delivers all prompts that wait: a process has just connected.
func (s *Service) Attached(ctx context.Context, id wire.SessionID) error {
	return s.redeliver(ctx, id, firstRepeat)
}

// Beat repeats prompts that wait for longer than they should. It is called at
// every keep-alive and mostly does nothing.
func (s *Service) Beat(ctx context.Context, id wire.SessionID) error {
	s.mu.Lock()
	r := s.replays[id]
	due, wait := r == nil, firstRepeat // nil: not asked since this hub started
	if r != nil {
		due, wait = !r.next.IsZero() && !s.now().Before(r.next), r.wait
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	return s.redeliver(ctx, id, wait)
}

func (s *Service) redeliver(ctx context.Context, id wire.SessionID, wait time.Duration) error {
	rows, err := s.store.PendingMessages(ctx, s.store.Reader(), id)
	if err != nil {
		return fmt.Errorf("list waiting prompts: %w", err)
	}
	waiting := 0
	for i := range rows {
		if rows[i].ScheduledAt != nil || !s.deliverable(&rows[i]) {
			continue
		}
		waiting++
		s.deliverAgain(id, &rows[i])
	}
	if waiting > 0 {
		s.planRepeat(id, wait)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replays[id] = &replay{}
	return nil
}

// deliverAgain delivers a prompt later than when it was sent. The turn that it
// was meant for may be over, so it queues.
func (s *Service) deliverAgain(id wire.SessionID, m *store.Message) {
	w := m.Wire()
	w.Content = asQueued(w.Content)
	s.deliver.Deliver(id, &w)
}

// Backfill lists at most limit rows after a seq that a session process may
// have missed, oldest first.
func (s *Service) Backfill(ctx context.Context, ns wire.Namespace, id wire.SessionID, after int64, limit int) ([]wire.BackfillMessage, error) {
	if err := s.sessions.Access(ns, id); err != nil {
		return nil, err
	}
	rows, err := s.store.BackfillMessages(ctx, s.store.Reader(), id, after, wire.At(s.now()), limit)
	if err != nil {
		return nil, fmt.Errorf("list missed messages: %w", err)
	}
	out := make([]wire.BackfillMessage, len(rows))
	for i := range rows {
		m := &rows[i]
		out[i] = wire.BackfillMessage{
			DeliveredMessage: wire.DeliveredMessage{ID: m.ID, Seq: m.Seq, CreatedAt: m.CreatedAt, LocalID: m.LocalID, Content: asQueued(m.Content)},
			InvokedAt:        m.InvokedAt, ScheduledAt: m.ScheduledAt,
		}
	}
	return out, nil
}

// Run releases scheduled prompts when they are due, and again until they are
// taken. It returns when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if err := s.backfillTodos(ctx); err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "looking for todo lists of older rows failed", "err", err)
	}
	tick := time.NewTicker(dueEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.releaseDue(ctx); err != nil && ctx.Err() == nil {
				s.log.ErrorContext(ctx, "release of scheduled prompts failed", "err", err)
			}
		}
	}
}

func (s *Service) releaseDue(ctx context.Context) error {
	due, err := s.store.DueMessages(ctx, s.store.Reader(), wire.At(s.now()))
	if err != nil {
		return fmt.Errorf("list due prompts: %w", err)
	}
	due = slices.DeleteFunc(due, func(d store.DueMessage) bool { return s.sessions.HistoryBusy(d.Session) })
	for i := range due {
		s.deliverAgain(due[i].Session, &due[i].Message)
	}
	s.announceMatured(due)
	return nil
}

// announceMatured tells each session once that a scheduled row became due. Only
// now that it is with the agent does the session show as thinking.
func (s *Service) announceMatured(due []store.DueMessage) {
	fresh := map[wire.SessionID]wire.Namespace{}
	still := make(map[wire.MessageID]bool, len(due))
	s.mu.Lock()
	for i := range due {
		still[due[i].ID] = true
		if !s.matured[due[i].ID] {
			fresh[due[i].Session] = due[i].Namespace
		}
	}
	s.matured = still
	s.mu.Unlock()
	for id, ns := range fresh {
		s.sessions.PromptAccepted(id, wire.At(s.now()))
		s.tell(wire.SessionEvent(wire.ScheduledMatured, ns, id))
	}
}

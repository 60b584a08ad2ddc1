// Package usage keeps account of what agents used of their models. What rows
// say is read into a ledger that grows with the conversation: each row is looked
// at once, whatever is asked later.
package usage

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"hapi/internal/hub/store"
)

// readEvery is how often the ledger is brought up to date by itself, so that
// asking takes no long reading.
const readEvery = time.Minute

// Options of a Service. The zero value works.
type Options struct {
	Now    func() time.Time
	Logger *slog.Logger
}

// Service answers for the ledger.
type Service struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger

	mu   sync.Mutex // one reading at a time
	mark *store.UsageMark
}

// New makes a Service.
func New(st *store.Store, o Options) *Service {
	s := &Service{store: st, now: o.Now, log: o.Logger}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Run keeps the ledger up to date. It returns when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		if err := s.catchUp(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "reading usage failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// catchUp reads the rows that were stored since the last time.
func (s *Service) catchUp(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mark == nil {
		mark, err := s.store.UsageRead(ctx)
		if err != nil {
			return err
		}
		s.mark = &mark
	}
	until := s.store.LastChange()
	for more := s.mark.Change < until; more; {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		var rows []store.Spoken
		var err error
		if rows, more, err = s.store.RowsWithUsage(ctx, *s.mark, until); err != nil {
			return fmt.Errorf("list rows with usage: %w", err)
		}
		mark := store.UsageMark{Change: until, Key: math.MaxInt64}
		if more {
			last := rows[len(rows)-1]
			mark = store.UsageMark{Change: last.Change, Key: last.Key}
		}
		if err := s.enter(ctx, rows, mark); err != nil {
			return err
		}
		*s.mark = mark
	}
	return nil
}

// enter puts what rows say into the ledger, and how far it goes.
func (s *Service) enter(ctx context.Context, rows []store.Spoken, mark store.UsageMark) error {
	entries := make([]entry, 0, len(rows))
	for i := range rows {
		if e, ok := read(&rows[i]); ok {
			entries = append(entries, e)
		}
	}
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		for _, e := range entries { // copies: the job may run again
			if err := e.enter(ctx, tx); err != nil {
				return err
			}
		}
		return tx.SetUsageRead(ctx, mark)
	})
	if err != nil {
		return fmt.Errorf("enter usage: %w", err)
	}
	return nil
}

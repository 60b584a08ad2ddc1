// Package store keeps sessions, machines and messages in SQL. All writes go
// through one goroutine that commits many callers' jobs in one transaction, in
// the order they were submitted; a job's caller hears of it only when it is on
// disk. Every durable change takes the next number of one hub-wide counter and
// stamps it on the rows it touched, deletions leave a tombstone, so that what
// changed since any number can be listed.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"hapi/internal/wire"
)

// Options of a Store; the zero value works.
type Options struct {
	// Announce is called on the writer goroutine after each commit, once for
	// every job that changed or announced anything, in commit order and before
	// any job of the commit is told: change is the job's own number, or the
	// last committed one if it took none. The slice is valid during the call only.
	Announce func(change int64, events []wire.Event)
	Logger   *slog.Logger
	// Queue is how many jobs may wait for the writer (default 4096).
	Queue int
	// MaxBatch is how many jobs share a transaction at most (default 512).
	MaxBatch int
}

func (o Options) withDefaults() Options {
	if o.Announce == nil {
		o.Announce = func(int64, []wire.Event) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Queue <= 0 {
		o.Queue = 4096
	}
	if o.MaxBatch <= 0 {
		o.MaxBatch = 512
	}
	return o
}

// Store is an open database. Writes wait until Run runs.
type Store struct {
	path  string
	opt   Options
	hubID string

	readers *sql.DB
	reader  *statements

	writers *sql.DB
	conn    *sql.Conn
	writer  *statements
	queue   *queue
	change  atomic.Int64 // the last committed change
}

// HubID names this database: 8 random characters, made with it.
func (s *Store) HubID() string { return s.hubID }

// LastChange is the number of the last committed change.
func (s *Store) LastChange() int64 { return s.change.Load() }

// Reader reads what is committed; every query sees the state of its own moment.
func (s *Store) Reader() Querier { return s.reader }

// View gives do one unchanging state of what is committed.
func (s *Store) View(ctx context.Context, do func(q Querier) error) error {
	tx, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin reading: %w", explain(err))
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to commit
	return do(&snapshot{tx: tx, statements: s.reader})
}

// Close closes the database. Run must have returned before; jobs it never took
// are told ErrStopped.
func (s *Store) Close() error {
	for _, j := range s.queue.stop() {
		j.done(ErrStopped)
	}
	return errors.Join(
		s.reader.close(), s.readers.Close(),
		s.writer.close(), s.conn.Close(), s.writers.Close(),
	)
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"hapi/internal/wire"
)

// ErrStopped is what a job gets that comes when the writer has stopped.
var ErrStopped = errors.New("the store has stopped")

// Job is one caller's part of a commit.
type Job struct {
	// Do runs on the writer goroutine. It may run a second time when its batch
	// failed, so it assigns results and never appends to them. A returned error
	// undoes this job alone.
	Do func(tx *Tx) error
	// Applied runs after the commit, before the events are announced: the place
	// to bring caches up to date. May be nil.
	Applied func()
	// Done is called exactly once, last. It must not block. May be nil.
	Done func(err error)
}

// Submit queues j behind all jobs submitted before. It waits while the queue is
// full. When it returns an error, j will not run and Done is not called.
func (s *Store) Submit(ctx context.Context, j Job) error {
	select {
	case <-s.stopped:
		return ErrStopped
	default:
	}
	select {
	case s.queue <- j:
		return nil
	case <-s.stopped:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Write runs do in a transaction and returns when it is durable.
func (s *Store) Write(ctx context.Context, do func(tx *Tx) error) error {
	return s.WriteJob(ctx, Job{Do: do})
}

// WriteJob submits j and returns when it is done. Done must be nil.
func (s *Store) WriteJob(ctx context.Context, j Job) error {
	done := make(chan error, 1)
	j.Done = func(err error) { done <- err }
	if err := s.Submit(ctx, j); err != nil {
		return err
	}
	// The job runs whatever happens to ctx: its outcome is worth waiting for.
	select {
	case err := <-done:
		return err
	case <-s.stopped:
		select {
		case err := <-done:
			return err
		default:
			return ErrStopped
		}
	}
}

// Run is the writer. When ctx ends it commits what is queued and returns.
func (s *Store) Run(ctx context.Context) error {
	conn, err := s.writer.Conn(context.WithoutCancel(ctx))
	if err != nil {
		close(s.stopped)
		return fmt.Errorf("open the writing connection: %w", err)
	}
	w := &writer{store: s, stmts: newStatements(conn), heads: map[int64]*head{}, change: s.committed.Load()}
	for {
		select {
		case j := <-s.queue:
			w.commit(w.gather(j))
		case <-ctx.Done():
			return errors.Join(w.drain(), w.stmts.close(), conn.Close())
		}
	}
}

type writer struct {
	store  *Store
	stmts  *statements
	heads  map[int64]*head // by session key; dropped after a rollback
	change int64           // last number taken
	batch  []Job
}

// drain refuses new jobs, then commits those that are queued.
func (w *writer) drain() error {
	close(w.store.stopped)
	for {
		select {
		case j := <-w.store.queue:
			w.commit(w.gather(j))
		default:
			_, err := w.stmts.Exec(context.Background(), `PRAGMA wal_checkpoint(TRUNCATE)`)
			return err
		}
	}
}

func (w *writer) gather(first Job) []Job {
	w.batch = append(w.batch[:0], first)
	for len(w.batch) < w.store.maxBatch {
		select {
		case j := <-w.store.queue:
			w.batch = append(w.batch, j)
		default:
			return w.batch
		}
	}
	return w.batch
}

// commit runs all jobs of the batch in one transaction. If one fails, each
// gets a transaction of its own, so that it fails alone.
func (w *writer) commit(batch []Job) {
	err := w.transact(batch)
	switch {
	case err == nil:
		return
	case len(batch) == 1 || errors.Is(err, errNotBegun): // the fault of none of them
		for i := range batch {
			batch[i].done(err)
		}
		return
	}
	for i := range batch {
		if err := w.transact(batch[i : i+1]); err != nil {
			batch[i].done(err)
		}
	}
}

func (j *Job) done(err error) {
	if j.Done != nil {
		j.Done(err)
	}
}

// errNotBegun says that the database took no transaction at all.
var errNotBegun = errors.New("begin a transaction")

// told is what one job changed and has to tell.
type told struct {
	change int64
	events []wire.Event
}

func (w *writer) transact(batch []Job) error {
	before, began := w.change, time.Now()
	tolds, err := w.run(batch)
	w.store.measure(len(batch), time.Since(began), err)
	if err != nil {
		w.change = before
		clear(w.heads)
		return explain(err)
	}
	w.store.committed.Store(w.change)
	for i := range batch {
		if batch[i].Applied != nil {
			batch[i].Applied()
		}
		if t := tolds[i]; t.change > before || len(t.events) > 0 {
			w.store.announce(t.change, t.events)
		}
		batch[i].done(nil)
	}
	return nil
}

func (w *writer) run(batch []Job) (tolds []told, err error) {
	ctx := context.Background()
	if _, err := w.stmts.Exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotBegun, err)
	}
	defer func() {
		if err != nil {
			if _, rollbackErr := w.stmts.Exec(ctx, `ROLLBACK`); rollbackErr != nil {
				w.store.log.Error("rollback failed", "err", rollbackErr)
			}
		}
	}()
	before := w.change
	tolds = make([]told, len(batch))
	for i := range batch {
		tx := &Tx{w: w}
		if err := batch[i].Do(tx); err != nil {
			return nil, err
		}
		tolds[i] = told{change: w.change, events: tx.events}
	}
	if w.change != before {
		if _, err := w.stmts.Exec(ctx, `UPDATE meta SET value = $1 WHERE name = 'change'`, strconv.FormatInt(w.change, 10)); err != nil {
			return nil, fmt.Errorf("write the change counter: %w", err)
		}
	}
	if _, err := w.stmts.Exec(ctx, `COMMIT`); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return tolds, nil
}

// Tx is what a Job works with. It must not be kept.
type Tx struct {
	w      *writer
	change int64
	events []wire.Event
}

// Change is the number this job stamps on every row it touches.
func (tx *Tx) Change() int64 {
	if tx.change == 0 {
		tx.w.change++
		tx.change = tx.w.change
	}
	return tx.change
}

// Announce tells watchers after the commit.
func (tx *Tx) Announce(e ...wire.Event) { tx.events = append(tx.events, e...) }

// Exec runs a statement in the transaction.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return tx.w.stmts.Exec(ctx, query, args...)
}

// Query runs a query in the transaction.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return tx.w.stmts.Query(ctx, query, args...)
}

// QueryRow runs a query of one row in the transaction.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.w.stmts.QueryRow(ctx, query, args...)
}

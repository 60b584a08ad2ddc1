package store

import (
	"context"
	"fmt"

	"hapi/internal/wire"
)

// Job is a write. Its functions run on the writer goroutine.
type Job struct {
	// Do reads and writes. It runs again when another job of its transaction
	// failed: it must assign results, never append to them. An error it
	// returns undoes this job alone, but costs the transaction of its
	// neighbours: a refusal that is part of normal work is better a result.
	Do func(tx *Tx) error
	// Applied runs after the commit and before anything is announced: it
	// brings caches up to date. May be nil.
	Applied func()
	// Done hears the outcome exactly once, after the announcement. It must not
	// block. May be nil.
	Done func(err error)
}

func (j *Job) done(err error) {
	if j.Done != nil {
		j.Done(err)
	}
}

// Submit queues a job behind all that were submitted before it. It waits while
// the queue is full. After an error none of the job's functions run.
func (s *Store) Submit(ctx context.Context, j Job) error {
	return s.queue.put(ctx, j)
}

// Write submits do and waits until it is committed. When ctx ends first, the
// outcome is open and what do assigns must not be read.
func (s *Store) Write(ctx context.Context, do func(tx *Tx) error) error {
	committed := make(chan error, 1)
	err := s.Submit(ctx, Job{Do: do, Done: func(err error) { committed <- err }})
	if err != nil {
		return err
	}
	select {
	case err := <-committed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run is the writer. When ctx ends it refuses further jobs, commits those that
// wait, folds the log into the database and returns.
func (s *Store) Run(ctx context.Context) error {
	var batch []Job
	for {
		select {
		case <-s.queue.wake:
		case <-ctx.Done():
			return s.drain()
		}
		for {
			batch = s.queue.take(batch[:0], s.opt.MaxBatch)
			if len(batch) == 0 {
				break
			}
			s.commit(batch)
			clear(batch)
		}
	}
}

func (s *Store) drain() error {
	left := s.queue.stop()
	for len(left) > 0 {
		n := min(len(left), s.opt.MaxBatch)
		s.commit(left[:n])
		left = left[n:]
	}
	if _, err := s.conn.ExecContext(context.Background(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return fmt.Errorf("checkpoint %s: %w", s.path, explain(err))
	}
	return nil
}

// commit runs the jobs in one transaction. If one of them fails, or the commit
// does, the transaction is undone and the jobs run again, the culprit apart
// from its neighbours and all in their order.
func (s *Store) commit(batch []Job) {
	failed, err := s.attempt(batch)
	switch {
	case err == nil:
	case len(batch) == 1:
		batch[0].done(err)
	case failed < 0: // the commit itself: halve, so that what fits is kept
		s.commit(batch[:len(batch)/2])
		s.commit(batch[len(batch)/2:])
	default:
		if failed > 0 {
			s.commit(batch[:failed])
		}
		s.commit(batch[failed : failed+1])
		if failed+1 < len(batch) {
			s.commit(batch[failed+1:])
		}
	}
}

// attempt runs and commits a batch and tells its jobs, or undoes it all: then
// it returns the index of the job that failed, or -1 if it was no job.
func (s *Store) attempt(batch []Job) (failed int, err error) {
	ctx := context.Background()
	if _, err := s.writer.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return -1, fmt.Errorf("begin: %w", explain(err))
	}
	tx := &Tx{Querier: s.writer, Context: ctx, store: s, last: s.change.Load()}
	reports := make([]report, len(batch))
	for i := range batch {
		tx.begin()
		if err := batch[i].Do(tx); err != nil {
			s.rollback(ctx)
			return i, explain(err)
		}
		reports[i] = tx.report()
	}
	if err := s.finish(ctx, tx); err != nil {
		s.rollback(ctx)
		return -1, fmt.Errorf("commit: %w", explain(err))
	}
	s.tell(batch, reports)
	return 0, nil
}

func (s *Store) finish(ctx context.Context, tx *Tx) error {
	if tx.last != s.change.Load() {
		if _, err := s.writer.ExecContext(ctx, `UPDATE meta SET value = $1 WHERE key = 'change'`, tx.last); err != nil {
			return err
		}
	}
	if _, err := s.writer.ExecContext(ctx, `COMMIT`); err != nil {
		return err
	}
	s.change.Store(tx.last)
	return nil
}

// rollback undoes the transaction. SQLite may have done so already, so its
// error says nothing.
func (s *Store) rollback(ctx context.Context) {
	_, _ = s.writer.ExecContext(ctx, `ROLLBACK`)
}

// report is what a job did, to be told when it is committed.
type report struct {
	change int64 // 0: it touched nothing
	last   int64 // the last change number when the job ended
	events []wire.Event
}

func (s *Store) tell(batch []Job, reports []report) {
	for i := range batch {
		if batch[i].Applied != nil {
			batch[i].Applied()
		}
	}
	for _, r := range reports {
		if r.change != 0 || len(r.events) > 0 {
			s.opt.Announce(r.last, r.events)
		}
	}
	for i := range batch {
		batch[i].done(nil)
	}
}

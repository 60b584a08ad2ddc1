package store

import (
	"context"
	"sync"
)

// queue holds the jobs that wait for the writer, in the order of arrival.
type queue struct {
	slots chan struct{} // one per waiting job: bounds the queue
	wake  chan struct{} // tells the writer that there is something to do
	ended chan struct{} // closed by stop

	mu      sync.Mutex
	jobs    []Job
	stopped bool
}

func newQueue(size int) *queue {
	return &queue{
		slots: make(chan struct{}, size),
		wake:  make(chan struct{}, 1),
		ended: make(chan struct{}),
	}
}

func (q *queue) put(ctx context.Context, j Job) error {
	select {
	case q.slots <- struct{}{}:
	default:
		if err := q.waitForSlot(ctx); err != nil {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		<-q.slots
		return ErrStopped
	}
	q.jobs = append(q.jobs, j)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

func (q *queue) waitForSlot(ctx context.Context) error {
	select {
	case q.slots <- struct{}{}:
		return nil
	case <-q.ended:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take moves at most limit jobs to batch.
func (q *queue) take(batch []Job, limit int) []Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(limit, len(q.jobs))
	batch = append(batch, q.jobs[:n]...)
	rest := copy(q.jobs, q.jobs[n:])
	clear(q.jobs[rest:])
	q.jobs = q.jobs[:rest]
	for range n {
		<-q.slots
	}
	return batch
}

// stop refuses further jobs and returns those that still wait. It may be
// called more than once.
func (q *queue) stop() []Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.stopped {
		q.stopped = true
		close(q.ended)
	}
	left := q.jobs
	q.jobs = nil
	for range left {
		<-q.slots
	}
	return left
}

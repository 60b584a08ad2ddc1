package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// inFlight is how many messages of all speakers together are on their way: a
	// closed loop, so that the hub is never asked for more than it does.
	inFlight = 256
	// warmUp is part of no figure.
	warmUp = 500 * time.Millisecond
	// stalled is how long nothing may arrive.
	stalled = 20 * time.Second
)

// load is speakers that speak to watchers, in a closed loop: a message makes
// room for the next one when every watcher has it.
type load struct {
	speakers []*speaker
	watchers []*watcher
	pace     time.Duration // between two messages of a speaker

	mu      sync.Mutex
	waiting map[int64]int // by message: watchers that do not have it yet
	slots   chan struct{}
	next    atomic.Int64
	arrived atomic.Int64 // deliveries
	done    atomic.Int64 // messages that everybody has
	took    latencies
}

type shape struct {
	speakers, watchers int
	compressed         bool
	rate               int // messages a second of all speakers; 0 is as fast as it goes
}

func newLoad(ctx context.Context, h *target, s shape) (*load, error) {
	l := &load{waiting: map[int64]int{}, slots: make(chan struct{}, inFlight)}
	if s.rate > 0 {
		l.pace = time.Second * time.Duration(s.speakers) / time.Duration(s.rate)
	}
	jwt, err := h.signIn(ctx)
	if err != nil {
		return nil, err
	}
	for range s.watchers {
		w, err := watch(ctx, h, jwt, "all=true", s.compressed, l.seen)
		if err != nil {
			return l, errors.Join(err, l.close())
		}
		l.watchers = append(l.watchers, w)
	}
	for n := range s.speakers {
		sp, err := newSpeaker(ctx, h, fmt.Sprintf("load-%d-%d", time.Now().UnixNano(), n))
		if err != nil {
			return l, errors.Join(err, l.close())
		}
		l.speakers = append(l.speakers, sp)
	}
	return l, nil
}

func (l *load) seen(n int64, sent time.Time) {
	now := time.Now()
	l.arrived.Add(1)
	l.mu.Lock()
	l.waiting[n]--
	last := l.waiting[n] == 0
	if last {
		delete(l.waiting, n)
	}
	l.mu.Unlock()
	if last {
		l.took.add(now.Sub(sent))
		l.done.Add(1)
		<-l.slots
	}
}

// run speaks for a while and gives how many messages reached everybody, the
// hub's CPU and the time that took.
func (l *load) run(ctx context.Context, h *target, lasts time.Duration) (n int64, cpu, took time.Duration, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(l.speakers))
	var speaking sync.WaitGroup
	for _, s := range l.speakers {
		speaking.Go(func() {
			if err := l.speak(ctx, s); err != nil {
				failed <- err
			}
		})
	}
	pause := func(d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case err := <-failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := pause(warmUp); err != nil {
		return 0, 0, 0, err
	}
	l.took.reset()
	n, cpu = l.done.Load(), h.cpu()
	begin := time.Now()
	for err == nil && (time.Since(begin) < lasts || l.done.Load() == n) {
		err = pause(min(lasts, stalled))
	}
	n, cpu, took = l.done.Load()-n, h.cpu()-cpu, time.Since(begin)
	stop()
	speaking.Wait()
	return n, cpu, took, errors.Join(err, l.drain())
}

func (l *load) speak(ctx context.Context, s *speaker) error {
	due := time.Now()
	for {
		due = due.Add(l.pace)
		if wait := time.Until(due); wait > time.Millisecond {
			time.Sleep(wait) // timers are coarse: what is late is caught up
		}
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		if err := l.say(s); err != nil {
			return err
		}
	}
}

// say says the next message; its slot is taken.
func (l *load) say(s *speaker) error {
	n := l.next.Add(1)
	l.mu.Lock()
	l.waiting[n] = len(l.watchers)
	l.mu.Unlock()
	if err := s.say(n); err != nil {
		return fmt.Errorf("say message %d: %w", n, err)
	}
	return nil
}

// sayAll says so many messages by the first speaker and waits until they have
// arrived everywhere.
func (l *load) sayAll(n int) error {
	for range n {
		l.slots <- struct{}{}
		if err := l.say(l.speakers[0]); err != nil {
			return err
		}
	}
	return l.drain()
}

// drain waits until every message that was said has arrived everywhere.
func (l *load) drain() error {
	last, since := l.arrived.Load(), time.Now()
	for len(l.slots) > 0 {
		if now := l.arrived.Load(); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > stalled {
			return fmt.Errorf("%d messages did not arrive everywhere", len(l.slots))
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (l *load) close() error {
	for _, s := range l.speakers {
		s.close()
	}
	for _, w := range l.watchers {
		w.close()
	}
	return nil
}

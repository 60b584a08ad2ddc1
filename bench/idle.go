package main

import (
	"context"
	"fmt"
	"time"
)

// measureIdleSockets gives the memory of session processes that do nothing, each
// with its session.
func measureIdleSockets(ctx context.Context, h *target, o options) ([]row, error) {
	return measureIdleOf(ctx, h, o, "idle session connection", func(ctx context.Context, n int) (func(), error) {
		s, err := newSpeaker(ctx, h, fmt.Sprintf("idle-%d-%d", time.Now().UnixNano(), n))
		if err != nil {
			return nil, err
		}
		return s.close, nil
	})
}

// measureIdleWatchers gives the memory of watchers to whom nothing is told.
func measureIdleWatchers(ctx context.Context, h *target, o options) ([]row, error) {
	jwt, err := h.signIn(ctx)
	if err != nil {
		return nil, err
	}
	return measureIdleOf(ctx, h, o, "idle watcher, gzip", func(ctx context.Context, _ int) (func(), error) {
		w, err := watch(ctx, h, jwt, "all=true", true, func(int64, time.Time) {})
		if err != nil {
			return nil, err
		}
		return w.close, nil
	})
}

func measureIdleOf(ctx context.Context, h *target, o options, work string, open func(context.Context, int) (func(), error)) ([]row, error) {
	before, _ := h.memory()
	var all []func()
	defer func() {
		for _, close := range all {
			close()
		}
	}()
	for n := range o.idle {
		done, err := open(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", n, err)
		}
		all = append(all, done)
	}
	// Let the hub give back what opening connections took for a moment.
	settle := time.Duration(o.settle * float64(time.Second))
	time.Sleep(settle)
	cpu := h.cpu()
	time.Sleep(settle)
	after, peak := h.memory()
	return []row{{
		Work: work, Count: int64(o.idle), Bytes: (after - before) / int64(o.idle), PeakBytes: peak,
		CPUMicros: float64((h.cpu() - cpu).Microseconds()) / settle.Seconds() / float64(o.idle),
	}}, nil
}

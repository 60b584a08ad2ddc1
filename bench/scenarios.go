package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

func (o options) lasts() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

// measureStart gives the time to healthy over several starts, and the memory of
// a hub that has just started. A hub that runs already has only the latter.
func measureStart(ctx context.Context, h *target, o options) ([]row, error) {
	now, peak := h.memory()
	rows := []row{{Work: "memory after start", Bytes: now, PeakBytes: peak}}
	if o.binary == "" {
		return rows, nil
	}
	times := []time.Duration{h.healthy}
	for range 8 {
		again, err := startHub(ctx, o.binary)
		if err != nil {
			return nil, err
		}
		times = append(times, again.healthy)
		again.stop()
	}
	var took latencies
	took.all = slices.Clone(times)
	r := row{Work: "start to healthy, empty data directory", Count: int64(len(times))}
	took.into(&r)
	return append(rows, r), nil
}

// measureIngest gives the cost of a message from its process into the database
// and to one watcher.
func measureIngest(ctx context.Context, h *target, o options) ([]row, error) {
	var rows []row
	for _, sessions := range []int{1, 8} {
		r := row{Work: fmt.Sprintf("ingest durable + 1 watcher, %d sessions", sessions)}
		if err := measureLoad(ctx, h, o, shape{speakers: sessions, watchers: 1}, 1, &r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// measureFanOut gives the cost of one delivery.
func measureFanOut(ctx context.Context, h *target, o options) ([]row, error) {
	var rows []row
	for _, s := range []shape{
		{speakers: 1, watchers: 1}, {speakers: 1, watchers: 20}, {speakers: 1, watchers: 20, compressed: true},
		{speakers: 1, watchers: 200}, {speakers: 1, watchers: 200, compressed: true},
	} {
		s.watchers = min(s.watchers, o.watchers)
		r := row{Work: fmt.Sprintf("fan-out to %d watchers, per delivery", s.watchers)}
		if s.compressed {
			r.Work += ", gzip"
		}
		if err := measureLoad(ctx, h, o, s, int64(s.watchers), &r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func measureLoad(ctx context.Context, h *target, o options, s shape, deliveries int64, r *row) error {
	l, err := newLoad(ctx, h, s)
	if err != nil {
		return err
	}
	n, cpu, took, err := l.run(ctx, h, o.lasts())
	if err = errors.Join(err, l.close()); err != nil {
		return err
	}
	r.cost(n*deliveries, cpu, took)
	l.took.into(r)
	r.Bytes, r.PeakBytes = h.memory()
	return nil
}

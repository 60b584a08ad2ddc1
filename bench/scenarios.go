package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
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
	for _, s := range []shape{{1, 1, false}, {1, 20, false}, {1, 20, true}, {1, 200, false}, {1, 200, true}} {
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

const (
	pageRows   = 1000
	pageLimit  = 50
	pageReader = 2
)

// measurePages gives the cost of reading a page of messages.
func measurePages(ctx context.Context, h *target, o options) ([]row, error) {
	l, err := newLoad(ctx, h, shape{speakers: 1, watchers: 1})
	if err != nil {
		return nil, err
	}
	for range pageRows {
		l.slots <- struct{}{}
		n := l.next.Add(1)
		l.mu.Lock()
		l.waiting[n] = 1
		l.mu.Unlock()
		if err := l.speakers[0].say(n); err != nil {
			return nil, err
		}
	}
	if err := l.drain(); err != nil {
		return nil, err
	}
	session := l.speakers[0].session
	if err := l.close(); err != nil {
		return nil, err
	}
	jwt, err := h.signIn(ctx)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, v := range []struct{ work, query, encoding string }{
		{"page of 50 messages, newest", "", "identity"},
		{"page of 50 messages, from the middle", "&beforeSeq=500", "identity"},
		{"page of 50 messages, newest, gzip", "", "gzip"},
	} {
		r := row{Work: v.work}
		url := fmt.Sprintf("%s/api/sessions/%s/messages?limit=%d%s", h.url, session, pageLimit, v.query)
		if err := readAgainAndAgain(ctx, h, o, url, jwt, v.encoding, &r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func readAgainAndAgain(ctx context.Context, h *target, o options, url, jwt, encoding string, r *row) error {
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: pageReader}
	defer transport.CloseIdleConnections()
	var took latencies
	var mu sync.Mutex
	var failure error
	reading := func(ctx context.Context) {
		for ctx.Err() == nil {
			begin := time.Now()
			if err := readOnce(ctx, transport, url, jwt, encoding); err != nil {
				if ctx.Err() == nil {
					mu.Lock()
					failure = err
					mu.Unlock()
				}
				return
			}
			took.add(time.Since(begin))
		}
	}
	ctx, stop := context.WithTimeout(ctx, warmUp+o.lasts())
	defer stop()
	var readers sync.WaitGroup
	for range pageReader {
		readers.Go(func() { reading(ctx) })
	}
	time.Sleep(warmUp)
	took.reset()
	cpu, begin := h.cpu(), time.Now()
	<-ctx.Done()
	spent, lasted := h.cpu()-cpu, time.Since(begin)
	readers.Wait()
	r.cost(int64(len(took.all)), spent, lasted)
	took.into(r)
	return failure
}

func readOnce(ctx context.Context, transport *http.Transport, url, jwt, encoding string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+jwt)
	req.Header.Set("Accept-Encoding", encoding)
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || encoding == "identity" && n < pageLimit*messageBytes/2 {
		return fmt.Errorf("a page of %d bytes: %s", n, res.Status)
	}
	return nil
}

// measureIdle gives the memory of connections that do nothing: session
// processes, each with its session, and watchers.
func measureIdle(ctx context.Context, h *target, o options) ([]row, error) {
	sockets, err := measureIdleOf(ctx, h, o, "idle session connection", func(ctx context.Context, n int) (func(), error) {
		s, err := newSpeaker(ctx, h, fmt.Sprintf("idle-%d-%d", time.Now().UnixNano(), n))
		if err != nil {
			return nil, err
		}
		return s.close, nil
	})
	if err != nil {
		return nil, err
	}
	jwt, err := h.signIn(ctx)
	if err != nil {
		return nil, err
	}
	streams, err := measureIdleOf(ctx, h, o, "idle watcher, gzip", func(ctx context.Context, _ int) (func(), error) {
		w, err := watch(ctx, h, jwt, "all=true", true, func(int64, time.Time) {})
		if err != nil {
			return nil, err
		}
		return w.close, nil
	})
	return append(sockets, streams...), err
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

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

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
	if err := l.sayAll(pageRows); err != nil {
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
		if err := readAgainAndAgain(ctx, h, o, request{url: url, jwt: jwt, encoding: v.encoding, least: pageLimit * messageBytes / 2}, &r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// measureList gives the cost of the session list.
func measureList(ctx context.Context, h *target, o options) ([]row, error) {
	for n := range o.sessions {
		if _, err := h.newSession(ctx, fmt.Sprintf("list-%d-%d", time.Now().UnixNano(), n)); err != nil {
			return nil, err
		}
	}
	jwt, err := h.signIn(ctx)
	if err != nil {
		return nil, err
	}
	r := row{Work: fmt.Sprintf("list of %d sessions", o.sessions)}
	if err := readAgainAndAgain(ctx, h, o, request{url: h.url + "/api/sessions", jwt: jwt, encoding: "identity", least: 100 * int64(o.sessions)}, &r); err != nil {
		return nil, err
	}
	return []row{r}, nil
}

// ingestRate is how many messages a second come in while pages are read.
const ingestRate = 5000

// measureBusyPages gives how long a page takes while many messages come in. The
// hub's CPU is that of both.
func measureBusyPages(ctx context.Context, h *target, o options) ([]row, error) {
	l, err := newLoad(ctx, h, shape{speakers: 4, watchers: 1, rate: ingestRate})
	if err != nil {
		return nil, err
	}
	jwt, err := h.signIn(ctx)
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	if err := l.sayAll(pageLimit + 1); err != nil {
		return nil, errors.Join(err, l.close())
	}
	r := row{Work: fmt.Sprintf("page while %d messages/s come in", ingestRate)}
	url := fmt.Sprintf("%s/api/sessions/%s/messages?limit=%d", h.url, l.speakers[0].session, pageLimit)
	var reading error
	done := make(chan struct{})
	busy := o
	busy.seconds += warmUp.Seconds() + 1
	go func() {
		defer close(done)
		reading = readAgainAndAgain(ctx, h, o, request{url: url, jwt: jwt, encoding: "identity", least: pageLimit * messageBytes / 2, pause: 5 * time.Millisecond}, &r)
	}()
	n, _, took, err := l.run(ctx, h, busy.lasts())
	<-done
	r.CPUMicros = 0
	r.Work += fmt.Sprintf(" (%.0f/s came)", float64(n)/took.Seconds())
	return []row{r}, errors.Join(err, reading, l.close())
}

// request is one to be made again and again.
type request struct {
	url, jwt, encoding string
	least              int64         // bytes of an answer that is not compressed
	pause              time.Duration // between two of a reader
}

func readAgainAndAgain(ctx context.Context, h *target, o options, what request, r *row) error {
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: pageReader}
	defer transport.CloseIdleConnections()
	var took latencies
	var mu sync.Mutex
	var failure error
	var readers sync.WaitGroup
	warm := time.Now().Add(warmUp)
	end := warm.Add(o.lasts())
	for range pageReader {
		readers.Go(func() {
			for measured := false; !measured || time.Now().Before(end); {
				begin := time.Now()
				if err := readOnce(ctx, transport, what); err != nil {
					mu.Lock()
					failure = err
					mu.Unlock()
					return
				}
				if begin.After(warm) {
					took.add(time.Since(begin))
					measured = true
				}
				time.Sleep(what.pause)
			}
		})
	}
	time.Sleep(warmUp)
	cpu, begin := h.cpu(), time.Now()
	readers.Wait()
	spent, lasted := h.cpu()-cpu, time.Since(begin)
	r.cost(int64(len(took.all)), spent, lasted)
	took.into(r)
	return failure
}

func readOnce(ctx context.Context, transport *http.Transport, what request) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, what.url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+what.jwt)
	req.Header.Set("Accept-Encoding", what.encoding)
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || what.encoding == "identity" && n < what.least {
		return fmt.Errorf("an answer of %d bytes: %s", n, res.Status)
	}
	return nil
}

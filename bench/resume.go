package main

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

// missed is how many messages a client that comes back has not seen.
const missed = 100

// measureResume gives how long a client that comes back waits for the first
// byte of its event stream.
func measureResume(ctx context.Context, h *target, o options) ([]row, error) {
	l, err := newLoad(ctx, h, shape{speakers: 1, watchers: 1})
	if err != nil {
		return nil, err
	}
	defer l.close() //nolint:errcheck // it only ends
	jwt, err := h.signIn(ctx)
	if err != nil {
		return nil, err
	}
	cursor := make(chan string, 1)
	failed := make(chan error, 1)
	go func() {
		id, err := firstEventID(ctx, h, jwt)
		if err != nil {
			failed <- err
			return
		}
		cursor <- id
	}()
	var last string
	for last == "" { // until the stream has told of a message
		if err := l.sayAll(1); err != nil {
			return nil, err
		}
		select {
		case last = <-cursor:
		case err := <-failed:
			return nil, err
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := l.sayAll(missed); err != nil {
		return nil, err
	}
	var took latencies
	cpu, begin := h.cpu(), time.Now()
	for time.Since(begin) < o.lasts() {
		at := time.Now()
		res, err := openStream(ctx, h, jwt, last)
		if err != nil {
			return nil, err
		}
		line, err := bufio.NewReader(res.Body).ReadString('\n')
		took.add(time.Since(at))
		res.Body.Close()
		if err != nil || !strings.Contains(line, `"resume":"ok"`) {
			return nil, errors.Join(errors.New("the stream did not resume"), err)
		}
	}
	r := row{Work: "resume of an event stream, first byte"}
	r.cost(int64(len(took.all)), h.cpu()-cpu, time.Since(begin))
	took.into(&r)
	return []row{r}, nil
}

func openStream(ctx context.Context, h *target, jwt, last string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/api/events?all=true", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+jwt)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	return (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
}

// firstEventID is the id of the first event that a new stream tells.
func firstEventID(ctx context.Context, h *target, jwt string) (string, error) {
	res, err := openStream(ctx, h, jwt, "")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", err
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			return strings.TrimSpace(id), nil
		}
	}
}

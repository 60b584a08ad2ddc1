package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// watcher reads the hub's event stream and calls seen for every message of a
// speaker: its number and when it was sent.
type watcher struct {
	stop  context.CancelFunc
	ended chan struct{}
	err   error // once ended
}

func watch(ctx context.Context, h *target, jwt, query string, compressed bool, seen func(n int64, sent time.Time)) (*watcher, error) {
	ctx, stop := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/api/events?"+query, nil)
	if err != nil {
		stop()
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+jwt)
	req.Header.Set("Accept-Encoding", map[bool]string{true: "gzip", false: "identity"}[compressed])
	// A connection of its own; the transport must not unpack by itself.
	transport := &http.Transport{DisableCompression: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		stop()
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		stop()
		return nil, fmt.Errorf("GET /api/events: %s", res.Status)
	}
	w := &watcher{stop: stop, ended: make(chan struct{})}
	shook := make(chan struct{})
	go func() {
		defer close(w.ended)
		defer transport.CloseIdleConnections()
		defer res.Body.Close()
		w.err = read(res.Body, res.Header.Get("Content-Encoding") == "gzip", shook, seen)
	}()
	select {
	case <-shook:
		return w, nil
	case <-w.ended:
		stop()
		return nil, errors.Join(errors.New("the event stream ended before its handshake"), w.err)
	}
}

// read reads frames until the stream ends; shook is closed at the first.
func read(body io.Reader, compressed bool, shook chan struct{}, seen func(n int64, sent time.Time)) error {
	if compressed {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = unpacked
	}
	lines := bufio.NewReaderSize(body, 64<<10)
	for first := true; ; first = false {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return errors.New("an event is larger than anything that was sent")
		}
		if err != nil {
			return err
		}
		if first {
			close(shook)
		}
		if n, sent, ok := spoken(line); ok {
			seen(n, sent)
		}
	}
}

// spoken finds a speaker's message in a line of the stream.
func spoken(line []byte) (n int64, sent time.Time, ok bool) {
	if !bytes.HasPrefix(line, []byte("data: ")) {
		return 0, time.Time{}, false
	}
	_, rest, found := bytes.Cut(line, []byte(marker))
	if !found {
		return 0, time.Time{}, false
	}
	number, rest, _ := bytes.Cut(rest, []byte(":"))
	nanos, _, _ := bytes.Cut(rest, []byte(":"))
	n, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		return 0, time.Time{}, false
	}
	at, err := strconv.ParseInt(string(nanos), 10, 64)
	if err != nil {
		return 0, time.Time{}, false
	}
	return n, time.Unix(0, at), true
}

func (w *watcher) close() {
	w.stop()
	<-w.ended
}

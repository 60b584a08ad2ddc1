package soak

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// watcher follows everything, or one session, and checks it.
type watcher struct {
	s    *soak
	n    int
	only int // the session; -1: all
	rand *rand.Rand
	http *http.Client

	cursor string // of the latest event that can be resumed from
	stalls int
	leaves int
	gaps   int

	mu     sync.Mutex
	last   []int // the latest line of each session
	loaded []int // up to where pages were read after a gap: the stream may say it once more
	failed bool
}

func newWatcher(s *soak, n int) *watcher {
	only := -1
	if n >= *wide {
		only = n % *sessions
	}
	return &watcher{
		s: s, n: n, only: only, rand: rand.New(rand.NewPCG(uint64(n), 1)), last: make([]int, *sessions), loaded: make([]int, *sessions),
		http: &http.Client{Transport: &http.Transport{DisableCompression: true}},
	}
}

// run watches until ctx ends, again and again.
func (w *watcher) run(ctx context.Context) {
	defer w.http.CloseIdleConnections()
	for ctx.Err() == nil {
		// A watcher leaves now and then, without a word.
		stay, leave := context.WithTimeout(ctx, time.Duration(3+w.rand.IntN(25))*time.Second)
		err := w.follow(stay)
		leave()
		if ctx.Err() == nil && err != nil && stay.Err() == nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			w.fail("%v", err)
			return
		}
		w.leaves++
	}
}

func (w *watcher) get(ctx context.Context, path string, gzipped bool) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.s.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.s.jwt)
	if w.cursor != "" {
		req.Header.Set("Last-Event-ID", w.cursor)
	}
	if gzipped {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	res, err := w.http.Do(req)
	if err == nil && res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("%s: %s", path, res.Status)
	}
	return res, err
}

var (
	dataField = []byte("data: ")
	idField   = []byte("id: ")
	marker    = []byte(`"soak:`)
)

// follow reads one stream.
func (w *watcher) follow(ctx context.Context) error {
	gzipped := w.n%10 == 0
	query := "all=true"
	if w.only >= 0 {
		query = "sessionId=" + string(w.s.ids[w.only])
	}
	res, err := w.get(ctx, "/api/events?"+query, gzipped)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var body io.Reader = res.Body
	if gzipped {
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	lines := bufio.NewReaderSize(body, 64<<10)
	stall := w.nextStall()
	var data []byte
	var id string
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case bytes.HasPrefix(line, idField):
			id = string(line[len(idField):])
		case bytes.HasPrefix(line, dataField):
			data = line[len(dataField):]
		case len(line) == 0 && data != nil: // an event counts once it is whole
			if err := w.event(ctx, data); err != nil {
				return err
			}
			if id != "" {
				w.cursor = id
			}
			data, id = nil, ""
		}
		if time.Now().After(stall) {
			w.stalls++
			select { // the phone sleeps
			case <-time.After(time.Duration(w.rand.IntN(4000)) * time.Millisecond):
			case <-ctx.Done():
			}
			stall = w.nextStall()
		}
	}
}

func (w *watcher) nextStall() time.Time {
	return time.Now().Add(time.Duration(2000+w.rand.IntN(15000)) * time.Millisecond)
}

func (w *watcher) event(ctx context.Context, e []byte) error {
	if i := bytes.Index(e, marker); i >= 0 {
		session, line := number(e[i+len(marker):])
		w.take(session, line)
		return nil
	}
	if bytes.HasPrefix(e, []byte(`{"type":"connection-changed"`)) && !bytes.Contains(e, []byte(`"resume":"ok"`)) {
		if w.cursor != "" {
			w.gaps++
		}
		return w.load(ctx)
	}
	return nil
}

// number reads "SESSION:LINE:".
func number(b []byte) (session, line int) {
	first, rest, _ := bytes.Cut(b, []byte(":"))
	second, _, _ := bytes.Cut(rest, []byte(":"))
	session, _ = strconv.Atoi(string(first))
	line, _ = strconv.Atoi(string(second))
	return session, line
}

// take checks that a line is the next one of its session.
func (w *watcher) take(session, line int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case line == w.last[session]+1:
		w.last[session] = line
	case line <= w.loaded[session]: // read with a page before the stream said it
	case w.failed: // said before
	default:
		w.failed = true
		w.s.t.Errorf("watcher %d: line %d of session %d after line %d (%d stalls, %d leaves, %d gaps)", w.n, line, session, w.last[session], w.stalls, w.leaves, w.gaps)
		w.last[session] = max(line, w.last[session])
	}
}

// load does what a client does that is new or was away for too long: it reads
// the pages of what it does not have.
func (w *watcher) load(ctx context.Context) error {
	for n, id := range w.s.ids {
		if w.only >= 0 && n != w.only {
			continue
		}
		w.mu.Lock()
		have := w.last[n]
		w.mu.Unlock()
		var missing []int // the latest first
		for query := "limit=200"; ; {
			res, err := w.get(ctx, "/api/sessions/"+string(id)+"/messages?"+query, false)
			if err != nil {
				return err
			}
			var p struct {
				Messages []struct {
					Seq     int64
					Content json.RawMessage
				}
				HasMore bool
			}
			err = json.NewDecoder(res.Body).Decode(&p)
			res.Body.Close()
			if err != nil {
				return err
			}
			lowest, reached := int64(1<<62), len(p.Messages) == 0
			for _, m := range p.Messages { // the latest first
				lowest = min(lowest, m.Seq)
				at := bytes.Index(m.Content, marker)
				if at < 0 {
					continue
				}
				if _, line := number(m.Content[at+len(marker):]); line > have {
					missing = append(missing, line)
				} else {
					reached = true
				}
			}
			if reached || !p.HasMore {
				break
			}
			query = fmt.Sprintf("limit=200&beforeSeq=%d", lowest)
		}
		for i := len(missing) - 1; i >= 0; i-- {
			w.take(n, missing[i])
		}
		w.mu.Lock()
		w.loaded[n] = w.last[n]
		w.mu.Unlock()
	}
	return nil
}

func (w *watcher) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = true
	w.s.t.Errorf("watcher %d: %s", w.n, fmt.Sprintf(format, args...))
}

// settle waits until the watcher has everything that was said.
func (w *watcher) settle(deadline time.Time) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		n, have := w.behind()
		if n < 0 {
			return
		}
		if time.Now().After(deadline) {
			w.fail("has %d of the %d lines of session %d", have, w.s.said[n], n)
			return
		}
		<-tick.C
	}
}

// behind is a session that the watcher does not have all of; -1: none.
func (w *watcher) behind() (session, have int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed {
		return -1, 0
	}
	for n, said := range w.s.said {
		if w.last[n] < said && (w.only < 0 || n == w.only) {
			return n, w.last[n]
		}
	}
	return -1, 0
}

func summary(all []*watcher) string {
	var stalls, leaves, gaps int
	for _, w := range all {
		stalls, leaves, gaps = stalls+w.stalls, leaves+w.leaves, gaps+w.gaps
	}
	return fmt.Sprintf("%d stalls, %d returns, %d gaps", stalls, leaves, gaps)
}

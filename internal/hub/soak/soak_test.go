// Package soak runs a hub for long under everything that happens to one at
// once: processes that speak, watchers that stall, leave and come back. Every
// watcher checks by content that nothing is missed, doubled or out of order.
package soak

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"hapi/internal/home"
	"hapi/internal/hub"
	"hapi/internal/hubclient"
	"hapi/internal/wire"
)

// The defaults are what two cores hold under the race detector, beside other
// tests. `make soak` runs the full form, in which a tenth watches everything:
// what all of them together read has to fit into the same two cores.
var (
	lasts    = flag.Duration("soak", time.Minute, "how long the load lasts")
	sessions = flag.Int("sessions", 20, "sessions that speak")
	watchers = flag.Int("watchers", 30, "how many watch")
	wide     = flag.Int("wide", 30, "how many of them watch everything; the others watch one session each")
	pace     = flag.Duration("pace", 200*time.Millisecond, "time between two messages of a session")
)

const (
	token = "soak-base-token-0123456789"
	// settleWithin is how long watchers may take to have everything at the end.
	settleWithin = 2 * time.Minute
	// heapSlack is how much the heap may move between two moments of one load.
	heapSlack = 24 << 20
)

func TestSoak(t *testing.T) {
	if testing.Short() {
		*lasts = 5 * time.Second
	}
	before := runtime.NumGoroutine()
	s := start(t)
	ctx, stop := context.WithTimeout(context.Background(), *lasts)
	defer stop()
	for n := range *sessions {
		s.speak(ctx, n)
	}
	watching, leave := context.WithCancel(context.Background())
	defer leave()
	var all []*watcher
	var running sync.WaitGroup
	for n := range *watchers {
		w := newWatcher(s, n)
		all = append(all, w)
		running.Go(func() { w.run(watching) })
	}
	warm := s.heapAfter(ctx, *lasts/3)
	s.speakers.Wait() // each until ctx ends, and until the hub has all it said
	calm := heap()
	deadline := time.Now().Add(settleWithin)
	for _, w := range all {
		w.settle(deadline)
	}
	leave()
	running.Wait()
	said := s.total()
	t.Logf("%d messages of %d sessions in %v, %d watchers; heap %d MiB when warm, %d MiB at the end; %s",
		said, *sessions, *lasts, *watchers, warm>>20, calm>>20, summary(all))
	if calm > warm+warm/4+heapSlack {
		t.Errorf("the heap grew from %d to %d MiB", warm>>20, calm>>20)
	}
	if least := int(*lasts / *pace) * *sessions / 2; said < least {
		t.Errorf("only %d messages were said, less than half the rate: this machine is too slow for so many", said)
	}
	s.stop()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	expectGoroutines(t, before)
}

// expectGoroutines waits until no more goroutines run than before.
func expectGoroutines(t *testing.T, before int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); runtime.NumGoroutine() > before; {
		select {
		case <-tick.C:
		case <-deadline:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// soak is the hub and those who speak.
type soak struct {
	t        *testing.T
	url, jwt string
	stop     func()

	speakers sync.WaitGroup
	mu       sync.Mutex
	ids      []wire.SessionID
	said     []int // by session
}

func start(t *testing.T) *soak {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := hub.Open(t.Context(), &home.Hub{
		Token: home.Value{Text: token}, Dir: dir, DBPath: filepath.Join(dir, "hapi.db"), JWTSecret: make([]byte, 32), OwnerID: 7,
		CORSOrigins: []string{"http://localhost:3006"},
	}, hub.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.Serve(ctx, listener, func() { close(ready) }) }()
	<-ready
	s := &soak{t: t, url: "http://" + listener.Addr().String(), ids: make([]wire.SessionID, *sessions), said: make([]int, *sessions)}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the hub ended with %v", err)
		}
	})
	t.Cleanup(s.stop)
	res, err := http.Post(s.url+"/api/auth", "application/json", strings.NewReader(`{"accessToken":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var grant struct{ Token string }
	if err := json.NewDecoder(res.Body).Decode(&grant); err != nil {
		t.Fatal(err)
	}
	s.jwt = grant.Token
	return s
}

// speak starts session n, which says numbered lines until ctx ends.
func (s *soak) speak(ctx context.Context, n int) {
	s.t.Helper()
	c := hubclient.New(hubclient.Options{BaseURL: s.url, Token: token})
	row, err := c.CreateSession(ctx, wire.CreateSession{Tag: fmt.Sprint("soak-", n), Metadata: json.RawMessage(`{"path":"/work","host":"soak","flavor":"claude"}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.ids[n] = row.ID
	link := c.Link(row, hubclient.LinkOptions{})
	running, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = link.Run(running) }()
	s.speakers.Go(func() {
		defer func() { stop(); <-ended }()
		tick := time.NewTicker(*pace)
		defer tick.Stop()
		for line := 1; ; line++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				flushing, cancel := context.WithTimeout(context.Background(), settleWithin)
				defer cancel()
				if err := link.Flush(flushing); err != nil {
					s.t.Errorf("session %d: %v", n, err)
				}
				return
			}
			content := fmt.Sprintf(`{"role":"agent","content":{"type":"output","data":{"type":"assistant","text":"soak:%d:%d:%s"}}}`, n, line, strings.Repeat("x", line%400))
			if err := link.Say(context.Background(), json.RawMessage(content), time.Time{}); err != nil {
				s.t.Errorf("session %d: %v", n, err)
				return
			}
			s.mu.Lock()
			s.said[n] = line
			s.mu.Unlock()
		}
	})
}

func (s *soak) total() (sum int) {
	for _, n := range s.said {
		sum += n
	}
	return sum
}

// heapAfter is the heap after d, or at the end of ctx.
func (s *soak) heapAfter(ctx context.Context, d time.Duration) uint64 {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return heap()
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

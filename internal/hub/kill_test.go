package hub_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"hapi/internal/hub"
	"hapi/internal/hub/apitest"
	"hapi/internal/wire"
)

// runChildHub is this test binary as a hub, to be killed.
func runChildHub() int {
	ctx := context.Background()
	listener, err := net.Listen("tcp", os.Getenv("HAPI_TEST_HUB"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	h, err := hub.Open(ctx, config(os.Getenv("HAPI_TEST_DIR")), hub.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err == nil {
		err = h.Serve(ctx, listener, func() { fmt.Println("ready") })
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// child is a hub in a process of its own.
type child struct {
	h   *testHub
	cmd *exec.Cmd
}

func (c *child) start() {
	c.h.t.Helper()
	address := strings.TrimPrefix(c.h.url, "http://")
	c.cmd = exec.Command(os.Args[0], "-test.run=^$")
	c.cmd.Env = append(os.Environ(), "HAPI_TEST_HUB="+address, "HAPI_TEST_DIR="+c.h.dir)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		c.h.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		c.h.t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		c.h.t.Fatalf("the hub did not start: %v", err)
	}
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// kills is how often the hub is killed.
const kills = 50

// TestKilledHubLosesNothingThatWasAcknowledged kills the hub again and again
// while processes speak, people send and a watcher watches.
func TestKilledHubLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	h := &testHub{t: t, dir: t.TempDir(), http: apitest.Client(t), url: "http://" + freeAddress(t)}
	c := &child{h: h}
	c.start()
	defer func() { c.kill() }()
	h.jwt = h.signIn(baseToken)
	const speakers = 3
	var processes []*process
	for range speakers {
		processes = append(processes, h.newSession(baseToken, nil, true))
	}
	w := h.watcher()
	loading, stopLoading := context.WithCancel(t.Context())
	var load sync.WaitGroup
	spoken := make([]int, speakers)
	posted := make([][]wire.LocalID, speakers)
	for i, p := range processes {
		load.Go(func() { spoken[i] = speak(loading, t, p) })
		load.Go(func() { posted[i] = h.post(loading, p.session.ID) })
	}
	for range kills {
		time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond) // the moment is to be a random one
		c.kill()
		c.start()
	}
	stopLoading()
	load.Wait()
	flushing, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, p := range processes {
		if err := p.Flush(flushing); err != nil {
			t.Fatalf("flush: %v", err)
		}
		h.eventually("all prompts to be taken", func() bool { return h.allTaken(p.session.ID, posted[i]) })
		checkConversation(t, h.everything(p.session.ID, 200), spoken[i], posted[i])
		w.checkSaw(h.everything(p.session.ID, 200))
		checkDeliveredOnce(t, p, posted[i])
	}
	t.Logf("%d kills, said %v, sent %d+%d+%d", kills, spoken, len(posted[0]), len(posted[1]), len(posted[2]))
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// speak says numbered lines until ctx ends, and gives how many.
func speak(ctx context.Context, t *testing.T, p *process) int {
	pace := time.NewTicker(3 * time.Millisecond)
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case <-pace.C:
			say(t, p, fmt.Sprintf("line %d.", n))
		case <-ctx.Done():
			return n
		}
	}
}

// post sends prompts, each until the hub took it, and gives those it took.
func (h *testHub) post(ctx context.Context, id wire.SessionID) (taken []wire.LocalID) {
	for n := 0; ctx.Err() == nil; n++ {
		local := wire.LocalID(fmt.Sprintf("local-%d", n))
		for {
			err := h.tryPost(ctx, id, local)
			if err == nil {
				taken = append(taken, local)
				break
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return taken // whether the last one was taken is not known, so it is sent no more
			}
		}
	}
	return taken
}

var errNotTaken = errors.New("not taken")

func (h *testHub) tryPost(ctx context.Context, id wire.SessionID, local wire.LocalID) error {
	body := fmt.Sprintf(`{"text":"prompt","localId":%q}`, local)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/api/sessions/"+string(id)+"/messages", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+h.jwt)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
		return errNotTaken
	}
	return nil
}

func (h *testHub) allTaken(id wire.SessionID, ids []wire.LocalID) bool {
	taken := map[wire.LocalID]bool{}
	for _, m := range h.everything(id, 200) {
		if m.LocalID != nil && m.InvokedAt != nil {
			taken[*m.LocalID] = true
		}
	}
	for _, local := range ids {
		if !taken[local] {
			return false
		}
	}
	return true
}

// checkConversation wants every line once and in order, and every prompt once.
func checkConversation(t *testing.T, newestFirst []wire.Message, spoken int, posted []wire.LocalID) {
	t.Helper()
	next := 0
	prompts := map[wire.LocalID]int{}
	for i := len(newestFirst) - 1; i >= 0; i-- {
		m := newestFirst[i]
		if m.LocalID != nil {
			prompts[*m.LocalID]++
			continue
		}
		var n int
		text := string(m.Content)
		if _, err := fmt.Sscanf(text[strings.Index(text, "line "):], "line %d.", &n); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if n != next {
			t.Fatalf("line %d is where line %d should be", n, next)
		}
		next++
	}
	if next != spoken {
		t.Errorf("%d lines are there, %d were said", next, spoken)
	}
	for _, local := range posted {
		if prompts[local] != 1 {
			t.Errorf("prompt %s is there %d times", local, prompts[local])
		}
	}
}

func checkDeliveredOnce(t *testing.T, p *process, posted []wire.LocalID) {
	t.Helper()
	got := map[wire.LocalID]int{}
	for len(p.prompts) > 0 {
		m := <-p.prompts
		got[*m.LocalID]++
	}
	for _, local := range posted {
		if got[local] != 1 {
			t.Errorf("prompt %s was delivered %d times", local, got[local])
		}
	}
}

// watcher follows the event stream of everything through all cuts.
type watcher struct {
	t    *testing.T
	mu   sync.Mutex
	last string
	gaps int
	said map[wire.MessageID]bool
}

func (h *testHub) watcher() *watcher {
	w := &watcher{t: h.t, said: map[wire.MessageID]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	opened := make(chan struct{}, 1)
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			w.follow(ctx, h, opened)
		}
	}()
	h.t.Cleanup(func() { cancel(); <-ended })
	<-opened
	return w
}

func (w *watcher) follow(ctx context.Context, h *testHub, opened chan<- struct{}) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/api/events?all=true", nil)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", "Bearer "+h.jwt)
	w.mu.Lock()
	last := w.last
	w.mu.Unlock()
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
		}
		return
	}
	defer res.Body.Close()
	s := &stream{t: h.t, events: make(chan streamed)}
	go func() {
		defer close(s.events)
		s.read(bufio.NewReader(res.Body))
	}()
	for e := range s.events {
		w.take(e, last != "")
		select {
		case opened <- struct{}{}:
		default:
		}
	}
}

func (w *watcher) take(e streamed, resumes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.id != "" {
		w.last = e.id
	}
	switch e.typ {
	case "connection-changed":
		if resumes && !strings.Contains(string(e.raw), `"resume":"ok"`) {
			w.gaps++
		}
	case wire.MessageReceived:
		var said struct {
			Message struct {
				ID wire.MessageID `json:"id"`
			} `json:"message"`
		}
		if err := json.Unmarshal(e.raw, &said); err != nil {
			w.t.Errorf("event %s: %v", e.raw, err)
		}
		w.said[said.Message.ID] = true
	}
}

// checkSaw wants every message to have been told, without a gap.
func (w *watcher) checkSaw(all []wire.Message) {
	w.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		missing := 0
		w.mu.Lock()
		gaps := w.gaps
		for _, m := range all {
			if !w.said[m.ID] {
				missing++
			}
		}
		w.mu.Unlock()
		if gaps > 0 {
			w.t.Errorf("the stream had %d gaps", gaps)
			return
		}
		if missing == 0 {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			w.t.Errorf("%d of %d messages were never told", missing, len(all))
			return
		}
	}
}

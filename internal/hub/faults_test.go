package hub_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

	"hapi/internal/hub"
	"hapi/internal/hub/store"
)

// openFails gives the error of opening a hub with the data in dir.
func openFails(t *testing.T, dir string) error {
	t.Helper()
	_, err := hub.Open(t.Context(), config(dir), hub.Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("the hub opened")
	}
	return err
}

func TestDatabaseFileThatIsNoneIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"a text": []byte(strings.Repeat("not a database\n", 1000)), "a short one": []byte("x"), "zeros": make([]byte, 8192),
		"a torn header": append([]byte("SQLite format 3\x00"), bytes.Repeat([]byte{0xff}, 4096)...),
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "hapi.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		err := openFails(t, dir)
		if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: the error does not help: %v", name, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s: the file was changed: %v", name, err)
		}
	}
}

func TestDamagedPagesAreAnErrorAndNoPanic(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	for range 300 {
		say(t, p, strings.Repeat("a line ", 200))
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.stop()
	path := filepath.Join(h.dir, "hapi.db")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 16 << 10; i < len(raw); i++ { // everything behind the schema
		raw[i] ^= 0x5a
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	running, err := hub.Open(t.Context(), config(h.dir), hub.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err == nil {
		listener, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			t.Fatal(listenErr)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		err = running.Serve(ctx, listener, cancel)
	}
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "restore a backup") {
		t.Errorf("got %v", err)
	}
}

func TestReadOnlyDatabaseSaysSo(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a directory that may be read and not written is another thing there")
	}
	h := newHub(t)
	h.stop()
	path := filepath.Join(h.dir, "hapi.db")
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(h.dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(h.dir, 0o700) }()
	defer bindByPermissions(t)()
	if err := openFails(t, h.dir); !errors.Is(err, store.ErrReadOnly) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestDatabaseHeldByAnotherProgramIsWaitedForThenRefused(t *testing.T) {
	t.Parallel()
	h := &testHub{t: t, dir: t.TempDir(), http: newHub(t).http, logger: slog.New(slog.DiscardHandler)}
	h.start("127.0.0.1:0")
	defer func() { h.stop() }()
	h.jwt = h.signIn(baseToken)
	p := h.newSession(baseToken, nil, false)
	path := "/api/sessions/" + string(p.session.ID) + "/messages"
	other, err := sql.Open("sqlite", filepath.Join(h.dir, "hapi.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		say(t, p, fmt.Sprintf("line %d.", n))
	}
	status, raw := h.call(h.jwt, http.MethodPost, path, `{"text":"x","localId":"l1"}`)
	if status != http.StatusServiceUnavailable || !bytes.Contains(raw, []byte("storage_busy")) {
		t.Errorf("got %d %s", status, raw)
	}
	if _, err := other.Exec(`ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	h.want(http.StatusOK, http.MethodPost, path, map[string]any{"text": "x", "localId": "l1"}, nil)
	flushing, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Flush(flushing); err != nil {
		t.Fatal(err)
	}
	said := 0
	for _, m := range h.everything(p.session.ID, 50) {
		if strings.Contains(string(m.Content), "line ") {
			said++
		}
	}
	if said != 3 {
		t.Errorf("%d of 3 lines are there", said)
	}
}

// jumpyClock goes back and forth by hours.
type jumpyClock struct {
	mu    sync.Mutex
	shift time.Duration
}

func (c *jumpyClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.shift)
}

func (c *jumpyClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift = d
}

func TestClockThatJumpsNeitherLosesNorReorders(t *testing.T) {
	t.Parallel()
	clock := &jumpyClock{}
	h := &testHub{t: t, dir: t.TempDir(), http: newHub(t).http, now: clock.now}
	h.start("127.0.0.1:0")
	defer func() { h.stop() }()
	h.jwt = h.signIn(baseToken)
	p := h.newSession(baseToken, nil, true)
	stream := h.stream("all=true", "", false)
	stream.next("connection-changed")
	var posted []string
	lines := 0
	for n, shift := range []time.Duration{0, time.Hour, -48 * time.Hour, 24 * time.Hour, -time.Minute, 0, -365 * 24 * time.Hour, 365 * 24 * time.Hour, 0} {
		clock.jump(shift)
		h.jwt = h.signIn(baseToken) // the last one may be over, or not yet begun
		for range 5 {
			say(t, p, fmt.Sprintf("line %d.", lines))
			lines++
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		local := fmt.Sprint("local-", n)
		h.want(http.StatusOK, http.MethodPost, "/api/sessions/"+string(p.session.ID)+"/messages", map[string]any{"text": local, "localId": local}, nil)
		posted = append(posted, local)
	}
	for n := 0; n < lines; { // as they were said
		got := string(stream.next("message-received"))
		if strings.Contains(got, `"localId":"local-`) {
			continue
		}
		if !strings.Contains(got, fmt.Sprintf("line %d.", n)) {
			t.Fatalf("the stream said instead of line %d: %s", n, got)
		}
		n++
	}
	all := h.everything(p.session.ID, 7)
	next, prompts := lines-1, map[string]int{}
	for _, m := range all { // the latest first
		text := string(m.Content)
		switch {
		case strings.Contains(text, fmt.Sprintf("line %d.", next)):
			next--
		case strings.Contains(text, "line "):
			t.Fatalf("line %d was expected: %s", next, text)
		case m.LocalID != nil:
			prompts[string(*m.LocalID)]++
		}
	}
	if next != -1 {
		t.Errorf("lines up to %d are missing", next)
	}
	for _, local := range posted {
		if prompts[local] != 1 {
			t.Errorf("%s is there %d times", local, prompts[local])
		}
	}
}

func TestWatcherThatNeverReadsCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	p := h.newSession(baseToken, nil, false)
	deaf, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if tcp, ok := deaf.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4096)
	}
	fmt.Fprintf(deaf, "GET /api/events?all=true HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %s\r\n\r\n", h.jwt)
	h.eventually("the watcher to be counted", func() bool { _, text := h.metrics(nil); return strings.Contains(text, "hapi_watchers 1") })
	good := h.stream("all=true", "", false)
	good.next("connection-changed")
	long := strings.Repeat("x", 64<<10)
	for n := range 300 { // 19 MiB, more than sockets hold
		say(t, p, fmt.Sprintf("line %d. %s", n, long))
	}
	good.saidUntil("line 299.")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.page(p.session.ID, "limit=10")
}

func TestClientThatSendsAByteNowAndThenHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	const slow = 50
	var open []net.Conn
	for n := range slow {
		c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
		if n%2 == 0 { // a head that does not end
			_, err = io.WriteString(c, "GET /health HTTP/1.1\r\nHost: h")
		} else { // a body that does not come
			_, err = fmt.Fprintf(c, "POST /api/auth HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n{", 60<<20)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	if before.HeapInuse > 1<<30 {
		t.Errorf("%d MiB for bodies that did not come", before.HeapInuse>>20)
	}
	for range 20 {
		h.page(h.newSession(baseToken, nil, false).session.ID, "limit=1")
	}
	// A head has to come within 10 s, however little of it comes each second.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var dripping sync.WaitGroup
	for _, c := range open {
		dripping.Go(func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					if _, err := c.Write([]byte("x")); err != nil {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	if err := open[0].SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(open[0]).ReadByte(); err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a head that did not end: %v", err)
	}
	stop()
	dripping.Wait()
}

package events

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/wire"
)

const hub = "abcdefgh"

// event is one whose JSON is its number, so that a test can tell it again.
func event(ns wire.Namespace, session wire.SessionID, number int) wire.Event {
	return wire.Event{Namespace: ns, SessionID: session, JSON: []byte(strconv.Itoa(number))}
}

// read splits a block into its event's JSON and its id.
func read(t *testing.T, b *Block) (data, id string) {
	t.Helper()
	data, rest, ok := strings.Cut(strings.TrimPrefix(string(b.Frame()), "data: "), "\nid: ")
	id, end, ok2 := strings.Cut(rest, "\n")
	if !ok || !ok2 || end != "\n" {
		t.Fatalf("malformed frame %q", b.Frame())
	}
	return data, id
}

// drain takes what is new without waiting for more.
func drain(t *testing.T, s *Subscription) (data []string, lastID string) {
	t.Helper()
	blocks, err := s.take()
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	for _, b := range blocks {
		var d string
		d, lastID = read(t, b)
		data = append(data, d)
	}
	return data, lastID
}

func wants(t *testing.T, s *Subscription, want ...string) (lastID string) {
	t.Helper()
	got, id := drain(t, s)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
	return id
}

func TestWatcherSeesOnlyItsFilterInOrder(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub})
	all, _ := b.Subscribe(Filter{Namespace: "n", All: true}, "")
	one, _ := b.Subscribe(Filter{Namespace: "n", SessionID: "a"}, "")
	either, _ := b.Subscribe(Filter{Namespace: "n", SessionID: "b", MachineID: "m"}, "")
	none, _ := b.Subscribe(Filter{Namespace: "n"}, "")
	b.Publish(1, event("n", "a", 1), event("n", "b", 2))
	b.PublishLive(wire.Event{Namespace: "n", MachineID: "m", JSON: []byte("3")})
	b.Publish(2, event("other", "a", 4), wire.Event{JSON: []byte("5")})
	wants(t, all, "1", "2", "3")
	wants(t, one, "1")
	wants(t, either, "2", "3")
	wants(t, none)
}

func TestIdsCarryTheChangeOnlyWhenTheJobIsComplete(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub, LastChange: 7})
	s, _ := b.Subscribe(Filter{Namespace: "n", All: true}, "")
	b.Publish(8, event("n", "a", 1), event("n", "a", 2), event("n", "a", 3))
	b.PublishLive(event("n", "a", 4))
	b.Publish(9)
	b.PublishLive(event("n", "a", 5))
	blocks, err := s.take()
	if err != nil {
		t.Fatal(err)
	}
	var changes []int64
	for _, blk := range blocks {
		_, id := read(t, blk)
		c, ok := s.ring.scheme.parse(id)
		if !ok {
			t.Fatalf("own id %q is not parsed", id)
		}
		changes = append(changes, c.change)
	}
	if diff := cmp.Diff([]int64{7, 7, 8, 8, 9}, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub, LastChange: 3, Ring: 4})
	s, _ := b.Subscribe(Filter{Namespace: "n", All: true}, "")
	for i := range 4 {
		b.Publish(int64(4+i), event("n", "a", i))
	}
	fresh := wants(t, s, "0", "1", "2", "3")
	ids := func(change, n int64) string { return string(s.ring.scheme.appendID(nil, change, n)) }
	other := cursorScheme{hubID: hub, boot: "otherrun", tag: s.ring.scheme.tag}
	for _, c := range []struct {
		name   string
		id     string
		resume Resume
		since  int64
		replay []string
	}{
		{"no cursor", "", ResumeGap, 7, nil},
		{"the latest event", fresh, ResumeLive, 7, nil},
		{"the event before the oldest kept", ids(3, 0), ResumeLive, 3, []string{"0", "1", "2", "3"}},
		{"in the middle", ids(5, 2), ResumeLive, 5, []string{"2", "3"}},
		{"a position that never was", ids(7, 5), ResumeGap, 7, nil},
		{"an earlier process", string(other.appendID(nil, 2, 900)), ResumeChanges, 2, nil},
		{"a change that never was", string(other.appendID(nil, 8, 1)), ResumeGap, 7, nil},
		{"another hub", strings.Replace(fresh, hub, "hgfedcba", 1), ResumeGap, 7, nil},
		{"another namespace", fresh[:len(fresh)-8] + "00000000", ResumeGap, 7, nil},
		{"a negative change", strings.Replace(fresh, ":7.", ":-7.", 1), ResumeGap, 7, nil},
		{"a cut id", fresh[:12], ResumeGap, 7, nil},
		{"the reference's form", "abcdefgh:12:" + s.ring.scheme.tag, ResumeGap, 7, nil},
		{"an overflowing number", strings.Replace(fresh, ":7.", ":99999999999999999999.", 1), ResumeGap, 7, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, resume := b.Subscribe(Filter{Namespace: "n", All: true}, c.id)
			defer got.Close()
			if resume != c.resume || got.SinceChange() != c.since {
				t.Errorf("got resume %d since %d, want %d since %d", resume, got.SinceChange(), c.resume, c.since)
			}
			wants(t, got, c.replay...)
		})
	}
}

func TestCursorOlderThanTheRingResumesByChanges(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub, Ring: 2})
	s, _ := b.Subscribe(Filter{Namespace: "n", All: true}, "")
	b.Publish(1, event("n", "a", 1))
	id := wants(t, s, "1")
	for i := range 3 {
		b.Publish(int64(2+i), event("n", "a", 2+i))
	}
	again, resume := b.Subscribe(Filter{Namespace: "n", All: true}, id)
	if resume != ResumeChanges || again.SinceChange() != 1 {
		t.Errorf("got resume %d since %d, want ResumeChanges since 1", resume, again.SinceChange())
	}
	wants(t, again)
	live, resume := b.Subscribe(Filter{Namespace: "n", All: true}, again.HeadID())
	if resume != ResumeLive {
		t.Errorf("HeadID resumes with %d, want ResumeLive", resume)
	}
	wants(t, live)
}

func TestOvertakenReaderIsTold(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub, Ring: 3})
	s, _ := b.Subscribe(Filter{Namespace: "n", All: true}, "")
	for i := range 4 {
		b.PublishLive(event("n", "a", i))
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, ErrGap) {
		t.Errorf("got %v, want ErrGap", err)
	}
}

func TestWaitingWatcherIsNotOvertakenByEventsOfOthers(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub, Ring: 3})
	s, _ := b.Subscribe(Filter{Namespace: "n", SessionID: "mine", MachineID: "m"}, "")
	wants(t, s) // now it waits
	for i := range 10 {
		b.PublishLive(event("n", "other", i))
	}
	b.PublishLive(event("n", "mine", 10))
	b.PublishLive(wire.Event{Namespace: "n", MachineID: "m", JSON: []byte("11")})
	wants(t, s, "10", "11")
}

func TestRingIsBoundInBytesButKeepsTheLatest(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub, RingBytes: 1000})
	big := wire.Event{Namespace: "n", SessionID: "a", JSON: bytes.Repeat([]byte("x"), 5000)}
	for i := range 20 {
		b.PublishLive(event("n", "a", i))
	}
	b.PublishLive(big)
	r := b.rings["n"]
	if len(r.blocks) != 1 || r.bytes != len(r.blocks[0].frame) {
		t.Fatalf("after a large event: %d blocks, %d bytes", len(r.blocks), r.bytes)
	}
	for i := range 100 {
		b.PublishLive(event("n", "a", i))
	}
	if r.bytes > 1000 || len(r.blocks) < 5 {
		t.Errorf("got %d blocks of %d bytes, want as many as fit in 1000", len(r.blocks), r.bytes)
	}
}

func TestNextWaitsAndTakesAllThatIsNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{HubID: hub})
		s, _ := b.Subscribe(Filter{Namespace: "n", SessionID: "a"}, "")
		got := make(chan []*Block)
		go func() {
			defer close(got)
			for {
				blocks, err := s.Next(t.Context())
				if err != nil {
					return
				}
				got <- blocks
			}
		}()
		b.PublishLive(event("n", "b", 1))
		synctest.Wait()
		select {
		case blocks := <-got:
			t.Fatalf("woken by %d events of another session", len(blocks))
		default:
		}
		b.PublishLive(event("n", "a", 2))
		if n := len(<-got); n != 1 {
			t.Fatalf("got %d events, want 1", n)
		}
		synctest.Wait()
		s.Close()
		s.Close()
		if _, open := <-got; open {
			t.Fatal("a closed subscription delivered")
		}
		b.PublishLive(event("n", "a", 3))
		if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Fatalf("got %v, want ErrClosed", err)
		}
	})
}

func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{HubID: hub})
		s, _ := b.Subscribe(Filter{Namespace: "n", All: true}, "")
		why := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		go func() { _, err := s.Next(ctx); ended <- err }()
		synctest.Wait()
		cancel(why)
		if err := <-ended; !errors.Is(err, why) {
			t.Fatalf("got %v, want %v", err, why)
		}
		b.PublishLive(event("n", "a", 1)) // the wait it left behind loses nothing
		wants(t, s, "1")
	})
}

func TestNamespacesNobodyUsesAreForgotten(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub})
	for i := range 100 {
		s, _ := b.Subscribe(Filter{Namespace: wire.Namespace(strconv.Itoa(i)), All: true}, "")
		s.Close()
	}
	if len(b.rings) != 0 {
		t.Errorf("%d rings are left", len(b.rings))
	}
}

func TestDeflatedBlocksConcatenateInAnyOrder(t *testing.T) {
	t.Parallel()
	b := New(Options{HubID: hub})
	s, _ := b.Subscribe(Filter{Namespace: "n", All: true}, "")
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		text := strings.Repeat(fmt.Sprintf(`{"n":%d,"text":"…"}`, i), rnd.IntN(300))
		b.PublishLive(wire.Event{Namespace: "n", JSON: []byte(text)})
	}
	noise := make([]byte, 200_000) // more than a deflate block, and incompressible
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	b.PublishLive(wire.Event{Namespace: "n", JSON: noise})
	blocks, err := s.take()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		rnd.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
		checkGzip(t, blocks)
	}
}

// checkGzip writes blocks behind a gzip header and reads each of them back
// before the next is written, as a browser does.
func checkGzip(t *testing.T, blocks []*Block) {
	t.Helper()
	pr, pw := io.Pipe()
	taken := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		_, _ = pw.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255})
		for _, b := range blocks {
			_, _ = pw.Write(b.Deflated())
			<-taken
		}
		pw.CloseWithError(io.ErrUnexpectedEOF)
	})
	defer writing.Wait()
	z, err := gzip.NewReader(pr)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range blocks {
		got := make([]byte, len(b.Frame()))
		if _, err := io.ReadFull(z, got); err != nil || !bytes.Equal(got, b.Frame()) {
			t.Errorf("block %d of %d bytes: got %d equal %v, err %v", i, len(b.Frame()), len(got), bytes.Equal(got, b.Frame()), err)
		}
		taken <- struct{}{}
	}
}

// TestNoInterleavingMissesOrDoubles drives one bus with random publishing,
// reading and reconnecting and compares what every watcher saw with what was
// published. Where the ring cannot replay, the store's part is played from the
// list of what was published.
func TestNoInterleavingMissesOrDoubles(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			newModel(t, seed).run(400)
		})
	}
}

type model struct {
	t         *testing.T
	rnd       *rand.Rand
	bus       *Bus
	change    int64
	published []durable
	watchers  []*watcher
}

// durable is a published event with the job it belonged to.
type durable struct {
	data    string
	session wire.SessionID
	change  int64
}

type watcher struct {
	filter Filter
	sub    *Subscription
	lastID string
	seen   []string
	from   int // how much was published when it first came
	// told is what it saw or was listed: a job cut in the middle is listed whole again.
	told map[string]bool
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, rnd: rand.New(rand.NewPCG(seed, 7))}
	m.boot()
	return m
}

// boot starts a new process on the same database.
func (m *model) boot() {
	m.bus = New(Options{HubID: hub, LastChange: m.change, Ring: 2 + m.rnd.IntN(12)})
	for _, w := range m.watchers {
		w.sub = nil
	}
}

func (m *model) run(steps int) {
	sessions := []wire.SessionID{"a", "b", "c"}
	for range steps {
		switch n := m.rnd.IntN(100); {
		case n < 40:
			m.publish(sessions)
		case n < 45 && len(m.watchers) < 6:
			f := Filter{Namespace: "n", SessionID: sessions[m.rnd.IntN(3)]}
			if m.rnd.IntN(2) == 0 {
				f = Filter{Namespace: "n", All: true}
			}
			w := &watcher{filter: f, from: len(m.published), told: map[string]bool{}}
			m.watchers = append(m.watchers, w)
			m.connect(w)
			w.lastID = w.sub.HeadID()
		case n < 46:
			m.boot()
		case len(m.watchers) > 0:
			m.step(m.watchers[m.rnd.IntN(len(m.watchers))])
		}
	}
	for _, w := range m.watchers {
		m.connect(w)
		m.read(w, false)
		m.check(w)
	}
}

func (m *model) publish(sessions []wire.SessionID) {
	m.change++
	var events []wire.Event
	for range m.rnd.IntN(4) {
		s := sessions[m.rnd.IntN(3)]
		events = append(events, event("n", s, len(m.published)))
		m.published = append(m.published, durable{strconv.Itoa(len(m.published)), s, m.change})
	}
	m.bus.Publish(m.change, events...)
}

func (m *model) step(w *watcher) {
	switch {
	case w.sub == nil || m.rnd.IntN(4) == 0:
		m.connect(w)
	default:
		m.read(w, m.rnd.IntN(5) == 0)
	}
}

// connect drops the watcher's stream and resumes from the last id it saw.
func (m *model) connect(w *watcher) {
	if w.sub != nil {
		w.sub.Close()
	}
	sub, resume := m.bus.Subscribe(w.filter, w.lastID)
	w.sub = sub
	if w.lastID == "" {
		return
	}
	switch resume {
	case ResumeGap:
		m.t.Fatalf("cursor %q of this hub is a gap", w.lastID)
	case ResumeChanges:
		for _, d := range m.published {
			if d.change > sub.SinceChange() && (w.filter.All || w.filter.SessionID == d.session) && !w.told[d.data] {
				w.seen = append(w.seen, d.data)
				w.told[d.data] = true
			}
		}
		w.lastID = sub.HeadID()
	}
}

// read takes what is new; a watcher that is cut off sees only a part of it.
func (m *model) read(w *watcher, cutOff bool) {
	blocks, err := w.sub.take()
	if errors.Is(err, ErrGap) {
		m.connect(w)
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	if len(blocks) > 0 && cutOff {
		blocks = blocks[:m.rnd.IntN(len(blocks))]
		defer func() { w.sub.Close(); w.sub = nil }()
	}
	for _, b := range blocks {
		data, id := read(m.t, b)
		w.seen = append(w.seen, data)
		w.lastID = id
		if w.told[data] {
			m.t.Fatalf("event %s came live after it was listed as a change", data)
		}
		w.told[data] = true
	}
}

func (m *model) check(w *watcher) {
	m.t.Helper()
	var want []string
	for _, d := range m.published[w.from:] {
		if w.filter.All || w.filter.SessionID == d.session {
			want = append(want, d.data)
		}
	}
	if diff := cmp.Diff(want, w.seen); diff != "" {
		m.t.Errorf("filter %+v (-want +got):\n%s", w.filter, diff)
	}
}

func TestConcurrentWatchersMissNothing(t *testing.T) {
	t.Parallel()
	const watchers, publishers, each = 20, 4, 500
	b := New(Options{HubID: hub})
	var wg sync.WaitGroup
	for range watchers {
		s, _ := b.Subscribe(Filter{Namespace: "n", All: true}, "")
		wg.Go(func() {
			seen := map[string]int{}
			for len(seen) < publishers*each {
				blocks, err := s.Next(t.Context())
				if err != nil {
					t.Errorf("after %d events: %v", len(seen), err)
					return
				}
				for _, blk := range blocks {
					data, _, _ := strings.Cut(string(blk.Frame()), "\n")
					seen[data]++
				}
			}
			for data, n := range seen {
				if n != 1 {
					t.Errorf("%s came %d times", data, n)
				}
			}
		})
	}
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				b.PublishLive(event("n", "a", p*each+i))
			}
		})
	}
	wg.Wait()
}

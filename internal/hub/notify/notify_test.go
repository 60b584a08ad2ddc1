package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/hub/extract"
	"hapi/internal/hub/webpush"
	"hapi/internal/wire"
)

// record is a channel that carries if reaches says so.
type record struct {
	name    string
	reaches func(*Notification) bool

	mu   sync.Mutex
	list []string
}

func (r *record) Name() string { return r.name }
func (r *record) Wait()        {}

func (r *record) Carry(_ context.Context, n *Notification) bool {
	r.mu.Lock()
	r.list = append(r.list, texts([]*Notification{n})...)
	r.mu.Unlock()
	return r.reaches(n)
}

func (r *record) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.list...)
}

func yes(*Notification) bool { return true }

// live runs a service for the time of a test in a bubble.
func live(t *testing.T, s *Service) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func activeSession(id wire.SessionID, state string) *wire.Session {
	return &wire.Session{ID: id, Namespace: "default", Active: true, Metadata: json.RawMessage(`{"path":"/work/app","host":"h","flavor":"claude"}`), AgentState: json.RawMessage(state)}
}

const asks = `{"requests":{"r1":{"tool":"Bash","arguments":{}}}}`

func TestNotificationGoesToTheFirstChannelThatReaches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second, third := &record{name: "first", reaches: func(n *Notification) bool { return n.Kind == Ready }}, &record{name: "second", reaches: yes}, &record{name: "third", reaches: yes}
		counts := map[string]int{}
		s := New(fakeSessions{"s": activeSession("s", asks)}, Options{
			Channels: []Channel{first, second, third},
			Counted:  func(k Kind, channel string) { counts[string(k)+" "+channel]++ },
		})
		live(t, s)
		s.Changed("default", "s")
		time.Sleep(settle - time.Millisecond)
		synctest.Wait()
		if told := first.told(); told != nil {
			t.Errorf("before it settled: %q", told)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		s.Said("default", "s", extract.Notice{Ready: true}, wire.Now())
		synctest.Wait()
		const asked, waits = "Permission Request: app (Bash) r1", "Ready for input: Claude is waiting in app"
		if diff := cmp.Diff([][]string{{asked, waits}, {asked}, nil}, [][]string{first.told(), second.told(), third.told()}); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{"permission-request second": 1, "ready first": 1}, counts); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
	})
}

func TestSlowChannelHoldsUpItsNamespaceOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mine, theirs := activeSession("mine", ""), activeSession("theirs", "")
		theirs.Namespace = "other"
		var dropped int
		var mu sync.Mutex
		c := &record{name: "slow"}
		c.reaches = func(n *Notification) bool {
			if n.Namespace == "other" {
				time.Sleep(time.Hour)
			}
			return true
		}
		s := New(fakeSessions{"mine": mine, "theirs": theirs}, Options{Channels: []Channel{c}, Counted: func(_ Kind, channel string) {
			mu.Lock()
			defer mu.Unlock()
			if channel == "dropped" {
				dropped++
			}
		}})
		live(t, s)
		for n := range 3 * maxWaiting {
			s.Said("other", "theirs", extract.Notice{Task: &extract.TaskEnd{Summary: fmt.Sprint(n)}}, wire.Now())
		}
		s.Said("default", "mine", extract.Notice{Task: &extract.TaskEnd{Summary: "mine"}}, wire.Now())
		synctest.Wait()
		told := c.told()
		if len(told) != 2 {
			t.Errorf("told %q", told)
		}
		mu.Lock()
		if dropped < maxWaiting || dropped > 2*maxWaiting {
			t.Errorf("%d were dropped", dropped)
		}
		mu.Unlock()
		time.Sleep(3 * maxWaiting * time.Hour)
		last := fmt.Sprintf("Task completed: Claude · app · %d", 3*maxWaiting-1)
		if told := c.told(); told[len(told)-1] != last {
			t.Errorf("the newest gave way: %q", told[len(told)-1])
		}
	})
}

func TestWhatRowsSayIsBounded(t *testing.T) {
	t.Parallel()
	dropped := 0
	s := New(fakeSessions{}, Options{Counted: func(Kind, string) { dropped++ }})
	for range maxHeard + 5 {
		s.Said("default", "s", extract.Notice{Ready: true}, 0)
	}
	if dropped != 5 || len(s.heard) != maxHeard {
		t.Errorf("%d dropped, %d kept", dropped, len(s.heard))
	}
}

// fakeService is a push service and the hub's list of browsers.
type fakeService struct {
	mu       sync.Mutex
	browsers []wire.PushSubscription
	answers  map[string]func(ctx context.Context, try int) webpush.Result // by endpoint
	tries    map[string][]time.Duration                                   // since the begin
	dropped  []string
	counts   map[string]int
	begin    time.Time
}

func newFakeService(endpoints ...string) *fakeService {
	f := &fakeService{answers: map[string]func(context.Context, int) webpush.Result{}, tries: map[string][]time.Duration{}, counts: map[string]int{}, begin: time.Now()}
	for _, e := range endpoints {
		f.browsers = append(f.browsers, wire.PushSubscription{Endpoint: e})
	}
	return f
}

func (f *fakeService) Browsers(context.Context, wire.Namespace) ([]wire.PushSubscription, error) {
	return f.browsers, nil
}

func (f *fakeService) Drop(_ context.Context, _ wire.Namespace, p wire.PushSubscription) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropped = append(f.dropped, p.Endpoint)
	return nil
}

func (f *fakeService) Send(ctx context.Context, to wire.PushSubscription, _ webpush.Message) webpush.Result {
	f.mu.Lock()
	answer, try := f.answers[to.Endpoint], len(f.tries[to.Endpoint])
	f.tries[to.Endpoint] = append(f.tries[to.Endpoint], time.Since(f.begin))
	f.mu.Unlock()
	if answer == nil {
		return webpush.Result{}
	}
	return answer(ctx, try)
}

func (f *fakeService) counted(outcome string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[outcome]++
}

func (f *fakeService) channel() *WebPush {
	return NewWebPush(f, f, WebPushOptions{Counted: f.counted})
}

func always(r webpush.Result) func(context.Context, int) webpush.Result {
	return func(context.Context, int) webpush.Result { return r }
}

var errUnwell = errors.New("the push service is unwell")

func TestEachBrowserIsToldAndThoseThatAreGoneAreRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService("good", "gone", "refused", "later", "never", "slow")
		f.answers["gone"] = always(webpush.Result{Outcome: webpush.Gone})
		f.answers["refused"] = always(webpush.Result{Outcome: webpush.Refused, Err: errUnwell})
		f.answers["never"] = always(webpush.Result{Outcome: webpush.Failed, Err: errUnwell})
		f.answers["later"] = func(_ context.Context, try int) webpush.Result {
			if try < 2 {
				return webpush.Result{Outcome: webpush.Failed, Err: errUnwell, RetryAfter: 20 * time.Second}
			}
			return webpush.Result{}
		}
		f.answers["slow"] = func(context.Context, int) webpush.Result {
			time.Sleep(10 * time.Second)
			return webpush.Result{Outcome: webpush.Failed, Err: errUnwell}
		}
		c := f.channel()
		if !c.Carry(t.Context(), &Notification{Kind: Task}) {
			t.Error("not carried")
		}
		synctest.Wait()
		f.mu.Lock()
		if len(f.tries) != 6 {
			t.Errorf("at once: %v", f.tries)
		}
		f.mu.Unlock()
		c.Wait()
		s := time.Second
		want := map[string][]time.Duration{
			"good": {0}, "gone": {0}, "refused": {0}, "later": {0, 20 * s, 40 * s}, "never": {0, 2 * s, 12 * s, 72 * s}, "slow": {0, 12 * s, 32 * s, 102 * s},
		}
		if diff := cmp.Diff(want, f.tries); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]int{"sent": 2, "gone": 1, "refused": 1, "failed": 2}, f.counts); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"gone"}, f.dropped); diff != "" {
			t.Errorf("removed (-want +got):\n%s", diff)
		}
		if newFakeService().channel().Carry(t.Context(), &Notification{}) {
			t.Error("nobody was told, and it was carried")
		}
	})
}

func TestBrowserIsNotToldWhatItMuted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService("all", "some")
		f.browsers[1].Muted = []string{string(Ready)}
		c := f.channel()
		if !c.Carry(t.Context(), &Notification{Kind: Ready, SessionID: "s"}) || !c.Carry(t.Context(), &Notification{Kind: Permission, SessionID: "s"}) {
			t.Error("not carried")
		}
		c.Wait()
		if len(f.tries["all"]) != 2 || len(f.tries["some"]) != 1 {
			t.Errorf("tries: %v", f.tries)
		}
		f.browsers = f.browsers[1:]
		if c.Carry(t.Context(), &Notification{Kind: Ready}) {
			t.Error("nobody wanted to be told, and it was carried")
		}
	})
}

func TestRequestThatWasAnsweredIsNotPushedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService("b")
		f.answers["b"] = always(webpush.Result{Outcome: webpush.Failed, Err: errUnwell})
		var waits atomic.Bool
		waits.Store(true)
		c := f.channel()
		c.Carry(t.Context(), &Notification{Kind: Permission, still: waits.Load})
		synctest.Wait()
		waits.Store(false)
		c.Wait()
		if len(f.tries["b"]) != 1 || f.counts["stale"] != 1 {
			t.Errorf("tries %v, counts %v", f.tries, f.counts)
		}
	})
}

func TestBrowserThatIsBehindIsToldTheNewestOfEachKind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService("b")
		f.answers["b"] = func(_ context.Context, try int) webpush.Result {
			if try == 0 {
				time.Sleep(time.Minute)
			}
			return webpush.Result{}
		}
		c := f.channel()
		for range 5 {
			c.Carry(t.Context(), &Notification{Kind: Ready, SessionID: "s"})
			synctest.Wait()
		}
		c.Carry(t.Context(), &Notification{Kind: Ready, SessionID: "another"})
		c.Carry(t.Context(), &Notification{Kind: Task, SessionID: "s"})
		c.Carry(t.Context(), &Notification{Kind: Task, SessionID: "s"})
		c.Wait()
		if n := f.counts["sent"]; n != 5 { // the first, the last of its kind, the other session's, both tasks
			t.Errorf("%d were sent", n)
		}
	})
}

func TestStoppingHubWaitsForNoPushService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeService("hangs", "fails")
		f.answers["hangs"] = func(ctx context.Context, _ int) webpush.Result {
			<-ctx.Done()
			return webpush.Result{Outcome: webpush.Failed, Err: ctx.Err()}
		}
		f.answers["fails"] = always(webpush.Result{Outcome: webpush.Failed, Err: errUnwell})
		ctx, stop := context.WithCancel(t.Context())
		c := f.channel()
		c.Carry(ctx, &Notification{Kind: Task})
		synctest.Wait()
		began := time.Now()
		stop()
		c.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

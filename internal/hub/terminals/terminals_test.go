package terminals

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/wire"
)

// fakePeer notes what it is told.
type fakePeer struct {
	backlog atomic.Int64

	mu   sync.Mutex
	told []string
}

func (p *fakePeer) Emit(event string, args ...any) error {
	raw, err := json.Marshal(args[0])
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, strings.TrimPrefix(event, "terminal:")+" "+string(raw))
	return err
}

func (p *fakePeer) Backlog() int64 { return p.backlog.Load() }

// since is what the peer was told since the last call of it.
func (p *fakePeer) since() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	told := p.told
	p.told = nil
	return told
}

func (p *fakePeer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.told)
}

// output is the text that the peer was shown since then.
func (p *fakePeer) output(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, line := range p.since() {
		event, raw, _ := strings.Cut(line, " ")
		var d wire.TerminalData
		if err := json.Unmarshal([]byte(raw), &d); err != nil || event != "output" {
			t.Fatalf("told %s, %v", line, err)
		}
		all.WriteString(d.Data)
	}
	return all.String()
}

// world is a service with what surrounds it.
type world struct {
	t *testing.T
	*Service
	clock     time.Time
	processes map[wire.SessionID]Peer
	inactive  map[wire.SessionID]bool
}

func (w *world) Process(id wire.SessionID) Peer { return w.processes[id] }

func (w *world) Active(_ wire.Namespace, id wire.SessionID) (wire.Session, error) {
	if w.inactive[id] {
		return wire.Session{}, wire.ErrSessionInactive
	}
	return wire.Session{ID: id}, nil
}

func newWorld(t *testing.T) (*world, *fakePeer) {
	process := &fakePeer{}
	w := &world{t: t, clock: time.Unix(1e9, 0), processes: map[wire.SessionID]Peer{"s": process, "s2": process}, inactive: map[wire.SessionID]bool{}}
	w.Service = New(w, Options{Now: func() time.Time { return w.clock }})
	w.ServedBy(w)
	return w, process
}

func (w *world) open(browser Peer, session wire.SessionID, id string) {
	w.Create("ns", browser, wire.TerminalOpen{SessionID: session, TerminalID: id, Cols: 80, Rows: 24})
}

func (w *world) print(process Peer, id, data string) {
	w.Output("ns", process, wire.TerminalData{SessionID: "s", TerminalID: id, Data: data})
}

func check(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func refusal(id, message string) string {
	return fmt.Sprintf(`error {"terminalId":%q,"message":%q}`, id, message)
}

func TestShellIsRelayed(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	browser, stranger := &fakePeer{}, &fakePeer{}
	w.open(browser, "s", "a")
	check(t, "opened", process.since(), `open {"sessionId":"s","terminalId":"a","cols":80,"rows":24}`)
	w.Ready("ns", process, wire.TerminalRef{SessionID: "s", TerminalID: "a"})
	w.print(process, "a", "$ ")
	check(t, "ready", browser.since(), `ready {"sessionId":"s","terminalId":"a"}`, `output {"sessionId":"s","terminalId":"a","data":"$ "}`)
	w.Write("ns", browser, "a", "ls\n")
	w.Resize("ns", browser, "a", 100, 30)
	w.Write("ns", stranger, "a", "rm\n")
	w.Resize("ns", stranger, "a", 1, 1)
	w.Close("ns", stranger, "a")
	w.Write("other", browser, "a", "rm\n")
	check(t, "written", process.since(), `write {"sessionId":"s","terminalId":"a","data":"ls\n"}`, `resize {"sessionId":"s","terminalId":"a","cols":100,"rows":30}`)

	w.print(stranger, "a", "not its shell")
	w.Output("ns", process, wire.TerminalData{SessionID: "s2", TerminalID: "a", Data: "not its session"})
	w.Output("other", process, wire.TerminalData{SessionID: "s", TerminalID: "a", Data: "not its namespace"})
	w.Exit("ns", stranger, wire.TerminalExit{SessionID: "s", TerminalID: "a"})
	check(t, "of others", browser.since())

	code := 0
	w.print(process, "a", "bye") // collected, and still shown before the end
	w.Exit("ns", process, wire.TerminalExit{SessionID: "s", TerminalID: "a", Code: &code})
	w.Fail("ns", process, wire.TerminalError{SessionID: "s", TerminalID: "a", Message: "too late"})
	check(t, "ended", browser.since(), `output {"sessionId":"s","terminalId":"a","data":"bye"}`, `exit {"sessionId":"s","terminalId":"a","code":0,"signal":null}`)
}

func TestClosedTerminalIsSilent(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	browser := &fakePeer{}
	w.open(browser, "s", "a")
	process.since()
	w.Close("ns", browser, "a")
	check(t, "the process", process.since(), `close {"sessionId":"s","terminalId":"a"}`)
	signal := "SIGHUP"
	w.Exit("ns", process, wire.TerminalExit{SessionID: "s", TerminalID: "a", Signal: &signal})
	check(t, "the browser", browser.since())
}

func TestCreateRefusesInOrder(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	browser, other := &fakePeer{}, &fakePeer{}
	for i := range 4 {
		w.open(browser, "s", fmt.Sprint("a", i))
	}
	process.since()
	w.inactive["s3"], w.processes["s4"] = true, &fakePeer{}
	delete(w.processes, "s5")
	w.open(browser, "s3", "x") // inactive, and too many besides
	check(t, "inactive", browser.since(), refusal("x", "Session is inactive or unavailable."))
	w.open(browser, "s5", "x") // too many, and no process besides
	check(t, "too many of the browser", browser.since(), refusal("x", "Too many terminals open (max 4)."))
	w.open(other, "s", "x")
	check(t, "too many of the session", other.since(), refusal("x", "Too many terminals open for this session (max 4)."))
	w.open(other, "s5", "a0")
	check(t, "no process, and the id is taken besides", other.since(), refusal("a0", "CLI is not connected for this session."))
	w.open(other, "s4", "a0")
	check(t, "id taken", other.since(), refusal("a0", "Terminal ID is already in use."))
	w.open(browser, "s", "a0") // again is not new
	check(t, "again", browser.since())
	check(t, "the process", process.since(), `open {"sessionId":"s","terminalId":"a0","cols":80,"rows":24}`)
	w.Create("other", other, wire.TerminalOpen{SessionID: "s4", TerminalID: "a0", Cols: 1, Rows: 1}) // ids of namespaces are apart
	check(t, "another namespace", other.since())
}

func TestReturningBrowserIsShownWhatItMissed(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	first, second := &fakePeer{}, &fakePeer{}
	w.open(first, "s", "a")
	w.print(process, "a", "one ")
	first.since()
	w.BrowserGone(first)
	w.print(process, "a", "two")
	w.Write("ns", first, "a", "gone")
	process.since()
	w.open(second, "s", "a")
	check(t, "shown again", second.since(), `output {"terminalId":"a","data":"one two"}`)
	check(t, "the process", process.since(), `open {"sessionId":"s","terminalId":"a","cols":80,"rows":24}`)
	w.clock = w.clock.Add(time.Second)
	w.print(process, "a", "three")
	check(t, "goes on", second.since(), `output {"sessionId":"s","terminalId":"a","data":"three"}`)
	check(t, "the first", first.since())
}

func TestNewestProcessWins(t *testing.T) {
	t.Parallel()
	w, old := newWorld(t)
	browser, fresh := &fakePeer{}, &fakePeer{}
	w.open(browser, "s", "a")
	w.processes["s"] = fresh
	w.open(browser, "s", "a")
	w.print(old, "a", "from the grave")
	w.print(fresh, "a", "alive")
	w.ProcessGone(old)
	check(t, "the browser", browser.since(), `output {"sessionId":"s","terminalId":"a","data":"alive"}`)
	w.ProcessGone(fresh)
	check(t, "its end", browser.since(), refusal("a", "CLI disconnected."))
	w.Write("ns", browser, "a", "x")
	if len(fresh.since()) != 1 { // its open
		t.Error("a terminal that ended is written to")
	}
}

func TestAbandonedTerminalsGiveWay(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	for i := range 4 { // four visits of a page that never closes
		page := &fakePeer{}
		w.open(page, "s", fmt.Sprint("visit", i))
		w.clock = w.clock.Add(time.Second)
		w.BrowserGone(page)
	}
	process.since()
	fifth := &fakePeer{}
	w.open(fifth, "s", "visit4")
	check(t, "too soon", fifth.since(), refusal("visit4", "Too many terminals open for this session (max 4)."))
	w.clock = w.clock.Add(time.Minute)
	w.open(fifth, "s", "visit4")
	check(t, "later", fifth.since())
	check(t, "the process", process.since(), `close {"sessionId":"s","terminalId":"visit0"}`, `open {"sessionId":"s","terminalId":"visit4","cols":80,"rows":24}`)
}

func TestIdleTerminalsAreClosed(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	browser := &fakePeer{}
	w.open(browser, "s", "idle")
	w.open(browser, "s", "busy")
	process.since()
	w.clock = w.clock.Add(14 * time.Minute)
	w.print(process, "busy", "x")
	browser.since()
	w.clock = w.clock.Add(time.Minute)
	w.expire()
	check(t, "the browser", browser.since(), refusal("idle", "Terminal closed due to inactivity."))
	check(t, "the process", process.since(), `close {"sessionId":"s","terminalId":"idle"}`)
	w.open(browser, "s", "idle")
	check(t, "nothing is left of it", browser.since())
}

func TestOutputIsCollectedAndKeepsItsOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		process, browser := &fakePeer{}, &fakePeer{}
		w := &world{t: t, processes: map[wire.SessionID]Peer{"s": process}}
		w.Service = New(w, Options{})
		w.ServedBy(w)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		w.open(browser, "s", "a")
		for i := range 1000 { // faster than a screen shows it
			w.print(process, "a", fmt.Sprintf("%d ", i))
		}
		time.Sleep(time.Second)
		if n := browser.count(); n != 2 {
			t.Errorf("1000 outputs left as %d events, want the first and the rest", n)
		}
		var want strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&want, "%d ", i)
		}
		if got := browser.output(t); got != want.String() {
			t.Errorf("got %d characters that differ", len(got))
		}

		browser.backlog.Store(tooMuch + 1) // it does not read
		for range 100 {
			w.print(process, "a", strings.Repeat("x", 10_000)+"\n")
			time.Sleep(frame)
		}
		w.print(process, "a", "the end")
		if n := browser.count(); n != 0 {
			t.Errorf("%d events were queued for a browser that does not read", n)
		}
		browser.backlog.Store(0)
		time.Sleep(time.Second)
		got := browser.output(t)
		if len(got) > kept+1 || !strings.HasSuffix(got, "the end") || !strings.HasPrefix(got, "\x18xxx") {
			t.Errorf("then it got %d bytes, %q…", len(got), got[:10])
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAgentsScreen(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	a, b := &fakePeer{}, &fakePeer{}
	w.inactive["s3"] = true
	w.Watch("ns", a, "s3")
	w.AgentInput(a, wire.AgentTerminalInput{SessionID: "s", Data: "x"}) // does not look yet
	check(t, "who may not", process.since())
	w.Watch("ns", a, "s")
	w.Watch("ns", b, "s")
	w.Watch("ns", b, "s")
	const refresh = `agent-terminal:refresh {"sessionId":"s"}`
	check(t, "drawn anew", process.since(), refresh, refresh, refresh)
	w.AgentOutput("s", "screen")
	const screen = `agent-terminal:output {"sessionId":"s","terminalId":"agent","data":"screen"}`
	check(t, "a", a.since(), screen)
	check(t, "b", b.since(), screen)
	w.AgentResize(a, wire.AgentTerminalSize{SessionID: "s", Cols: 80, Rows: 24})
	w.AgentInput(a, wire.AgentTerminalInput{SessionID: "s", Data: "y"})
	check(t, "passed on", process.since(), `agent-terminal:resize {"sessionId":"s","cols":80,"rows":24}`, `agent-terminal:input {"sessionId":"s","data":"y"}`)
	w.Unwatch(a, "s")
	check(t, "one still looks", process.since())
	w.ProcessHere(process, "s")
	check(t, "a process that comes back", process.since(), refresh)
	w.BrowserGone(b)
	check(t, "nobody looks", process.since(), `agent-terminal:idle {"sessionId":"s"}`)

	w.AgentOutput("s", "\x1b[?1049l goodbye")
	delete(w.processes, "s")
	w.Watch("ns", a, "s")
	check(t, "without a process the last frame is shown", a.since(), screen)
	w.AgentReset("s")
	w.Unwatch(a, "s")
	w.Watch("ns", a, "s")
	check(t, "after a reset", a.since())
}

func resizeTo(cols, rows int) string {
	return fmt.Sprintf(`resize {"sessionId":"s","terminalId":"a","cols":%d,"rows":%d}`, cols, rows)
}

func TestSeveralBrowsersUseOneShell(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	desk, phone, stranger := &fakePeer{}, &fakePeer{}, &fakePeer{}
	create := func(b Peer, cols, rows int) {
		w.Create("ns", b, wire.TerminalOpen{SessionID: "s", TerminalID: "a", Cols: cols, Rows: rows})
	}
	create(desk, 120, 30)
	w.print(process, "a", "make test")
	desk.since()
	process.since()

	create(phone, 40, 50)
	check(t, "the process", process.since(), `open {"sessionId":"s","terminalId":"a","cols":40,"rows":30}`)
	check(t, "the phone", phone.since(), `output {"terminalId":"a","data":"make test"}`)
	check(t, "the desk", desk.since())
	w.clock = w.clock.Add(time.Second)
	w.print(process, "a", "ok")
	for _, b := range []*fakePeer{desk, phone} {
		if got := b.output(t); got != "ok" {
			t.Errorf("one of two was shown %q", got)
		}
	}
	w.Write("ns", desk, "a", "x")
	w.Write("ns", phone, "a", "y")
	w.Write("ns", stranger, "a", "z")
	check(t, "typed", process.since(), `write {"sessionId":"s","terminalId":"a","data":"x"}`, `write {"sessionId":"s","terminalId":"a","data":"y"}`)

	w.Resize("ns", desk, "a", 100, 20) // only its rows are the fewest
	w.Resize("ns", desk, "a", 90, 20)
	w.Resize("ns", phone, "a", 80, 24)
	check(t, "sizes", process.since(), resizeTo(40, 20), resizeTo(80, 20))
	w.Close("ns", phone, "a") // leaves it to the other
	check(t, "one left", process.since(), resizeTo(90, 20))
	w.clock = w.clock.Add(time.Second)
	w.print(process, "a", "!")
	check(t, "who left", phone.since())
	if got := desk.output(t); got != "!" {
		t.Errorf("who stayed was shown %q", got)
	}

	create(phone, 40, 50)
	w.BrowserGone(desk)
	check(t, "the phone alone", process.since(), `open {"sessionId":"s","terminalId":"a","cols":40,"rows":20}`, resizeTo(40, 50))
	w.Close("ns", phone, "a")
	check(t, "the last one closes it", process.since(), `close {"sessionId":"s","terminalId":"a"}`)
}

func TestAnOpenShellIsJoinedAndLeft(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	desk, phone := &fakePeer{}, &fakePeer{}
	w.open(desk, "s", "a")
	w.print(process, "a", "$ make\r\n")
	desk.since()
	process.since()
	join := func(session wire.SessionID, id string) {
		w.Create("ns", phone, wire.TerminalOpen{SessionID: session, TerminalID: id, Cols: 80, Rows: 24, Join: true})
	}

	join("s", "gone") // nothing is opened in its place
	join("s2", "a")   // nor is another session's
	check(t, "not there", phone.since(), refusal("gone", textClosed), refusal("a", textClosed))
	check(t, "the process", process.since())

	join("s", "a")
	check(t, "the phone", phone.since(), `output {"terminalId":"a","data":"$ make\r\n"}`)
	check(t, "the process", process.since(), `open {"sessionId":"s","terminalId":"a","cols":80,"rows":24}`)
	if list := w.List("ns", "s").Terminals; len(list) != 1 || list[0].Viewers != 2 || list[0].Line != "$ make" {
		t.Errorf("list: %+v", list)
	}

	w.Detach("ns", phone, "a")
	w.Detach("ns", desk, "a")
	w.Detach("ns", desk, "a") // it has left already
	w.Write("ns", desk, "a", "x")
	check(t, "a shell that was left goes on, untouched", process.since())
	if list := w.List("ns", "s").Terminals; len(list) != 1 || list[0].Viewers != 0 {
		t.Errorf("list: %+v", list)
	}
	join("s", "a")
	check(t, "and is found again", phone.since(), `output {"terminalId":"a","data":"$ make\r\n"}`)
}

func TestABrowserThatDoesNotReadHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	slow, quick := &fakePeer{}, &fakePeer{}
	w.open(slow, "s", "a")
	w.open(quick, "s", "a")
	slow.backlog.Store(tooMuch + 1)
	w.print(process, "a", "one")
	if got := quick.output(t); got != "one" {
		t.Errorf("the quick one was shown %q", got)
	}
	check(t, "the slow one", slow.since())
	slow.backlog.Store(0)
	if w.sendAll() {
		t.Error("more waits for somebody")
	}
	if got := slow.output(t); got != "one" {
		t.Errorf("the slow one was shown %q", got)
	}
	code := 0
	w.print(process, "a", " two")
	w.Exit("ns", process, wire.TerminalExit{SessionID: "s", TerminalID: "a", Code: &code})
	for _, b := range []*fakePeer{slow, quick} {
		check(t, "the end", b.since(), `output {"sessionId":"s","terminalId":"a","data":" two"}`, `exit {"sessionId":"s","terminalId":"a","code":0,"signal":null}`)
	}
}

func TestAShellWithASilentProgramIsKept(t *testing.T) {
	t.Parallel()
	w, process := newWorld(t)
	w.max = 1
	page := &fakePeer{}
	w.open(page, "s", "build")
	w.BrowserGone(page)
	for range 3 * 15 { // it prints nothing for three quarters of an hour
		w.clock = w.clock.Add(time.Minute)
		w.Ready("ns", process, wire.TerminalRef{SessionID: "s", TerminalID: "build", Busy: true})
		w.expire()
	}
	process.since()
	w.open(page, "s", "new")
	check(t, "it does not give way", page.since(), refusal("new", "Too many terminals open for this session (max 1)."))
	want := wire.TerminalList{Terminals: []wire.TerminalSummary{{TerminalID: "build", Busy: true, Cols: 80, Rows: 24, UsedAt: wire.At(w.clock)}}}
	if diff := cmp.Diff(want, w.List("ns", "s")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	w.clock = w.clock.Add(time.Minute) // the program has ended
	w.open(page, "s", "new")
	check(t, "then it does", process.since(), `close {"sessionId":"s","terminalId":"build"}`, `open {"sessionId":"s","terminalId":"new","cols":80,"rows":24}`)
	w.inactive["s"] = true
	if got := w.List("ns", "s"); got.Error == "" || len(got.Terminals) != 0 {
		t.Errorf("list of an inactive session: %+v", got)
	}
}

// Package terminals relays shells: a person's browser on one side, the session
// process that runs the shell on the other. It holds the rules: who may open
// how many, who is shown what, and when a shell is given up. A shell outlives
// the browser that opened it, is shown again to the one that comes back, and to
// any others that open it under the same id.
package terminals

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"hapi/internal/wire"
)

// Peer is a connection: a browser's or a session process's.
type Peer interface {
	// Emit queues an event; a peer that is gone misses it.
	Emit(event string, args ...any) error
	// Backlog is how many bytes wait to be sent to it.
	Backlog() int64
}

// Sessions says whether a session can be worked in.
type Sessions interface {
	Active(ns wire.Namespace, id wire.SessionID) (wire.Session, error)
}

// Processes finds the connection of a session's process: the newest, if there
// are several, since an older one may be dead already. nil is none.
type Processes interface {
	Process(id wire.SessionID) Peer
}

// Options of a Service. The zero value works.
type Options struct {
	Max  int           // terminals for each browser connection and session; default 4
	Idle time.Duration // after which an unused terminal is closed; default 15 min
	Now  func() time.Time
}

const (
	defaultMax  = 4
	defaultIdle = 15 * time.Minute
	// frame is how long output is collected before it goes to a browser.
	frame = 16 * time.Millisecond
	// tooMuch is how many bytes may wait for a browser before its output is held
	// back: what it cannot show is not worth sending.
	tooMuch = 512 << 10
	// abandonedAfter is how long a terminal must be without a browser before it gives
	// way to a new one.
	abandonedAfter = time.Minute
	// busyFor is how long a process's word counts that a program runs in a shell.
	busyFor = 3 * wire.TerminalBusyEvery
)

// Service relays all terminals of the hub.
type Service struct {
	sessions  Sessions
	processes Processes
	max       int
	idle      time.Duration
	now       func() time.Time

	waiting chan struct{} // has a token while output waits for Run

	mu        sync.Mutex
	terminals map[key]*terminal
	agents    map[wire.SessionID]*agent
}

// key names a terminal: browsers make the ids up.
type key struct {
	ns wire.Namespace
	id string
}

type terminal struct {
	key
	session    wire.SessionID
	process    Peer
	viewers    []*viewer // none: nobody looks
	detachedAt time.Time // when the last one left
	usedAt     time.Time
	busyAt     time.Time // when the process last said that a program runs
	cols, rows int       // as the process was told

	shown scrollback
}

// New makes a Service. ServedBy comes before anything else.
func New(sessions Sessions, o Options) *Service {
	s := &Service{
		sessions: sessions, max: o.Max, idle: o.Idle, now: o.Now, waiting: make(chan struct{}, 1),
		terminals: map[key]*terminal{}, agents: map[wire.SessionID]*agent{},
	}
	if s.max <= 0 {
		s.max = defaultMax
	}
	if s.idle <= 0 {
		s.idle = defaultIdle
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// ServedBy says where the session processes are.
func (s *Service) ServedBy(p Processes) { s.processes = p }

// Create opens a terminal for a browser, or gives it the one with the same id
// back. What stands in the way is said to the browser.
func (s *Service) Create(ns wire.Namespace, browser Peer, in wire.TerminalOpen) {
	_, inactive := s.sessions.Active(ns, in.SessionID)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{ns, in.TerminalID}
	t := s.terminals[k]
	process := s.processes.Process(in.SessionID)
	if problem := s.refuse(inactive, t, browser, process, &in); problem != "" {
		emit(browser, wire.EventTerminalError, wire.TerminalError{TerminalID: in.TerminalID, Message: problem})
		return
	}
	if t == nil {
		s.giveWay(in.SessionID)
		t = &terminal{key: k, session: in.SessionID}
		s.terminals[k] = t
	}
	v := t.viewer(browser)
	attached := v != nil
	if !attached {
		v = &viewer{browser: browser}
		t.viewers = append(t.viewers, v)
	}
	v.cols, v.rows = in.Cols, in.Rows
	in.Join = false // the process has no say in it
	t.process, t.usedAt = process, s.now()
	t.cols, t.rows = t.size()
	in.Cols, in.Rows = t.cols, t.rows
	emit(process, wire.EventTerminalOpen, in)
	if attached {
		return
	}
	if again := t.shown.text(); again != "" {
		emit(browser, wire.EventTerminalOutput, wire.TerminalData{TerminalID: t.id, Data: again})
	}
}

// List tells which terminals a session has, so that somebody can look at one
// that others have open.
func (s *Service) List(ns wire.Namespace, session wire.SessionID) wire.TerminalList {
	list := wire.TerminalList{Terminals: []wire.TerminalSummary{}}
	if _, err := s.sessions.Active(ns, session); err != nil {
		list.Error = textInactive
		return list
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.terminals {
		if t.session == session {
			list.Terminals = append(list.Terminals, wire.TerminalSummary{
				TerminalID: t.id, Viewers: len(t.viewers), Busy: s.busy(t), Cols: t.cols, Rows: t.rows, UsedAt: wire.At(t.usedAt), Line: t.shown.lastLine(),
			})
		}
	}
	slices.SortFunc(list.Terminals, func(a, b wire.TerminalSummary) int {
		return cmp.Or(cmp.Compare(b.UsedAt, a.UsedAt), cmp.Compare(a.TerminalID, b.TerminalID))
	})
	return list
}

// What stands in the way of a terminal, in words that clients may know.
const (
	textInactive = "Session is inactive or unavailable."
	textClosed   = "This shell has been closed."
)

// refuse is why a terminal cannot be opened; "" if it can. The order is what
// clients know. The caller holds mu.
func (s *Service) refuse(inactive error, t *terminal, browser, process Peer, in *wire.TerminalOpen) string {
	if inactive != nil {
		return textInactive
	}
	again := t != nil && t.session == in.SessionID
	if in.Join && !again {
		return textClosed
	}
	if !again {
		ofBrowser, ofSession := s.count(browser, in.SessionID)
		if ofBrowser >= s.max {
			return fmt.Sprintf("Too many terminals open (max %d).", s.max)
		}
		if ofSession >= s.max && s.abandoned(in.SessionID) == nil {
			return fmt.Sprintf("Too many terminals open for this session (max %d).", s.max)
		}
	}
	if process == nil {
		return "CLI is not connected for this session."
	}
	if t != nil && !again {
		return "Terminal ID is already in use."
	}
	return ""
}

func (s *Service) count(browser Peer, session wire.SessionID) (ofBrowser, ofSession int) {
	for _, t := range s.terminals {
		if t.viewer(browser) != nil {
			ofBrowser++
		}
		if t.session == session {
			ofSession++
		}
	}
	return ofBrowser, ofSession
}

// abandoned is the session's terminal that nobody has looked at for longest, if
// that is long and no program runs in it.
func (s *Service) abandoned(session wire.SessionID) *terminal {
	var oldest *terminal
	for _, t := range s.terminals {
		if t.session == session && len(t.viewers) == 0 && !s.busy(t) && (oldest == nil || t.detachedAt.Before(oldest.detachedAt)) {
			oldest = t
		}
	}
	if oldest == nil || s.now().Sub(oldest.detachedAt) < abandonedAfter {
		return nil
	}
	return oldest
}

// giveWay makes room for a new terminal of the session: each page that was left
// leaves a shell behind.
func (s *Service) giveWay(session wire.SessionID) {
	if _, n := s.count(nil, session); n < s.max {
		return
	}
	if t := s.abandoned(session); t != nil {
		s.remove(t)
		emit(t.process, wire.EventTerminalClose, wire.TerminalRef{SessionID: session, TerminalID: t.id})
	}
}

// remove forgets a terminal. The caller holds mu.
func (s *Service) remove(t *terminal) {
	delete(s.terminals, t.key)
}

// busy says whether a program runs in the shell. The caller holds mu.
func (s *Service) busy(t *terminal) bool { return s.now().Sub(t.busyAt) < busyFor }

// seen is the terminal if the browser looks at it. The caller holds mu.
func (s *Service) seen(ns wire.Namespace, browser Peer, id string) (*terminal, *viewer) {
	t := s.terminals[key{ns, id}]
	if t == nil {
		return nil, nil
	}
	return t, t.viewer(browser)
}

// Write passes what a person typed on. Who does not look at the terminal is
// ignored.
func (s *Service) Write(ns wire.Namespace, browser Peer, id, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, v := s.seen(ns, browser, id); v != nil {
		t.usedAt = s.now()
		emit(t.process, wire.EventTerminalWrite, wire.TerminalData{SessionID: t.session, TerminalID: id, Data: data})
	}
}

// Resize takes a browser's new size.
func (s *Service) Resize(ns wire.Namespace, browser Peer, id string, cols, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, v := s.seen(ns, browser, id); v != nil {
		v.cols, v.rows = cols, rows
		t.usedAt = s.now()
		t.fit()
	}
}

// Close ends what a browser sees of a terminal, and with its last one the shell.
func (s *Service) Close(ns wire.Namespace, browser Peer, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, v := s.seen(ns, browser, id)
	switch {
	case v == nil:
	case len(t.viewers) > 1:
		t.leave(v)
	default:
		s.remove(t)
		emit(t.process, wire.EventTerminalClose, wire.TerminalRef{SessionID: t.session, TerminalID: id})
	}
}

// Detach ends what a browser sees of a terminal. The shell goes on, for others or
// for whoever comes back.
func (s *Service) Detach(ns wire.Namespace, browser Peer, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, v := s.seen(ns, browser, id); v != nil {
		s.detach(t, v)
	}
}

// detach is Detach for callers that hold mu.
func (s *Service) detach(t *terminal, v *viewer) {
	t.leave(v)
	t.detachedAt = s.now()
}

// BrowserGone leaves the browser's terminals to the others that look at them, or
// to whoever comes back.
func (s *Service) BrowserGone(browser Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.terminals {
		if v := t.viewer(browser); v != nil {
			s.detach(t, v)
		}
	}
	for id := range s.agents {
		s.leave(id, browser)
	}
}

// ProcessGone ends the terminals of a process: its shells went with it.
func (s *Service) ProcessGone(process Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.terminals {
		if t.process == process {
			s.end(t, wire.EventTerminalError, wire.TerminalError{TerminalID: t.id, Message: "CLI disconnected."})
		}
	}
}

// end removes a terminal and tells its browsers why, after all that it printed.
// The caller holds mu.
func (s *Service) end(t *terminal, event string, why any) {
	s.remove(t)
	for _, v := range t.viewers {
		s.send(t, v)
		emit(v.browser, event, why)
	}
}

// fed is the terminal if the process is the one that runs it. The caller holds mu.
func (s *Service) fed(ns wire.Namespace, process Peer, session wire.SessionID, id string) *terminal {
	t := s.terminals[key{ns, id}]
	if t == nil || t.process != process || t.session != session {
		return nil
	}
	return t
}

// Ready passes on that a shell is there. A process says it again while a program
// runs in the shell: that is use, however silent the program is.
func (s *Service) Ready(ns wire.Namespace, process Peer, in wire.TerminalRef) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.fed(ns, process, in.SessionID, in.TerminalID); t != nil {
		t.usedAt = s.now()
		if in.Busy {
			t.busyAt = t.usedAt
		}
		for _, v := range t.viewers {
			emit(v.browser, wire.EventTerminalReady, wire.TerminalRef{SessionID: t.session, TerminalID: t.id})
		}
	}
}

// Output takes what a shell printed. The first of it leaves at once, what
// follows is collected for a moment; nothing of it waits for a browser.
func (s *Service) Output(ns wire.Namespace, process Peer, in wire.TerminalData) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.fed(ns, process, in.SessionID, in.TerminalID)
	if t == nil || in.Data == "" {
		return
	}
	t.usedAt = s.now()
	t.shown.add(in.Data)
	for _, v := range t.viewers {
		v.owe(in.Data)
		if s.now().Sub(v.sentAt) >= frame && v.browser.Backlog() <= tooMuch {
			s.send(t, v)
		} else {
			s.wake()
		}
	}
}

func (s *Service) wake() {
	select {
	case s.waiting <- struct{}{}:
	default:
	}
}

// Exit passes on that a shell ended.
func (s *Service) Exit(ns wire.Namespace, process Peer, in wire.TerminalExit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.fed(ns, process, in.SessionID, in.TerminalID); t != nil {
		s.end(t, wire.EventTerminalExit, in)
	}
}

// Fail passes on that a shell could not be opened, or was lost.
func (s *Service) Fail(ns wire.Namespace, process Peer, in wire.TerminalError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.fed(ns, process, in.SessionID, in.TerminalID); t != nil {
		s.end(t, wire.EventTerminalError, in)
	}
}

// Run sends collected output and closes terminals that nobody uses. It returns
// when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	sweep := time.NewTicker(min(max(s.idle/20, 10*time.Millisecond), 5*time.Second))
	defer sweep.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	pausing := false
	for {
		select {
		case <-s.waiting:
			if !pausing {
				pausing = true
				pause.Reset(frame)
			}
		case <-pause.C:
			pausing = false
			if s.sendAll() {
				s.wake()
			}
		case <-sweep.C:
			s.expire()
		case <-ctx.Done():
			return nil
		}
	}
}

// sendAll sends to every browser that can take more, and says whether some
// cannot.
func (s *Service) sendAll() (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.terminals {
		for _, v := range t.viewers {
			switch {
			case len(v.unsent) == 0 && !v.behind:
			case v.browser.Backlog() > tooMuch:
				more = true
			default:
				s.send(t, v)
			}
		}
	}
	return more
}

func (s *Service) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var idle []*terminal
	for _, t := range s.terminals {
		if s.now().Sub(t.usedAt) >= s.idle {
			idle = append(idle, t)
		}
	}
	slices.SortFunc(idle, func(a, b *terminal) int { return a.usedAt.Compare(b.usedAt) })
	for _, t := range idle {
		s.end(t, wire.EventTerminalError, wire.TerminalError{TerminalID: t.id, Message: "Terminal closed due to inactivity."})
		emit(t.process, wire.EventTerminalClose, wire.TerminalRef{SessionID: t.session, TerminalID: t.id})
	}
	for id, a := range s.agents {
		if len(a.browsers) == 0 && s.now().Sub(a.drawnAt) >= s.idle {
			delete(s.agents, id)
		}
	}
}

// emit queues an event. A peer that is gone is told of by its own end.
func emit(to Peer, event string, payload any) {
	if to != nil {
		_ = to.Emit(event, payload)
	}
}

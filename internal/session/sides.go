package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"hapi/internal/agent"
	"hapi/internal/session/screen"
	"hapi/internal/wire"
)

// Side says who types: the person at the terminal the session was started
// from, or people at the hub.
type Side string

// The sides.
const (
	Local  Side = "local"
	Remote Side = "remote"
)

var (
	errSwitched   = errors.New("The session was switched")
	errAtTerminal = errors.New("the session is used at its terminal: answer there, or take it over first")
	errNoTerminal = errors.New("the session was started without a terminal, so there is none to go back to")
)

// stay is the time a session spends on one side.
type stay struct {
	side  Side
	leave context.CancelCauseFunc
	left  chan struct{} // closed when the agent of this side has ended
}

// converse goes from side to side until the session ends.
func (s *Session) converse() {
	for first := true; ; first = false {
		ctx, leave := context.WithCancelCause(s.ctx)
		s.mu.Lock()
		here := &stay{side: s.want, leave: leave, left: make(chan struct{})}
		s.here = here
		s.mu.Unlock()
		if !first {
			s.announceSwitch(here.side)
		}
		if here.side == Local {
			s.local(ctx)
		} else {
			s.remote(ctx)
		}
		s.mu.Lock()
		s.open.Untold = false
		s.mu.Unlock()
		leave(nil)
		close(here.left)
		if s.ctx.Err() != nil {
			return
		}
	}
}

// switchTo makes the session go to a side and returns when the agent of the
// other one has ended.
func (s *Session) switchTo(ctx context.Context, to Side) error {
	if to == Local && !s.hasTerminal() {
		return errNoTerminal
	}
	here := s.ask(to)
	if here == nil {
		return nil
	}
	select {
	case <-here.left:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ask asks for a side; it gives the stay that ends by it, or nil.
func (s *Session) ask(to Side) *stay {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want = to
	if s.here == nil || s.here.side == to {
		return nil
	}
	s.here.leave(errSwitched)
	return s.here
}

func (s *Session) side() Side {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.here == nil {
		return s.want
	}
	return s.here.side
}

func (s *Session) hasTerminal() bool { return s.open.Terminal[0] != nil }

// announceSwitch tells everybody who types from now on: the event first.
func (s *Session) announceSwitch(to Side) {
	s.event(map[string]any{"type": "switch", "mode": to})
	s.announceState()
	s.running.Go(func() {
		err := s.link.UpdateState(s.ctx, func(st *wire.AgentState) {
			now := s.side() == Local
			st.ControlledByUser = &now
		})
		if err != nil && s.ctx.Err() == nil {
			s.log.Warn("the hub was not told of the switch", "err", err)
		}
	})
}

// local gives the terminal to the agent until the person there leaves, or
// somebody takes the session over.
func (s *Session) local(ctx context.Context) {
	if !s.queue.empty() {
		s.ask(Remote)
		return
	}
	watched := make(chan struct{})
	watching, stop := context.WithCancel(ctx)
	go func() {
		defer close(watched)
		s.takeOverWhenFree(watching)
	}()
	err := s.agent.Local(ctx, host{s}, s.options())
	stop()
	<-watched
	s.setWorking(false)
	var failed *agent.Failure
	switch {
	case s.ctx.Err() != nil:
	case ctx.Err() != nil: // want has the side to go to
	case err == nil:
		s.end(Ending{Reason: EndCompleted, Archive: "Session completed"})
	case errors.Is(err, agent.ErrNoTerminal):
		s.ask(Remote)
	case errors.As(err, &failed):
		s.localFailed(failed.Text)
	default:
		s.localFailed(err.Error())
	}
}

// localFailed ends a session that was to be local; another one goes on remotely.
func (s *Session) localFailed(text string) {
	s.event(message("Local " + s.flavor.Label() + " process failed: " + text))
	if s.start == Remote {
		s.ask(Remote)
		return
	}
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "..."
	}
	s.end(Ending{Reason: EndError, Archive: "Local launch failed: " + text})
}

// settleWithin is how long an agent may take to tell that it has begun with what
// its person had entered.
const settleWithin = time.Second

// takeOverWhenFree makes the session remote once somebody's message waits and
// the agent has nothing to do: a turn at the terminal is not cut short, nor is
// one whose prompt was entered just now.
func (s *Session) takeOverWhenFree(ctx context.Context) {
	for {
		s.mu.Lock()
		busy, changed := s.working, s.workChanged
		s.mu.Unlock()
		var settled <-chan time.Time
		if !busy && !s.queue.empty() {
			settled = time.After(settleWithin)
		}
		select {
		case <-settled:
			s.ask(Remote)
			return
		case <-s.queue.arrived:
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// setWorking notes whether the agent at the terminal works; it says whether
// that is new.
func (s *Session) setWorking(yes bool) bool {
	s.mu.Lock()
	changed := s.working != yes
	s.working = yes
	close(s.workChanged)
	s.workChanged = make(chan struct{})
	s.mu.Unlock()
	if changed {
		s.announceState()
	}
	return changed
}

// remote gives the agent the hub's prompts until somebody takes the session to
// its terminal.
func (s *Session) remote(ctx context.Context) {
	options := s.options()
	conv, err := s.agent.Open(s.ctx, host{s}, options)
	if err != nil {
		s.event(message("The agent could not be prepared: " + err.Error()))
		s.end(Ending{Reason: EndError, Archive: "The agent could not be prepared: " + err.Error()})
		return
	}
	s.setConversation(conv)
	if now := s.configured(); now != options.Config {
		if err := conv.Configure(ctx, now); err != nil {
			s.log.Warn("the agent was not told its configuration", "err", err)
		}
	}
	if _, ok := conv.(agent.Steerer); ok {
		s.link.Handle(wire.MethodSteerQueued, s.callSteer)
	}
	if c, ok := conv.(agent.Caller); ok {
		for name := range c.Methods() {
			s.link.Handle(name, s.ofConversation(name))
		}
	}
	if w, ok := conv.(agent.Warmer); ok {
		w.Warm()
	}
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		s.show(ctx)
	}()
	s.work(ctx)
	<-shown
	s.setConversation(nil)
	if err := conv.Close(); err != nil {
		s.log.Warn("the agent did not end well", "err", err)
	}
}

// show has the terminal, if there is one, while the session is remote.
func (s *Session) show(ctx context.Context) {
	if s.screen == nil {
		return
	}
	asking, stop := context.WithCancel(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		s.lookForWatchers(asking)
	}()
	wish, err := s.screen.Show(ctx)
	stop()
	<-asked
	if err != nil {
		s.log.Warn("the terminal shows nothing", "err", err)
	}
	switch wish {
	case screen.Back:
		s.ask(Local)
	case screen.End:
		s.end(Ending{Reason: EndTerminated, Archive: "User terminated"})
	case screen.Nothing:
	}
}

// ofConversation is a method of the conversation there is when it is called.
func (s *Session) ofConversation(name string) func(ctx context.Context, params json.RawMessage) (any, error) {
	return func(ctx context.Context, params json.RawMessage) (any, error) {
		if c, ok := s.conversation().(agent.Caller); ok {
			if method := c.Methods()[name]; method != nil {
				return method(ctx, params)
			}
		}
		if method := s.files.Methods()[name]; method != nil {
			return method(ctx, params)
		}
		return nil, errAtTerminal
	}
}

// conversation is the one of the remote side; nil on the local side.
func (s *Session) conversation() agent.Conversation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conv
}

func (s *Session) setConversation(c agent.Conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conv = c
}

// options are those of the next conversation: what was learnt and chosen goes
// from side to side.
func (s *Session) options() agent.Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.open
	o.Config = s.config
	o.Summaries = wantsSummaries(o.Env, s.client)
	return o
}

package terminals

import (
	"slices"
	"time"

	"hapi/internal/wire"
)

// agent is the view of an agent's own full-screen interface: a session has one,
// and any number of browsers look at it.
type agent struct {
	shown    scrollback
	browsers []Peer
	drawnAt  time.Time
}

// agentTerminal is the id under which an agent's output goes to browsers.
const agentTerminal = "agent"

// Watch shows a browser the agent's screen. Who may not is told nothing.
func (s *Service) Watch(ns wire.Namespace, browser Peer, id wire.SessionID) {
	if _, err := s.sessions.Active(ns, id); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[id]
	if a == nil {
		a = &agent{}
		s.agents[id] = a
	}
	if !slices.Contains(a.browsers, browser) {
		a.browsers = append(a.browsers, browser)
	}
	if process := s.processes.Process(id); process != nil { // it draws the screen anew
		emit(process, wire.EventAgentRefresh, wire.AgentTerminalRef{SessionID: id})
		return
	}
	if last := lastFrame(a.shown.text()); last != "" {
		emit(browser, wire.EventAgentOutput, wire.TerminalData{SessionID: id, TerminalID: agentTerminal, Data: last})
	}
}

// Unwatch ends what Watch began.
func (s *Service) Unwatch(browser Peer, id wire.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave(id, browser)
}

// leave removes a browser; the process need not send what nobody sees. The
// caller holds mu.
func (s *Service) leave(id wire.SessionID, browser Peer) {
	a := s.agents[id]
	if a == nil || !slices.Contains(a.browsers, browser) {
		return
	}
	a.browsers = slices.DeleteFunc(a.browsers, func(b Peer) bool { return b == browser })
	if len(a.browsers) > 0 {
		return
	}
	emit(s.processes.Process(id), wire.EventAgentIdle, wire.AgentTerminalRef{SessionID: id})
	if len(a.shown.b) == 0 {
		delete(s.agents, id)
	}
}

// watches says whether the browser looks at the agent. The caller holds mu.
func (s *Service) watches(id wire.SessionID, browser Peer) bool {
	a := s.agents[id]
	return a != nil && slices.Contains(a.browsers, browser)
}

// AgentResize passes the size of a browser that looks at the agent on.
func (s *Service) AgentResize(browser Peer, in wire.AgentTerminalSize) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches(in.SessionID, browser) {
		emit(s.processes.Process(in.SessionID), wire.EventAgentResize, in)
	}
}

// AgentInput passes what a person typed to the agent on.
func (s *Service) AgentInput(browser Peer, in wire.AgentTerminalInput) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches(in.SessionID, browser) {
		emit(s.processes.Process(in.SessionID), wire.EventAgentInput, in)
	}
}

// AgentOutput takes what the agent drew. A browser that does not keep up misses
// some of it; the next refresh draws all anew.
func (s *Service) AgentOutput(id wire.SessionID, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[id]
	if a == nil {
		a = &agent{}
		s.agents[id] = a
	}
	a.shown.add(data)
	a.drawnAt = s.now()
	for _, b := range a.browsers {
		if b.Backlog() <= tooMuch {
			emit(b, wire.EventAgentOutput, wire.TerminalData{SessionID: id, TerminalID: agentTerminal, Data: data})
		}
	}
}

// AgentReset forgets what an agent drew that was started anew.
func (s *Service) AgentReset(id wire.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[id]
	if a == nil {
		return
	}
	a.shown = scrollback{}
	if len(a.browsers) == 0 {
		delete(s.agents, id)
	}
}

// ProcessHere asks a process that has connected to draw for those who look.
func (s *Service) ProcessHere(process Peer, id wire.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.agents[id]; a != nil && len(a.browsers) > 0 {
		emit(process, wire.EventAgentRefresh, wire.AgentTerminalRef{SessionID: id})
	}
}

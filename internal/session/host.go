package session

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// host is the session as its agent sees it.
type host struct{ s *Session }

// Emit implements agent.Host.
func (h host) Emit(r agent.Record) {
	h.s.stored.need()
	h.s.say(r)
}

// Ask implements agent.Host.
func (h host) Ask(ctx context.Context, r agent.PermissionRequest) (agent.Decision, error) {
	h.s.screen.Asked(r)
	defer h.s.screen.Answered(r.ID)
	return h.s.broker.ask(ctx, r)
}

// Decided implements agent.Host.
func (h host) Decided(r agent.PermissionRequest, d agent.Decision) { h.s.broker.record(r, d) }

// Resumable implements agent.Host: the id is what a later process resumes from.
func (h host) Resumable(id string) {
	h.s.mu.Lock()
	h.s.open.Resume, h.s.open.Fork = id, false
	h.s.mu.Unlock()
	if h.s.flavor.NativeIDKey() == "" {
		return
	}
	h.s.updateMetadata(func(m map[string]json.RawMessage) {
		m[h.s.flavor.NativeIDKey()] = textOrNull(id)
	})
}

// Where metadata says what can be done with the history, and where.
const (
	historyPoints = "conversationHistoryPoints"
	historyTurns  = "conversationHistoryTurns"
)

// Past implements agent.Host: clients offer what it says.
func (h host) Past(p agent.Past) {
	h.s.updateMetadata(func(m map[string]json.RawMessage) {
		if p != (agent.Past{}) {
			put(m, "capabilities", historyCapability, mustObject(p))
			return
		}
		put(m, "capabilities", historyCapability, nil)
		delete(m, historyPoints)
		delete(m, historyTurns)
	})
}

// Began implements agent.Host. A prompt that is given again began where it was
// given first.
func (h host) Began(id wire.LocalID, turn string) {
	if id == "" || turn == "" {
		return
	}
	h.s.updateMetadata(func(m map[string]json.RawMessage) {
		if member(m[historyTurns], string(id)) == nil {
			put(m, historyPoints, string(id), json.RawMessage("true"))
			put(m, historyTurns, string(id), textOrNull(turn))
		}
	})
}

// Catalog implements agent.Host.
func (h host) Catalog(c agent.Catalog) {
	h.s.updateMetadata(func(m map[string]json.RawMessage) {
		if len(c.Tools) > 0 {
			m["tools"] = mustObject(c.Tools)
		}
		if len(c.SlashCommands) > 0 {
			m["slashCommands"] = mustObject(c.SlashCommands)
		}
	})
}

// ModeChanged implements agent.Host.
func (h host) ModeChanged(m wire.PermissionMode) {
	h.s.mu.Lock()
	changed := h.s.config.PermissionMode != m
	h.s.config.PermissionMode = m
	h.s.mu.Unlock()
	if changed {
		h.s.announceState()
		h.s.event(map[string]any{"type": "permission-mode-changed", "mode": m})
	}
}

// Configured implements agent.Host.
func (h host) Configured(change func(c *agent.Config)) {
	h.s.mu.Lock()
	change(&h.s.config)
	h.s.mu.Unlock()
	h.s.announceState()
}

// Titled implements agent.Host. A title that the agent repeats, as after a switch,
// does not undo another one that was given since.
func (h host) Titled(title string) {
	h.s.mu.Lock()
	same := h.s.agentTitle == title
	h.s.agentTitle = title
	h.s.mu.Unlock()
	if !same {
		h.s.retitle(title)
	}
}

// retitle names the conversation: peers take the title from a summary row, lists
// from the metadata.
func (s *Session) retitle(title string) {
	s.mu.Lock()
	s.titled = true
	s.mu.Unlock()
	s.stored.need()
	s.say(agent.Record{Content: mustObject(map[string]any{
		"role":    "agent",
		"content": map[string]any{"type": "output", "data": map[string]any{"type": "summary", "summary": title, "leafUuid": uuid.NewString()}},
		"meta":    map[string]any{"sentFrom": "cli"},
	})})
	s.updateMetadata(func(m map[string]json.RawMessage) { m["summary"] = summaryOf(title) })
}

// Suggested implements agent.Host.
func (h host) Suggested(title string) { h.s.title(title) }

// Working implements agent.Host. An agent that has finished waits for people.
func (h host) Working(yes bool) {
	if yes { // on what a person said
		h.s.stored.need()
	}
	if h.s.setWorking(yes) && !yes && h.s.queue.empty() {
		h.s.ready()
	}
}

// Observed implements agent.Host.
func (h host) Observed(r agent.PermissionRequest) func(status, reason string) {
	return h.s.broker.observe(r)
}

// updateMetadata writes in the background, in the order of the calls as far as
// that matters: each change is of keys of its own.
func (s *Session) updateMetadata(change func(m map[string]json.RawMessage)) {
	s.later(func(ctx context.Context) error { return s.link.UpdateMetadata(ctx, change) })
}

// later writes something for people in the background, while the session lives.
func (s *Session) later(write func(ctx context.Context) error) {
	s.running.Go(func() {
		if s.stored.await(s.ctx) != nil {
			return
		}
		if err := write(s.ctx); err != nil && s.ctx.Err() == nil {
			s.log.Warn("the hub was not told of a change", "err", err)
		}
	})
}

// mode is the present permission mode.
func (s *Session) mode() wire.PermissionMode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config.PermissionMode
}

// setMode changes the permission mode, at once for the agent too.
func (s *Session) setMode(ctx context.Context, m wire.PermissionMode) {
	if err := s.configure(ctx, func(c *agent.Config) { c.PermissionMode = m }); err != nil {
		s.log.Warn("the permission mode was not changed for the running turn", "err", err)
	}
}

func (s *Session) configured() agent.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// configure changes the configuration. Where the agent confirms changes, what it
// confirmed is what peers are told.
func (s *Session) configure(ctx context.Context, change func(c *agent.Config)) error {
	conv := s.conversation()
	if confirms, ok := conv.(agent.Confirmer); ok {
		err := confirms.Change(ctx, change)
		s.mu.Lock()
		s.config = confirms.Holds()
		s.mu.Unlock()
		s.announceState()
		return err
	}
	s.mu.Lock()
	old := s.config
	change(&s.config)
	c := s.config
	s.mu.Unlock()
	s.announceState()
	if conv == nil { // the agent gets it with the next switch
		return nil
	}
	err := conv.Configure(ctx, c)
	if err != nil { // the agent has what it had; the permission mode is ours, as a rule
		s.mu.Lock()
		s.config = old
		if refused := (*agent.ModeRefused)(nil); !errors.As(err, &refused) {
			s.config.PermissionMode = c.PermissionMode
		}
		s.mu.Unlock()
		s.announceState()
	}
	return err
}

// decided applies what an answer says about later requests.
func (s *Session) decided(ctx context.Context, d agent.Decision) {
	if d.Mode != s.mode() && s.flavor.Allows(d.Mode) {
		s.setMode(ctx, d.Mode)
	}
}

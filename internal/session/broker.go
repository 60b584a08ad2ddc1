package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// broker brings the agent's requests before a person and the answers back. What
// is open and how it ended stands in the session's agent state, for all to see.
type broker struct {
	write func(ctx context.Context, change func(*wire.AgentState)) error
	// decided is told of an answer before the agent is.
	decided func(ctx context.Context, d agent.Decision)
	// later does what nobody waits for, while the session lives.
	later func(do func(ctx context.Context) error)

	mu   sync.Mutex
	open map[wire.RequestID]*asked
}

// asked is a request that waits.
type asked struct {
	request agent.PermissionRequest
	at      wire.Millis
	answer  chan agent.Decision // of one; nil: it is answered at the terminal
}

func newAsked(r agent.PermissionRequest) *asked {
	if len(r.Arguments) == 0 {
		r.Arguments = json.RawMessage("null") // without the member hubs refuse all of the state
	}
	return &asked{request: r, at: wire.Now(), answer: make(chan agent.Decision, 1)}
}

func newBroker(write func(context.Context, func(*wire.AgentState)) error, decided func(context.Context, agent.Decision), later func(func(context.Context) error)) *broker {
	return &broker{write: write, decided: decided, later: later, open: map[wire.RequestID]*asked{}}
}

var errSameRequest = errors.New("a request with this id is open already")

// ask shows a request and waits for its answer. When ctx ends, the request is
// withdrawn; the cause is the reason people see.
func (b *broker) ask(ctx context.Context, r agent.PermissionRequest) (agent.Decision, error) {
	q := newAsked(r)
	b.mu.Lock()
	if b.open[r.ID] != nil {
		b.mu.Unlock()
		return agent.Decision{}, errSameRequest
	}
	b.open[r.ID] = q
	b.mu.Unlock()
	err := b.write(ctx, func(s *wire.AgentState) {
		if s.Requests == nil {
			s.Requests = map[wire.RequestID]wire.AgentRequest{}
		}
		s.Requests[r.ID] = q.shown()
	})
	if err == nil {
		select {
		case d := <-q.answer:
			return d, nil
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	return b.withdraw(q, err)
}

func (q *asked) shown() wire.AgentRequest {
	return wire.AgentRequest{Tool: q.request.Tool, Arguments: q.request.Arguments, CreatedAt: &q.at}
}

// withdraw takes a request back, unless its answer has just come. The agent goes
// on whether or not the hub is there to be told.
func (b *broker) withdraw(q *asked, why error) (agent.Decision, error) {
	if !b.take(q) {
		return <-q.answer, nil
	}
	b.later(func(ctx context.Context) error {
		return b.write(ctx, func(s *wire.AgentState) {
			settle(s, q, wire.CompletedRequest{Status: wire.StatusCanceled, Decision: wire.DecisionAbort, Reason: why.Error()})
		})
	})
	return agent.Decision{}, why
}

// take removes a request from the open ones; it says whether it was there.
func (b *broker) take(q *asked) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[q.request.ID] != q {
		return false
	}
	delete(b.open, q.request.ID)
	return true
}

// answer takes a person's decision. The first one counts; one on a request that
// is not open is ignored.
func (b *broker) answer(ctx context.Context, d agent.Decision) error {
	b.mu.Lock()
	q := b.open[d.ID]
	if q != nil && q.answer == nil {
		b.mu.Unlock()
		return errAtTerminal
	}
	delete(b.open, d.ID)
	b.mu.Unlock()
	if q == nil {
		return nil
	}
	b.decided(ctx, d)
	// The agent goes on whether or not the hub is there to be told.
	defer func() { q.answer <- d }()
	if err := b.write(ctx, func(s *wire.AgentState) { settle(s, q, outcome(q.request.Tool, d)) }); err != nil {
		return fmt.Errorf("write the decision: %w", err)
	}
	return nil
}

// record shows a decision that needed no person. The request is never open.
func (b *broker) record(r agent.PermissionRequest, d agent.Decision) {
	q := newAsked(r)
	b.later(func(ctx context.Context) error {
		return b.write(ctx, func(s *wire.AgentState) { settle(s, q, outcome(r.Tool, d)) })
	})
}

// outcome is a decision as people see it. A question that was approved without
// an answer was refused.
func outcome(tool string, d agent.Decision) wire.CompletedRequest {
	c := wire.CompletedRequest{
		Status: wire.StatusDenied, Reason: d.Reason, Mode: d.Mode, Decision: d.Decision, AllowTools: d.AllowTools, Answers: d.Answers,
	}
	if d.Approved && !(wire.IsQuestion(tool) && len(d.Answers) == 0) {
		c.Status = wire.StatusApproved
	}
	return c
}

// observe shows a request that is answered at the terminal, until it is settled.
func (b *broker) observe(r agent.PermissionRequest) (settled func(status, reason string)) {
	q := newAsked(r)
	q.answer = nil
	b.mu.Lock()
	b.open[r.ID] = q
	b.mu.Unlock()
	b.later(func(ctx context.Context) error {
		return b.write(ctx, func(s *wire.AgentState) {
			if !b.isOpen(q) { // it was settled first
				return
			}
			if s.Requests == nil {
				s.Requests = map[wire.RequestID]wire.AgentRequest{}
			}
			s.Requests[r.ID] = q.shown()
		})
	})
	return func(status, reason string) {
		if !b.take(q) {
			return
		}
		b.later(func(ctx context.Context) error {
			return b.write(ctx, func(s *wire.AgentState) { settle(s, q, wire.CompletedRequest{Status: status, Reason: reason}) })
		})
	}
}

func (b *broker) isOpen(q *asked) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open[q.request.ID] == q
}

// settle moves a request to the completed ones.
func settle(s *wire.AgentState, q *asked, c wire.CompletedRequest) {
	now := wire.Now()
	c.AgentRequest, c.CompletedAt = q.shown(), &now
	if s.CompletedRequests == nil {
		s.CompletedRequests = map[wire.RequestID]wire.CompletedRequest{}
	}
	s.CompletedRequests[q.request.ID] = c
	delete(s.Requests, q.request.ID)
	trim(s)
}

// keptRequests is how many completed requests the agent state keeps: it is sent
// whole at every change. Their outcome stays with the tool call's result.
const keptRequests = 100

func trim(s *wire.AgentState) {
	for len(s.CompletedRequests) > keptRequests {
		var oldest wire.RequestID
		var at wire.Millis
		for id, c := range s.CompletedRequests {
			if c.CompletedAt == nil || oldest == "" || *c.CompletedAt < at {
				oldest, at = id, 0
				if c.CompletedAt != nil {
					at = *c.CompletedAt
				}
			}
		}
		delete(s.CompletedRequests, oldest)
	}
}

// abandon cancels what an earlier process of the session left open.
func abandon(s *wire.AgentState, reason string) {
	now := wire.Now()
	for id, r := range s.Requests {
		if s.CompletedRequests == nil {
			s.CompletedRequests = map[wire.RequestID]wire.CompletedRequest{}
		}
		s.CompletedRequests[id] = wire.CompletedRequest{AgentRequest: r, CompletedAt: &now, Status: wire.StatusCanceled, Reason: reason}
	}
	s.Requests = nil
	trim(s)
}

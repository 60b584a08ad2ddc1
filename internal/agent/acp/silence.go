package acp

import (
	"context"
	"fmt"
	"time"

	"hapi/internal/agent"
)

// unheardOf is how long an agent may say nothing in a turn before its person is
// told. A longer silence is told at twice the time, and again at twice that.
const unheardOf = 5 * time.Minute

// watch tells, until ctx ends, of a silence. heard is when something was last
// heard; a person who is asked knows why nothing happens.
func watch(ctx context.Context, after time.Duration, heard func() time.Time, asking func() bool, tell func(silent time.Duration)) {
	from, next := time.Now(), after
	for {
		select {
		case <-time.After(time.Until(from.Add(next))):
		case <-ctx.Done():
			return
		}
		switch last := heard(); {
		case asking():
			from, next = time.Now(), after
		case last.After(from):
			from, next = last, after
		default:
			tell(next)
			next *= 2
		}
	}
}

// watchTurn tells a person when the agent says nothing for long in its turn: it
// may be at work, or hang.
func (c *conversation) watchTurn(ctx context.Context, proc *process) {
	heard := func() time.Time {
		c.handling.Lock()
		defer c.handling.Unlock()
		return c.heard
	}
	watch(ctx, unheardOf, heard, proc.asksSomebody, func(silent time.Duration) {
		c.host.Emit(agent.Event(map[string]any{"type": "message", "message": fmt.Sprintf(
			"%s has said nothing for %d minutes. It may be busy, or hang: wait, or stop its turn and send your message again.", c.spec.Label, int(silent.Minutes()))}))
	})
}

// asksSomebody says whether a request of the agent waits for a person.
func (p *process) asksSomebody() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asks) > 0
}

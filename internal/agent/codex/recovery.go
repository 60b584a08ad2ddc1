package codex

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hapi/internal/agent"
)

const (
	// mostTries is how often a message is given again to a model that has no room
	// for more requests, or to a conversation that stumbled.
	mostTries = 3
	// compactionTries is how often a conversation is compacted for one message.
	compactionTries = 1
	// compactWithin is how long that may take.
	compactWithin = 10 * time.Minute
)

// recovering runs a turn, and again where that can help: the conversation is the
// same, and so is the message.
func (c *conversation) recovering(ctx context.Context, attempt func() error) error {
	tries, compactions := 0, 0
	for {
		err := attempt()
		failed := asTurnError(err)
		switch {
		case failed == nil:
			return err
		case failed.mayPass() && tries < mostTries:
			tries++
			c.notice(fmt.Sprintf("Task failed: %s; retrying same conversation (%d/%d)", failed.Error(), tries, mostTries))
		case failed.outOfRoom() && compactions < compactionTries:
			compactions++
			c.notice(fmt.Sprintf("Task failed: %s; compacting, then retrying same conversation (%d/%d)", failed.Error(), compactions, compactionTries))
			if err := c.makeRoom(ctx); err != nil {
				return err
			}
		default:
			return explained(err)
		}
	}
}

func (c *conversation) makeRoom(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, compactWithin, errors.New("codex did not compact the conversation in time"))
	defer cancel()
	return c.runCompaction(ctx)
}

// mayPass says that the message may go through the next time: the model is busy,
// or the conversation stumbled. outOfRoom says that the conversation is too long.
// Codex's own word decides, its text only where there is none.
func (e *turnError) mayPass() bool {
	if e.Retryable != nil && !*e.Retryable {
		return false
	}
	if e.stumbled {
		return true
	}
	switch e.kind() {
	case "serverOverloaded", "policyCapacityUnavailable":
		return true
	default:
		return e.unnamed() && strings.Contains(strings.ToLower(e.Message), "at capacity")
	}
}

func (e *turnError) outOfRoom() bool {
	if e.kind() == "contextWindowExceeded" {
		return true
	}
	text := strings.ToLower(e.Message)
	return e.unnamed() && (strings.Contains(text, "context window") || strings.Contains(text, "ran out of room"))
}

// unnamed says that Codex has no word of its own for the error.
func (e *turnError) unnamed() bool { return e.kind() == "" || e.kind() == "other" }

// notice tells people something as an event of the conversation.
func (c *conversation) notice(text string) {
	c.host.Emit(agent.Event(map[string]any{"type": "message", "message": text}))
}

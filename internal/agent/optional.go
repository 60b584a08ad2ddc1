package agent

import (
	"context"
	"encoding/json"
)

// What follows is offered by some conversations only.

// Commander is a conversation with slash commands that need no turn.
type Commander interface {
	// IsCommand says whether a prompt of this text is such a command. It is
	// never joined with other prompts.
	IsCommand(text string) bool
	// Command carries it out. What it returns goes on as a prompt, unless it is
	// empty.
	Command(ctx context.Context, text string) (prompt string)
}

// Method answers a call of a person's client, as JSON.
type Method func(ctx context.Context, params json.RawMessage) (any, error)

// Caller is a conversation that answers calls of its own.
type Caller interface {
	Methods() map[string]Method
}

// Warmer is a conversation that can be made ready before its first prompt, so
// that what its agent offers is known.
type Warmer interface {
	// Warm begins with it and does not wait. A failure is told at the prompt.
	Warm()
}

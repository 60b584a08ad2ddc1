package agent

import (
	"context"
	"encoding/json"
	"errors"

	"hapi/internal/wire"
)

// What follows is offered by some conversations, or hosts, only.

// Shower is a host that can show people a picture which the agent made by itself:
// a file of the machine. An error says, in words for people, why it cannot.
type Shower interface {
	Show(path, tool string) error
}

// Gallery is a host that can show people a picture, a sound or another file which
// the agent sent. An error says, in words for people, why it cannot.
type Gallery interface {
	ShowContent(content []byte) error
}

// Steerer is a conversation whose running turn takes further prompts.
type Steerer interface {
	// Steer gives the running turn a prompt: nil once the agent has it, a
	// *NotSteered if it does not, ErrSteerUnknown if nobody can tell.
	Steer(ctx context.Context, p Prompt) error
	// Took waits until it is proven that the agent has the prompt after all. It
	// gives up after a while: silence proves nothing.
	Took(ctx context.Context, id wire.LocalID) bool
}

// NotSteered says that a prompt did not reach the running turn, and why.
type NotSteered struct{ Text string }

func (e *NotSteered) Error() string { return e.Text }

// ErrSteerUnknown says that nobody can tell whether the agent has the prompt.
var ErrSteerUnknown = errors.New("it is not known whether the agent took the message")

// Commander is a conversation with slash commands that need no turn.
type Commander interface {
	// IsCommand says whether a prompt of this text is such a command. It is
	// never joined with other prompts.
	IsCommand(text string) bool
	// Command carries it out. What it returns goes on as a prompt, unless it is
	// empty.
	Command(ctx context.Context, text string) (prompt string)
}

// Confirmer is a conversation whose agent confirms a change of its configuration,
// or refuses it, and perhaps not before the next prompt.
type Confirmer interface {
	// Change changes what is asked of the agent. The error says, in words for
	// people, what it did not take; that is given up.
	Change(ctx context.Context, change func(c *Config)) error
	// Holds is the configuration by which the agent works. When it comes to differ
	// later, Host.Configured says so.
	Holds() Config
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

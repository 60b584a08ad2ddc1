// Package agent is what a session needs of a coding agent, whichever it is: a
// conversation that takes prompts one at a time, asks a person before it acts,
// and says what it does.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"time"

	"hapi/internal/wire"
)

// Agent is a kind of coding agent.
type Agent interface {
	Flavor() wire.Flavor
	// Local gives the terminal to the agent's own interface, and tells h what goes
	// on there. It returns nil when the person ended it, a *Failure, ErrNoTerminal,
	// or why ctx ended. Then the agent and all it started have ended, h knows
	// everything that was said, and the terminal is as it was.
	Local(ctx context.Context, h Host, o Options) error
	// Open makes a conversation. It calls h only after it has returned; the
	// agent's process may start as late as the first prompt.
	Open(ctx context.Context, h Host, o Options) (Conversation, error)
}

// Options of a conversation.
type Options struct {
	Dir    string // working directory
	Path   string // of the agent's executable; empty: it is searched
	Resume string // the agent's own id of an earlier conversation
	Fork   bool   // resume into a new conversation
	// Keyed says that what was said of the resumed conversation at a terminal was
	// said under keys: Local says the end of it again, in case it was lost.
	Keyed bool
	// Untold says that the hub has nothing of what was said in the resumed
	// conversation: Local tells it.
	Untold  bool
	Config  Config   // to begin with
	Args    []string // passed on to the agent
	Env     []string // of the agent, "NAME=value"; nil is the process's own
	AddDirs []string // further directories the agent may read
	// Terminal is the person's: input, output and errors. Open does not use it.
	Terminal [3]*os.File
	// Tools are the session's own, for the agent; nil: there are none.
	Tools *ToolServer
	// Summaries has the agent end its answers with a line for notifications.
	Summaries bool
	// Scratch is a directory for files that end with the process, and only its user
	// can read. It is made when needed.
	Scratch string
	Logger  *slog.Logger
}

// ToolServer is an MCP server on loopback (Streamable HTTP).
type ToolServer struct {
	URL   string
	Token string // secret; it wants it as a bearer token
}

// The variables by which an agent's environment says where its tools are.
const (
	ToolsURLVariable   = "HAPI_HTTP_MCP_URL"
	ToolsTokenVariable = "HAPI_HTTP_MCP_TOKEN" //nolint:gosec // a name
)

// Config is what a person can change while a conversation goes on.
type Config struct {
	PermissionMode wire.PermissionMode
	Model          string // empty: the agent's default
	Effort         string // empty: the agent's default
	// Of Codex alone.
	ServiceTier       string // fast or standard; empty: the account's own
	CollaborationMode string // default or plan; empty: default
}

// Prompt is what a person says.
type Prompt struct {
	ID          wire.LocalID // of its first message; empty if that has none
	Text        string
	Attachments []wire.Attachment
	Overrides   Overrides
	// Accepted is called once the agent has the prompt. It must not block.
	Accepted func()
}

// Overrides are what a peer of the hub wants of the agent for a prompt and those
// that follow. Of Claude alone.
type Overrides struct {
	SystemPrompt    string // in place of the agent's own instructions
	AppendPrompt    string // after them
	FallbackModel   string // when the model is overloaded
	AllowedTools    string // need no permission; separated by commas
	DisallowedTools string // cannot be used; likewise
}

// Conversation is one agent at work. Its methods may be called from several
// goroutines, except Prompt, which is called by one.
type Conversation interface {
	// Prompt hands the agent a prompt and returns when its turn has ended:
	// nil, ErrInterrupted, a *Failure, or why ctx ended. After any of these the
	// conversation takes the next prompt.
	Prompt(ctx context.Context, p Prompt) error
	// Interrupt ends the running turn and keeps the conversation; Prompt returns.
	// Without a turn it does nothing.
	Interrupt(ctx context.Context) error
	// Configure changes the configuration, for the running turn as far as the
	// agent can, else from the next prompt on.
	Configure(ctx context.Context, c Config) error
	// Reset forgets what was said: the next prompt begins anew.
	Reset(ctx context.Context) error
	// Close ends the agent and everything it started, and waits for it.
	Close() error
}

// Host is the session as its agent sees it. The methods may be called from any
// goroutine.
type Host interface {
	// Emit adds a row to the conversation, in the order of the calls.
	Emit(r Record)
	// Ask waits for a person's decision. ctx ends when the agent withdraws the
	// request; its cause is the reason the person is shown.
	Ask(ctx context.Context, r PermissionRequest) (Decision, error)
	// Decided shows a decision that needed no person, see AutoApprove.
	Decided(r PermissionRequest, d Decision)
	// Resumable gives the agent's own id of the conversation; empty: it has none.
	Resumable(id string)
	// Past says what the agent can do with what was said; nothing: it has forgotten
	// it, and where it can be cut.
	Past(p Past)
	// Began says which turn of the agent's a prompt began: before it, what was said
	// can be cut.
	Began(id wire.LocalID, turn string)
	// Catalog says what the agent offers.
	Catalog(c Catalog)
	// ModeChanged says that the agent itself changed the permission mode.
	ModeChanged(m wire.PermissionMode)
	// Configured says that the agent itself changed its configuration, such as
	// the model it took by default. The conversation is not told again.
	Configured(change func(c *Config))
	// Titled gives the conversation the agent's own title.
	Titled(title string)
	// Suggested gives a title to a conversation that has none.
	Suggested(title string)

	// Working says whether the agent works on something a person asked for at the
	// terminal. A conversation need not: its turns say so.
	Working(yes bool)
	// Observed shows a request that is answered at the terminal. settle says how:
	// wire.StatusApproved, StatusDenied or StatusCanceled, with a reason or none.
	Observed(r PermissionRequest) (settle func(status, reason string))
}

// Record is a row of the conversation: the whole envelope, {"role":…,…}.
type Record struct {
	Content json.RawMessage
	At      time.Time // zero is now
	// Key names the row in its session: said again under its key, it is not there
	// twice. Empty: the row is said once.
	Key string
}

// PermissionRequest is a tool call, question or plan that waits for a person.
// ID is the tool call's own.
type PermissionRequest struct {
	ID        wire.RequestID
	Tool      string
	Arguments json.RawMessage
}

// Decision is a person's answer.
type Decision = wire.PermissionAnswer

// Past is what an agent can do with the history of a conversation.
type Past struct {
	ForkCurrent     bool `json:"forkCurrent,omitempty"`     // go on twice from where it is
	ForkAtMessage   bool `json:"forkAtMessage,omitempty"`   // from before a message
	RewindToMessage bool `json:"rewindToMessage,omitempty"` // forget a message and what follows
}

// Catalog is what an agent offers.
type Catalog struct {
	Tools         []string
	SlashCommands []string
}

// ModeRefused says, in words for people, that the agent does not take a
// permission mode; it has the one it had.
type ModeRefused struct{ Text string }

func (e *ModeRefused) Error() string { return e.Text }

// ErrNoTerminal says that an agent has no interface of its own for a terminal.
var ErrNoTerminal = errors.New("this agent has no interface for a terminal")

// ErrInterrupted says that a turn ended because a person wanted it to.
var ErrInterrupted = errors.New("interrupted")

// FailureKind says what a person can do about a failure.
type FailureKind int

// The kinds of failure.
const (
	Crashed       FailureKind = iota // the agent ended unexpectedly
	NotInstalled                     // there is no agent to start
	NotLoggedIn                      // the agent needs its person to sign in
	BadArguments                     // the agent refuses how it was started
	CompactFailed                    // the agent could not compact the conversation
	NotResumed                       // the agent could not open the earlier conversation, and has not got the prompt; Text is that in one sentence
	Stopped                          // the agent, or its model, did not finish the turn
)

// Failure is why a turn did not end well. Text is for the person: what happened
// and what to do next.
type Failure struct {
	Kind FailureKind
	Text string
	// Silent says that the agent had said and done nothing in this turn: the
	// prompt can be given again without doing anything twice.
	Silent bool
	// Shown says that the agent itself has told the person already.
	Shown bool
}

func (f *Failure) Error() string { return f.Text }

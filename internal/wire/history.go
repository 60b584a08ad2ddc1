package wire

import "encoding/json"

// Names of the RPC methods by which an agent changes its own history (socket
// contract §8.6).
const (
	MethodFork   = "fork-conversation"
	MethodRewind = "rewind-conversation"
)

// ErrHistoryBusy refuses a message while the conversation is being forked or
// rewound.
var ErrHistoryBusy = &Error{Kind: Conflict, Text: "The conversation is being forked or rewound; send again in a moment", Code: "history_busy"}

// HistoryBoundary are the parameters of both methods: the message before which
// the conversation is cut. A fork without one takes all of it.
type HistoryBoundary struct {
	MessageLocalID LocalID `json:"messageLocalId,omitempty"`
}

// ForkResult answers fork-conversation: the agent's own id to go on with. With
// ForkSession the agent makes its copy only when it is started with that id.
type ForkResult struct {
	NativeSessionID string `json:"nativeSessionId"`
	ForkSession     bool   `json:"forkSession,omitempty"`
}

// RewindResult answers rewind-conversation: from where the agent forgot, and
// what it has in place of that.
type RewindResult struct {
	Success      bool             `json:"success"`
	TruncateFrom LocalID          `json:"truncateFromLocalId,omitempty"`
	Messages     []HistoryMessage `json:"messages,omitempty"`
	Error        string           `json:"error,omitempty"`
	Outcome      string           `json:"outcome,omitempty"` // rejected, cancelled, source_restored
}

// HistoryMessage is a row that an agent puts in place of others.
type HistoryMessage struct {
	Content   json.RawMessage `json:"content"`
	LocalID   *LocalID        `json:"localId,omitempty"`
	CreatedAt *Millis         `json:"createdAt,omitempty"`
	InvokedAt *Millis         `json:"invokedAt,omitempty"`
}

package wire

import "time"

// Names of the events of web terminals (socket contract §11): browser to hub to
// session process, and back. Shells outlive the connection: on each connect a
// process says ready for every shell it has and shows its screen, as output that
// begins with a reset of the terminal. It shows it once more to the first open on
// that connection: a hub that was restarted did not know the shell before. It
// says ready again, as busy, while a program runs in a shell's foreground.
//
// Any number of browsers may create the terminal with one id: each is shown what
// it printed and may type, and the shell has the size that fits into all of them.
// A close of one of several only ends what that browser sees; the last one's
// closes the shell. A detach leaves the shell running in any case. A browser asks
// for the ids with terminal:list and an ack, and creates with join what it means
// to find there.
const (
	EventTerminalCreate = "terminal:create" // browser to hub
	EventTerminalList   = "terminal:list"   // browser to hub, answered by ack
	EventTerminalOpen   = "terminal:open"   // hub to process
	EventTerminalWrite  = "terminal:write"
	EventTerminalResize = "terminal:resize"
	EventTerminalClose  = "terminal:close"
	EventTerminalDetach = "terminal:detach" // browser to hub
	EventTerminalReady  = "terminal:ready"  // process to hub to browser
	EventTerminalOutput = "terminal:output"
	EventTerminalExit   = "terminal:exit"
	EventTerminalError  = "terminal:error"
)

// TerminalOpen asks for a shell, or for the one with this id at this size. It is
// the payload of resizes too.
type TerminalOpen struct {
	SessionID  SessionID `json:"sessionId"`
	TerminalID string    `json:"terminalId"`
	Cols       int       `json:"cols"`
	Rows       int       `json:"rows"`
	Join       bool      `json:"join,omitempty"` // browser to hub: only if it is open
}

// TerminalData is input or output of a shell.
type TerminalData struct {
	SessionID  SessionID `json:"sessionId,omitempty"`
	TerminalID string    `json:"terminalId"`
	Data       string    `json:"data"`
}

// TerminalRef names a terminal: to close it, or to say that it is ready.
type TerminalRef struct {
	SessionID  SessionID `json:"sessionId"`
	TerminalID string    `json:"terminalId"`
	Busy       bool      `json:"busy,omitempty"` // of ready, process to hub: a program runs
}

// TerminalBusyEvery is how often a process says that a program runs in a shell.
const TerminalBusyEvery = 20 * time.Second

// TerminalList answers terminal:list: the terminals of a session, the one last
// used first.
type TerminalList struct {
	Terminals []TerminalSummary `json:"terminals"`
	Error     string            `json:"error,omitempty"`
}

// TerminalSummary is a terminal that is open.
type TerminalSummary struct {
	TerminalID string `json:"terminalId"`
	Viewers    int    `json:"viewers"` // browsers that look at it now
	Busy       bool   `json:"busy"`    // a program runs in its foreground
	Cols       int    `json:"cols"`
	Rows       int    `json:"rows"`
	UsedAt     Millis `json:"usedAt"`
	Line       string `json:"line,omitempty"` // the last one it printed, as plain text
}

// TerminalExit says that a shell ended by itself.
type TerminalExit struct {
	SessionID  SessionID `json:"sessionId"`
	TerminalID string    `json:"terminalId"`
	Code       *int      `json:"code"`
	Signal     *string   `json:"signal"`
}

// TerminalError says that a terminal could not be opened, or was closed.
type TerminalError struct {
	SessionID  SessionID `json:"sessionId,omitempty"`
	TerminalID string    `json:"terminalId"`
	Message    string    `json:"message"`
}

// Names of the events of the view of an agent's own interface (socket contract
// §11.5).
const (
	EventAgentSubscribe   = "agent-terminal:subscribe" // browser to hub
	EventAgentUnsubscribe = "agent-terminal:unsubscribe"
	EventAgentResize      = "agent-terminal:resize" // browser to hub to process
	EventAgentInput       = "agent-terminal:input"
	EventAgentRefresh     = "agent-terminal:refresh" // hub to process
	EventAgentIdle        = "agent-terminal:idle"
	EventAgentOutput      = "agent-terminal:output" // process to hub to browser
	EventAgentReset       = "agent-terminal:reset"  // process to hub
)

// AgentTerminalRef names the session whose agent is looked at.
type AgentTerminalRef struct {
	SessionID SessionID `json:"sessionId"`
}

// AgentTerminalSize is the size at which an agent is looked at.
type AgentTerminalSize struct {
	SessionID SessionID `json:"sessionId"`
	Cols      int       `json:"cols"`
	Rows      int       `json:"rows"`
}

// AgentTerminalInput is what a person typed to an agent.
type AgentTerminalInput struct {
	SessionID SessionID `json:"sessionId"`
	Data      string    `json:"data"`
}

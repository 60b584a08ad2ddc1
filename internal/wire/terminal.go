package wire

// Names of the events of web terminals (socket contract §11): browser to hub to
// session process, and back. Shells outlive the connection: on each connect a
// process says ready for every shell it has and shows its screen, as output that
// begins with a reset of the terminal. It shows it once more to the first open on
// that connection: a hub that was restarted did not know the shell before.
const (
	EventTerminalCreate = "terminal:create" // browser to hub
	EventTerminalOpen   = "terminal:open"   // hub to process
	EventTerminalWrite  = "terminal:write"
	EventTerminalResize = "terminal:resize"
	EventTerminalClose  = "terminal:close"
	EventTerminalReady  = "terminal:ready" // process to hub to browser
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

package wire

// LocalResumeTarget is what `hapi resume` needs to go on with a session in a
// terminal (socket contract §3.4).
type LocalResumeTarget struct {
	SessionID            SessionID      `json:"sessionId"`
	Flavor               Flavor         `json:"flavor"`
	Directory            string         `json:"directory"`
	MachineID            MachineID      `json:"machineId,omitempty"`
	Host                 string         `json:"host,omitempty"`
	Active               bool           `json:"active"`
	Thinking             bool           `json:"thinking"`
	ControlledByUser     bool           `json:"controlledByUser"`
	AgentSessionID       string         `json:"agentSessionId"`
	Model                *string        `json:"model"`
	Effort               *string        `json:"effort"`
	ModelReasoningEffort *string        `json:"modelReasoningEffort"`
	ServiceTier          *string        `json:"serviceTier,omitempty"`
	PermissionMode       PermissionMode `json:"permissionMode,omitempty"`
	CollaborationMode    string         `json:"collaborationMode,omitempty"`
	CopilotAgentMode     string         `json:"copilotAgentMode,omitempty"`
}

// ResumableSession is a row of the list `hapi resume` offers.
type ResumableSession struct {
	LocalResumeTarget
	UpdatedAt        Millis `json:"updatedAt"`
	Name             string `json:"name,omitempty"`
	Summary          string `json:"summary,omitempty"`
	FirstUserMessage string `json:"firstUserMessage,omitempty"`
}

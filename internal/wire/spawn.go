package wire

// Names of the machine-scoped RPC methods that start and stop session
// processes (socket contract §10.4).
const (
	MethodSpawnSession = "spawn-happy-session"
	MethodStopSession  = "stop-session"
)

// SpawnInDirectory is the only Type of a SpawnRequest.
const SpawnInDirectory = "spawn-in-directory"

// SpawnRequest asks a runner to start a session process. ExistingSessionID,
// which SessionID repeats, is the session the process is to feed: the hub
// passes it for every flavor, so that a session keeps its id for life.
type SpawnRequest struct {
	Type                 string         `json:"type"`
	Directory            string         `json:"directory"`
	Agent                Flavor         `json:"agent"`
	Model                string         `json:"model,omitempty"`
	ModelReasoningEffort string         `json:"modelReasoningEffort,omitempty"`
	Yolo                 bool           `json:"yolo,omitempty"`
	SessionType          string         `json:"sessionType,omitempty"` // simple or worktree
	WorktreeName         string         `json:"worktreeName,omitempty"`
	ResumeSessionID      string         `json:"resumeSessionId,omitempty"` // the agent's own
	Effort               string         `json:"effort,omitempty"`
	PermissionMode       PermissionMode `json:"permissionMode,omitempty"`
	ServiceTier          string         `json:"serviceTier,omitempty"`
	ExistingSessionID    SessionID      `json:"existingSessionId,omitempty"`
	SessionID            SessionID      `json:"sessionId,omitempty"`
	CollaborationMode    string         `json:"collaborationMode,omitempty"`
	CopilotAgentMode     string         `json:"copilotAgentMode,omitempty"`
	StartingMode         string         `json:"startingMode,omitempty"` // remote or pty
	ForkSession          bool           `json:"forkSession"`
	Token                string         `json:"token,omitempty"` // secret, for the agent
	// ApprovedNewDirectory says whether a missing directory may be made; nil is yes.
	ApprovedNewDirectory *bool `json:"approvedNewDirectoryCreation,omitempty"`
}

// Outcomes of a SpawnRequest.
const (
	SpawnSuccess       = "success"
	SpawnError         = "error"
	SpawnNeedsApproval = "requestToApproveDirectoryCreation"
)

// SpawnResult answers a SpawnRequest. Older runners say what went wrong in
// Error or Message.
type SpawnResult struct {
	Type         string    `json:"type"`
	SessionID    SessionID `json:"sessionId,omitempty"`
	ErrorMessage string    `json:"errorMessage,omitempty"`
	Directory    string    `json:"directory,omitempty"`
	Error        string    `json:"error,omitempty"`
	Message      string    `json:"message,omitempty"`
}

// StopSession asks a runner to end a session process: by the hub's id, or by
// "PID-<n>" before the process has reported one.
type StopSession struct {
	SessionID string `json:"sessionId"`
}

// What a runner knows of a process it was asked to stop. Only proof of exit is
// StopAlreadyGone; a process it does not know is StopStillAlive.
const (
	StopStopped     = "stopped"
	StopAlreadyGone = "already_gone"
	StopStillAlive  = "still_alive"
)

// StopResult answers a StopSession.
type StopResult struct {
	Status string `json:"status"`
}

// SpawnAnswer is what a person's client is told of a spawn.
type SpawnAnswer struct {
	Type      string    `json:"type"` // success or error
	SessionID SessionID `json:"sessionId,omitempty"`
	Message   string    `json:"message,omitempty"`
	Code      string    `json:"code,omitempty"`
}

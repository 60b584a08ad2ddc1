package wire

import "encoding/json"

// Session is one conversation with one agent. It outlives the process that
// feeds it; Active says whether such a process was heard of lately (http
// contract §7.1). Optional keys are omitted when unset, nullable ones never.
type Session struct {
	ID                SessionID       `json:"id"`
	Namespace         Namespace       `json:"namespace"`
	Seq               int64           `json:"seq"`
	CreatedAt         Millis          `json:"createdAt"`
	UpdatedAt         Millis          `json:"updatedAt"`
	Pinned            bool            `json:"pinned"`
	GlobalPinned      bool            `json:"globalPinned"`
	Active            bool            `json:"active"`
	ActiveAt          Millis          `json:"activeAt"`
	Metadata          json.RawMessage `json:"metadata"` // an object with path and host, or null
	MetadataVersion   int64           `json:"metadataVersion"`
	AgentState        json.RawMessage `json:"agentState"` // an AgentState, or null
	AgentStateVersion int64           `json:"agentStateVersion"`
	Thinking          bool            `json:"thinking"`
	ThinkingAt        Millis          `json:"thinkingAt"`
	// ActiveTurnStartedAt is when the running turn began; null between turns.
	ActiveTurnStartedAt  *Millis         `json:"activeTurnStartedAt"`
	BackgroundTaskCount  int             `json:"backgroundTaskCount"`
	Todos                json.RawMessage `json:"todos,omitempty"`
	TeamState            json.RawMessage `json:"teamState,omitempty"`
	TodosUpdatedAt       Millis          `json:"todosUpdatedAt"`
	TeamStateUpdatedAt   Millis          `json:"teamStateUpdatedAt"`
	Model                *string         `json:"model"`
	ModelReasoningEffort *string         `json:"modelReasoningEffort"`
	Effort               *string         `json:"effort"`
	ServiceTier          *string         `json:"serviceTier"`
	PermissionMode       PermissionMode  `json:"permissionMode,omitempty"`
	CollaborationMode    string          `json:"collaborationMode,omitempty"`
	CopilotAgentMode     string          `json:"copilotAgentMode,omitempty"`
}

// SessionSummary is one row of the session list (http contract §7.2).
type SessionSummary struct {
	ID                          SessionID        `json:"id"`
	Active                      bool             `json:"active"`
	Thinking                    bool             `json:"thinking"`
	ActiveAt                    Millis           `json:"activeAt"`
	UpdatedAt                   Millis           `json:"updatedAt"`
	Pinned                      bool             `json:"pinned"`
	GlobalPinned                bool             `json:"globalPinned"`
	Metadata                    *SummaryMetadata `json:"metadata"`
	MetadataVersion             int64            `json:"metadataVersion"`
	AgentStateVersion           int64            `json:"agentStateVersion"`
	TodosUpdatedAt              Millis           `json:"todosUpdatedAt"`
	TodoProgress                *TodoProgress    `json:"todoProgress"`
	PendingRequestsCount        int              `json:"pendingRequestsCount"`
	PendingRequestKinds         []string         `json:"pendingRequestKinds"`
	PendingRequests             []PendingRequest `json:"pendingRequests"`
	BackgroundTaskCount         int              `json:"backgroundTaskCount"`
	FutureScheduledMessageCount int              `json:"futureScheduledMessageCount"`
	NextScheduledAt             *Millis          `json:"nextScheduledAt"`
	Model                       *string          `json:"model"`
	ModelReasoningEffort        *string          `json:"modelReasoningEffort"`
	Effort                      *string          `json:"effort"`
}

// SummaryMetadata is what the session list needs of a session's metadata.
type SummaryMetadata struct {
	Name           string          `json:"name,omitempty"`
	Path           string          `json:"path"`
	MachineID      MachineID       `json:"machineId,omitempty"`
	Summary        *SummaryText    `json:"summary,omitempty"`
	Flavor         *Flavor         `json:"flavor"`
	Worktree       json.RawMessage `json:"worktree,omitempty"`
	AgentSessionID string          `json:"agentSessionId,omitempty"`
	LifecycleState string          `json:"lifecycleState,omitempty"`
	HapiMcpURL     string          `json:"hapiMcpUrl,omitempty"`
}

// SummaryText is the session's own title.
type SummaryText struct {
	Text string `json:"text"`
}

// TodoProgress counts the agent's todo items.
type TodoProgress struct {
	Completed int `json:"completed"`
	Total     int `json:"total"`
}

// PendingRequest is a request that waits for a person, as the list shows it.
type PendingRequest struct {
	ID    RequestID `json:"id"`
	Kind  string    `json:"kind"` // permission or input
	Tool  string    `json:"tool"`
	Since Millis    `json:"since"`
}

// Versioned is the wrapper of a value in a patch: clients apply it only when
// the version is greater than the one they hold.
type Versioned struct {
	Version int64           `json:"version"`
	Value   json.RawMessage `json:"value"`
}

// SessionPatch carries only what changed. Clients refuse unknown keys and
// refetch, so keys are never added here (http contract §6.9). Nullable values
// are pointers to pointers: nil is absent, a pointer to nil is null.
type SessionPatch struct {
	Active               *bool          `json:"active,omitempty"`
	ActiveAt             *Millis        `json:"activeAt,omitempty"`
	Thinking             *bool          `json:"thinking,omitempty"`
	ActiveTurnStartedAt  **Millis       `json:"activeTurnStartedAt,omitempty"`
	UpdatedAt            *Millis        `json:"updatedAt,omitempty"`
	BackgroundTaskCount  *int           `json:"backgroundTaskCount,omitempty"`
	ScratchlistUpdatedAt *Millis        `json:"scratchlistUpdatedAt,omitempty"`
	PermissionMode       PermissionMode `json:"permissionMode,omitempty"`
	Model                **string       `json:"model,omitempty"`
	ModelReasoningEffort **string       `json:"modelReasoningEffort,omitempty"`
	Effort               **string       `json:"effort,omitempty"`
	ServiceTier          **string       `json:"serviceTier,omitempty"`
	CollaborationMode    string         `json:"collaborationMode,omitempty"`
	CopilotAgentMode     string         `json:"copilotAgentMode,omitempty"`
	Metadata             *Versioned     `json:"metadata,omitempty"`
	AgentState           *Versioned     `json:"agentState,omitempty"`
	Todos                *Versioned     `json:"todos,omitempty"`
	TeamState            *Versioned     `json:"teamState,omitempty"`
}

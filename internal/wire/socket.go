package wire

import "encoding/json"

// Names of the events on the /cli namespace (socket contract §4, §5).
const (
	EventMessage               = "message"
	EventUpdateMetadata        = "update-metadata"
	EventUpdateState           = "update-state"
	EventSessionAlive          = "session-alive"
	EventSessionReady          = "session-ready"
	EventSessionEnd            = "session-end"
	EventMessagesConsumed      = "messages-consumed"
	EventMessagesIndeterminate = "messages-indeterminate"
	EventMessagesSteerState    = "messages-steer-state"
	EventMachineAlive          = "machine-alive"
	EventMachineUpdateMetadata = "machine-update-metadata"
	EventMachineUpdateState    = "machine-update-state"
	EventRPCRegister           = "rpc-register"
	EventRPCUnregister         = "rpc-unregister"
	EventPing                  = "ping"
	EventWatchers              = "session-watchers"
	EventUpdate                = "update"
	EventRPCRequest            = "rpc-request"
	EventError                 = "error"
)

// Handshake is the auth object of a /cli connection.
type Handshake struct {
	Token      string    `json:"token"`
	ClientType string    `json:"clientType,omitempty"` // session-scoped or machine-scoped
	SessionID  SessionID `json:"sessionId,omitempty"`
	MachineID  MachineID `json:"machineId,omitempty"`
}

// AppendMessage is the payload of `message`: one row said by a session
// process. ClientKey is ours: it makes the row idempotent and asks for an
// acknowledgement after the commit; hubs that offer it say so on /health
// (capability acknowledgedMessages).
type AppendMessage struct {
	SID       SessionID       `json:"sid"`
	Message   json.RawMessage `json:"message"`
	LocalID   *LocalID        `json:"localId,omitempty"`
	CreatedAt *float64        `json:"createdAt,omitempty"`
	ClientKey string          `json:"clientKey,omitempty"`
}

// AppendAck answers an AppendMessage that asked for an acknowledgement. It is
// sent after the commit. Result is "success" or "error"; an error says why, and
// Retry whether sending the same row again can help.
type AppendAck struct {
	Result string    `json:"result"`
	ID     MessageID `json:"id,omitempty"`
	Seq    int64     `json:"seq,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Retry  bool      `json:"retry,omitempty"`
}

// SessionAlive is the keep-alive of a session process. Tri-state fields keep
// their raw form: nil is absent, `null` is an explicit null.
type SessionAlive struct {
	SID                  SessionID       `json:"sid"`
	Time                 *float64        `json:"time"`
	Thinking             *bool           `json:"thinking,omitempty"`
	Mode                 string          `json:"mode,omitempty"`
	PermissionMode       PermissionMode  `json:"permissionMode,omitempty"`
	Model                json.RawMessage `json:"model,omitempty"`
	ModelReasoningEffort json.RawMessage `json:"modelReasoningEffort,omitempty"`
	Effort               json.RawMessage `json:"effort,omitempty"`
	ServiceTier          json.RawMessage `json:"serviceTier,omitempty"`
	CollaborationMode    string          `json:"collaborationMode,omitempty"`
	CopilotAgentMode     string          `json:"copilotAgentMode,omitempty"`
}

// SessionConfig is a change of what an agent works with: the parameters of
// set-session-config, and as `applied` the answer. Absent keys stay as they
// are. Nullable values keep their raw form; Model may be {provider, modelId}.
type SessionConfig struct {
	PermissionMode       PermissionMode  `json:"permissionMode,omitempty"`
	Model                json.RawMessage `json:"model,omitempty"`
	ModelReasoningEffort json.RawMessage `json:"modelReasoningEffort,omitempty"`
	Effort               json.RawMessage `json:"effort,omitempty"`
	ServiceTier          json.RawMessage `json:"serviceTier,omitempty"`
	CollaborationMode    string          `json:"collaborationMode,omitempty"`
	CopilotAgentMode     string          `json:"copilotAgentMode,omitempty"`
}

// SessionReady says that the agent has loaded its conversation and takes prompts.
type SessionReady struct {
	SID  SessionID `json:"sid"`
	Time *float64  `json:"time"`
}

// SessionEnd says that a session process stops on purpose.
type SessionEnd struct {
	SID    SessionID `json:"sid"`
	Time   *float64  `json:"time"`
	Reason string    `json:"reason,omitempty"` // completed, terminated, error, handoff, cleared
}

// MessagesConsumed says that prompts left the queue for the agent.
type MessagesConsumed struct {
	SID                      SessionID         `json:"sid"`
	LocalIDs                 []json.RawMessage `json:"localIds"` // entries that are not strings are ignored
	ClearQueuedThinkingGrace bool              `json:"clearQueuedThinkingGrace,omitempty"`
	Steered                  bool              `json:"steered,omitempty"`
}

// UpdateMetadata is the versioned write of a session's metadata. The agent
// state and the machine's two fields are written alike.
type UpdateMetadata struct {
	SID             SessionID       `json:"sid"`
	ExpectedVersion *int64          `json:"expectedVersion"`
	Metadata        json.RawMessage `json:"metadata"`
}

// UpdateState is the versioned write of a session's agent state.
type UpdateState struct {
	SID             SessionID       `json:"sid"`
	ExpectedVersion *int64          `json:"expectedVersion"`
	AgentState      json.RawMessage `json:"agentState"`
}

// MessagesSteerState says how far handing prompts into a running turn has come:
// dispatching before the agent is asked, queued when it refused.
type MessagesSteerState struct {
	SID      SessionID         `json:"sid"`
	LocalIDs []json.RawMessage `json:"localIds"`
	State    DeliveryState     `json:"state"`
}

// SteerStateAck answers a MessagesSteerState: whether any prompt moved.
type SteerStateAck struct {
	OK bool `json:"ok"`
}

// MachineAlive is the keep-alive of a runner.
type MachineAlive struct {
	MachineID MachineID       `json:"machineId"`
	Time      *float64        `json:"time"`
	Health    json.RawMessage `json:"health,omitempty"`
}

// MachineUpdate is the versioned write of a machine's metadata or runner state.
type MachineUpdate struct {
	MachineID       MachineID       `json:"machineId"`
	ExpectedVersion *int64          `json:"expectedVersion"`
	Metadata        json.RawMessage `json:"metadata,omitempty"`
	RunnerState     json.RawMessage `json:"runnerState,omitempty"`
}

// Outcomes of a versioned write.
const (
	WriteSuccess  = "success"
	WriteMismatch = "version-mismatch"
	WriteError    = "error"
)

// VersionedAck answers a versioned write: the persisted version and value, in
// the key of the field that was written.
type VersionedAck struct {
	Result      string          `json:"result"`
	Version     int64           `json:"version,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	AgentState  json.RawMessage `json:"agentState,omitempty"`
	RunnerState json.RawMessage `json:"runnerState,omitempty"`
	Reason      string          `json:"reason,omitempty"` // namespace-missing, access-denied, not-found
}

// SocketError is the payload of `error`.
type SocketError struct {
	Message string `json:"message"`
	Code    string `json:"code,omitempty"`
	Scope   string `json:"scope,omitempty"` // session or machine
	ID      string `json:"id,omitempty"`
}

// Update is the envelope of everything the hub tells a session process or a
// runner about state (socket contract §5).
type Update struct {
	ID        string `json:"id"`
	Seq       int64  `json:"seq"`
	CreatedAt Millis `json:"createdAt"`
	Body      any    `json:"body"`
}

// NewMessageUpdate is the body `new-message`.
type NewMessageUpdate struct {
	T       string           `json:"t"`
	SID     SessionID        `json:"sid"`
	Message DeliveredMessage `json:"message"`
}

// DeliveredMessage is a row as session processes see it, also in backfill.
type DeliveredMessage struct {
	ID        MessageID       `json:"id"`
	Seq       int64           `json:"seq"`
	CreatedAt Millis          `json:"createdAt"`
	LocalID   *LocalID        `json:"localId"`
	Content   json.RawMessage `json:"content"`
}

// UpdateSessionUpdate is the body `update-session`; exactly one half is not null.
type UpdateSessionUpdate struct {
	T          string     `json:"t"`
	SID        SessionID  `json:"sid"`
	Metadata   *Versioned `json:"metadata"`
	AgentState *Versioned `json:"agentState"`
}

// UpdateMachineUpdate is the body `update-machine`.
type UpdateMachineUpdate struct {
	T           string     `json:"t"`
	MachineID   MachineID  `json:"machineId"`
	Metadata    *Versioned `json:"metadata"`
	RunnerState *Versioned `json:"runnerState"`
}

// CancelQueuedUpdate is the body `cancel-queued-message`: a question, answered
// with a CancelAnswer.
type CancelQueuedUpdate struct {
	T         string    `json:"t"`
	SID       SessionID `json:"sid"`
	MessageID MessageID `json:"messageId"`
	LocalID   LocalID   `json:"localId"`
}

// CancelAnswer is a session process's answer to a cancel question. All false
// means it does not know the message.
type CancelAnswer struct {
	Removed       bool `json:"removed"`
	InFlight      bool `json:"inFlight,omitempty"`
	Indeterminate bool `json:"indeterminate,omitempty"`
	Consumed      bool `json:"consumed,omitempty"`
}

// RetryQueuedUpdate is the body `retry-queued-message`: a prompt whose outcome
// was unknown, to be queued again although its id is known. It is answered with
// a RetryAnswer.
type RetryQueuedUpdate struct {
	T         string           `json:"t"`
	SID       SessionID        `json:"sid"`
	MessageID MessageID        `json:"messageId"`
	LocalID   LocalID          `json:"localId"`
	Message   DeliveredMessage `json:"message"`
}

// RetryAnswer is a session process's answer to a RetryQueuedUpdate.
type RetryAnswer struct {
	Accepted bool `json:"accepted"`
	Consumed bool `json:"consumed,omitempty"`
}

// RPCRequest is the payload of `rpc-request`; Method is "<scope id>:<name>",
// Params a string that holds JSON. The acknowledgement is a string that holds
// JSON, or null.
type RPCRequest struct {
	Method string `json:"method"`
	Params string `json:"params"`
}

// RPCRegister is the payload of `rpc-register` and `rpc-unregister`.
type RPCRegister struct {
	Method string `json:"method"`
}

// Names of the session-scoped RPC methods of this slice (socket contract §10.3).
const (
	MethodPermission       = "permission"
	MethodAbort            = "abort"
	MethodSwitch           = "switch"
	MethodSetSessionConfig = "set-session-config"
	MethodKillSession      = "killSession"
	MethodHandoffLocal     = "handoff-local"
	MethodUploadFile       = "uploadFile"
	MethodDeleteUpload     = "deleteUpload"
	MethodSteerQueued      = "steer-queued-message"
)

// SteerParams are the parameters of steer-queued-message.
type SteerParams struct {
	LocalID LocalID `json:"localId"`
}

// SteerOutcome answers steer-queued-message. Steered means accepted or under way.
type SteerOutcome struct {
	Steered bool   `json:"steered"`
	Error   string `json:"error,omitempty"`
}

// UploadParams are the parameters of uploadFile; Content is base64.
type UploadParams struct {
	SessionID SessionID `json:"sessionId"`
	Filename  string    `json:"filename"`
	Content   string    `json:"content"`
	MimeType  string    `json:"mimeType"`
}

// DeleteUploadParams are the parameters of deleteUpload.
type DeleteUploadParams struct {
	SessionID SessionID `json:"sessionId"`
	Path      string    `json:"path"`
}

// FileResult answers uploadFile and deleteUpload.
type FileResult struct {
	Success bool   `json:"success"`
	Path    string `json:"path,omitempty"`
	Error   string `json:"error,omitempty"`
}

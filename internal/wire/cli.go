package wire

import "encoding/json"

// CreateSession is the body of POST /cli/sessions (socket contract §3.1).
type CreateSession struct {
	ID                   SessionID       `json:"id,omitempty"`
	Tag                  string          `json:"tag"`
	Metadata             json.RawMessage `json:"metadata"`
	AgentState           json.RawMessage `json:"agentState,omitempty"`
	Model                *string         `json:"model,omitempty"`
	ModelReasoningEffort *string         `json:"modelReasoningEffort,omitempty"`
	Effort               *string         `json:"effort,omitempty"`
	Machine              *CreateMachine  `json:"machine,omitempty"`
}

// CreateMachine is the body of POST /cli/machines (socket contract §3.2).
type CreateMachine struct {
	ID          MachineID       `json:"id"`
	Metadata    json.RawMessage `json:"metadata"`
	RunnerState json.RawMessage `json:"runnerState,omitempty"`
}

// CLISession answers POST /cli/sessions and GET /cli/sessions/:id.
type CLISession struct {
	Session                Session `json:"session"`
	SessionSummaryContract bool    `json:"sessionSummaryContract"`
}

// CLIMachine answers the /cli/machines routes.
type CLIMachine struct {
	Machine Machine `json:"machine"`
}

// BackfillMessage is a row of GET /cli/sessions/:id/messages.
type BackfillMessage struct {
	DeliveredMessage
	InvokedAt     *Millis       `json:"invokedAt"`
	ScheduledAt   *Millis       `json:"scheduledAt"`
	DeliveryState DeliveryState `json:"deliveryState,omitempty"`
}

// Health of the hub, GET /health. Capabilities are additive.
type HubHealth struct {
	Status          string          `json:"status"`
	ProtocolVersion int             `json:"protocolVersion"`
	Capabilities    map[string]bool `json:"capabilities"`
	// Ready says whether the hub takes calls; it is not while it starts or stops.
	Ready bool `json:"ready"`
}

// CapabilityAcknowledgedMessages says that the hub acknowledges `message`
// after its commit and deduplicates it by client key.
const CapabilityAcknowledgedMessages = "acknowledgedMessages"

// CapabilityWatchers says that the hub answers `session-watchers`.
const CapabilityWatchers = "sessionWatchers"

// AskWatchers is the payload of `session-watchers`, by which a session process
// asks who watches; the acknowledgement is Watchers.
type AskWatchers struct {
	SID SessionID `json:"sid"`
}

// Watchers count the clients that are told what happens in a session.
type Watchers struct {
	Connected int `json:"connected"` // event streams that are open
	Looking   int `json:"looking"`   // of these, the ones a person has on the screen
}

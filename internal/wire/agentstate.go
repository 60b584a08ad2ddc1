package wire

import "encoding/json"

// AgentState is what a session process says of its agent: who controls it and
// which requests wait for a person (http contract §7.4). It is written by the
// session process only.
type AgentState struct {
	ControlledByUser  *bool                          `json:"controlledByUser,omitempty"`
	SteeringActive    *bool                          `json:"steeringActive,omitempty"`
	StartingMode      string                         `json:"startingMode,omitempty"`
	Requests          map[RequestID]AgentRequest     `json:"requests,omitempty"`
	CompletedRequests map[RequestID]CompletedRequest `json:"completedRequests,omitempty"`
}

// AgentRequest is a tool call, question or plan that waits for a person.
type AgentRequest struct {
	Tool      string          `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
	CreatedAt *Millis         `json:"createdAt,omitempty"`
}

// CompletedRequest is a request with its outcome: approved, denied or canceled.
type CompletedRequest struct {
	AgentRequest
	CompletedAt *Millis         `json:"completedAt,omitempty"`
	Status      string          `json:"status"`
	Reason      string          `json:"reason,omitempty"`
	Mode        PermissionMode  `json:"mode,omitempty"`
	Decision    string          `json:"decision,omitempty"`
	AllowTools  []string        `json:"allowTools,omitempty"`
	Answers     json.RawMessage `json:"answers,omitempty"`
}

// Outcomes of a request.
const (
	StatusApproved = "approved"
	StatusDenied   = "denied"
	StatusCanceled = "canceled"
)

// Decisions a person can make on a request.
const (
	DecisionApproved           = "approved"
	DecisionApprovedForSession = "approved_for_session"
	DecisionDenied             = "denied"
	DecisionAbort              = "abort"
)

// PermissionAnswer is what the hub passes to the session process by RPC
// `permission` (socket contract §10.3).
type PermissionAnswer struct {
	ID         RequestID       `json:"id"`
	Approved   bool            `json:"approved"`
	Reason     string          `json:"reason,omitempty"`
	Mode       PermissionMode  `json:"mode,omitempty"`
	AllowTools []string        `json:"allowTools,omitempty"`
	Decision   string          `json:"decision,omitempty"`
	Answers    json.RawMessage `json:"answers,omitempty"`
}

// Given are the answers by their question's key. Clients send them flat,
// {"0":["A"]}, or nested, {"id":{"answers":["A"]}}; what is neither is none.
func (a *PermissionAnswer) Given() map[string][]string {
	var entries map[string]json.RawMessage
	if json.Unmarshal(a.Answers, &entries) != nil {
		return nil
	}
	given := map[string][]string{}
	for key, value := range entries {
		var flat []string
		var nested struct {
			Answers []string `json:"answers"`
		}
		if json.Unmarshal(value, &flat) != nil && json.Unmarshal(value, &nested) == nil {
			flat = nested.Answers
		}
		if len(flat) > 0 {
			given[key] = flat
		}
	}
	return given
}

// IsQuestion says whether a tool asks a person something to be answered.
func IsQuestion(tool string) bool {
	switch tool {
	case "AskUserQuestion", "ask_user_question", "request_user_input":
		return true
	}
	return false
}

// RequestKind is "input" for tools that ask a question and "permission" for all others.
func RequestKind(tool string) string {
	switch tool {
	case "AskUserQuestion", "ask_user_question", "ExitPlanMode", "exit_plan_mode", "request_user_input":
		return "input"
	}
	return "permission"
}

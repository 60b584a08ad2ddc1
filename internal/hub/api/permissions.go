package api

import (
	"encoding/json"
	"net/http"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

var errModeOfOtherFlavor = &wire.Error{Kind: wire.Invalid, Text: "Invalid permission mode for session flavor"}

// approve serves POST /api/sessions/{id}/permissions/{requestId}/approve. An
// empty body is a plain approval; a body that cannot be read never is one.
func (a *API) approve(w http.ResponseWriter, r *http.Request) error {
	s, request, err := a.pendingRequest(r)
	if err != nil {
		return err
	}
	in, err := readOptionalObject(r)
	if err != nil {
		return bare(err)
	}
	answer, err := decodeApproval(in, sessions.Flavor(&s))
	if err != nil {
		return err
	}
	answer.ID = request
	return a.answer(w, r, s.ID, answer)
}

// deny serves POST /api/sessions/{id}/permissions/{requestId}/deny.
func (a *API) deny(w http.ResponseWriter, r *http.Request) error {
	s, request, err := a.pendingRequest(r)
	if err != nil {
		return err
	}
	in, err := readOptionalObject(r)
	if err != nil {
		return bare(err)
	}
	answer, err := decodeDenial(in)
	if err != nil {
		return err
	}
	answer.ID = request
	return a.answer(w, r, s.ID, answer)
}

// pendingRequest is the active session and the request of it that waits for a
// person; one that is already answered is not found.
func (a *API) pendingRequest(r *http.Request) (wire.Session, wire.RequestID, error) {
	s, err := a.activeSession(r)
	if err != nil {
		return wire.Session{}, "", err
	}
	id := wire.RequestID(r.PathValue("requestId"))
	state, err := sessions.AgentState(&s)
	if err != nil {
		return wire.Session{}, "", err
	}
	if _, ok := state.Requests[id]; !ok {
		return wire.Session{}, "", wire.ErrRequestNotFound
	}
	return s, id, nil
}

// answer passes a decision to the session process, which writes the outcome
// into its agent state before it replies.
func (a *API) answer(w http.ResponseWriter, r *http.Request, id wire.SessionID, decision wire.PermissionAnswer) error {
	if err := a.tell(r.Context(), id, wire.MethodPermission, decision); err != nil {
		return err
	}
	a.write(w, r, http.StatusOK, answer.OK)
	return nil
}

func decodeApproval(in *object, flavor wire.Flavor) (wire.PermissionAnswer, error) {
	answer := wire.PermissionAnswer{Approved: true, AllowTools: in.texts("allowTools")}
	if mode := in.text("mode"); mode != nil {
		answer.Mode = wire.PermissionMode(*mode)
	}
	if decision := in.text("decision"); decision != nil {
		answer.Decision = *decision
	}
	if in.has("answers") {
		answer.Answers = in.answers("answers")
	}
	switch {
	case in.err() != nil,
		in.has("mode") && !wire.PermissionModeKnown(answer.Mode),
		in.has("decision") && !grants(answer.Decision):
		return wire.PermissionAnswer{}, wire.ErrInvalidBody
	case in.has("mode") && !flavor.Allows(answer.Mode):
		return wire.PermissionAnswer{}, errModeOfOtherFlavor
	}
	return answer, nil
}

// decodeDenial hands on how strongly a person refuses, and why. A decision that
// says the opposite of the route is left out: the refusal stands.
func decodeDenial(in *object) (wire.PermissionAnswer, error) {
	answer := wire.PermissionAnswer{Approved: false}
	decision, reason := in.text("decision"), in.text("reason")
	if reason != nil {
		answer.Reason = *reason
	}
	switch {
	case in.err() != nil:
		return wire.PermissionAnswer{}, wire.ErrInvalidBody
	case decision == nil, grants(*decision):
	case *decision == wire.DecisionDenied, *decision == wire.DecisionAbort:
		answer.Decision = *decision
	default:
		return wire.PermissionAnswer{}, wire.ErrInvalidBody
	}
	return answer, nil
}

func grants(decision string) bool {
	return decision == wire.DecisionApproved || decision == wire.DecisionApprovedForSession
}

// answers is {question: [text…]} or {question: {answers: [text…]}}, as it came.
func (o *object) answers(name string) json.RawMessage {
	questions := decodeAs[map[string]json.RawMessage](o, name, o.fields[name], "object")
	if questions == nil {
		return nil
	}
	for _, raw := range *questions {
		var nested struct {
			Answers []string `json:"answers"`
		}
		var flat []string
		if json.Unmarshal(raw, &flat) == nil && flat != nil {
			continue
		}
		if json.Unmarshal(raw, &nested) != nil || nested.Answers == nil {
			o.expected(name, "array")
			return nil
		}
	}
	return o.fields[name]
}

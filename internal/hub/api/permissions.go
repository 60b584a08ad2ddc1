package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"hapi/internal/hub/answer"
	"hapi/internal/hub/sessions"
	"hapi/internal/wire"
)

var errModeOfOtherFlavor = &wire.Error{Kind: wire.Invalid, Text: "Invalid permission mode for session flavor"}

// approve serves POST /api/sessions/{id}/permissions/{requestId}/approve. An
// empty body is a plain approval; a body that cannot be read never is one.
func (a *API) approve(w http.ResponseWriter, r *http.Request) error {
	return a.decide(w, r, decodeApproval)
}

// deny serves POST /api/sessions/{id}/permissions/{requestId}/deny.
func (a *API) deny(w http.ResponseWriter, r *http.Request) error {
	return a.decide(w, r, func(in *object, _ wire.Flavor) (wire.PermissionAnswer, error) { return decodeDenial(in) })
}

// decide passes a person's decision on a request that waits. The same decision
// on one that was answered so is answered as it was the first time: a phone that
// lost the answer asks again.
func (a *API) decide(w http.ResponseWriter, r *http.Request, decode func(*object, wire.Flavor) (wire.PermissionAnswer, error)) error {
	s, err := a.activeSession(r)
	if err != nil {
		return err
	}
	state, err := sessions.AgentState(&s)
	if err != nil {
		return err
	}
	id := wire.RequestID(r.PathValue("requestId"))
	_, waits := state.Requests[id]
	outcome, completed := state.CompletedRequests[id]
	if !waits && !completed {
		return wire.ErrRequestNotFound
	}
	in, err := readOptionalObject(r)
	if err != nil {
		return bare(err)
	}
	decision, err := decode(in, sessions.Flavor(&s))
	if err != nil {
		return err
	}
	decision.ID = id
	switch {
	case waits:
		return a.answer(w, r, s.ID, decision)
	case cameOf(outcome, decision):
		a.write(w, r, http.StatusOK, answer.OK)
		return nil
	default:
		return wire.ErrRequestNotFound
	}
}

// cameOf says whether the outcome of a request is what the decision makes of it.
func cameOf(c wire.CompletedRequest, d wire.PermissionAnswer) bool {
	status, plain := wire.StatusDenied, wire.DecisionDenied
	if d.Approved {
		status, plain = wire.StatusApproved, wire.DecisionApproved
	}
	return c.Status == status && c.Mode == d.Mode && c.Reason == d.Reason && slices.Equal(c.AllowTools, d.AllowTools) &&
		cmp.Or(c.Decision, plain) == cmp.Or(d.Decision, plain) && sameJSON(c.Answers, d.Answers)
}

func sameJSON(a, b json.RawMessage) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	var one, other any
	return json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil && reflect.DeepEqual(one, other)
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

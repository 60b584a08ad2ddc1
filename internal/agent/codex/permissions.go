package codex

import (
	"context"
	"encoding/json"
	"errors"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Why a request that waits for a person is withdrawn, in words for that person.
var (
	reasonAborted   = errors.New("Aborted by user")
	reasonTurnEnded = errors.New("The turn ended")
	reasonEnded     = errors.New("Codex ended")
	reasonWithdrawn = errors.New("Codex withdrew this request")
)

// asked deals with a request of Codex's, on the reading goroutine. What needs a
// person waits on a goroutine of its own; every request gets an answer.
func (c *conversation) asked(s *server, r *request) {
	switch r.method {
	case "item/commandExecution/requestApproval", "item/fileChange/requestApproval", "item/tool/requestApproval":
		c.approveItem(s, r, decisionAnswer)
	case "item/permissions/requestApproval":
		c.approveItem(s, r, permissionAnswer)
	case "item/tool/requestUserInput":
		c.question(s, r)
	case "mcpServer/elicitation/request":
		c.elicited(s, r)
	default:
		s.refuse(r, codeNoMethod, "Method not found: "+r.method)
	}
}

// approval is what Codex wants to be allowed. Arguments are what a person is
// shown.
type approval struct {
	id        string
	tool      string
	arguments data
}

// readApproval reads the kinds of approvals.
func readApproval(r *request) (approval, error) {
	var in struct {
		ItemID      string          `json:"itemId"`
		ItemIDOld   string          `json:"item_id"`
		ApprovalID  string          `json:"approvalId"`
		Reason      *string         `json:"reason"`
		Command     json.RawMessage `json:"command"`
		Cwd         *string         `json:"cwd"`
		GrantRoot   *string         `json:"grantRoot"`
		Permissions json.RawMessage `json:"permissions"`
		Input       json.RawMessage `json:"input"`
		Arguments   json.RawMessage `json:"arguments"`
		Params      json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(r.params, &in); err != nil {
		return approval{}, err
	}
	a := approval{id: first(in.ItemID, in.ItemIDOld)}
	if in.ApprovalID != "" { // one of several about the same item
		a.id = in.ApprovalID
	}
	if a.id == "" {
		a.id = newID()
	}
	switch r.method {
	case "item/commandExecution/requestApproval":
		i := item{Command: in.Command}
		a.tool, a.arguments = "CodexBash", data{"message": in.Reason, "command": i.commandText(), "cwd": in.Cwd}
	case "item/fileChange/requestApproval":
		a.tool, a.arguments = "CodexPatch", data{"message": in.Reason, "grantRoot": in.GrantRoot}
	case "item/permissions/requestApproval":
		a.tool, a.arguments = "CodexPermission", data{"message": in.Reason, "cwd": in.Cwd, "permissions": in.Permissions}
	default:
		a.tool = first(toolName(r.params), "CodexTool")
		for _, raw := range []json.RawMessage{in.Input, in.Arguments, in.Params} {
			if isSet(raw) && json.Unmarshal(raw, &a.arguments) == nil {
				break
			}
		}
	}
	return a, nil
}

// toolName is the name of the tool under any of its keys.
func toolName(params json.RawMessage) string {
	var in map[string]json.RawMessage
	_ = json.Unmarshal(params, &in) // it was read before
	for _, key := range []string{"toolName", "tool_name", "tool", "name", "permission"} {
		var name string
		if json.Unmarshal(in[key], &name) == nil && name != "" {
			return name
		}
	}
	return ""
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// approveItem deals with an approval of an item.
func (c *conversation) approveItem(s *server, r *request, answer func(r *request, d string) any) {
	a, err := readApproval(r)
	if err != nil {
		s.refuse(r, codeBadParams, "Invalid approval request: "+err.Error())
		return
	}
	c.approve(s, r, &a, answer)
}

// approve decides by the mode of this moment, or asks a person; answer turns the
// decision into what Codex expects.
func (c *conversation) approve(s *server, r *request, a *approval, answer func(r *request, d string) any) {
	p := agent.PermissionRequest{ID: wire.RequestID(a.id), Tool: a.tool, Arguments: mustMarshal(a.arguments)}
	if decision, ok := c.decide(&p); ok {
		c.host.Decided(p, agent.Decision{ID: p.ID, Approved: true, Decision: decision})
		s.answer(r, answer(r, decision))
		return
	}
	c.host.Emit(agent.Generic(data{
		"type": "tool-call", "name": "CodexPermission", "callId": a.id, "id": newID(),
		"input": data{"tool": a.tool, "message": a.arguments["message"], "command": a.arguments["command"], "cwd": a.arguments["cwd"]},
	}))
	s.ask(r, func(ctx context.Context) {
		d, err := c.host.Ask(ctx, p)
		decision := decisionOf(&d, err)
		if decision == wire.DecisionApproved || decision == wire.DecisionApprovedForSession {
			c.leavePlan(p.Tool)
		}
		c.decided(a.id, data{"decision": decision, "reason": reasonOf(&d, err)}, decision != wire.DecisionApproved && decision != wire.DecisionApprovedForSession)
		s.answer(r, answer(r, decision))
	})
}

// decided shows with the card of a request how it was decided.
func (c *conversation) decided(id string, output data, refused bool) {
	if output["reason"] == "" {
		delete(output, "reason")
	}
	c.host.Emit(agent.Generic(data{"type": "tool-call-result", "callId": id, "output": output, "is_error": refused, "id": newID()}))
}

func isPlan(tool string) bool { return tool == "ExitPlanMode" || tool == "exit_plan_mode" }

// decide answers what needs no person. A plan always does.
func (c *conversation) decide(p *agent.PermissionRequest) (decision string, ok bool) {
	config := c.configured()
	if isPlan(p.Tool) && config.CollaborationMode == collaborationPlan {
		return "", false
	}
	return agent.AutoApprove(modeOr(config.PermissionMode), p.Tool, string(p.ID))
}

func modeOr(m wire.PermissionMode) wire.PermissionMode {
	if m == "" {
		return wire.ModeDefault
	}
	return m
}

// leavePlan goes on to work after a person approved the plan.
func (c *conversation) leavePlan(tool string) {
	if isPlan(tool) {
		c.reconfigure(func(config *agent.Config) { config.CollaborationMode = collaborationDefault })
	}
}

// decisionOf is a person's decision in a word. A plain refusal lets Codex go on
// without; abort, or a request that was withdrawn, ends the turn.
func decisionOf(d *agent.Decision, err error) string {
	switch {
	case err != nil:
		return wire.DecisionAbort
	case d.Decision != "" && d.Approved == isApproval(d.Decision):
		return d.Decision
	case d.Approved:
		return wire.DecisionApproved
	default:
		return wire.DecisionDenied
	}
}

func isApproval(decision string) bool {
	return decision == wire.DecisionApproved || decision == wire.DecisionApprovedForSession
}

func reasonOf(d *agent.Decision, err error) string {
	if err != nil {
		return err.Error()
	}
	return d.Reason
}

// decisionAnswer answers an approval.
func decisionAnswer(_ *request, decision string) any {
	word := "cancel"
	switch decision {
	case wire.DecisionApproved:
		word = "accept"
	case wire.DecisionApprovedForSession:
		word = "acceptForSession"
	case wire.DecisionDenied:
		word = "decline"
	}
	return data{"decision": word}
}

// permissionAnswer grants permissions as they were asked for, or none.
func permissionAnswer(r *request, decision string) any {
	var in struct {
		Permissions json.RawMessage `json:"permissions"`
	}
	if !isApproval(decision) || json.Unmarshal(r.params, &in) != nil || !isSet(in.Permissions) {
		return data{"permissions": data{"network": nil, "fileSystem": nil}, "scope": "turn"}
	}
	scope := "turn"
	if decision == wire.DecisionApprovedForSession {
		scope = "session"
	}
	return data{"permissions": in.Permissions, "scope": scope}
}

// question brings questions before a person, whatever the mode.
func (c *conversation) question(s *server, r *request) {
	var in struct {
		ItemID string `json:"itemId"`
	}
	if err := json.Unmarshal(r.params, &in); err != nil {
		s.refuse(r, codeBadParams, "Invalid question: "+err.Error())
		return
	}
	c.askUser(s, r, first(in.ItemID, newID()), r.params, func(a answers) any {
		if a == nil {
			return data{"decision": "cancel", "answers": data{}}
		}
		return data{"decision": "accept", "answers": a}
	})
}

// answers are a person's words by the id of their question. Nil is a refusal.
type answers map[string]answer

type answer struct {
	Answers []string `json:"answers"`
}

// askUser shows questions as the tool request_user_input; reply makes what Codex
// expects of the answers.
func (c *conversation) askUser(s *server, r *request, id string, input json.RawMessage, reply func(a answers) any) {
	const tool = "request_user_input"
	c.host.Emit(agent.Generic(data{"type": "tool-call", "name": tool, "callId": id, "input": input, "id": newID()}))
	s.ask(r, func(ctx context.Context) {
		d, err := c.host.Ask(ctx, agent.PermissionRequest{ID: wire.RequestID(id), Tool: tool, Arguments: input})
		var given answers
		if err == nil && d.Approved {
			given = answersOf(&d)
		}
		if given == nil {
			c.decided(id, data{"decision": decisionOf(&d, err), "reason": reasonOf(&d, err)}, true)
		} else {
			c.decided(id, data{"answers": given}, false)
		}
		s.answer(r, reply(given))
	})
}

// answersOf are a person's answers; nil: there are none.
func answersOf(d *agent.Decision) answers {
	given := d.Given()
	if len(given) == 0 {
		return nil
	}
	out := make(answers, len(given))
	for key, texts := range given {
		out[key] = answer{texts}
	}
	return out
}

func mustMarshal(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil { // it is made of what was read from JSON
		panic(err)
	}
	return raw
}

package acp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	sdk "github.com/coder/acp-go-sdk"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Why a request does not wait any more, as people see it.
var (
	errFinished = errors.New("Prompt finished")
	errAborted  = errors.New("User aborted")
	errEnded    = errors.New("Session ended")
)

const planRefusal = "Plan mode: nothing is carried out before you leave it"

var errPlan = errors.New(planRefusal)

// permissionRequest is what an agent asks (agents-acp contract §3.8).
type permissionRequest struct {
	SessionID string `json:"sessionId"`
	ToolCall  struct {
		toolFields
		Content json.RawMessage `json:"content"`
	} `json:"toolCall"`
	Options []option `json:"options"`
}

// option is a way to answer.
type option struct {
	ID   string `json:"optionId"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

const (
	allowOnce    = "allow_once"
	allowAlways  = "allow_always"
	rejectOnce   = "reject_once"
	rejectAlways = "reject_always"
)

// permission serves session/request_permission.
func (c *conversation) permission(ctx context.Context, p *process, params json.RawMessage) (any, *sdk.RequestError) {
	var in permissionRequest
	if err := lenient(json.Unmarshal(params, &in)); err != nil {
		return nil, invalidParams(err)
	}
	choices := in.choices()
	for i := range in.Options {
		if in.Options[i].Kind == "" {
			in.Options[i].Kind = allowOnce
		}
	}
	if in.ToolCall.ToolCallID == "" {
		return nil, invalidParams(errors.New("toolCall.toolCallId is missing"))
	}
	r, kind := c.request(&in)
	if choices != nil {
		return c.question(ctx, p, r, in.Options, choices)
	}
	mode := c.mode()
	switch judge(mode, r.Tool, string(r.ID), kind) {
	case approve:
		return c.decided(r, in.Options, agent.Decision{ID: r.ID, Approved: true, Decision: wire.DecisionApproved})
	case approveForSession:
		return c.decided(r, in.Options, agent.Decision{ID: r.ID, Approved: true, Decision: wire.DecisionApprovedForSession})
	case refuse:
		return c.decided(r, in.Options, agent.Decision{ID: r.ID, Decision: wire.DecisionDenied, Reason: planRefusal})
	case ask:
	}
	d, err := c.askPerson(ctx, p, r)
	if err != nil {
		return cancelled(), nil //nolint:nilerr // that nobody decided is an answer too
	}
	if d.Decision == wire.DecisionAbort {
		c.abort(p, errAborted)
		return cancelled(), nil
	}
	return answer(in.Options, d), nil
}

// request is what a person is shown. The tool call becomes part of the
// conversation, if it is not yet.
func (c *conversation) request(in *permissionRequest) (r agent.PermissionRequest, kind string) {
	c.handling.Lock()
	defer c.handling.Unlock()
	c.convert.flush()
	f := in.ToolCall.toolFields
	f.Status = "" // an agent repeats what it said before it began
	t := c.convert.tools[f.ToolCallID]
	if t == nil {
		c.convert.tool(f, in.ToolCall.Content)
		t = c.convert.tools[f.ToolCallID]
	}
	asked := newConverter(delta, func(map[string]any) {}, nil).learn(f, in.ToolCall.Content) // by its own words
	if !asked.named {
		asked.name = t.name
	}
	if len(asked.content) == 0 {
		asked.content = t.content
	}
	r = agent.PermissionRequest{ID: wire.RequestID(t.id), Tool: asked.name, Arguments: t.input}
	if asked.given || t.input == nil {
		r.Arguments = asked.input
	}
	r.Arguments = asked.askedFor(r.Arguments)
	if r.Arguments == nil {
		r.Arguments = f.RawOutput
	}
	if r.Arguments == nil {
		r.Arguments = json.RawMessage("null")
	}
	kind = firstOf(asked.kind, t.kind)
	return r, firstOf(kindOf(kind), kind)
}

func (c *conversation) askPerson(ctx context.Context, p *process, r agent.PermissionRequest) (agent.Decision, error) {
	ctx, settled := p.ask(ctx, string(r.ID))
	defer settled()
	return c.host.Ask(ctx, r)
}

// decided answers a request that no person sees.
func (c *conversation) decided(r agent.PermissionRequest, options []option, d agent.Decision) (any, *sdk.RequestError) {
	c.host.Decided(r, d)
	return answer(options, d), nil
}

// answer is a decision as the agent takes it. A refusal never selects what
// allows, an approval never what rejects.
func answer(options []option, d agent.Decision) any {
	var kinds []string
	switch {
	case !d.Approved:
		kinds = []string{rejectOnce, rejectAlways}
	case d.Decision == wire.DecisionApprovedForSession, len(d.AllowTools) > 0:
		kinds = []string{allowAlways, allowOnce}
	default:
		kinds = []string{allowOnce, allowAlways}
	}
	for _, kind := range kinds {
		for _, o := range options {
			if o.Kind == kind {
				return selected(o.ID)
			}
		}
	}
	return cancelled()
}

func selected(id string) any {
	return map[string]any{"outcome": map[string]any{"outcome": "selected", "optionId": id}}
}

func cancelled() any { return map[string]any{"outcome": map[string]any{"outcome": "cancelled"}} }

// choices are the options of a request that is a question: several that each
// say they allow once are not about allowing. nil: it is none.
func (in *permissionRequest) choices() []option {
	list := slices.DeleteFunc(slices.Clone(in.Options), func(o option) bool { return o.Kind != allowOnce })
	if len(list) < 2 || slices.ContainsFunc(in.Options, func(o option) bool { return o.Kind == allowAlways }) {
		return nil
	}
	return list
}

// question puts the choices of a request before a person, as a question.
func (c *conversation) question(ctx context.Context, p *process, r agent.PermissionRequest, all, choices []option) (any, *sdk.RequestError) {
	options := make([]map[string]any, len(choices))
	for i, o := range choices {
		options[i] = map[string]any{"label": o.Name, "description": ""}
	}
	text := r.Tool
	r.Tool = "AskUserQuestion"
	r.Arguments = mustMarshal(map[string]any{"questions": []any{
		map[string]any{"question": text, "header": c.spec.Label, "multiSelect": false, "options": options},
	}})
	c.handling.Lock()
	t := c.convert.tools[string(r.ID)]
	t.asks, t.name, t.input = true, r.Tool, r.Arguments
	c.convert.showTool(t)
	c.handling.Unlock()
	d, err := c.askPerson(ctx, p, r)
	switch {
	case err != nil:
		return cancelled(), nil //nolint:nilerr // likewise
	case d.Decision == wire.DecisionAbort:
		c.abort(p, errAborted)
		return cancelled(), nil
	case !d.Approved:
		return answer(all, d), nil
	}
	for _, texts := range d.Given() { // of the one question
		for _, o := range choices {
			if slices.ContainsFunc(texts, func(text string) bool { return o.ID == text || strings.EqualFold(o.Name, text) }) {
				return selected(o.ID), nil
			}
		}
	}
	return cancelled(), nil // what was answered is no choice
}

// lenient lets a value of another type than expected pass: the rest was read.
func lenient(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return nil
	}
	return err
}

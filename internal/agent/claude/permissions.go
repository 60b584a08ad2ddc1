package claude

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// Why a request that waits for a person is withdrawn, in words for that person.
var (
	reasonAborted   = errors.New("Aborted by user")
	reasonTurnEnded = errors.New("The turn ended")
	reasonEnded     = errors.New("Claude ended")
	reasonWithdrawn = errors.New("Claude withdrew this request")
)

const (
	refusedText     = "The user does not want this. Nothing was changed. Stop here, and wait for what the user says next."
	planRefusedText = "Plan rejected"
	noAnswersText   = "No answers were provided."
)

// request is a tool call that Claude asks about.
type request struct {
	Subtype   string          `json:"subtype"`
	Tool      string          `json:"tool_name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
}

// asked deals with a control request of Claude's. What needs a person waits on
// a goroutine of its own.
func (c *conversation) asked(p *process, l *line) {
	var r request
	if err := json.Unmarshal(l.Request, &r); err != nil || r.Subtype != "can_use_tool" {
		p.answer(l.RequestID, nil, fmt.Errorf("Unsupported control request subtype: %s", r.Subtype))
		return
	}
	if r.ToolUseID == "" {
		r.ToolUseID = l.RequestID
	}
	c.handling.Lock()
	r.Input = c.convert.inputOf(r.ToolUseID, r.Input)
	c.handling.Unlock()
	if reply, decided := c.decide(&r); decided {
		p.answer(l.RequestID, reply, nil)
		return
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	p.mu.Lock()
	p.asks[l.RequestID] = cancel
	p.mu.Unlock()
	p.asking.Go(func() {
		c.ask(ctx, p, l.RequestID, &r)
		p.withdrawAsk(l.RequestID, reasonTurnEnded)
	})
}

// answer replies to a control request. A process that has gone needs none.
func (p *process) answer(id string, response any, err error) {
	reply := map[string]any{"subtype": "success", "request_id": id, "response": response}
	if err != nil {
		reply = map[string]any{"subtype": "error", "request_id": id, "error": err.Error()}
	}
	if err := p.write(map[string]any{"type": "control_response", "response": reply}); err != nil {
		p.o.log.Debug("claude did not get an answer", "err", err)
	}
}

func (p *process) withdrawAsk(id string, why error) {
	p.mu.Lock()
	cancel := p.asks[id]
	delete(p.asks, id)
	p.mu.Unlock()
	if cancel != nil {
		cancel(why)
	}
}

// withdrawAsks withdraws everything that waits for a person.
func (p *process) withdrawAsks(why error) {
	p.mu.Lock()
	asks := p.asks
	p.asks = map[string]context.CancelCauseFunc{}
	p.mu.Unlock()
	for _, cancel := range asks {
		cancel(why)
	}
}

// ask brings a request before a person and passes the decision on. A request
// that was withdrawn gets no answer.
func (c *conversation) ask(ctx context.Context, p *process, id string, r *request) {
	d, err := c.host.Ask(ctx, agent.PermissionRequest{ID: wire.RequestID(r.ToolUseID), Tool: r.Tool, Arguments: r.Input})
	if ctx.Err() != nil && err != nil {
		return
	}
	if err != nil {
		p.answer(id, nil, err)
		return
	}
	reply := c.reply(r, &d)
	c.handling.Lock()
	c.convert.decided(r.ToolUseID, &d, reply["behavior"] == "allow")
	c.handling.Unlock()
	p.answer(id, reply, nil)
}

func isQuestion(tool string) bool {
	return tool == "AskUserQuestion" || tool == "ask_user_question" || tool == "request_user_input"
}

func isPlan(tool string) bool { return tool == "ExitPlanMode" || tool == "exit_plan_mode" }

func isEdit(tool string) bool {
	switch tool {
	case "Edit", "MultiEdit", "Write", "NotebookEdit":
		return true
	default:
		return false
	}
}

// decide answers what needs no person, by the mode of this moment and what was
// allowed for the session.
func (c *conversation) decide(r *request) (reply map[string]any, decided bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mode := c.config.PermissionMode
	switch {
	case isQuestion(r.Tool):
		return nil, false
	case c.rules.allow(r.Tool, r.Input):
		return allow(r.Input), true
	case mode == wire.ModeBypassPermissions:
		return allow(r.Input), true
	case mode == wire.ModeAcceptEdits && isEdit(r.Tool):
		return allow(r.Input), true
	}
	return nil, false
}

func allow(input json.RawMessage) map[string]any {
	return map[string]any{"behavior": "allow", "updatedInput": input}
}

// deny ends the turn: Claude is not to go on after a refusal.
func deny(message string) map[string]any {
	return map[string]any{"behavior": "deny", "message": message, "interrupt": true}
}

// reply is a person's decision as Claude takes it.
func (c *conversation) reply(r *request, d *agent.Decision) map[string]any {
	switch {
	case isQuestion(r.Tool):
		return answerQuestions(r, d)
	case !d.Approved && isPlan(r.Tool):
		return deny(firstText(d.Reason, planRefusedText))
	case !d.Approved:
		return deny(firstText(d.Reason, refusedText))
	case isPlan(r.Tool):
		return c.leavePlan(r, d)
	}
	c.remember(r, d)
	return allow(r.Input)
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// leavePlan approves a plan: Claude goes on in the same process, with model and
// effort as they are, in the mode that the person chose.
func (c *conversation) leavePlan(r *request, d *agent.Decision) map[string]any {
	mode := wire.ModeDefault
	if d.Mode != wire.ModePlan && wire.FlavorClaude.Allows(d.Mode) {
		mode = d.Mode
	}
	c.mu.Lock()
	c.config.PermissionMode = mode
	c.mu.Unlock()
	c.host.ModeChanged(mode)
	reply := allow(r.Input)
	reply["updatedPermissions"] = []any{map[string]any{"type": "setMode", "mode": nativeMode(mode), "destination": "session"}}
	return reply
}

// remember adds what a person allowed for the rest of the session.
func (c *conversation) remember(r *request, d *agent.Decision) {
	for _, rule := range d.AllowTools {
		c.rules.add(rule)
	}
	if d.Decision != wire.DecisionApprovedForSession || len(d.AllowTools) > 0 {
		return
	}
	if r.Tool == "Bash" {
		c.rules.add("Bash(" + bashCommand(r.Input) + ")")
		return
	}
	c.rules.add(r.Tool)
}

// answerQuestions gives Claude the answers by the text of their question.
func answerQuestions(r *request, d *agent.Decision) map[string]any {
	answers := d.Given()
	if len(answers) == 0 {
		refused := deny(firstText(d.Reason, noAnswersText))
		refused["interrupt"] = !d.Approved
		return refused
	}
	var input map[string]json.RawMessage
	if json.Unmarshal(r.Input, &input) != nil || input == nil {
		return deny(noAnswersText)
	}
	if r.Tool == "request_user_input" {
		input["answers"] = d.Answers
	} else {
		input["answers"] = mustMarshal(byQuestion(input["questions"], answers))
	}
	return allow(mustMarshal(input))
}

// byQuestion turns answers by index into answers by the question's text.
func byQuestion(questions json.RawMessage, answers map[string][]string) map[string]string {
	var asked []struct {
		Question string `json:"question"`
	}
	_ = json.Unmarshal(questions, &asked) // unreadable: the keys stay as they are
	out := make(map[string]string, len(answers))
	for key, chosen := range answers {
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(asked) {
			key = asked[i].Question
		}
		out[key] = strings.Join(chosen, ",")
	}
	return out
}

// rules are what a person allowed for the session.
type rules struct {
	mu       sync.Mutex
	tools    map[string]bool
	commands map[string]bool // exact Bash commands
	prefixes []string        // of Bash commands
}

// add takes `Tool`, `Bash(command)` or `Bash(prefix:*)`. All of Bash, and
// questions, cannot be allowed.
func (s *rules) add(rule string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	command, isBash := strings.CutPrefix(rule, "Bash(")
	command, closed := strings.CutSuffix(command, ")")
	switch {
	case isBash && closed:
		if prefix, ok := strings.CutSuffix(command, ":*"); ok {
			if prefix != "" {
				s.prefixes = append(s.prefixes, prefix)
			}
			return
		}
		if s.commands == nil {
			s.commands = map[string]bool{}
		}
		s.commands[command] = true
	case rule == "" || rule == "Bash" || isQuestion(rule) || isPlan(rule) || strings.ContainsAny(rule, "()"):
	default:
		if s.tools == nil {
			s.tools = map[string]bool{}
		}
		s.tools[rule] = true
	}
}

func (s *rules) allow(tool string, input json.RawMessage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if tool != "Bash" {
		return s.tools[tool]
	}
	command := bashCommand(input)
	if s.commands[command] {
		return true
	}
	for _, prefix := range s.prefixes {
		rest, ok := strings.CutPrefix(command, prefix)
		if ok && (rest == "" || rest[0] == ' ') && !strings.ContainsAny(command, shellOperators) {
			return true
		}
	}
	return false
}

// shellOperators could make more of a command than its beginning says.
const shellOperators = ";|&$`<>(){}\n\\"

func bashCommand(input json.RawMessage) string {
	var in struct {
		Command string `json:"command"`
	}
	_ = json.Unmarshal(input, &in) // without a command it is an empty one
	return in.Command
}

func mustMarshal(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil { // it is made of what was read from JSON
		panic(err)
	}
	return raw
}

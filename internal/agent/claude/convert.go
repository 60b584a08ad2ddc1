package claude

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// converter makes rows of the conversation from what Claude says, in the form
// of its own transcripts (agents-claude contract §14).
type converter struct {
	cwd, branch string
	session     string
	model       string
	windows     map[string]int64 // context window by model, in tokens

	parent string            // uuid of the last record of the main chain
	sides  map[string]string // the same for each sub-agent, by the id of its call
	calls  map[string]call   // tool calls without a result
	order  []string          // their ids, the oldest first
	asked  map[string]permission
}

// call is a tool call whose result has not come.
type call struct {
	input json.RawMessage
	side  string
}

// permission is a person's decision on a call, shown with its result.
type permission struct {
	Date         int64               `json:"date"` // ms
	Result       string              `json:"result"`
	Mode         wire.PermissionMode `json:"mode,omitempty"`
	AllowedTools []string            `json:"allowedTools,omitempty"`
}

// result is what a result line says of its turn.
type result struct {
	IsError        bool                       `json:"is_error"`
	Result         string                     `json:"result"`
	Errors         []string                   `json:"errors"`
	TerminalReason string                     `json:"terminal_reason"`
	NumTurns       json.RawMessage            `json:"num_turns"`
	DurationMs     json.RawMessage            `json:"duration_ms"`
	TotalCost      json.RawMessage            `json:"total_cost_usd"`
	Usage          json.RawMessage            `json:"usage"`
	ModelUsage     map[string]json.RawMessage `json:"modelUsage"`
}

func newConverter(cwd, branch string) *converter {
	return &converter{cwd: cwd, branch: branch, windows: map[string]int64{}, sides: map[string]string{}, calls: map[string]call{}, asked: map[string]permission{}}
}

// gitBranch is the branch checked out in dir, or "".
func gitBranch(ctx context.Context, dir string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "rev-parse", "--abbrev-ref", "HEAD")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "" // no repository, or no git
	}
	return strings.TrimSpace(string(out))
}

// restart begins the chains anew for a conversation.
func (c *converter) restart(session string) {
	c.session, c.parent = session, ""
	clear(c.sides)
}

// Context windows, in tokens, until Claude says them; and how models are called
// that have the wide one.
const (
	window     = 200_000
	wideWindow = 1_000_000
	wide       = "[1m]"
)

// begin takes over what a starting turn says. chosen is the model as a person
// calls it.
func (c *converter) begin(l *line, chosen string) {
	if l.SessionID != c.session {
		c.restart(l.SessionID)
	}
	c.model = l.Model
	if strings.HasSuffix(chosen, wide) && !strings.HasSuffix(c.model, wide) { // Claude does not say it of every model
		c.model += wide
	}
	if c.windows[c.model] == 0 {
		c.windows[c.model] = window
		if strings.HasSuffix(c.model, wide) {
			c.windows[c.model] = wideWindow
		}
	}
}

// inputOf is a call's input. Some requests leave out what the call said.
func (c *converter) inputOf(id string, asked json.RawMessage) json.RawMessage {
	if known, ok := c.calls[id]; ok && (len(asked) == 0 || string(asked) == "{}" || string(asked) == "null") && len(known.input) > 0 {
		return known.input
	}
	if len(asked) == 0 {
		return json.RawMessage("{}")
	}
	return asked
}

// decided notes a person's decision for the result of its call.
func (c *converter) decided(id string, d *agent.Decision, allowed bool) {
	p := permission{Date: time.Now().UnixMilli(), Result: "denied", Mode: d.Mode, AllowedTools: d.AllowTools}
	if allowed {
		p.Result = "approved"
	}
	c.asked[id] = p
}

// record is a row's data; keys as in Claude's transcripts.
type record map[string]any

// records converts a line. Lines that are nothing for people give none.
func (c *converter) records(l *line) []agent.Record {
	switch l.Type {
	case "assistant":
		return c.assistant(l)
	case "user":
		return c.user(l)
	case "system":
		return c.system(l)
	case "result":
		return []agent.Record{c.output(l, c.summary(l))}
	case "rate_limit_event":
		return c.rateLimit(l)
	default:
		return nil
	}
}

// base is what every record has. It advances the chain it belongs to.
func (c *converter) base(l *line, kind string) record {
	id := l.UUID
	if id == "" {
		id = newUUID()
	}
	r := record{
		"type": kind, "uuid": id, "timestamp": l.time().UTC().Format("2006-01-02T15:04:05.000Z"),
		"userType": "external", "cwd": c.cwd, "sessionId": c.sessionOf(l), "version": "0.0.0", "isSidechain": l.ParentToolUseID != "",
	}
	if c.branch != "" {
		r["gitBranch"] = c.branch
	}
	if l.ParentToolUseID == "" {
		r["parentUuid"] = orNil(c.parent)
		c.parent = id
		return r
	}
	r["parentToolUseId"] = l.ParentToolUseID
	r["parentUuid"] = orNil(c.sides[l.ParentToolUseID])
	c.sides[l.ParentToolUseID] = id
	return r
}

func (c *converter) sessionOf(l *line) string {
	if l.SessionID != "" {
		return l.SessionID
	}
	return c.session
}

// time is when the line was said.
func (l *line) time() time.Time {
	if at, err := time.Parse(time.RFC3339Nano, l.Timestamp); err == nil {
		return at
	}
	return time.Now()
}

// output wraps a record as a row.
func (c *converter) output(l *line, r record) agent.Record {
	key := ""
	if l.UUID != "" && l.Type != "result" { // a result is no line of the transcript
		key = rowKey(l.UUID)
	}
	return agent.Record{At: l.time(), Key: key, Content: mustMarshal(map[string]any{
		"role":    "agent",
		"content": map[string]any{"type": "output", "data": r},
		"meta":    map[string]any{"sentFrom": "cli"},
	})}
}

// block is a part of a message.
type block struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Text      string          `json:"text"`
}

func (c *converter) assistant(l *line) []agent.Record {
	var m map[string]json.RawMessage
	if json.Unmarshal(l.Message, &m) != nil || m == nil {
		return nil
	}
	var blocks []block
	_ = json.Unmarshal(m["content"], &blocks) // text alone has no calls
	for _, b := range blocks {
		if b.Type == "tool_use" && b.ID != "" {
			if _, known := c.calls[b.ID]; !known {
				c.order = append(c.order, b.ID)
			}
			c.calls[b.ID] = call{input: b.Input, side: l.ParentToolUseID}
		}
	}
	c.addWindow(m)
	r := c.base(l, "assistant")
	r["message"] = m
	if l.APIRequestID != "" {
		r["requestId"] = l.APIRequestID
	}
	return []agent.Record{c.output(l, r)}
}

// addWindow tells clients how much of the context the message takes.
func (c *converter) addWindow(m map[string]json.RawMessage) {
	var usage map[string]json.RawMessage
	if json.Unmarshal(m["usage"], &usage) != nil || usage == nil || usage["context_window"] != nil || c.windows[c.model] == 0 {
		return
	}
	usage["context_window"] = mustMarshal(c.windows[c.model])
	m["usage"] = mustMarshal(usage)
}

func (c *converter) user(l *line) []agent.Record {
	if l.IsSynthetic || l.IsMeta {
		c.base(l, "user") // it is part of the chain, but not for people
		return nil
	}
	var m struct {
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(l.Message, &m) != nil {
		return nil
	}
	var raws []json.RawMessage
	if json.Unmarshal(m.Content, &raws) != nil { // a bare text
		var text string
		if json.Unmarshal(m.Content, &text) != nil {
			return nil
		}
		return c.said(l, text)
	}
	var out []agent.Record
	var texts []string
	var results []json.RawMessage
	for _, raw := range raws {
		var b block
		_ = json.Unmarshal(raw, &b) // an unknown block is left out
		switch b.Type {
		case "text":
			texts = append(texts, b.Text)
		case "tool_result":
			results = append(results, c.withPermission(b.ToolUseID, raw))
		}
	}
	if len(results) > 0 {
		r := c.base(l, "user")
		r["message"] = map[string]any{"role": "user", "content": results}
		if len(l.ToolUseResult) > 0 {
			r["toolUseResult"] = l.ToolUseResult
		}
		if mode := c.modeOf(results); mode != "" {
			r["mode"] = mode
		}
		out = append(out, c.output(l, r))
		l = &line{SessionID: l.SessionID, Timestamp: l.Timestamp, ParentToolUseID: l.ParentToolUseID} // a text beside them is a row of its own
	}
	if len(texts) > 0 {
		out = append(out, c.said(l, strings.Join(texts, "\n"))...)
	}
	return out
}

// said is a text of the user's side. A sub-agent's task and what a command
// printed are records; what
// Claude says to itself is left out; the rest is what a person said.
func (c *converter) said(l *line, text string) []agent.Record {
	if l.ParentToolUseID != "" || strings.HasPrefix(text, "<local-command-stdout>") {
		r := c.base(l, "user")
		r["message"] = map[string]any{"role": "user", "content": text}
		return []agent.Record{c.output(l, r)}
	}
	c.base(l, "user")
	if !saidByPerson(text) {
		return nil
	}
	return []agent.Record{{At: l.time(), Content: personSaid(text)}}
}

// interruptedText begins what Claude notes when its person stopped it.
const interruptedText = "[Request interrupted by user"

// saidByPerson says whether a text of the user's side is a person's, and not
// what Claude says to itself.
func saidByPerson(text string) bool {
	text = strings.TrimSpace(text)
	for _, own := range []string{taskNote, "<command-name>", "<local-command-caveat>", "<system-reminder>", interruptedText} {
		if strings.HasPrefix(text, own) {
			return false
		}
	}
	return text != ""
}

func personSaid(text string) json.RawMessage {
	return mustMarshal(map[string]any{
		"role":    "user",
		"content": map[string]any{"type": "text", "text": text},
		"meta":    map[string]any{"sentFrom": "cli"},
	})
}

// withPermission closes a call and shows with its result what was decided on it.
func (c *converter) withPermission(id string, raw json.RawMessage) json.RawMessage {
	delete(c.calls, id)
	if len(c.calls) == 0 {
		c.order = c.order[:0]
	}
	p, ok := c.asked[id]
	var fields map[string]json.RawMessage
	if !ok || json.Unmarshal(raw, &fields) != nil {
		return raw
	}
	fields["permissions"] = mustMarshal(p)
	return mustMarshal(fields)
}

// modeOf is the mode a person chose with a decision; it is used once.
func (c *converter) modeOf(results []json.RawMessage) wire.PermissionMode {
	for _, raw := range results {
		var b block
		if json.Unmarshal(raw, &b) != nil {
			continue
		}
		p, ok := c.asked[b.ToolUseID]
		delete(c.asked, b.ToolUseID)
		if ok && p.Mode != "" {
			return p.Mode
		}
	}
	return ""
}

// interrupted closes the calls that will never have a result.
func (c *converter) interrupted() []agent.Record {
	const text = "[Request interrupted by user for tool use]"
	var out []agent.Record
	for _, id := range c.order {
		open, ok := c.calls[id]
		if !ok {
			continue
		}
		l := &line{ParentToolUseID: open.side}
		r := c.base(l, "user")
		r["message"] = map[string]any{"role": "user", "content": []any{map[string]any{
			"type": "tool_result", "tool_use_id": id, "is_error": true, "content": text,
		}}}
		r["toolUseResult"] = "Error: " + text
		out = append(out, c.output(l, r))
	}
	clear(c.calls)
	c.order = nil
	return out
}

func (c *converter) system(l *line) []agent.Record {
	switch l.Subtype {
	case "compact_boundary", "microcompact_boundary", "away_summary", "api_error", "turn_duration":
		return []agent.Record{c.output(l, c.systemRecord(l))}
	case "api_retry":
		var retry struct {
			Attempt int `json:"attempt"`
			Max     int `json:"max_retries"`
		}
		_ = json.Unmarshal(l.raw, &retry) // without numbers they are zero
		r := c.base(l, "system")
		r["subtype"], r["retryAttempt"], r["maxRetries"], r["error"] = "api_error", retry.Attempt, retry.Max, l.APIError
		return []agent.Record{c.output(l, r)}
	case "local_command_output":
		var o struct {
			Content string `json:"content"`
		}
		_ = json.Unmarshal(l.raw, &o) // without content it is empty
		r := c.base(l, "user")
		r["message"] = map[string]any{"role": "user", "content": "<local-command-stdout>" + o.Content + "</local-command-stdout>"}
		return []agent.Record{c.output(l, r)}
	case "task_notification":
		return c.taskEnded(l)
	case "init":
		return nil
	default:
		if l.UUID != "" {
			c.base(l, "system")
		}
		return nil
	}
}

// taskNote begins what Claude is told of a task in the background that ended.
// Clients read it.
const taskNote = "<task-notification>"

// taskEnded is the end of a task in the background, in the form that transcripts have.
func (c *converter) taskEnded(l *line) []agent.Record {
	var task struct {
		ID        string `json:"task_id"`
		ToolUseID string `json:"tool_use_id"`
		Status    string `json:"status"`
		Summary   string `json:"summary"`
	}
	_ = json.Unmarshal(l.raw, &task) // what it does not say is left out
	r := c.base(l, "user")
	if _, open := c.calls[task.ToolUseID]; open {
		return nil // it was not in the background: its result follows
	}
	text := taskNote + "\n"
	for _, e := range [][2]string{{"task-id", task.ID}, {"tool-use-id", task.ToolUseID}, {"status", task.Status}, {"summary", task.Summary}} {
		if e[1] != "" {
			text += "<" + e[0] + ">" + e[1] + "</" + e[0] + ">\n"
		}
	}
	r["message"] = map[string]any{"role": "user", "content": text + "</task-notification>"}
	return []agent.Record{c.output(l, r)}
}

// systemRecord has all of the line's fields, named as in transcripts.
func (c *converter) systemRecord(l *line) record {
	var fields map[string]any
	_ = json.Unmarshal(l.raw, &fields) // it was read before
	r := c.base(l, "system")
	for key, v := range fields {
		if _, own := r[key]; !own {
			r[key] = v
		}
	}
	if meta, ok := fields["compact_metadata"].(map[string]any); ok {
		r["compactMetadata"] = map[string]any{"trigger": meta["trigger"], "preTokens": meta["pre_tokens"]}
	}
	if meta, ok := fields["microcompact_metadata"].(map[string]any); ok {
		r["microcompactMetadata"] = map[string]any{"trigger": meta["trigger"], "preTokens": meta["pre_tokens"], "tokensSaved": meta["tokens_saved"]}
	}
	return r
}

// summary is the record that closes a turn. It is no part of a chain.
func (c *converter) summary(l *line) record {
	for model, raw := range l.ModelUsage {
		var u struct {
			Window int64 `json:"contextWindow"`
		}
		if json.Unmarshal(raw, &u) != nil || u.Window <= 0 {
			continue
		}
		if model+wide == c.model {
			model = c.model
		}
		c.windows[model] = u.Window
	}
	parent := c.parent
	r := c.base(l, "system")
	c.parent = parent
	delete(r, "parentUuid")
	r["subtype"], r["durationMs"] = "turn_duration", l.DurationMs
	r["resultSummary"] = map[string]any{
		"usage": l.Usage, "modelUsage": l.ModelUsage, "total_cost_usd": l.TotalCost, "num_turns": l.NumTurns, "duration_ms": l.DurationMs,
	}
	return r
}

// rateLimit is the text by which clients know a limit.
func (c *converter) rateLimit(l *line) []agent.Record {
	var e struct {
		Info struct {
			Status      string   `json:"status"`
			ResetsAt    *float64 `json:"resetsAt"`
			Utilization float64  `json:"utilization"`
			Type        string   `json:"rateLimitType"`
		} `json:"rate_limit_info"`
	}
	if json.Unmarshal(l.raw, &e) != nil || e.Info.ResetsAt == nil {
		return nil
	}
	var text string
	switch at := int64(*e.Info.ResetsAt); e.Info.Status {
	case "allowed_warning":
		text = fmt.Sprintf("Claude AI usage limit warning|%d|%d|%s", at, int(e.Info.Utilization*100), e.Info.Type)
	case "rejected":
		text = fmt.Sprintf("Claude AI usage limit reached|%d|%s", at, e.Info.Type)
	default:
		return nil
	}
	r := c.base(l, "assistant")
	r["message"] = map[string]any{"role": "assistant", "content": []any{map[string]any{"type": "text", "text": text}}}
	return []agent.Record{c.output(l, r)}
}

package codex

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hapi/internal/agent"
)

// rollout is the file in which Codex keeps a conversation, as far as it was
// read, and what became of it (agents-codex contract §5).
type rollout struct {
	host agent.Host
	rows *rows
	path string
	info fs.FileInfo // of the file that was read last
	at   int64       // where the next line begins
	past int64       // lines that begin before it are history: nothing goes on there

	thread        string // the conversation's id
	spoken        string // the model that said the line
	model, effort string // of the conversation now
	texts         twins
	held          *heldText
	plan          string // proposed; shown at the end of its turn
}

func newRollout(h agent.Host, thread string, config agent.Config) *rollout {
	return &rollout{host: h, rows: rowsOf(h), thread: thread, spoken: config.Model, model: config.Model, effort: config.Effort}
}

// rolloutOf finds a conversation's rollout, or "".
func rolloutOf(env []string, id string) string {
	found, _ := filepath.Glob(filepath.Join(codexHome(env), "sessions", "*", "*", "*", "rollout-*-"+globQuote(id)+".jsonl")) // the pattern is well-formed
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

func globQuote(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(text)
}

// codexHome is Codex's own directory.
func codexHome(env []string) string {
	if dir := lookup(env, "CODEX_HOME"); dir != "" {
		return dir
	}
	home, _ := os.UserHomeDir() // without one there is nothing to be found
	return filepath.Join(home, ".codex")
}

// lookup reads a variable of an environment; nil is the process's own.
func lookup(env []string, name string) string {
	if env == nil {
		return os.Getenv(name)
	}
	for _, pair := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// follow goes on with another file, from its beginning. What a resumed one says
// already is history.
func (r *rollout) follow(path string, resumed bool) {
	info, err := os.Stat(path)
	if err == nil && r.info != nil && os.SameFile(r.info, info) { // by another name
		r.path = path
	}
	if path == r.path {
		return
	}
	r.path, r.info, r.at, r.past = path, nil, 0, 0
	if err == nil && resumed {
		r.info, r.past = info, info.Size()
	}
}

// skip leaves out what is history: it is known.
func (r *rollout) skip() { r.at, r.past = r.past, 0 }

func (r *rollout) exists() bool {
	info, err := os.Stat(r.path)
	return err == nil && info.Size() > 0
}

// read tells what was added. A last line without its end is left for the next
// time, unless it is the last time.
func (r *rollout) read(atEnd bool) error {
	if r.path == "" {
		return nil
	}
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) && r.info == nil {
		return nil // it is made at the first prompt
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if r.info != nil && (!os.SameFile(r.info, info) || info.Size() < r.at) {
		r.at, r.past = 0, 0 // another file of this name
	}
	r.info = info
	added := make([]byte, max(0, info.Size()-r.at))
	n, err := f.ReadAt(added, r.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for rest := added[:n]; len(rest) > 0; {
		raw, next, whole := bytes.Cut(rest, []byte("\n"))
		if !whole && !(atEnd && json.Valid(raw)) {
			break
		}
		r.line(raw)
		r.at += int64(len(rest) - len(next))
		rest = next
		if r.past > 0 && r.at >= r.past {
			r.endHistory()
		}
	}
	return nil
}

// rolloutLine is a line of the file.
type rolloutLine struct {
	Timestamp time.Time       `json:"timestamp"`
	Type      string          `json:"type"`
	Payload   json.RawMessage `json:"payload"`
}

// payload is what a line says, as far as it is looked at.
type payload struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	TurnID  string          `json:"turn_id"`
	Message string          `json:"message"`
	Text    string          `json:"text"`
	Content json.RawMessage `json:"content"`
	Item    json.RawMessage `json:"item"`
	Info    json.RawMessage `json:"info"`
	Model   string          `json:"model"`
	Effort  string          `json:"effort"`
	Role    string          `json:"role"`
	Phase   string          `json:"phase"`
	Name    string          `json:"name"`
	CallID  string          `json:"call_id"`
	// Arguments are JSON in a text, or an object.
	Arguments json.RawMessage `json:"arguments"`
	Input     json.RawMessage `json:"input"`
	Query     json.RawMessage `json:"query"`
	Execution json.RawMessage `json:"execution"`
	Tools     json.RawMessage `json:"tools"`
	Output    json.RawMessage `json:"output"`
	Action    json.RawMessage `json:"action"`
	Status    string          `json:"status"`
}

// arguments are a call's, as an object if they are one.
func (p *payload) arguments() json.RawMessage {
	var text string
	if json.Unmarshal(p.Arguments, &text) == nil {
		return json.RawMessage(text)
	}
	return p.Arguments
}

// text is what is said, under any of its keys.
func (p *payload) text() string {
	if t := first(p.Message, p.Text); t != "" {
		return t
	}
	return contentText(p.Content)
}

// contentText joins the texts of a content: bare, or in parts.
func contentText(raw json.RawMessage) string {
	var bare string
	if json.Unmarshal(raw, &bare) == nil {
		return bare
	}
	var parts []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(raw, &parts) // without texts there is none
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(part.Text)
	}
	return b.String()
}

// isHistory says whether the line that is read tells of a time before.
func (r *rollout) isHistory() bool { return r.at < r.past }

// endHistory closes a turn that was cut off long ago.
func (r *rollout) endHistory() {
	r.release()
	r.rows.close("Interrupted")
	r.rows.at, r.texts, r.plan, r.past = time.Time{}, nil, "", 0
}

// working says whether Codex works now.
func (r *rollout) working(yes bool) {
	if !r.isHistory() {
		r.host.Working(yes)
	}
}

func (r *rollout) line(raw []byte) {
	var l rolloutLine
	var p payload
	if json.Unmarshal(raw, &l) != nil {
		return
	}
	if r.isHistory() {
		r.rows.at = l.Timestamp
	}
	_ = json.Unmarshal(l.Payload, &p) // fields of another type stay empty
	switch l.Type {
	case "session_meta":
		r.thread = first(r.thread, p.ID)
	case "turn_context":
		r.context(&p)
	case "event_msg":
		r.event(&p)
	case "response_item":
		r.response(&p)
	case "compacted":
		if r.held != nil && strings.HasSuffix(p.Message, r.held.text) {
			r.held = nil
		}
	}
}

// context takes over what the person chose at the terminal.
func (r *rollout) context(p *payload) {
	model, effort := p.Model != "" && p.Model != r.model, p.Effort != "" && p.Effort != r.effort
	r.spoken = first(p.Model, r.spoken)
	if r.isHistory() {
		return
	}
	if model {
		r.model = p.Model
	}
	if effort {
		r.effort = p.Effort
	}
	if model || effort {
		r.host.Configured(func(c *agent.Config) { c.Model, c.Effort = r.model, r.effort })
	}
}

func (r *rollout) event(p *payload) {
	switch p.Type {
	case "task_started":
		r.working(true)
	case "task_complete":
		r.turnEnded("")
	case "turn_aborted":
		r.turnEnded("Interrupted")
	case "task_failed":
		r.turnEnded("Failed")
	case "user_message":
		r.userSaid("event", p.text())
	case "agent_message":
		r.agentSaid("event", p.text())
	case "agent_reasoning":
		r.thought("event", p.text())
	case "item_completed":
		r.itemCompleted(p)
	case "token_count":
		if isSet(p.Info) {
			r.used(p.Info)
		}
	}
}

// used shows what a turn cost. What was used before was counted then.
func (r *rollout) used(info json.RawMessage) {
	counted := "managed"
	if r.isHistory() {
		counted = "imported-history"
	}
	r.rows.emit(data{
		"type": "token_count", "info": info, "model": r.spoken, "hapiUsageScope": counted, "threadId": r.thread, "thread_id": r.thread,
		"usageSchema": "hapi.usage.v1", "inputTokenSemantics": "includes-cache",
	})
}

func (r *rollout) itemCompleted(p *payload) {
	var i struct {
		Type    string          `json:"type"`
		Text    string          `json:"text"`
		Content json.RawMessage `json:"content"`
		Summary []string        `json:"summary_text"`
	}
	if json.Unmarshal(p.Item, &i) != nil {
		return
	}
	switch text := first(i.Text, contentText(i.Content)); i.Type {
	case "UserMessage":
		r.userSaid("item", text)
	case "AgentMessage":
		r.agentSaid("item", text)
	case "Reasoning":
		r.thought("item", strings.Join(i.Summary, "\n\n"))
	case "Plan":
		r.plan = text
	}
}

// end shows what was kept, and closes what is open: Codex has ended.
func (r *rollout) end() {
	r.release()
	r.showPlan()
	r.rows.close("Codex ended")
}

func (r *rollout) showPlan() {
	if r.plan != "" {
		r.rows.pair("codex-proposed-plan:"+newID(), "ExitPlanMode", data{"plan": r.plan}, nil, false)
	}
	r.plan = ""
}

// turnEnded shows what was kept for the end of the turn.
func (r *rollout) turnEnded(cutOff string) {
	if cutOff == "" {
		r.release()
		r.showPlan()
	}
	r.held, r.plan = nil, ""
	r.rows.close(cutOff)
	r.texts = nil
	r.working(false)
}

// twins counts how often each source said a text in the turn that is read: not
// every form says which turn it is of. Codex writes the same words in several
// forms; the same words can also be said twice.
type twins map[string]map[string]int

// isNew says whether this is not the twin of what another source said before.
func (t *twins) isNew(source, key string) bool {
	if *t == nil {
		*t = twins{}
	}
	counts := (*t)[key]
	if counts == nil {
		counts = map[string]int{}
		(*t)[key] = counts
	}
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	counts[source]++
	return counts[source] > most
}

// heldText is an answer of which it is not known yet whether people see it: it
// can be the summary of a compaction.
type heldText struct{ key, text string }

func (r *rollout) userSaid(source, text string) {
	if strings.TrimSpace(text) == "" || !r.texts.isNew(source, "user\x00"+text) {
		return
	}
	r.release()
	r.host.Suggested(firstLine(text))
	r.host.Emit(agent.Record{At: r.rows.at, Content: mustMarshal(data{
		"role": "user", "content": data{"type": "text", "text": text}, "meta": data{"sentFrom": "cli"},
	})})
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if words := []rune(line); len(words) > 80 {
		return string(words[:79]) + "…"
	}
	return line
}

func (r *rollout) agentSaid(source, text string) {
	key := "agent\x00" + text
	if r.held != nil && r.held.key == key {
		r.held = nil // this is its twin, and shown in its place
		r.say(text)
		r.texts.isNew(source, key)
		return
	}
	if strings.TrimSpace(text) != "" && r.texts.isNew(source, key) {
		r.release()
		r.say(text)
	}
}

// say shows an answer, without the plan in it: that follows at the turn's end.
func (r *rollout) say(text string) {
	const begin, end = "<proposed_plan>", "</proposed_plan>"
	if before, rest, ok := strings.Cut(text, begin); ok {
		plan, after, _ := strings.Cut(rest, end)
		r.plan = first(r.plan, strings.TrimSpace(plan))
		text = strings.TrimSpace(before + after)
	}
	if text != "" {
		r.rows.emit(data{"type": "message", "message": text})
	}
}

// release shows what was held.
func (r *rollout) release() {
	if held := r.held; held != nil {
		r.held = nil
		r.say(held.text)
	}
}

func (r *rollout) thought(source, text string) {
	if strings.TrimSpace(text) == "" || !r.texts.isNew(source, "thought\x00"+text) {
		return
	}
	r.release()
	s := &stream{id: newID(), kind: "reasoning"}
	s.finish(r.rows, text, "completed")
}

// response shows tool calls, and answers of which there is no twin.
func (r *rollout) response(p *payload) {
	switch p.Type {
	case "message":
		r.answered(p)
		return
	case "function_call":
		r.called(p, p.arguments())
	case "custom_tool_call":
		r.called(p, p.Input)
	case "tool_search_call":
		r.release()
		r.rows.call(p.CallID, "ToolSearch", firstSet(p.Arguments, p.Input, p.Query))
	case "tool_search_output":
		r.release()
		r.rows.result(p.CallID, data{"execution": p.Execution, "tools": p.Tools}, p.Status == "failed" || p.Status == "error")
	case "function_call_output", "custom_tool_call_output":
		r.release()
		r.rows.result(p.CallID, p.Output, false)
	case "web_search_call":
		r.release()
		r.rows.pair(newID(), "WebSearch", p.Action, nil, p.Status == "failed" || p.Status == "error")
	}
}

// firstSet is the first of these that holds something; else nothing.
func firstSet(all ...json.RawMessage) json.RawMessage {
	for _, raw := range all {
		if isSet(raw) {
			return raw
		}
	}
	return json.RawMessage("{}")
}

func (r *rollout) called(p *payload, input json.RawMessage) {
	r.release()
	if !json.Valid(input) {
		input = mustMarshal(string(input))
	}
	r.rows.call(p.CallID, p.Name, input)
}

func (r *rollout) answered(p *payload) {
	text := contentText(p.Content)
	if p.Role != "assistant" || strings.TrimSpace(text) == "" {
		return
	}
	key := "agent\x00" + text
	if !r.texts.isNew("response", key) {
		return
	}
	r.release()
	if p.Phase == "final_answer" {
		r.held = &heldText{key: key, text: text}
		return
	}
	r.say(text)
}

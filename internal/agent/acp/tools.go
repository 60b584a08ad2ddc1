package acp

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// toolFields are those of a tool call, in an update and in a request.
type toolFields struct {
	ToolCallID string          `json:"toolCallId"`
	Title      *string         `json:"title"`
	ToolKind   string          `json:"kind"`
	Status     string          `json:"status"`
	RawInput   json.RawMessage `json:"rawInput"`
	RawOutput  json.RawMessage `json:"rawOutput"`
	Locations  []struct {
		Path string `json:"path"`
	} `json:"locations"`
}

// tool is a tool call as far as it is known (agents-acp contract §3.6).
type tool struct {
	id      string
	name    string
	named   bool // by a title or its input, not only by its kind
	title   string
	kind    string
	status  string
	path    string // of its first location
	input   json.RawMessage
	given   bool // the input is the agent's own, not derived
	content []toolContent
	raw     json.RawMessage // the content as it came
	output  json.RawMessage
	asks    bool // it is a question: name and input are ours
	done    bool
	shown   string // what the tool-call row said last
	told    string // which status
	sent    string // and which input
}

// toolContent is a part of what a tool produced.
type toolContent struct {
	Type       string `json:"type"`
	Content    *block `json:"content"`
	Path       string `json:"path"`
	OldText    string `json:"oldText"`
	NewText    string `json:"newText"`
	TerminalID string `json:"terminalId"`
	Meta       struct {
		Kind string `json:"kind"`
	} `json:"_meta"`
}

// tool takes what is new of a tool call and shows it.
func (c *converter) tool(f toolFields, content json.RawMessage) {
	if f.ToolCallID == "" {
		return
	}
	t := c.learn(f, content)
	switch {
	case t.done:
	case t.status == "completed" || t.status == "failed":
		if input := t.editInput(); t.status == "completed" && !t.given && input != nil {
			t.name, t.input = input.name, input.arguments
		}
		c.showTool(t)
		t.done = true
		c.emit(map[string]any{"type": "tool-call-result", "callId": t.id, "output": t.result(c.said), "is_error": t.status == "failed"})
	default:
		c.showTool(t)
	}
}

// learn merges what is new into what is known.
func (c *converter) learn(f toolFields, content json.RawMessage) *tool {
	t := c.tools[f.ToolCallID]
	if t == nil {
		t = &tool{id: f.ToolCallID, status: "pending"}
		c.tools[f.ToolCallID] = t
		c.order = append(c.order, f.ToolCallID)
		if len(c.order) > rememberTools {
			delete(c.tools, c.order[0])
			c.order = c.order[1:]
		}
	}
	if f.Title != nil && strings.TrimSpace(*f.Title) != "" {
		t.title = *f.Title
	}
	if f.ToolKind != "" {
		t.kind = f.ToolKind
	}
	if f.Status != "" {
		t.status = f.Status
	}
	if len(f.Locations) > 0 && f.Locations[0].Path != "" {
		t.path = f.Locations[0].Path
	}
	if holdsSomething(f.RawOutput) {
		t.output = f.RawOutput
	}
	if list := readContent(content); list != nil {
		t.content, t.raw = list, content
	}
	t.rename(f)
	if holdsSomething(f.RawInput) && string(bytes.TrimSpace(f.RawInput)) != "{}" && !t.asks {
		t.input, t.given = f.RawInput, true
	}
	if !t.given {
		if input := t.derivedInput(); input != nil {
			t.input = input
		}
	}
	return t
}

func holdsSomething(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && string(raw) != "null"
}

func readContent(raw json.RawMessage) []toolContent {
	if !holdsSomething(raw) {
		return nil
	}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return nil
	}
	list := make([]toolContent, 0, len(parts))
	for _, p := range parts {
		var part toolContent
		if json.Unmarshal(p, &part) == nil {
			list = append(list, part)
		}
	}
	return list
}

// rename finds the tool's name: its title, else what its input says, else its
// kind. A name of the first two replaces any, one by kind only none.
func (t *tool) rename(f toolFields) {
	if t.asks {
		return
	}
	var input struct {
		Name string `json:"name"`
		Tool string `json:"tool"`
	}
	_ = json.Unmarshal(f.RawInput, &input) // without an object there is no name in it
	name := firstOf(input.Name, input.Tool)
	if f.Title != nil && strings.TrimSpace(*f.Title) != "" {
		name = strings.TrimSpace(*f.Title)
	}
	if name != "" {
		t.name, t.named = name, true
		return
	}
	if t.named {
		return
	}
	t.name = "Tool"
	switch t.kind {
	case "", "tool", "unknown", "other":
	default:
		t.name = t.kind
	}
	if input := t.editInput(); input != nil && kindOf(t.kind) == "edit" {
		t.name = input.name
	}
}

// kindAliases are the names that mean a kind.
var kindAliases = map[string][]string{
	"read":    {"read", "read_file", "file_read", "view"},
	"execute": {"execute", "shell", "bash", "run", "run_shell", "run_shell_command", "cmd", "terminal"},
	"search":  {"search", "grep", "find", "glob"},
	"edit":    {"edit", "write", "write_file", "replace", "file_edit", "modify"},
	"think":   {"think", "thought", "reasoning"},
}

// kindOf is the kind that a word means, or "".
func kindOf(word string) string {
	word = strings.ToLower(strings.TrimSpace(word))
	for kind, aliases := range kindAliases {
		if slices.Contains(aliases, word) {
			return kind
		}
	}
	return ""
}

// derivedInput is an input for a tool that came without one.
func (t *tool) derivedInput() json.RawMessage {
	kind := firstOf(kindOf(t.kind), kindOf(t.name))
	argument := t.argument(kind)
	switch {
	case kind == "edit" && t.editInput() != nil:
		return t.editInput().arguments
	case kind == "edit" && t.path != "":
		return mustMarshal(map[string]string{"file_path": t.path})
	case kind == "read" && firstOf(t.path, argument) != "":
		return mustMarshal(map[string]string{"file_path": firstOf(t.path, argument)})
	case kind == "execute" && argument != "":
		return mustMarshal(map[string]string{"command": argument})
	case kind == "search" && argument != "":
		return mustMarshal(map[string]string{"pattern": argument})
	}
	if len(t.content) == 1 && t.content[0].Content != nil && t.content[0].Content.Type == "text" {
		text := strings.TrimSpace(t.content[0].Content.Text)
		if text != "" && (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
	}
	return nil
}

// argument is what the title says beyond the tool: all of it, or what follows
// `Label:` where the label means the kind.
func (t *tool) argument(kind string) string {
	title := strings.TrimSpace(t.title)
	if label, rest, ok := strings.Cut(title, ":"); ok && kind != "" && kindOf(label) == kind {
		return strings.TrimSpace(rest)
	}
	if kindOf(title) != "" {
		return ""
	}
	return title
}

// askedFor is what a person is shown of a tool that waits for them: an edit with
// what it changes, whether or not the agent's own input says it.
func (t *tool) askedFor(input json.RawMessage) json.RawMessage {
	edit := t.editInput()
	if edit == nil {
		return input
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(input, &keys) == nil {
		for _, key := range []string{"content", "new_string", "newString", "newText", "new_text", "diff", "patch", "edits", "fileDiff"} {
			if holdsSomething(keys[key]) {
				return input
			}
		}
	}
	return edit.arguments
}

// change is what a diff does to its file.
func (d *toolContent) change() string {
	switch {
	case d.Meta.Kind != "":
		return d.Meta.Kind
	case d.OldText == "":
		return "add"
	default:
		return "modify"
	}
}

type editInput struct {
	name      string
	arguments json.RawMessage
}

// editInput is the input of Write or Edit that makes the first diff, or nil.
func (t *tool) editInput() *editInput {
	for _, part := range t.content {
		if part.Type != "diff" {
			continue
		}
		if part.change() == "add" {
			return &editInput{"Write", mustMarshal(map[string]string{"file_path": part.Path, "content": part.NewText})}
		}
		return &editInput{"Edit", mustMarshal(map[string]string{"file_path": part.Path, "old_string": part.OldText, "new_string": part.NewText})}
	}
	return nil
}

// showTool sends a tool-call row, unless it says nothing new.
func (c *converter) showTool(t *tool) {
	data := map[string]any{"type": "tool-call", "name": t.name, "callId": t.id, "input": t.input, "status": t.status}
	if t.input == nil {
		data["input"] = nil
	}
	if t.title != "" {
		data["nativeTitle"] = t.title
	}
	if t.kind != "" {
		data["nativeKind"] = t.kind
	}
	// The result says that it has ended, and a title that comes with it is of the
	// result: `2 todos` of a tool that was todowrite.
	ended := t.status == "completed" || t.status == "failed"
	shown := string(mustMarshal([]any{t.name, t.input, t.title, t.kind}))
	if t.shown != "" && (ended && string(t.input) == t.sent || shown == t.shown && t.status == t.told) {
		return
	}
	t.shown, t.told, t.sent = shown, t.status, string(t.input)
	c.emit(data)
}

// result is what a tool produced.
func (t *tool) result(shells func(string) string) any {
	if t.output != nil {
		return t.output
	}
	if len(t.content) == 0 {
		return ""
	}
	if len(t.content) == 1 && t.content[0].Type == "diff" {
		d := t.content[0]
		return map[string]any{"path": d.Path, "oldText": d.OldText, "newText": d.NewText, "kind": d.change()}
	}
	var texts []string
	for _, part := range t.content {
		switch {
		case part.Type == "terminal":
			texts = append(texts, shells(part.TerminalID))
		case part.Content != nil && part.Content.Type == "text":
			texts = append(texts, part.Content.Text)
		default:
			return t.raw
		}
	}
	return strings.Join(texts, "\n")
}

package acp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hapi/internal/agent"
)

// update is what an agent says of its work (agents-acp contract §3.4). Keys of
// several kinds share a struct: only those of the kind are read.
type update struct {
	Kind    string          `json:"sessionUpdate"`
	Content json.RawMessage `json:"content"` // a block of a chunk, or a list of a tool call
	toolFields
	Entries []planEntry `json:"entries"`
	Used    *int64      `json:"used"`
	Size    *int64      `json:"size"`
	// Other spellings of the two.
	ContextTokens     *int64          `json:"contextTokens"`
	ContextWindow     *int64          `json:"contextWindow"`
	AvailableCommands []command       `json:"availableCommands"`
	CurrentModeID     string          `json:"currentModeId"`
	ModeID            string          `json:"modeId"`
	ConfigOptions     json.RawMessage `json:"configOptions"`
}

type command struct {
	Name string `json:"name"`
}

type planEntry struct {
	Content  string `json:"content"`
	Priority string `json:"priority"`
	Status   string `json:"status"`
}

func (e planEntry) valid() bool {
	return e.Content != "" && slices.Contains([]string{"high", "medium", "low"}, e.Priority) &&
		slices.Contains([]string{"pending", "in_progress", "completed"}, e.Status)
}

// block is a piece of content.
type block struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Data     string `json:"data"`
	MIMEType string `json:"mimeType"`
	URI      string `json:"uri"`
	Name     string `json:"name"`
	Resource struct {
		URI  string `json:"uri"`
		Text string `json:"text"`
		Blob string `json:"blob"`
	} `json:"resource"`
	Annotations *struct {
		Audience []string `json:"audience"`
	} `json:"annotations"`
}

// converter makes rows of what an agent does. It is guarded by the
// conversation's handling.
type converter struct {
	label    string // of the agent
	emit     func(data map[string]any)
	gallery  func([]byte) error     // shows a file
	shells   func(id string) string // what a command has said
	kept     map[string]string      // and what forgotten ones had said
	message  *segment
	thought  *segment
	tools    map[string]*tool
	order    []string // of the tools, by their first word
	model    string
	used     int64
	size     int64
	plan     string // the latest, as it was sent
	textMode textMode
}

// rememberTools is how many tool calls are kept to tell repeats.
const rememberTools = 512

func newConverter(mode textMode, emit func(data map[string]any), shells func(string) string) *converter {
	c := &converter{emit: emit, gallery: func([]byte) error { return errNoGallery }, shells: shells, kept: map[string]string{}, tools: map[string]*tool{}, textMode: mode}
	c.message = &segment{kind: "message", mode: &c.textMode, now: time.Now, emit: emit}
	c.thought = &segment{kind: "reasoning", mode: &c.textMode, now: time.Now, emit: emit}
	return c
}

var errNoGallery = errors.New("there is nobody to show it to")

// isWork says whether an update is part of what is shown.
func (u *update) isWork() bool {
	switch u.Kind {
	case "agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan":
		return true
	}
	return false
}

// take makes rows of an update that is work.
func (c *converter) take(u *update) {
	switch u.Kind {
	case "agent_message_chunk":
		c.chunk(u.Content)
	case "agent_thought_chunk":
		var b block
		if json.Unmarshal(u.Content, &b) == nil && b.Type == "text" && b.Text != "" {
			c.message.flush() // so that thoughts and words keep their order
			c.thought.add(b.Text)
		}
	case "tool_call":
		c.thought.flush()
		c.message.flush()
		c.tool(u.toolFields, u.Content)
	case "tool_call_update":
		c.thought.flush()
		c.tool(u.toolFields, u.Content)
	case "plan":
		c.flush()
		c.showPlan(u.Entries)
	}
}

func (c *converter) chunk(raw json.RawMessage) {
	var b block
	if json.Unmarshal(raw, &b) != nil || b.Annotations != nil && len(b.Annotations.Audience) > 0 && !slices.Contains(b.Annotations.Audience, "assistant") {
		return
	}
	if b.Type == "text" {
		c.thought.flush() // it has been thought; now it is said
		if text, ours := limitText(b.Text); !ours {
			c.message.add(b.Text)
		} else if text != "" {
			c.message.flush()
			c.emit(map[string]any{"type": "message", "message": text})
		}
		return
	}
	c.thought.flush()
	c.block(&b)
}

// block shows content that is no text of the answer.
func (c *converter) block(b *block) {
	switch b.Type {
	case "image", "audio":
		c.file(b.Data, "an "+b.Type+" ("+firstOf(b.MIMEType, "of an unknown kind")+")")
	case "resource_link":
		c.message.put("[" + firstOf(b.Name, b.URI) + "](" + b.URI + ")")
	case "resource":
		if b.Resource.Blob != "" {
			c.file(b.Resource.Blob, "a file ("+firstOf(b.Resource.URI, "without a name")+")")
			return
		}
		fence := "```"
		for strings.Contains(b.Resource.Text, fence) {
			fence += "`"
		}
		c.message.put("\n\n" + b.Resource.URI + "\n\n" + fence + "\n" + b.Resource.Text + "\n" + fence + "\n\n")
	default:
		c.message.put("\n*" + c.label + " sent content that is not known here: " + firstOf(b.Type, "of no type") + ".*\n")
	}
}

// file shows a picture or another file.
func (c *converter) file(data, what string) {
	c.flush()
	content, err := base64.StdEncoding.DecodeString(data)
	if err == nil {
		err = c.gallery(content)
	}
	if err != nil {
		c.emit(map[string]any{"type": "message", "message": "*" + c.label + " sent " + what + ", which cannot be shown: " + err.Error() + ".*"})
	}
}

// limitText recognises lines of Claude's own protocol that some agents let through
// as text. Of a limit people are told; anything else is for nobody.
func limitText(text string) (told string, ours bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") {
		return "", false
	}
	type limit struct {
		Type string `json:"type"`
		Info struct {
			Status      string  `json:"status"`
			ResetsAt    float64 `json:"resetsAt"`
			Utilization float64 `json:"utilization"`
			Type        string  `json:"rateLimitType"`
		} `json:"rate_limit_info"`
	}
	var line struct {
		limit
		Data struct {
			limit
			ParentUUID json.RawMessage `json:"parentUuid"`
			SessionID  string          `json:"sessionId"`
			UserType   string          `json:"userType"`
		} `json:"data"`
	}
	if lenient(json.Unmarshal([]byte(text), &line)) != nil {
		return "", false
	}
	l := line.limit
	switch {
	case l.Type == "output" && line.Data.Type == "rate_limit_event":
		l = line.Data.limit
	case l.Type == "output":
		return "", line.Data.ParentUUID != nil && line.Data.SessionID != "" && line.Data.UserType != ""
	case l.Type != "rate_limit_event":
		return "", false
	}
	at := int64(l.Info.ResetsAt)
	switch {
	case l.Info.ResetsAt <= 0 || l.Info.ResetsAt > 1e11: // no time in seconds
		return "", true
	case l.Info.Status == "allowed_warning":
		return fmt.Sprintf("Claude AI usage limit warning|%d|%d|%s", at, int(l.Info.Utilization*100), l.Info.Type), true
	case l.Info.Status == "rejected":
		return fmt.Sprintf("Claude AI usage limit reached|%d|%s", at, l.Info.Type), true
	}
	return "", true
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// flush ends what is being said. A thought goes before what follows of it.
func (c *converter) flush() {
	c.thought.flush()
	c.message.flush()
}

// show shows what is being said, as far as it has come.
func (c *converter) show() {
	c.thought.show()
	c.message.show()
}

func (c *converter) showPlan(entries []planEntry) {
	entries = slices.DeleteFunc(entries, func(e planEntry) bool { return !e.valid() })
	rows := make([]map[string]any, len(entries))
	for i, e := range entries {
		rows[i] = map[string]any{"content": e.Content, "priority": e.Priority, "status": e.Status}
	}
	raw := string(mustMarshal(rows))
	if len(rows) == 0 || raw == c.plan {
		return
	}
	c.plan = raw
	c.emit(map[string]any{"type": "plan", "entries": rows})
}

// context notes how full the model's context is.
func (c *converter) context(used, size *int64) {
	if used == nil || *used == c.used && (size == nil || *size == c.size) {
		return
	}
	c.used = *used
	if size != nil {
		c.size = *size
	}
	c.tokens(map[string]any{"inputTokens": 0, "outputTokens": 0})
}

// usage is what a turn cost (agents-acp contract §3.7).
func (c *converter) usage(u *usage) {
	in, out := u.number(u.InputTokens, u.InputTokens2), u.number(u.OutputTokens, u.OutputTokens2)
	if in == nil && out == nil {
		return
	}
	in, out = u.number(in, new(int64)), u.number(out, new(int64))
	total := map[string]any{"outputTokens": *out}
	sum := *in
	for name, n := range map[string]*int64{
		"cachedInputTokens":     u.number(u.CachedReadTokens, u.CachedInputTokens, u.CachedReadTokens2, u.CachedInputTokens2),
		"cacheWriteInputTokens": u.number(u.CachedWriteTokens, u.CacheCreationInputTokens, u.CachedWriteTokens2, u.CacheCreationInputTokens2),
	} {
		if n != nil {
			total[name] = *n
			sum += *n
		}
	}
	for name, n := range map[string]*int64{"totalTokens": u.number(u.TotalTokens, u.TotalTokens2), "thoughtTokens": u.number(u.ThoughtTokens, u.ThoughtTokens2)} {
		if n != nil {
			total[name] = *n
		}
	}
	total["inputTokens"] = sum
	c.tokens(total)
}

func (c *converter) tokens(total map[string]any) {
	info := map[string]any{"total": total}
	if c.used > 0 {
		info["contextTokens"] = c.used
	}
	if c.size > 0 {
		info["modelContextWindow"] = c.size
	}
	c.emit(map[string]any{
		"type": "token_count", "model": orNil(c.model), "usageSchema": "hapi.usage.v1", "inputTokenSemantics": "includes-cache", "info": info,
	})
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// usage of a prompt, in both spellings.
type usage struct {
	InputTokens               *int64 `json:"inputTokens"`
	OutputTokens              *int64 `json:"outputTokens"`
	TotalTokens               *int64 `json:"totalTokens"`
	ThoughtTokens             *int64 `json:"thoughtTokens"`
	CachedReadTokens          *int64 `json:"cachedReadTokens"`
	CachedInputTokens         *int64 `json:"cachedInputTokens"`
	CachedWriteTokens         *int64 `json:"cachedWriteTokens"`
	CacheCreationInputTokens  *int64 `json:"cacheCreationInputTokens"`
	InputTokens2              *int64 `json:"input_tokens"`
	OutputTokens2             *int64 `json:"output_tokens"`
	TotalTokens2              *int64 `json:"total_tokens"`
	ThoughtTokens2            *int64 `json:"thought_tokens"`
	CachedReadTokens2         *int64 `json:"cached_read_tokens"`
	CachedWriteTokens2        *int64 `json:"cached_write_tokens"`
	CachedInputTokens2        *int64 `json:"cached_input_tokens"`
	CacheCreationInputTokens2 *int64 `json:"cache_creation_input_tokens"`
}

func (*usage) number(list ...*int64) *int64 {
	for _, n := range list {
		if n != nil {
			return n
		}
	}
	return nil
}

// keep holds on to the output of a command that is about to be forgotten.
func (c *converter) keep(terminal, text string) {
	for _, t := range c.tools {
		for _, part := range t.content {
			if part.TerminalID == terminal && !t.done {
				c.kept[terminal] = text
			}
		}
	}
}

// said is the output of a command, of one that is forgotten too.
func (c *converter) said(terminal string) string {
	if text, ok := c.kept[terminal]; ok {
		delete(c.kept, terminal)
		return text
	}
	return c.shells(terminal)
}

// interrupted ends what was under way when a turn broke off.
func (c *converter) interrupted(why string) {
	c.flush()
	for _, id := range c.order {
		if t := c.tools[id]; t != nil && !t.done && t.shown != "" {
			t.done = true
			c.emit(map[string]any{"type": "tool-call-result", "callId": id, "output": why, "is_error": true})
		}
	}
}

// row is data as a row of the conversation.
func row(data map[string]any) agent.Record { return agent.Generic(data) }

func mustMarshal(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil { // it is made of what was read from JSON
		panic(err)
	}
	return raw
}

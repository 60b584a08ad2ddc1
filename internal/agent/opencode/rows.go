package opencode

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"hapi/internal/agent"
	"hapi/internal/agent/opencode/api"
	"hapi/internal/wire"
)

const roleUser = "user"

// exchange is a message with its parts, as it is read back.
type exchange struct {
	Info  info   `json:"info"`
	Parts []part `json:"parts"`
}

// info is of a message.
type info struct {
	ID        string          `json:"id"`
	SessionID string          `json:"sessionID"`
	Role      string          `json:"role"`
	Agent     string          `json:"agent"`
	Summary   json.RawMessage `json:"summary"` // true of an answer that is one
	Model     struct {        // of a prompt
		ProviderID string `json:"providerID"`
		ModelID    string `json:"modelID"`
		Variant    string `json:"variant"`
	} `json:"model"`
	ProviderID string `json:"providerID"` // of an answer
	ModelID    string `json:"modelID"`    // likewise
	Time       struct {
		Created   int64 `json:"created"`
		Completed int64 `json:"completed"`
	} `json:"time"`
	Error *struct {
		Name string `json:"name"`
		Data struct {
			Message string `json:"message"`
		} `json:"data"`
	} `json:"error"`
}

// part is a piece of a message.
type part struct {
	ID        string `json:"id"`
	SessionID string `json:"sessionID"`
	MessageID string `json:"messageID"`
	Type      string `json:"type"`
	Text      string `json:"text"`
	Synthetic bool   `json:"synthetic"` // OpenCode's own words
	Ignored   bool   `json:"ignored"`   // not for the model
	Time      struct {
		Start int64 `json:"start"`
		End   int64 `json:"end"`
	} `json:"time"`
	Tool   string  `json:"tool"`
	CallID string  `json:"callID"`
	State  state   `json:"state"`
	Tokens *tokens `json:"tokens"`
}

// state is how far a tool call is.
type state struct {
	Status      string          `json:"status"`
	Input       json.RawMessage `json:"input"`
	Output      json.RawMessage `json:"output"`
	Error       string          `json:"error"`
	Title       string          `json:"title"`
	Metadata    json.RawMessage `json:"metadata"`
	Attachments []struct {
		MIME     string `json:"mime"`
		Filename string `json:"filename,omitempty"`
	} `json:"attachments"`
}

// tokens are what a request to the model used. Input is without the cached.
type tokens struct {
	Input     int64 `json:"input"`
	Output    int64 `json:"output"`
	Reasoning int64 `json:"reasoning"`
	Cache     struct {
		Read  int64 `json:"read"`
		Write int64 `json:"write"`
	} `json:"cache"`
}

// message is one that is followed.
type message struct {
	info
	before bool // it was told before
	past   bool // it is told late, of a time before
}

// call is a tool call.
type call struct {
	name  string
	input json.RawMessage
	part  string
}

// tellAll tells what was read back; final: nothing of it changes any more.
func (m *mirror) tellAll(all []exchange, final bool) {
	for i := range all {
		e := &all[i]
		if e.Info.SessionID != m.native || e.Info.ID == "" {
			continue
		}
		said := m.learn(&e.Info)
		for n := range e.Parts {
			m.part(said, &e.Parts[n], final || e.Info.Time.Completed > 0)
		}
	}
	if final {
		m.conclude()
	}
}

// learn notes what is new of a message.
func (m *mirror) learn(i *info) *message {
	said := m.messages[i.ID]
	if said != nil {
		said.info = *i
		return said
	}
	said = &message{info: *i, before: i.Time.Created < m.since, past: i.Time.Created < m.began}
	m.messages[i.ID] = said
	m.order = append(m.order, i.ID)
	if i.Role == roleUser && !said.before && !said.past {
		m.adoptConfig(i)
	}
	return said
}

// adoptConfig takes over what the person chose at the terminal.
func (m *mirror) adoptConfig(i *info) {
	model := ""
	if i.Model.ProviderID != "" && i.Model.ModelID != "" {
		model = i.Model.ProviderID + "/" + i.Model.ModelID
	}
	newModel := model != "" && m.config.Model != "" && model != m.config.Model
	newEffort := i.Model.Variant != "" && m.config.Effort != "" && i.Model.Variant != m.config.Effort
	m.config.Model, m.config.Effort = cmp.Or(model, m.config.Model), cmp.Or(i.Model.Variant, m.config.Effort)
	if newModel || newEffort {
		m.host.Configured(func(c *agent.Config) {
			if newModel {
				c.Model = model
			}
			if newEffort {
				c.Effort = i.Model.Variant
			}
		})
	}
	plan := i.Agent == "plan"
	if i.Agent == "" || plan == (m.config.PermissionMode == wire.ModePlan) {
		return
	}
	m.config.PermissionMode = m.normal
	if plan {
		m.config.PermissionMode = wire.ModePlan
	}
	m.host.ModeChanged(m.config.PermissionMode)
}

// part tells what is new of a part; final: it does not change any more.
func (m *mirror) part(said *message, p *part, final bool) {
	if said.before || p.ID == "" {
		return
	}
	switch whole := final || p.Time.End > 0; {
	case p.Type == "text" && said.Role == roleUser:
		if !p.Synthetic && !p.Ignored && strings.TrimSpace(p.Text) != "" && m.tell(said, p.ID, agent.Said(p.Text)) {
			m.host.Suggested(p.Text)
		}
	case p.Type == "text" && whole && !blank(p.Text):
		kind := "message"
		if said.summarises() {
			kind = "reasoning"
		}
		m.tell(said, p.ID, agent.Generic(map[string]any{"type": kind, "message": p.Text, "id": p.ID}))
	case p.Type == "reasoning" && whole && !blank(p.Text):
		m.tell(said, p.ID, agent.Generic(map[string]any{"type": "reasoning", "message": p.Text, "id": p.ID}))
	case p.Type == "tool":
		m.tool(said, p, final)
	case p.Type == "step-finish" && p.Tokens != nil:
		m.tell(said, p.ID, used(said, p.Tokens))
	case p.Type == "compaction":
		m.tell(said, p.ID, event("Compaction started"))
	}
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// summarises says whether the message is the summary of what was said.
func (i *info) summarises() bool { return string(i.Summary) == "true" }

// tell adds a row, unless it was told. It says whether it did.
func (m *mirror) tell(said *message, key string, r agent.Record) bool {
	if m.told[key] {
		return false
	}
	m.told[key] = true
	r.Key = "opencode:" + key
	if said.past {
		r.At = time.UnixMilli(said.Time.Created)
	}
	m.host.Emit(r)
	return true
}

// askTool is the name of what asks the person a question.
const askTool = "AskUserQuestion"

// tool tells of a call once its input is known, and of its result.
func (m *mirror) tool(said *message, p *part, final bool) {
	c := call{name: p.Tool, input: p.State.Input, part: p.ID}
	if p.Tool == "question" {
		c.name, c.input = askTool, askInput(p.State.Input)
	}
	ended := p.State.Status == "completed" || p.State.Status == "error"
	if p.State.Status == "pending" && !final || !ended && !holdsSomething(c.input) {
		return
	}
	if c.input == nil {
		c.input = json.RawMessage("null")
	}
	if m.tell(said, p.ID+":call", agent.Generic(map[string]any{"type": "tool-call", "name": c.name, "callId": p.CallID, "input": c.input, "id": p.ID})) {
		m.calls[p.CallID] = c
		m.open = append(m.open, p.CallID)
	}
	if ended {
		m.result(said, &c, p.CallID, p.State.result(), p.State.Status == "error")
	}
}

func (m *mirror) result(said *message, c *call, id string, output any, failed bool) {
	m.open = slices.DeleteFunc(m.open, func(open string) bool { return open == id })
	m.tell(said, c.part+":result", agent.Generic(map[string]any{"type": "tool-call-result", "callId": id, "output": output, "is_error": failed, "id": c.part + ":result"}))
}

// closeCalls ends what will have no result.
func (m *mirror) closeCalls() {
	for _, id := range slices.Clone(m.open) {
		c := m.calls[id]
		m.result(&message{}, &c, id, map[string]any{"error": "OpenCode ended", "status": "canceled"}, true)
	}
}

func holdsSomething(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && string(raw) != "null" && string(raw) != "{}"
}

// result is what a tool produced. Files in it are named only.
func (s *state) result() any {
	if s.Status == "error" {
		return map[string]any{"content": s.Error, "isError": true}
	}
	out := map[string]any{"content": s.Output}
	if s.Output == nil {
		out["content"] = ""
	}
	if holdsSomething(s.Metadata) {
		out["metadata"] = s.Metadata
	}
	if s.Title != "" {
		out["title"] = s.Title
	}
	if len(s.Attachments) > 0 {
		out["attachments"] = s.Attachments
	}
	return out
}

// askInput is the input of a question as people's clients know it.
func askInput(input json.RawMessage) json.RawMessage {
	var in struct {
		Questions json.RawMessage `json:"questions"`
	}
	if json.Unmarshal(input, &in) != nil {
		return nil
	}
	return questions(in.Questions)
}

func questions(raw json.RawMessage) json.RawMessage {
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil
	}
	for _, q := range list {
		if q["multiple"] != nil {
			q["multiSelect"] = q["multiple"]
			delete(q, "multiple")
		}
	}
	return mustMarshal(map[string]any{"questions": list})
}

// used is what a request to the model cost. What was used before was counted
// then, by whoever did it.
func used(said *message, t *tokens) agent.Record {
	input := t.Input + t.Cache.Read + t.Cache.Write
	data := map[string]any{
		"type": "token_count", "model": nil, "usageSchema": "hapi.usage.v1", "inputTokenSemantics": "includes-cache",
		"info": map[string]any{
			"total": map[string]any{
				"inputTokens": input, "outputTokens": t.Output, "thoughtTokens": t.Reasoning, "totalTokens": input + t.Output + t.Reasoning,
				"cachedInputTokens": t.Cache.Read, "cacheWriteInputTokens": t.Cache.Write,
			},
			"contextTokens": input + t.Output + t.Reasoning,
		},
	}
	if said.ModelID != "" {
		data["model"] = said.ProviderID + "/" + said.ModelID
	}
	if said.past {
		data["hapiUsageScope"] = "imported-history"
	}
	return agent.Generic(data)
}

// conclude tells how answers ended, once all of them is told.
func (m *mirror) conclude() {
	for _, id := range m.order {
		said := m.messages[id]
		if said.before || said.Role == roleUser {
			continue
		}
		switch failed := said.Error; {
		case failed != nil && said.summarises():
			m.tell(said, id+":end", event("Compaction failed: "+cmp.Or(api.OneLine(failed.Data.Message), failed.Name)))
		case failed != nil && failed.Name == "MessageAbortedError":
			m.tell(said, id+":end", event("Aborted by user"))
		case failed != nil:
			m.tell(said, id+":end", event("OpenCode could not finish: "+cmp.Or(api.OneLine(failed.Data.Message), failed.Name)))
		case said.summarises() && said.Time.Completed > 0:
			m.tell(said, id+":end", event("Compaction completed"))
		}
	}
	m.order = slices.DeleteFunc(m.order, func(id string) bool { return m.messages[id].Time.Completed > 0 || m.messages[id].Role == roleUser })
}

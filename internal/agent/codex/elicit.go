package codex

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hapi/internal/wire"
)

// elicitation is what an MCP server asks a person through Codex.
type elicitation struct {
	Server  string          `json:"serverName"`
	Mode    string          `json:"mode"`
	Message string          `json:"message"`
	Schema  schema          `json:"requestedSchema"`
	URL     string          `json:"url"`
	Meta    json.RawMessage `json:"_meta"`
}

// schema is the form that is to be filled in.
type schema struct {
	Properties map[string]property `json:"properties"`
	Required   []string            `json:"required"`
}

// property is one field of a form.
type property struct {
	Type        string            `json:"type"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Default     json.RawMessage   `json:"default"`
	Const       json.RawMessage   `json:"const"`
	Enum        []json.RawMessage `json:"enum"`
	EnumNames   []string          `json:"enumNames"` // titles of Enum
	OneOf       []choice          `json:"oneOf"`
	AnyOf       []choice          `json:"anyOf"`
	Items       *property         `json:"items"`
}

type choice struct {
	Const json.RawMessage `json:"const"`
	Title string          `json:"title"`
}

// readElicitation reads a request, flat or nested.
func readElicitation(params json.RawMessage) (elicitation, error) {
	var e elicitation
	if err := json.Unmarshal(params, &e); err != nil {
		return e, err
	}
	var nested struct {
		Request json.RawMessage `json:"request"`
	}
	if json.Unmarshal(params, &nested) == nil && isSet(nested.Request) {
		if err := json.Unmarshal(nested.Request, &e); err != nil {
			return e, err
		}
	}
	return e, nil
}

// Outcomes of an elicitation.
const (
	elicitAccept  = "accept"
	elicitDecline = "decline"
	elicitCancel  = "cancel"
)

func elicitAnswer(action string, content, meta any) data {
	return data{"action": action, "content": content, "_meta": meta}
}

// formModes are the words for a form.
var formModes = []string{"", "form", "openai/form", "openaiForm"}

// elicited deals with what an MCP server asks.
func (c *conversation) elicited(s *server, r *request) {
	e, err := readElicitation(r.params)
	if err != nil {
		s.refuse(r, codeBadParams, "Invalid elicitation: "+err.Error())
		return
	}
	var meta toolMeta
	_ = json.Unmarshal(e.Meta, &meta) // without it, it is a form
	switch {
	case e.Server == "hapi":
		s.answer(r, elicitAnswer(elicitAccept, e.Schema.defaults(), nil))
	case meta.Kind == "mcp_tool_call" && len(e.Schema.Properties) == 0:
		c.approveTool(s, r, &e, &meta)
	case e.Mode == "url" && isWebAddress(e.URL):
		c.confirmAddress(s, r, &e)
	case slices.Contains(formModes, e.Mode) && e.Schema.askable():
		c.fillIn(s, r, &e)
	default:
		s.answer(r, elicitAnswer(elicitCancel, nil, nil))
	}
}

// toolMeta describes a tool call that an elicitation is about.
type toolMeta struct {
	Kind        string          `json:"codex_approval_kind"`
	Name        string          `json:"tool_name"`
	Title       string          `json:"tool_title"`
	Description string          `json:"tool_description"`
	Params      json.RawMessage `json:"tool_params"`
	Display     json.RawMessage `json:"tool_params_display"`
	Persist     json.RawMessage `json:"persist"`
}

// approveTool asks as for any other tool.
func (c *conversation) approveTool(s *server, r *request, e *elicitation, meta *toolMeta) {
	arguments := data{"message": e.Message}
	for key, text := range map[string]string{"serverName": e.Server, "toolTitle": meta.Title, "toolDescription": meta.Description} {
		if text != "" {
			arguments[key] = text
		}
	}
	for key, raw := range map[string]json.RawMessage{"toolParams": meta.Params, "toolParamsDisplay": meta.Display} {
		if isSet(raw) {
			arguments[key] = raw
		}
	}
	a := approval{id: newID(), tool: first(meta.Name, meta.Title, e.Server), arguments: arguments}
	c.approve(s, r, &a, func(_ *request, decision string) any { return meta.answer(decision) })
}

func (m *toolMeta) answer(decision string) data {
	switch decision {
	case wire.DecisionApproved:
		return elicitAnswer(elicitAccept, nil, nil)
	case wire.DecisionApprovedForSession:
		if m.persistsSession() {
			return elicitAnswer(elicitAccept, nil, data{"persist": "session"})
		}
		return elicitAnswer(elicitAccept, nil, nil)
	case wire.DecisionDenied:
		return elicitAnswer(elicitDecline, nil, nil)
	default:
		return elicitAnswer(elicitCancel, nil, nil)
	}
}

func (m *toolMeta) persistsSession() bool {
	var word string
	var words []string
	if json.Unmarshal(m.Persist, &word) == nil {
		words = []string{word}
	} else {
		_ = json.Unmarshal(m.Persist, &words) // neither: it does not
	}
	return slices.Contains(words, "session")
}

func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// confirmAddress asks a person to open an address.
func (c *conversation) confirmAddress(s *server, r *request, e *elicitation) {
	input := mustMarshal(data{
		"message": e.Message, "serverName": e.Server, "url": e.URL,
		"questions": []data{{
			"id": "__mcp_url_confirmation", "header": "Sign in", "question": e.Message, "required": true,
			"options": []data{{"label": "Continue", "description": e.URL}},
		}},
	})
	c.askUser(s, r, newID(), input, func(a answers) any {
		if a == nil {
			return elicitAnswer(elicitDecline, nil, nil)
		}
		return elicitAnswer(elicitAccept, data{}, nil)
	})
}

// fillIn asks for each field of a form.
func (c *conversation) fillIn(s *server, r *request, e *elicitation) {
	questions := e.Schema.questions()
	if len(questions) == 0 {
		questions = []data{{"id": "__mcp_form_confirmation", "header": e.Server, "question": e.Message, "options": []data{{"label": "Continue", "description": ""}}}}
	}
	input := mustMarshal(data{"message": e.Message, "serverName": e.Server, "questions": questions})
	c.askUser(s, r, newID(), input, func(a answers) any {
		if a == nil {
			return elicitAnswer(elicitDecline, nil, nil)
		}
		content, ok := e.Schema.content(a)
		if !ok {
			return elicitAnswer(elicitCancel, nil, nil)
		}
		return elicitAnswer(elicitAccept, content, nil)
	})
}

// names are the fields in a steady order.
func (f *schema) names() []string {
	var names []string
	for name := range f.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// askable says whether each field is of a kind that can be asked for.
func (f *schema) askable() bool {
	for _, p := range f.Properties {
		switch p.Type {
		case "string", "boolean", "number", "integer":
		case "array":
			if p.Items == nil || p.Items.Type == "array" {
				return false
			}
		default:
			if len(p.options()) == 0 {
				return false
			}
		}
	}
	return true
}

func (f *schema) questions() []data {
	var list []data
	for _, name := range f.names() {
		p := f.Properties[name]
		q := data{
			"id": name, "header": first(p.Title, name), "question": first(p.Description, p.Title, name),
			"required": slices.Contains(f.Required, name), "options": p.options(),
		}
		if p.Type == "array" {
			q["multiple"], q["options"] = true, p.Items.options()
		}
		list = append(list, q)
	}
	return list
}

// options are the choices of a field; without any, words are typed.
func (p *property) options() []data {
	list := []data{}
	add := func(raw json.RawMessage, title string) {
		list = append(list, data{"label": plain(raw), "description": title})
	}
	for i, raw := range p.Enum {
		title := ""
		if i < len(p.EnumNames) {
			title = p.EnumNames[i]
		}
		add(raw, title)
	}
	for _, o := range slices.Concat(p.OneOf, p.AnyOf) {
		add(o.Const, o.Title)
	}
	if p.Type == "boolean" && len(list) == 0 {
		list = append(list, data{"label": "true", "description": ""}, data{"label": "false", "description": ""})
	}
	return list
}

// plain is a JSON value as a text.
func plain(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// content is the filled-in form. ok says whether every answer fits its field.
func (f *schema) content(a answers) (content data, ok bool) {
	content = data{}
	for _, name := range f.names() {
		p := f.Properties[name]
		given, answered := a[name]
		if !answered {
			continue
		}
		value, set, fits := p.value(given.Answers)
		if !fits {
			return nil, false
		}
		if set {
			content[name] = value
		}
	}
	return content, true
}

// userNote marks words a person typed beside the choices.
const userNote = "user_note: "

// value is a field's value. A field with choices of which none was made is not set.
func (p *property) value(words []string) (value any, set, fits bool) {
	if p.Type == "array" {
		var all []any
		for _, word := range words {
			v, set, fits := p.Items.value([]string{word})
			if !fits {
				return nil, false, false
			}
			if set {
				all = append(all, v)
			}
		}
		return all, len(all) > 0, true
	}
	choices := len(p.options()) > 0
	for _, word := range words {
		note, isNote := strings.CutPrefix(word, userNote)
		if isNote && choices {
			continue
		}
		v, fits := p.coerce(note)
		return v, fits, fits
	}
	return nil, false, true
}

func (p *property) coerce(word string) (any, bool) {
	switch p.Type {
	case "boolean":
		return word == "true", word == "true" || word == "false"
	case "number", "integer":
		n, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		whole := n == math.Trunc(n)
		return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) && (p.Type == "number" || whole)
	default:
		return word, true
	}
}

// defaults fill in what is required, for a server that is our own.
func (f *schema) defaults() data {
	content := data{}
	for _, name := range f.Required {
		p := f.Properties[name]
		content[name] = p.fallback()
	}
	return content
}

func (p *property) fallback() any {
	switch {
	case isSet(p.Default):
		return p.Default
	case len(p.Enum) > 0:
		return p.Enum[0]
	case len(p.OneOf) > 0:
		return p.OneOf[0].Const
	case len(p.AnyOf) > 0:
		return p.AnyOf[0].Const
	case isSet(p.Const):
		return p.Const
	}
	switch p.Type {
	case "boolean":
		return true
	case "number", "integer":
		return 0
	case "array":
		return []any{}
	default:
		return ""
	}
}

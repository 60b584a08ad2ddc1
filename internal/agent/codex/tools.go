package codex

import (
	"encoding/json"
	"fmt"
	"strings"
)

// instructions are what Codex is told about where it works.
const instructions = `The person you work for may be away from this machine: they follow the conversation in a web app or on a phone, through hapi.
When the first request is clear, give the conversation a short title once with the tool change_title of the namespace hapi (it may be listed as functions.hapi__change_title, mcp__hapi__change_title or hapi_change_title). Give another title only when the goal changes.
Citations of the form /sessions/<id> name conversations of the hub, not files.
When you spawn sub-agents with the full history, do not set an agent type, model or effort for them: they inherit yours.`

// ownTools are tools that Codex calls in us.
var ownTools = []any{map[string]any{
	"type": "namespace", "name": "hapi", "description": "The application in which the person follows this conversation.",
	"tools": []any{map[string]any{
		"type": "function", "name": "change_title", "description": "Give this conversation a short title that the person sees in their list of conversations.",
		"inputSchema": map[string]any{
			"type": "object", "required": []string{"title"}, "additionalProperties": false,
			"properties": map[string]any{"title": map[string]string{"type": "string", "description": "The title, a few words"}},
		},
	}},
}}

// maxTitle is how long a title may be, in characters.
const maxTitle = 200

// toolCalled answers a call of one of ownTools.
func (c *conversation) toolCalled(s *server, r *request) {
	var in struct {
		ThreadID  string `json:"threadId"`
		Tool      string `json:"tool"`
		Arguments struct {
			Title string `json:"title"`
		} `json:"arguments"`
	}
	_ = json.Unmarshal(r.params, &in) // what is not there is no title
	text, ok := "", false
	switch title := strings.Join(strings.Fields(in.Arguments.Title), " "); {
	case in.Tool != "change_title":
		text = fmt.Sprintf("There is no tool %q.", in.Tool)
	case title == "":
		text = "Failed to change the title: it is empty."
	case len([]rune(title)) > maxTitle:
		text = fmt.Sprintf("Failed to change the title: it is longer than %d characters.", maxTitle)
	default:
		text, ok = fmt.Sprintf("Changed the title to %q.", title), true
		if in.ThreadID == c.thread() { // a sub-agent does not name the conversation
			c.host.Titled(title)
		}
	}
	s.answer(r, map[string]any{"success": ok, "contentItems": []any{map[string]string{"type": "inputText", "text": text}}})
}

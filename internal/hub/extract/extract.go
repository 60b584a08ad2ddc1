// Package extract reads what a row of a conversation says about its session:
// the agent's todo list, its team, and the commands it runs in the background.
// It is on the path of every appended row, so it looks at the shape of a row
// first and decodes only what matters.
package extract

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// Findings are what one row says about its session. The zero value says nothing.
type Findings struct {
	Todos      []TodoStep
	Team       []TeamStep
	Background []BackgroundStep
}

// Empty says whether there is nothing to do.
func (f *Findings) Empty() bool { return len(f.Todos)+len(f.Team)+len(f.Background) == 0 }

// From reads a row of an agent. content is valid JSON.
func From(content json.RawMessage) (f Findings) {
	typ := gjson.GetBytes(content, "content.data.type").Str
	switch gjson.GetBytes(content, "content.type").Str {
	case "output":
		f.fromClaude(content, typ)
	case "codex":
		f.fromGeneric(content, typ)
	}
	return f
}

// fromClaude reads an entry of a Claude transcript.
func (f *Findings) fromClaude(content json.RawMessage, typ string) {
	switch {
	case typ == "assistant" && bytes.Contains(content, []byte(`tool_use`)):
		gjson.GetBytes(content, "content.data.message.content").ForEach(func(_, block gjson.Result) bool {
			if block.Get("type").Str == "tool_use" {
				f.toolCall(block.Get("name").Str, block.Get("id").Str, block.Get("input"))
			}
			return true
		})
	case typ == "user" && tells(content):
		blocks := gjson.GetBytes(content, "content.data.message.content")
		if blocks.Type == gjson.String {
			f.notification(blocks.Str)
			return
		}
		blocks.ForEach(func(_, block gjson.Result) bool {
			if block.Get("type").Str == "tool_result" {
				f.toolResult(block.Get("tool_use_id").Str, block.Get("content"), block.Get("is_error").Bool())
			}
			return true
		})
	}
}

// fromGeneric reads a row of any other agent.
func (f *Findings) fromGeneric(content json.RawMessage, typ string) {
	switch typ {
	case "tool-call":
		data := gjson.GetBytes(content, "content.data")
		f.toolCall(data.Get("name").Str, data.Get("callId").Str, data.Get("input"))
	case "tool-call-result":
		if tells(content) {
			data := gjson.GetBytes(content, "content.data")
			f.toolResult(data.Get("callId").Str, data.Get("output"), data.Get("is_error").Bool())
		}
	case "plan":
		f.replaceTodos(planEntries(firstOf(gjson.GetBytes(content, "content.data"), "entries", "items")))
	case "plan_update":
		f.replaceTodos(planSteps(firstOf(gjson.GetBytes(content, "content.data"), "plan", "update", "items", "steps")))
	}
}

// tells says whether the words occur in a result by which it could say
// something. Results are the largest rows, and most of them say nothing.
func tells(content json.RawMessage) bool {
	return bytes.Contains(content, []byte(backgroundStart)) || bytes.Contains(content, []byte(taskCreated)) ||
		bytes.Contains(content, []byte(`task-notification`)) || bytes.Contains(content, []byte(`"is_error":true`))
}

func firstOf(v gjson.Result, keys ...string) gjson.Result {
	for _, key := range keys {
		if found := v.Get(key); found.Exists() {
			return found
		}
	}
	return gjson.Result{}
}

func (f *Findings) toolCall(name, id string, input gjson.Result) {
	switch name {
	case "TodoWrite":
		f.replaceTodos(todoList(input.Get("todos")))
	case "todowrite": // OpenCode's, which knows more states
		f.replaceTodos(planEntries(input.Get("todos")))
	case "update_plan":
		f.replaceTodos(planSteps(input.Get("plan")))
	case "TaskCreate", "TaskUpdate":
		f.task(name, id, input)
		f.teamCall(name, input)
	case "TeamCreate", "TeamDelete", "Task", "SendMessage":
		f.teamCall(name, input)
	}
}

// toolResult looks at texts for what only the result of a call says.
func (f *Findings) toolResult(call string, content gjson.Result, failed bool) {
	if content.Type == gjson.String {
		f.resultText(call, content.Str, failed)
		return
	}
	content.ForEach(func(_, part gjson.Result) bool {
		if text := part.Get("text"); text.Type == gjson.String {
			f.resultText(call, text.Str, failed)
		} else if part.Type == gjson.String {
			f.resultText(call, part.Str, failed)
		}
		return true
	})
}

func (f *Findings) resultText(call, text string, failed bool) {
	if id, ok := backgroundID(text); ok {
		f.Background = append(f.Background, BackgroundStep{ID: id, Started: true})
	}
	f.taskResult(call, strings.TrimSpace(text), failed)
}

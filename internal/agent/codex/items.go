package codex

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// item is a part of a turn, as far as it is looked at. Fields it does not have
// stay zero.
type item struct {
	Type string `json:"type"`
	ID   string `json:"id"`

	Text    string          `json:"text"`    // agentMessage, plan
	Review  string          `json:"review"`  // enteredReviewMode, exitedReviewMode
	Summary []string        `json:"summary"` // reasoning
	Content json.RawMessage `json:"content"` // reasoning: texts

	// commandExecution
	Command        json.RawMessage `json:"command"` // words, or one text
	Cwd            string          `json:"cwd"`
	CommandActions json.RawMessage `json:"commandActions"`
	Source         string          `json:"source"`
	Status         string          `json:"status"`
	Output         *string         `json:"aggregatedOutput"`
	ExitCode       *int            `json:"exitCode"`
	DurationMs     *int64          `json:"durationMs"`

	// fileChange
	Changes []struct {
		Path string          `json:"path"`
		Kind json.RawMessage `json:"kind"`
		Diff string          `json:"diff"`
	} `json:"changes"`

	// mcpToolCall, dynamicToolCall
	Server       string          `json:"server"`
	Namespace    string          `json:"namespace"`
	Tool         string          `json:"tool"`
	Arguments    json.RawMessage `json:"arguments"`
	Result       json.RawMessage `json:"result"`
	Error        json.RawMessage `json:"error"`
	ContentItems json.RawMessage `json:"contentItems"`
	Success      *bool           `json:"success"`

	// imageGeneration
	SavedPath string          `json:"savedPath"`
	Prompt    string          `json:"revisedPrompt"`
	Failure   json.RawMessage `json:"failure"`

	// webSearch, imageView
	Query  string          `json:"query"`
	Action json.RawMessage `json:"action"`
	Path   string          `json:"path"`
}

// item shows a part of a turn, when it begins and when it is complete. Both can
// be the first that is heard of it.
func (r *rows) item(complete bool, raw json.RawMessage, at *scope) {
	var i item
	if json.Unmarshal(raw, &i) != nil && i.Type == "" {
		return
	}
	if i.ID == "" {
		i.ID = newID()
	}
	i.Type = camel(i.Type)
	if r.done[i.ID] {
		return
	}
	if complete {
		r.done[i.ID] = true
	}
	switch i.Type {
	case "agentMessage", "plan", "reasoning":
		r.written(complete, &i)
	case "userMessage", "hookPrompt", "functionCallOutput", "sleep", "enteredReviewMode": // shown elsewhere, or nothing for people
	case "exitedReviewMode":
		if complete && strings.TrimSpace(i.Review) != "" {
			r.emit(data{"type": "message", "message": i.Review})
		}
	case "imageGeneration":
		if complete {
			r.picture(&i)
		}
	case "contextCompaction":
		r.compactedItem = true
		if complete {
			r.compacted(at)
		}
	default:
		name, input := i.call(at, raw)
		if !r.isOpen(i.ID) {
			r.call(i.ID, name, input)
		}
		if complete {
			output, failed := i.outcome(at, raw)
			r.result(i.ID, output, failed)
		}
	}
}

const pictureTool = "CodexImageGeneration"

var errNoPictures = errors.New("pictures cannot be shown here")

// picture shows what Codex has drawn, or why there is nothing to be seen.
func (r *rows) picture(i *item) {
	output := data{}
	switch {
	case isSet(i.Failure):
		output["error"] = i.Failure
	case i.SavedPath == "":
		output["error"] = "Codex did not say where the picture is"
	default:
		err := r.show(i.SavedPath, pictureTool)
		if err == nil {
			r.emitted = true
			return
		}
		output["error"], output["path"] = err.Error(), i.SavedPath
	}
	r.pair(i.ID, pictureTool, data{"prompt": i.Prompt}, output, true)
}

func (r *rows) isOpen(id string) bool {
	for _, open := range r.calls {
		if open == id {
			return true
		}
	}
	return false
}

// call is the item as a tool call. Types that are not known are shown as they are.
func (i *item) call(at *scope, raw json.RawMessage) (name string, input any) {
	switch i.Type {
	case "commandExecution":
		return "CodexBash", i.command(at)
	case "fileChange":
		return "CodexPatch", data{"changes": i.changes()}
	case "mcpToolCall":
		return "mcp__" + i.Server + "__" + i.Tool, i.Arguments
	case "dynamicToolCall":
		if i.Namespace != "" {
			return "mcp__" + i.Namespace + "__" + i.Tool, i.Arguments
		}
		return i.Tool, i.Arguments
	case "webSearch":
		return "WebSearch", data{"query": i.Query, "action": i.Action}
	case "imageView":
		return "ViewImage", data{"path": i.Path}
	default:
		return "Codex" + capitalised(i.Type), raw
	}
}

// capitalised is the name of an unknown type; a type that is not said has one, too.
func capitalised(kind string) string {
	first, size := utf8.DecodeRuneInString(kind)
	if size == 0 {
		return "Item"
	}
	return string(unicode.ToUpper(first)) + kind[size:]
}

// outcome is how the item ended.
func (i *item) outcome(at *scope, raw json.RawMessage) (output any, failed bool) {
	failed = i.Status == "failed" || i.Status == "declined"
	switch i.Type {
	case "commandExecution":
		return i.commandOutcome(at), failed
	case "fileChange":
		return data{"success": i.Status == "completed", "status": i.Status}, i.Status != "completed"
	case "mcpToolCall":
		if isSet(i.Error) {
			return i.Error, true
		}
		return unwrapped(i.Result), failed
	case "dynamicToolCall":
		return i.ContentItems, failed || i.Success != nil && !*i.Success
	case "webSearch", "imageView":
		return nil, failed
	default:
		return raw, failed
	}
}

func (i *item) command(at *scope) data {
	d := data{"thread_id": at.ThreadID, "turn_id": at.TurnID, "command": i.commandText(), "cwd": i.Cwd}
	if isSet(i.CommandActions) {
		d["command_actions"] = i.CommandActions
	}
	if i.Source != "" {
		d["command_source"] = i.Source
	}
	return d
}

// commandText is the command in one text.
func (i *item) commandText() string {
	var text string
	if json.Unmarshal(i.Command, &text) == nil {
		return text
	}
	var words []string
	_ = json.Unmarshal(i.Command, &words) // without a command it is empty
	return strings.Join(words, " ")
}

func (i *item) commandOutcome(at *scope) data {
	d := i.command(at)
	if i.Output != nil {
		d["stdout"] = *i.Output
	}
	if i.ExitCode != nil {
		d["exit_code"] = *i.ExitCode
	}
	if i.DurationMs != nil {
		d["duration_ms"] = *i.DurationMs
	}
	if i.Status != "" {
		d["status"] = i.Status
	}
	return d
}

// changes are a patch's files by their path.
func (i *item) changes() data {
	all := data{}
	for _, c := range i.Changes {
		all[c.Path] = data{"path": c.Path, "kind": c.Kind, "diff": c.Diff}
	}
	return all
}

// unwrapped takes off the wrapper of older versions.
func unwrapped(result json.RawMessage) json.RawMessage {
	var wrapper map[string]json.RawMessage
	if json.Unmarshal(result, &wrapper) == nil && len(wrapper) == 1 {
		for _, key := range []string{"Ok", "Err"} {
			if inner, ok := wrapper[key]; ok {
				return inner
			}
		}
	}
	return result
}

func isSet(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

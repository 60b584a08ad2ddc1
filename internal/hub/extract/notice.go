package extract

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// Notice is what a row says that a person may want to be told of: that the agent
// waits for them, or that a task has ended. The zero value says nothing.
type Notice struct {
	Ready bool
	Task  *TaskEnd
}

// TaskEnd is how a task that ran beside the conversation has ended.
type TaskEnd struct {
	Summary string
	Failed  bool
}

// Any says whether there is anything to tell.
func (n *Notice) Any() bool { return n.Ready || n.Task != nil }

// NoticeOf reads a row. content is valid JSON; what it says may be wrapped in a
// role or not (services contract §2.1, §2.2).
func NoticeOf(content json.RawMessage) Notice {
	kind, data := gjson.GetBytes(content, "content.type").Str, "content.data"
	if kind == "" {
		kind, data = gjson.GetBytes(content, "type").Str, "data"
	}
	switch kind {
	case "event":
		return Notice{Ready: gjson.GetBytes(content, data+".type").Str == "ready"}
	case "output":
		return Notice{Task: taskEnd(content, data)}
	}
	return Notice{}
}

// taskEnd reads an entry of a Claude transcript. Entries are large, and few of
// them have the word.
func taskEnd(content json.RawMessage, data string) *TaskEnd {
	switch gjson.GetBytes(content, data+".type").Str {
	case "system":
		if gjson.GetBytes(content, data+".subtype").Str != "task_notification" {
			return nil
		}
		return newTaskEnd(gjson.GetBytes(content, data+".summary").Str, gjson.GetBytes(content, data+".status").Str)
	case "user":
		if !bytes.Contains(content, []byte("task-notification")) {
			return nil
		}
		text := gjson.GetBytes(content, data+".content")
		if text.Type != gjson.String {
			text = gjson.GetBytes(content, data+".message.content")
		}
		if text.Type != gjson.String || !strings.HasPrefix(strings.TrimLeft(text.Str, " \t\r\n"), notificationStart) {
			return nil
		}
		return newTaskEnd(element(text.Str, "summary"), element(text.Str, "status"))
	}
	return nil
}

// newTaskEnd is nil without a summary: there would be nothing to read.
func newTaskEnd(summary, status string) *TaskEnd {
	summary = strings.TrimSpace(summary)
	if summary == "" {
		return nil
	}
	t := &TaskEnd{Summary: summary}
	switch strings.ToLower(strings.TrimSpace(status)) {
	case "failed", "error", "killed", "aborted":
		t.Failed = true
	}
	return t
}

// element is what stands between a tag and its end, or "".
func element(text, tag string) string {
	_, rest, _ := strings.Cut(text, "<"+tag+">")
	inner, _, found := strings.Cut(rest, "</"+tag+">")
	if !found {
		return ""
	}
	return inner
}

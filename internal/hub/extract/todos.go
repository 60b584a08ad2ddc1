package extract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// Todo is one item of an agent's list as peers see it (http contract §7.5).
type Todo struct {
	Content    string `json:"content"`
	Status     string `json:"status"`
	Priority   string `json:"priority"`
	ID         string `json:"id"`
	ActiveForm string `json:"activeForm,omitempty"`
}

const (
	pending     = "pending"
	inProgress  = "in_progress"
	completed   = "completed"
	anyPriority = "medium"
)

// TodoStep changes the list: Replace gives it anew; otherwise the item ID is
// added, changed or dropped.
type TodoStep struct {
	Replace []Todo // not nil: the whole list
	Action  TodoAction
	ID      string
	Item    Todo // what is added, or the fields to change; of Renumber the new ID
}

// TodoAction is what a step does to one item.
type TodoAction int

// The actions. Claude names a task by the call that makes it, until the result
// of the call gives it its number.
const (
	AddTodo TodoAction = iota
	ChangeTodo
	RenumberTodo
	DropTodo
)

// Replaces says whether the steps give the whole list.
func Replaces(steps []TodoStep) bool {
	return slices.ContainsFunc(steps, func(s TodoStep) bool { return s.Replace != nil })
}

// ApplyTodos is the list after the steps, and whether it differs.
func ApplyTodos(stored json.RawMessage, steps []TodoStep) (json.RawMessage, bool) {
	var list []Todo
	_ = json.Unmarshal(stored, &list) // what is not a list is replaced
	before := slices.Clone(list)
	replaced := false
	for _, step := range steps {
		if step.Replace != nil {
			list, replaced = slices.Clone(step.Replace), true // the steps may be applied again
			continue
		}
		list = step.apply(list)
	}
	if !replaced && slices.Equal(before, list) {
		return stored, false
	}
	raw, err := json.Marshal(list)
	if err != nil { // strings always marshal
		panic(err)
	}
	return raw, true
}

func (s *TodoStep) apply(list []Todo) []Todo {
	at := slices.IndexFunc(list, func(t Todo) bool { return t.ID == s.ID })
	switch {
	case s.Action == AddTodo && at < 0:
		return append(list, s.Item)
	case at < 0 || s.Action == AddTodo:
		return list
	case s.Action == DropTodo:
		return slices.Delete(list, at, at+1)
	case s.Action == RenumberTodo && s.ID != s.Item.ID:
		// A number that is given again belongs to the new task.
		list = slices.DeleteFunc(list, func(t Todo) bool { return t.ID == s.Item.ID })
		at = slices.IndexFunc(list, func(t Todo) bool { return t.ID == s.ID })
		list[at].ID = s.Item.ID
		return list
	}
	t := &list[at]
	for _, f := range []struct {
		into *string
		from string
	}{{&t.Content, s.Item.Content}, {&t.Status, s.Item.Status}, {&t.ActiveForm, s.Item.ActiveForm}} {
		if f.from != "" {
			*f.into = f.from
		}
	}
	return list
}

// replaceTodos notes a whole list; nil is none. Of several in one row the first
// counts.
func (f *Findings) replaceTodos(list []Todo) {
	if list != nil && !Replaces(f.Todos) {
		f.Todos = append(f.Todos, TodoStep{Replace: list})
	}
}

// todoList reads the argument of TodoWrite: all of it must fit.
func todoList(v gjson.Result) []Todo {
	if !v.IsArray() {
		return nil
	}
	list, ok := []Todo{}, true
	v.ForEach(func(_, item gjson.Result) bool {
		t := Todo{Priority: anyPriority}
		ok = item.Get("content").Type == gjson.String && isStatus(item.Get("status").Str) &&
			optional(item, "priority", &t.Priority) && optional(item, "id", &t.ID) && optional(item, "activeForm", &t.ActiveForm) &&
			isPriority(t.Priority)
		t.Content, t.Status = item.Get("content").Str, item.Get("status").Str
		list = append(list, t)
		return ok
	})
	if !ok {
		return nil
	}
	return list
}

// optional reads a string that may be absent, and says whether it fits.
func optional(item gjson.Result, key string, into *string) bool {
	v := item.Get(key)
	if !v.Exists() {
		return true
	}
	*into = v.Str
	return v.Type == gjson.String
}

func isStatus(s string) bool { return s == pending || s == inProgress || s == completed }

func isPriority(s string) bool { return s == "high" || s == anyPriority || s == "low" }

// planEntries reads a plan of the Agent Client Protocol. Entries that do not fit
// are skipped; a plan of which none fits says nothing, an empty one clears.
func planEntries(v gjson.Result) []Todo {
	return planList(v, func(n int, entry gjson.Result) (Todo, bool) {
		t := Todo{Content: entry.Get("content").Str, Status: entry.Get("status").Str, Priority: anyPriority, ID: fmt.Sprintf("plan-%d", n)}
		if p := entry.Get("priority").Str; isPriority(p) {
			t.Priority = p
		}
		if id := entry.Get("id"); id.Type == gjson.String && id.Str != "" {
			t.ID = id.Str
		}
		return t, t.Content != "" && isStatus(t.Status)
	})
}

// planSteps reads a plan of Codex: strings, or objects in one of several
// spellings (messages contract §12.5).
func planSteps(v gjson.Result) []Todo {
	return planList(v, func(n int, step gjson.Result) (Todo, bool) {
		t := Todo{Status: pending, Priority: anyPriority, ID: fmt.Sprintf("plan-%d", n)}
		if step.Type == gjson.String {
			t.Content = strings.TrimSpace(step.Str)
			return t, t.Content != ""
		}
		t.Content = strings.TrimSpace(firstOf(step, "step", "content", "text", "title", "description").Str)
		t.Status = stepStatus(firstOf(step, "status", "state").Str)
		return t, t.Content != ""
	})
}

func planList(v gjson.Result, read func(n int, entry gjson.Result) (Todo, bool)) []Todo {
	if !v.IsArray() {
		return nil
	}
	list, n := []Todo{}, 0
	v.ForEach(func(_, entry gjson.Result) bool {
		n++
		if t, ok := read(n, entry); ok {
			list = append(list, t)
		}
		return true
	})
	if n > 0 && len(list) == 0 {
		return nil
	}
	return list
}

func stepStatus(s string) string {
	switch strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(s), "-", "_"), " ", "_") {
	case completed, "complete", "done":
		return completed
	case inProgress, "inprogress", "active", "running":
		return inProgress
	}
	return pending
}

// task reads Claude's TaskCreate and TaskUpdate, which grow a list item by item.
func (f *Findings) task(name, call string, input gjson.Result) {
	subject := input.Get("subject")
	item := Todo{Content: subject.Str, ActiveForm: input.Get("activeForm").Str}
	if name == "TaskCreate" {
		if subject.Str == "" || call == "" {
			return
		}
		item.Status, item.Priority, item.ID = pending, anyPriority, call
		f.Todos = append(f.Todos, TodoStep{Action: AddTodo, ID: call, Item: item})
		return
	}
	id := input.Get("taskId")
	if id.String() == "" {
		return
	}
	status := input.Get("status").Str
	switch {
	case status == "deleted":
		f.Todos = append(f.Todos, TodoStep{Action: DropTodo, ID: id.String()})
		return
	case isStatus(status):
		item.Status = status
	}
	f.Todos = append(f.Todos, TodoStep{Action: ChangeTodo, ID: id.String(), Item: item})
}

// taskCreated is in the result of a TaskCreate: "Task #1 created successfully: …".
const taskCreated = " created successfully"

// taskResult gives the task of a call its number, or drops it if the call failed.
func (f *Findings) taskResult(call, text string, failed bool) {
	if call == "" {
		return
	}
	if failed {
		f.Todos = append(f.Todos, TodoStep{Action: DropTodo, ID: call})
		return
	}
	rest, ok := strings.CutPrefix(text, "Task #")
	if !ok {
		return
	}
	number, _, ok := strings.Cut(rest, taskCreated)
	if ok && number != "" && !strings.ContainsAny(number, " \n") {
		f.Todos = append(f.Todos, TodoStep{Action: RenumberTodo, ID: call, Item: Todo{ID: number}})
	}
}

package replay_test

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// told is what the events of one stream made a client know of each session and
// machine. A
// hub may leave an event out that tells nothing new, tell it again, or tell a
// change as a patch instead of a whole session (http §6.8, §6.9): what counts
// is what the client knows in the end.
type told map[string][]knowledge

// knowledge is a session or a machine as a client knew it from a moment on.
type knowledge struct {
	at    time.Time
	line  int // of the trace
	state map[string]any
}

// unstable are fields that say when something was said.
var unstable = []string{"activeAt", "thinkingAt", "seq", "health"}

// sessionEvent reads an event that says what a session or a machine is.
func sessionEvent(body any) (id string, data map[string]any, ok bool) {
	said, _ := body.(map[string]any)
	event, _ := said["event"].(map[string]any)
	id, _ = event["sessionId"].(string)
	data, ok = event["data"].(map[string]any)
	switch event["type"] {
	case "session-added", "session-updated":
		return id, data, ok
	case "machine-updated":
		id, _ = event["machineId"].(string)
		return id, data, ok
	}
	return "", nil, false
}

// add folds an event into what the client knows.
func (t told) add(at time.Time, line int, body any) {
	id, data, ok := sessionEvent(body)
	if !ok {
		return
	}
	state := map[string]any{}
	if list := t[id]; len(list) > 0 {
		state = maps.Clone(list[len(list)-1].state)
	}
	maps.Copy(state, flat(data))
	t[id] = append(t[id], knowledge{at, line, state})
}

// flat is a session or a patch with the patch's versioned fields side by side.
func flat(data map[string]any) map[string]any {
	state := map[string]any{}
	for key, value := range data {
		wrapped, _ := value.(map[string]any)
		_, versioned := wrapped["version"]
		if _, whole := data["id"]; whole || !versioned || len(wrapped) != 2 {
			state[key] = value
			continue
		}
		state[key] = wrapped["value"]
		switch key {
		case "metadata", "agentState":
			state[key+"Version"] = wrapped["version"]
		default:
			state[key+"UpdatedAt"] = wrapped["version"]
		}
	}
	for _, key := range unstable {
		delete(state, key)
	}
	return state
}

// before is what a client knew of a session before a line of the trace.
func (t told) before(id string, line int) map[string]any {
	var state map[string]any
	for _, k := range t[id] {
		if k.line < line {
			state = k.state
		}
	}
	return state
}

// news is what an event says that its client did not know before.
func (t told) news(line int, body any) map[string]any {
	id, data, _ := sessionEvent(body)
	before, fresh := t.before(id, line), flat(data)
	maps.DeleteFunc(fresh, func(key string, value any) bool {
		known, is := before[key]
		w, _ := known.(json.Number)
		g, _ := value.(json.Number)
		return is && (show(known) == show(value) || sameMoment(w, g))
	})
	return fresh
}

// around are the states of a session within the tolerance of a moment.
func (t told) around(id string, at time.Time) []knowledge {
	var list []knowledge
	for i, k := range t[id] {
		last := i+1 == len(t[id]) || t[id][i+1].at.After(at.Add(-tolerance))
		if last && k.at.Before(at.Add(tolerance)) {
			list = append(list, k)
		}
	}
	return slices.Clip(list)
}

package codex

import (
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"hapi/internal/agent"
)

func newID() string { return uuid.NewString() }

// rows makes rows of the conversation from what Codex says (agents-codex
// contract §6.5, §6.6).
type rows struct {
	emitRow func(agent.Record)
	show    func(path, tool string) error // a picture

	mu sync.Mutex // guards what follows, and the order of the rows

	calls   []string           // tool calls without a result, the oldest first
	done    map[string]bool    // items of this turn that are complete
	streams map[string]*stream // texts that are being written
	diff    string             // the last one shown
	goal    string             // the last one shown, as far as it counts
	emitted bool
	// compactedItem says that this turn's compactions are told as items.
	compactedItem bool
	at            time.Time // of what is told; zero: now
}

// rowsOf are rows that a host is told.
func rowsOf(h agent.Host) *rows {
	r := newRows(h.Emit)
	if s, ok := h.(agent.Shower); ok {
		r.show = s.Show
	}
	return r
}

func newRows(emit func(agent.Record)) *rows {
	return &rows{emitRow: emit, show: func(string, string) error { return errNoPictures }, done: map[string]bool{}, streams: map[string]*stream{}}
}

// said says whether there were rows since it was asked last.
func (r *rows) said() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := r.emitted
	r.emitted = false
	return said
}

// data is what a row holds; its keys are the contract's.
type data map[string]any

// emit adds a row. Every one has an id; those of streams have their own.
func (r *rows) emit(d data) {
	if d["id"] == nil {
		d["id"] = newID()
	}
	r.emitted = true
	row := agent.Generic(d)
	row.At = r.at
	r.emitRow(row)
}

// call shows a tool call; result shows how it went.
func (r *rows) call(id, name string, input any) {
	r.calls = append(r.calls, id)
	r.emit(data{"type": "tool-call", "name": name, "callId": id, "input": input})
}

func (r *rows) result(id string, output any, failed bool) {
	for i, open := range r.calls {
		if open == id {
			r.calls = append(r.calls[:i], r.calls[i+1:]...)
			break
		}
	}
	r.emit(data{"type": "tool-call-result", "callId": id, "output": output, "is_error": failed})
}

// pair shows a call that is over already.
func (r *rows) pair(id, name string, input, output any, failed bool) {
	r.call(id, name, input)
	r.result(id, output, failed)
}

// close ends a turn. If it was cut off, what has no result will have none, and
// the reason says why; else a command may still run in the background.
func (r *rows) close(cutOff string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.streams {
		s.settle(r)
	}
	for cutOff != "" && len(r.calls) > 0 {
		r.result(r.calls[0], data{"error": cutOff, "status": "canceled"}, true)
	}
	clear(r.done)
	clear(r.streams)
	r.diff, r.compactedItem = "", false
}

// convert makes rows of a notification about the conversation's own thread.
func (r *rows) convert(method string, params json.RawMessage, at *scope, model string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch method {
	case "item/started", "item/completed":
		var in struct {
			Item json.RawMessage `json:"item"`
		}
		if json.Unmarshal(params, &in) == nil {
			r.item(method == "item/completed", in.Item, at)
		}
	case "item/agentMessage/delta", "item/plan/delta", "item/reasoning/summaryTextDelta", "item/reasoning/textDelta", "item/reasoning/summaryPartAdded":
		r.delta(method, params)
	case "turn/plan/updated":
		r.plan(params)
	case "turn/diff/updated":
		r.diffUpdated(params)
	case "thread/tokenUsage/updated":
		r.usage(params, at, model)
	case "thread/compacted":
		if !r.compactedItem { // else it was told as an item
			r.compacted(at)
		}
	case "thread/goal/updated":
		r.goalUpdated(params, at)
	case "thread/goal/cleared":
		if r.goal != "" {
			r.goal = ""
			r.emit(parentScope(at, data{"type": "thread_goal_cleared"}))
		}
	}
}

// parentScope says that a row belongs to the conversation's own thread. The hub
// finds a lost thread by these.
func parentScope(at *scope, d data) data {
	id := at.ThreadID
	maps.Copy(d, data{
		"threadId": id, "thread_id": id, "scopeRole": "parent", "scope_role": "parent",
		"scope": data{"role": "parent", "threadId": id, "thread_id": id, "parentThreadId": id, "parent_thread_id": id},
	})
	if at.TurnID != "" {
		d["turn_id"] = at.TurnID
	}
	return d
}

// planCall is the one card of a conversation's plan.
const planCall = "codex-plan-state"

func (r *rows) plan(params json.RawMessage) {
	var in struct {
		Plan []struct {
			Step   string `json:"step"`
			Status string `json:"status"`
		} `json:"plan"`
	}
	if json.Unmarshal(params, &in) != nil || len(in.Plan) == 0 {
		return
	}
	steps := make([]data, len(in.Plan))
	for i, s := range in.Plan {
		if s.Status == "inProgress" {
			s.Status = "in_progress"
		}
		steps[i] = data{"step": s.Step, "status": s.Status}
	}
	r.pair(planCall, "update_plan", data{"plan": steps, "source": "codex"}, data{"plan": steps, "source": "codex", "status": "updated"}, false)
}

func (r *rows) diffUpdated(params json.RawMessage) {
	var in struct {
		Diff string `json:"diff"`
	}
	if json.Unmarshal(params, &in) != nil || in.Diff == "" || in.Diff == r.diff {
		return
	}
	r.diff = in.Diff
	r.pair(newID(), "CodexDiff", data{"unified_diff": in.Diff}, data{"status": "completed"}, false)
}

func (r *rows) usage(params json.RawMessage, at *scope, model string) {
	var in struct {
		Usage json.RawMessage `json:"tokenUsage"`
	}
	if json.Unmarshal(params, &in) != nil || len(in.Usage) == 0 {
		return
	}
	d := data{"type": "token_count", "usageSchema": "hapi.usage.v1", "inputTokenSemantics": "includes-cache", "info": in.Usage}
	if model != "" {
		d["model"] = model
	}
	r.emit(parentScope(at, d))
}

func (r *rows) compacted(at *scope) { r.emit(parentScope(at, data{"type": "context_compacted"})) }

// goalUpdated shows a goal, and its progress in steps of a twentieth of its
// budget.
func (r *rows) goalUpdated(params json.RawMessage, at *scope) {
	var in struct {
		Goal json.RawMessage `json:"goal"`
	}
	var goal struct {
		Objective string `json:"objective"`
		Status    string `json:"status"`
		Budget    int64  `json:"tokenBudget"`
		Used      int64  `json:"tokensUsed"`
	}
	if json.Unmarshal(params, &in) != nil || json.Unmarshal(in.Goal, &goal) != nil {
		return
	}
	if goal.Budget > 0 {
		goal.Used = goal.Used * 20 / goal.Budget
	} else {
		goal.Used = 0
	}
	raw, err := json.Marshal(goal)
	if err != nil || string(raw) == r.goal {
		return
	}
	r.goal = string(raw)
	r.emit(parentScope(at, data{"type": "thread_goal_updated", "goal": in.Goal}))
}

package sessions

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// ListQuery says which sessions of a namespace to list, and in which order.
type ListQuery struct {
	Limit       int  // 0: all
	ByUpdatedAt bool // newest activity first; otherwise what needs attention first
}

// maxPendingShown bounds the requests a list row carries; the count is true.
const maxPendingShown = 5

// List summarises the namespace's sessions.
func (s *Service) List(ctx context.Context, ns wire.Namespace, q ListQuery) ([]*wire.SessionSummary, error) {
	scheduled, err := s.store.Scheduled(ctx, s.store.Reader(), ns, wire.At(s.now()))
	if err != nil {
		return nil, fmt.Errorf("count scheduled messages: %w", err)
	}
	list := s.summaries(ns, scheduled)
	if q.ByUpdatedAt {
		slices.SortFunc(list, byUpdatedAt)
	} else {
		slices.SortFunc(list, byAttention)
	}
	if q.Limit > 0 && len(list) > q.Limit {
		list = list[:q.Limit]
	}
	return list, nil
}

func (s *Service) summaries(ns wire.Namespace, scheduled map[wire.SessionID]store.Schedule) []*wire.SessionSummary {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := []*wire.SessionSummary{}
	for _, e := range s.all {
		if e.row.Namespace != ns {
			continue
		}
		sum := e.summary()
		if sched, ok := scheduled[sum.ID]; ok {
			sum.FutureScheduledMessageCount, sum.NextScheduledAt = sched.Count, &sched.Next
		}
		list = append(list, sum)
	}
	return list
}

// derived is what a list row takes from the session's metadata, agent state and
// todos, which are large and change seldom.
type derived struct {
	of       derivedFrom
	metadata *wire.SummaryMetadata
	todos    *wire.TodoProgress
	requests []wire.PendingRequest
	count    int
	kinds    []string
}

// derivedFrom are the versions that derived was made from.
type derivedFrom struct {
	metadata, agentState int64
	todos, updated       wire.Millis
}

// summary is the session's list row. The caller holds mu, for reading at least.
func (e *entry) summary() *wire.SessionSummary {
	w := e.show()
	from := derivedFrom{metadata: w.MetadataVersion, agentState: w.AgentStateVersion, todos: w.TodosUpdatedAt}
	d := e.derived.Load()
	if d != nil && d.of.updated != 0 {
		from.updated = w.UpdatedAt
	}
	if d == nil || d.of != from {
		d = derive(&w, from)
		e.derived.Store(d)
	}
	return &wire.SessionSummary{
		ID: w.ID, Active: w.Active, Thinking: w.Thinking, ActiveAt: w.ActiveAt, UpdatedAt: w.UpdatedAt,
		Pinned: w.Pinned, GlobalPinned: w.GlobalPinned,
		Metadata: d.metadata, MetadataVersion: w.MetadataVersion, AgentStateVersion: w.AgentStateVersion,
		TodosUpdatedAt: w.TodosUpdatedAt, TodoProgress: d.todos,
		PendingRequests: d.requests, PendingRequestsCount: d.count, PendingRequestKinds: d.kinds,
		BackgroundTaskCount: w.BackgroundTaskCount,
		Model:               w.Model, ModelReasoningEffort: w.ModelReasoningEffort, Effort: w.Effort,
	}
}

// derive looks into the session's values (messages contract §11).
func derive(w *wire.Session, from derivedFrom) *derived {
	d := &derived{of: from, metadata: summaryMetadata(w), todos: todoProgress(w.Todos)}
	var undated bool
	d.requests, d.count, d.kinds, undated = pendingRequests(w)
	d.of.updated = 0
	if undated { // it counts from the session's last activity
		d.of.updated = w.UpdatedAt
	}
	return d
}

func byUpdatedAt(a, b *wire.SessionSummary) int {
	return cmp.Or(cmp.Compare(b.UpdatedAt, a.UpdatedAt), cmp.Compare(a.ID, b.ID))
}

func byAttention(a, b *wire.SessionSummary) int {
	first := func(x, y bool) int { return cmp.Compare(btoi(y), btoi(x)) }
	byPending := 0
	if a.Active && b.Active {
		byPending = cmp.Compare(b.PendingRequestsCount, a.PendingRequestsCount)
	}
	return cmp.Or(first(a.GlobalPinned, b.GlobalPinned), first(a.Pinned, b.Pinned), first(a.Active, b.Active), byPending, byUpdatedAt(a, b))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func summaryMetadata(w *wire.Session) *wire.SummaryMetadata {
	if w.Metadata == nil {
		return nil
	}
	v := Metadata(w)
	return &wire.SummaryMetadata{
		Name: v.Name, Path: v.Path, MachineID: v.MachineID, Summary: v.Summary, Flavor: v.Flavor, Worktree: v.Worktree,
		AgentSessionID: agentSessionID(w, v.Flavor), LifecycleState: v.LifecycleState, HapiMcpURL: v.HapiMcpURL,
	}
}

// nativeIDOrder is the order in which an unknown flavor's native id is looked for.
var nativeIDOrder = []wire.Flavor{
	wire.FlavorCodex, wire.FlavorClaude, wire.FlavorGemini, wire.FlavorOpencode, wire.FlavorGrok,
	wire.FlavorAgy, wire.FlavorCursor, wire.FlavorKimi, wire.FlavorCopilot, wire.FlavorACP,
}

// NativeID is the agent's own id of the session's conversation, or "".
func NativeID(w *wire.Session) string {
	flavor := Flavor(w)
	return agentSessionID(w, &flavor)
}

func agentSessionID(w *wire.Session, flavor *wire.Flavor) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(w.Metadata, &m) != nil {
		return ""
	}
	candidates := nativeIDOrder
	if flavor != nil && flavor.Known() {
		candidates = []wire.Flavor{*flavor}
	}
	for _, f := range candidates {
		var id string
		if json.Unmarshal(m[f.NativeIDKey()], &id) == nil && strings.TrimSpace(id) != "" {
			return strings.TrimSpace(id)
		}
	}
	return ""
}

func todoProgress(todos json.RawMessage) *wire.TodoProgress {
	var items []struct {
		Status string `json:"status"`
	}
	if todos == nil || json.Unmarshal(todos, &items) != nil || len(items) == 0 {
		return nil
	}
	p := &wire.TodoProgress{Total: len(items)}
	for _, item := range items {
		if item.Status == "completed" {
			p.Completed++
		}
	}
	return p
}

// pendingRequests are those that wait; undated says that one does not say since
// when.
func pendingRequests(w *wire.Session) (shown []wire.PendingRequest, count int, kinds []string, undated bool) {
	shown, kinds = []wire.PendingRequest{}, []string{}
	state, err := AgentState(w)
	if err != nil || len(state.Requests) == 0 {
		return shown, 0, kinds, false
	}
	for id, r := range state.Requests {
		since := w.UpdatedAt
		if r.CreatedAt != nil {
			since = *r.CreatedAt
		}
		undated = undated || r.CreatedAt == nil
		shown = append(shown, wire.PendingRequest{ID: id, Kind: wire.RequestKind(r.Tool), Tool: r.Tool, Since: since})
	}
	slices.SortFunc(shown, func(a, b wire.PendingRequest) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID, b.ID))
	})
	for _, k := range []string{"permission", "input"} {
		if slices.ContainsFunc(shown, func(r wire.PendingRequest) bool { return r.Kind == k }) {
			kinds = append(kinds, k)
		}
	}
	return shown[:min(len(shown), maxPendingShown)], len(shown), kinds, undated
}

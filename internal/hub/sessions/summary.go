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
func (s *Service) List(ctx context.Context, ns wire.Namespace, q ListQuery) ([]wire.SessionSummary, error) {
	scheduled, err := s.store.Scheduled(ctx, s.store.Reader(), ns, wire.At(s.now()))
	if err != nil {
		return nil, fmt.Errorf("count scheduled messages: %w", err)
	}
	list := s.summaries(ns, scheduled)
	slices.SortStableFunc(list, byAttention)
	if q.ByUpdatedAt {
		slices.SortStableFunc(list, byUpdatedAt)
	}
	if q.Limit > 0 && len(list) > q.Limit {
		list = list[:q.Limit]
	}
	return list, nil
}

func (s *Service) summaries(ns wire.Namespace, scheduled map[wire.SessionID]store.Schedule) []wire.SessionSummary {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := []wire.SessionSummary{}
	for _, e := range s.all {
		if e.row.Namespace != ns {
			continue
		}
		w := e.show()
		sum := summarise(&w)
		if sched, ok := scheduled[w.ID]; ok {
			sum.FutureScheduledMessageCount, sum.NextScheduledAt = sched.Count, &sched.Next
		}
		list = append(list, sum)
	}
	return list
}

func byUpdatedAt(a, b wire.SessionSummary) int {
	return cmp.Or(cmp.Compare(b.UpdatedAt, a.UpdatedAt), cmp.Compare(a.ID, b.ID))
}

func byAttention(a, b wire.SessionSummary) int {
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

// summarise derives the list row of a session (messages contract §11).
func summarise(w *wire.Session) wire.SessionSummary {
	sum := wire.SessionSummary{
		ID: w.ID, Active: w.Active, Thinking: w.Thinking, ActiveAt: w.ActiveAt, UpdatedAt: w.UpdatedAt,
		Pinned: w.Pinned, GlobalPinned: w.GlobalPinned,
		Metadata: summaryMetadata(w), MetadataVersion: w.MetadataVersion, AgentStateVersion: w.AgentStateVersion,
		TodosUpdatedAt: w.TodosUpdatedAt, TodoProgress: todoProgress(w.Todos),
		BackgroundTaskCount: w.BackgroundTaskCount,
		Model:               w.Model, ModelReasoningEffort: w.ModelReasoningEffort, Effort: w.Effort,
	}
	sum.PendingRequests, sum.PendingRequestsCount, sum.PendingRequestKinds = pendingRequests(w)
	return sum
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

func pendingRequests(w *wire.Session) (shown []wire.PendingRequest, count int, kinds []string) {
	shown, kinds = []wire.PendingRequest{}, []string{}
	state, err := AgentState(w)
	if err != nil || len(state.Requests) == 0 {
		return shown, 0, kinds
	}
	for id, r := range state.Requests {
		since := w.UpdatedAt
		if r.CreatedAt != nil {
			since = *r.CreatedAt
		}
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
	return shown[:min(len(shown), maxPendingShown)], len(shown), kinds
}

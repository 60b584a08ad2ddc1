package wire

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestListRowsAreWhatEncodingJSONWrites guards the hand-written encoder against
// fields that come later.
func TestListRowsAreWhatEncodingJSONWrites(t *testing.T) {
	t.Parallel()
	text, flavor, at := "a \"quoted\" <text>", Flavor("claude"), Millis(7)
	full := SessionSummary{
		ID: "s", Active: true, Thinking: true, ActiveAt: 1, UpdatedAt: 2, Pinned: true, GlobalPinned: true,
		Metadata: &SummaryMetadata{
			Name: text, Path: "/p", MachineID: "m", Summary: &SummaryText{Text: text}, Flavor: &flavor, Worktree: json.RawMessage(`{"branch":"b"}`),
			AgentSessionID: "n", LifecycleState: "running", HapiMcpURL: "http://127.0.0.1:1/",
		},
		MetadataVersion: 3, AgentStateVersion: 4, TodosUpdatedAt: 5, TodoProgress: &TodoProgress{Completed: 1, Total: 2},
		PendingRequestsCount: 2, PendingRequestKinds: []string{"permission", "input"},
		PendingRequests:     []PendingRequest{{ID: "r", Kind: "input", Tool: "AskUserQuestion", Since: 6}, {ID: "q"}},
		BackgroundTaskCount: 1, FutureScheduledMessageCount: 1, NextScheduledAt: &at, Model: &text, ModelReasoningEffort: &text, Effort: &text,
	}
	for _, v := range []any{full, *full.Metadata} {
		for i := range reflect.TypeOf(v).NumField() {
			if reflect.ValueOf(v).Field(i).IsZero() {
				t.Errorf("%T.%s is not part of the test", v, reflect.TypeOf(v).Field(i).Name)
			}
		}
	}
	for name, s := range map[string]SessionSummary{
		"full": full, "empty": {PendingRequestKinds: []string{}, PendingRequests: []PendingRequest{}},
		"bare metadata": {Metadata: &SummaryMetadata{}, PendingRequestKinds: []string{}, PendingRequests: []PendingRequest{}},
	} {
		raw, err := json.Marshal(struct {
			Sessions []SessionSummary `json:"sessions"`
		}{[]SessionSummary{s}})
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(SessionList{&s}.AppendJSON(nil), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-encoding/json +ours):\n%s", name, diff)
		}
	}
}

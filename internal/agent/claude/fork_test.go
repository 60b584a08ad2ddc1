package claude

import (
	"encoding/json"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

func TestAForkIsOfWhatClaudeHasNow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		c      *conversation
		params string
		want   string
	}{
		"a conversation":           {&conversation{nativeID: "n1"}, `{}`, ""},
		"none yet":                 {&conversation{}, `{}`, "Claude session id is not ready"},
		"a fork that has not been": {&conversation{nativeID: "n1", fork: true}, `{}`, "Claude session id is not ready"},
		"in a turn":                {&conversation{nativeID: "n1", turn: &turn{}}, `{}`, "Claude is at work: fork the conversation when its turn has ended"},
		"at a message":             {&conversation{nativeID: "n1"}, `{"messageLocalId":"l1"}`, "Historical fork is not supported for Claude"},
		"nonsense":                 {&conversation{nativeID: "n1"}, `[]`, "Invalid fork request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.c.Methods()[wire.MethodFork](t.Context(), json.RawMessage(tt.params))
			switch {
			case tt.want == "" && (err != nil || got != wire.ForkResult{NativeSessionID: "n1", ForkSession: true}):
				t.Errorf("got %+v, %v", got, err)
			case tt.want != "" && (err == nil || err.Error() != tt.want):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

var _ agent.Caller = (*conversation)(nil)

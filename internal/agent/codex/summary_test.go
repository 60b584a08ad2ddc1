package codex

import (
	"fmt"
	"strings"
	"testing"

	"hapi/internal/agent"
)

func TestCodexIsAskedForSummariesWhereTheyAreWanted(t *testing.T) {
	t.Parallel()
	for _, wanted := range []bool{false, true} {
		o := agent.Options{Summaries: wanted, Tools: &agent.ToolServer{}}
		conv := &conversation{o: o}
		for where, told := range map[string]any{
			"a thread":     conv.threadParams(),
			"a turn":       conv.turnParams(agent.Config{Model: "gpt-5.4"}, agent.Prompt{}),
			"the terminal": toolArguments(&o),
		} {
			if got := strings.Contains(fmt.Sprint(told), "AGENT_NOTIFY_SUMMARY"); got != wanted {
				t.Errorf("%s asks for a summary: %v, want %v", where, got, wanted)
			}
		}
	}
}

package claude

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/agent"
)

func TestOverridesOfAMessageAreAppliedByAProcessOfTheirOwn(t *testing.T) {
	t.Parallel()
	starts := filepath.Join(t.TempDir(), "starts")
	c, p, events := opened(t, "answers", func(o *agent.Options) {
		o.Env = append(o.Env, "TEST_CLAUDE_STARTS="+starts)
		o.Args = []string{"--system-prompt", "The person's", "--mine", "x"}
		o.Config = agent.Config{Model: "opus", Effort: "high"}
		o.AddDirs = []string{"/more"}
	})
	overrides := agent.Overrides{SystemPrompt: "S", AppendPrompt: "A", FallbackModel: "sonnet", AllowedTools: "Read,Grep", DisallowedTools: "WebFetch"}
	for _, o := range []agent.Overrides{{}, overrides, overrides, {}} {
		p.Overrides = o
		if err := c.Prompt(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		all(events)
	}
	raw, err := os.ReadFile(starts)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for line := range strings.Lines(string(raw)) {
		var args []string
		if err := json.Unmarshal([]byte(line), &args); err != nil {
			t.Fatal(err)
		}
		got = append(got, args)
	}
	plain := []string{
		"-p", "--output-format", "stream-json", "--verbose", "--model", "opus", "--effort", "high", "--permission-prompt-tool", "stdio",
		"--resume=s1", "--system-prompt", "The person's", "--mine", "x", "--add-dir", "/more", "--permission-mode", "default", "--input-format", "stream-json",
	}
	want := [][]string{
		slices.DeleteFunc(slices.Clone(plain), func(s string) bool { return s == "--resume=s1" }),
		{
			"-p", "--output-format", "stream-json", "--verbose", "--system-prompt=S", "--append-system-prompt=A", "--system-prompt-snapshot=off", "--model", "opus", "--effort", "high",
			"--permission-prompt-tool", "stdio", "--resume=s1", "--mine", "x", "--allowedTools=Read,Grep", "--disallowedTools=WebFetch", "--add-dir", "/more",
			"--permission-mode", "default", "--fallback-model=sonnet", "--input-format", "stream-json",
		},
		plain,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Claude was started (-want +got):\n%s", diff)
	}
}

func TestAFallbackModelThatIsTheModelIsRefused(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"of a message": nil, "of the person": {"--fallback-model", "opus"}} {
		c, p, events := opened(t, "answers", func(o *agent.Options) { o.Config.Model, o.Args = "opus", args })
		if args == nil {
			p.Overrides.FallbackModel = "opus"
		}
		var failed *agent.Failure
		if err := c.Prompt(t.Context(), p); !errors.As(err, &failed) || !strings.Contains(failed.Text, "the fallback model is the model itself, opus") {
			t.Errorf("%s: %v, want a clear refusal", name, err)
		}
		p.Overrides.FallbackModel = "sonnet"
		if err := c.Prompt(t.Context(), p); err != nil {
			t.Errorf("%s: another one: %v", name, err)
		}
		all(events)
	}
}

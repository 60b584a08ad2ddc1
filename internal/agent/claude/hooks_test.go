package claude

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hapi/internal/agent"
)

func TestAPersonsSettingsStayInForce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.json"), []byte(`{"model":"x","hooks":{"Stop":[{"hooks":[{"type":"command","command":"mine"}]}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--a", "--settings", "mine.json", "b"}, {"--a", "--settings=" + filepath.Join(dir, "mine.json"), "b"}} {
		rest, own, err := takeSettings(args, dir)
		if err != nil || !cmp.Equal(rest, []string{"--a", "b"}) {
			t.Fatalf("left %v, %v", rest, err)
		}
		raw, err := hookSettings("/usr/bin/it's hapi", own)
		if err != nil {
			t.Fatal(err)
		}
		var merged struct {
			Model string
			Hooks map[string][]struct{ Hooks []struct{ Command string } }
		}
		if err := json.Unmarshal(raw, &merged); err != nil {
			t.Fatal(err)
		}
		stop := merged.Hooks["Stop"]
		if merged.Model != "x" || len(stop) != 2 || stop[0].Hooks[0].Command != "mine" || stop[1].Hooks[0].Command != `'/usr/bin/it'\''s hapi' hook-forwarder --flavor claude --from-env` {
			t.Errorf("merged %s", raw)
		}
		if len(merged.Hooks["PreToolUse"]) != 0 {
			t.Error("there is a hook that could decide")
		}
	}
	if _, _, err := takeSettings([]string{"--settings", "{"}, dir); err == nil {
		t.Error("settings that are no JSON are taken")
	}
}

func TestToolsComeByAFileThatOthersCannotRead(t *testing.T) {
	t.Parallel()
	o := agent.Options{Scratch: filepath.Join(t.TempDir(), "hooks"), Tools: &agent.ToolServer{URL: "http://127.0.0.1:1/", Token: "secret"}}
	if flags, _, err := toolArguments(o, agent.Overrides{}, nil); err != nil || strings.Contains(flags.prompt, "AGENT_NOTIFY_SUMMARY") {
		t.Errorf("a summary is asked for without anybody wanting it: %q, %v", flags.prompt, err)
	}
	o.Summaries = true
	over := agent.Overrides{AppendPrompt: "Be brief.", AllowedTools: "Read,Bash(ls:*)"}
	flags, rest, err := toolArguments(o, over, []string{"--append-system-prompt", "Be kind.", "--x"})
	if err != nil {
		t.Fatal(err)
	}
	if all := fmt.Sprint(flags, rest); strings.Contains(all, "secret") {
		t.Errorf("the token is in the arguments: %s", all)
	}
	if !strings.HasPrefix(flags.prompt, "Be kind.\n\nBe brief.\n\nYou run inside hapi") || !strings.Contains(flags.prompt, "\nAGENT_NOTIFY_SUMMARY {") || !cmp.Equal(rest, []string{"--x"}) {
		t.Errorf("the instructions are %q, the rest %q", flags.prompt, rest)
	}
	if want := "Read,Bash(ls:*)," + allowedTools; flags.allowed != want {
		t.Errorf("allowed is %q, want %q", flags.allowed, want)
	}
	file := flags.file
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	if raw, err := os.ReadFile(file); err != nil || !strings.Contains(string(raw), "Bearer secret") {
		t.Errorf("the file has %s, %v", raw, err)
	}
}

func TestHowAConversationBeginsIsThePersonsWhereNothingHasBegun(t *testing.T) {
	t.Parallel()
	args := []string{"-c", "--resume", "id", "--fork-session", "--model", "m", "--mine", "x"}
	if got, want := withoutOwned(args, true), []string{"-c", "--resume", "id", "--fork-session", "--mine", "x"}; !cmp.Equal(got, want) {
		t.Errorf("first: %v, want %v", got, want)
	}
	if got, want := withoutOwned(args, false), []string{"--mine", "x"}; !cmp.Equal(got, want) {
		t.Errorf("later: %v, want %v", got, want)
	}
}

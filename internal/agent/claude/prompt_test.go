package claude

import (
	"os"
	"path/filepath"
	"testing"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

func TestHowAPromptReachesClaude(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{".git", ".claude/skills/deploy", "below"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ".claude/skills/deploy/SKILL.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &conversation{o: agent.Options{Dir: filepath.Join(dir, "below"), Env: []string{"CLAUDE_CONFIG_DIR=" + filepath.Join(dir, "none")}}}
	file := []wire.Attachment{{Path: "/a"}, {Path: "/b"}}
	for _, tt := range []struct {
		text  string
		files []wire.Attachment
		want  string
	}{
		{"Hello", nil, "Hello"},
		{"Hello", file, "@/a @/b\n\nHello"},
		{"", file, "@/a @/b"},
		{"$deploy to production", nil, "/deploy to production"},
		{"$deploy", file, "/deploy\n\n@/a @/b"},
		{"/review", file, "/review\n\n@/a @/b"},
		{"$unknown here", nil, "$unknown here"},
		{"it costs $deploy", nil, "it costs $deploy"},
		{"$../deploy", nil, "$../deploy"},
	} {
		if got := promptText(agent.Prompt{Text: tt.text, Attachments: tt.files}, c.isSkill); got != tt.want {
			t.Errorf("%q with %d files is %q, want %q", tt.text, len(tt.files), got, tt.want)
		}
	}
	c.skills = []string{"review"} // Claude's own word counts more
	if c.isSkill("deploy") || !c.isSkill("review") {
		t.Error("what Claude says of its skills does not count")
	}
}

func TestCommitsAreCreditedUnlessThePersonDoesNotWantIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for content, want := range map[string]bool{"": true, `{}`: true, `{"includeCoAuthoredBy":false}`: false, `{"includeCoAuthoredBy":true}`: true, `garbage`: true} {
		if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := creditsCommits(dir); got != want {
			t.Errorf("%s: %v, want %v", content, got, want)
		}
	}
}

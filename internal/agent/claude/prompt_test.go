package claude

import (
	"fmt"
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

// TestAPromptOfTheTranscriptIsNotGivenAgain resumes a conversation that an earlier
// process, which was killed, gave a prompt to.
func TestAPromptOfTheTranscriptIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		had  string // what the transcript has
		want string
	}{
		"had":                {"Hello", "[accepted row]"},
		"more, under its id": {"Hello\nand more", "[accepted row row]"}, // with others it was one prompt
		"nothing of it":      {"", "[accepted row row]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			had, _ := prompts{}.name("local-1", c.had)
			config := t.TempDir()
			dir := filepath.Join(config, "projects", "x")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprintf(`{"parentUuid":null,"type":"user","message":{"role":"user","content":"x"},"uuid":"%s"}`+"\n", had)
			if err := os.WriteFile(filepath.Join(dir, "s1.jsonl"), []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
			conv, p, events := opened(t, "answers", func(o *agent.Options) {
				o.Resume, o.Env = "s1", append(o.Env, "CLAUDE_CONFIG_DIR="+config)
			})
			p.ID = "local-1"
			if err := conv.Prompt(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(all(events)); got != c.want {
				t.Errorf("told %s, want %s", got, c.want)
			}
			if err := conv.Prompt(t.Context(), p); err != nil { // a person says it again, or this process does
				t.Fatal(err)
			}
			if got := fmt.Sprint(all(events)); got != "[accepted row row]" {
				t.Errorf("the second time told %s, want an answer", got)
			}
		})
	}
}

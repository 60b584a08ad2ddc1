package workspace

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hapi/internal/wire"
)

// The environment names where agents keep their files, so these tests are not parallel.

func catalogProject(t *testing.T) (p *project, config string) {
	t.Helper()
	p = newProject(t)
	home := t.TempDir()
	config = filepath.Join(home, "claude")
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("CLAUDE_CONFIG_DIR", config)
	if err := os.MkdirAll(filepath.Join(p.dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	return p, config
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSlashCommandsOfNearerPlacesReplaceOthers(t *testing.T) {
	p, config := catalogProject(t)
	plugin := filepath.Join(t.TempDir(), "plugin")
	put(t, filepath.Join(config, "commands/review.md"), "---\ndescription: Look at it\n---\nReview $ARGUMENTS\n")
	put(t, filepath.Join(config, "commands/team/ship.md"), "Ship it\n")
	put(t, filepath.Join(config, "commands/bad.md"), "---\n: [\n---\nx")
	put(t, filepath.Join(config, "commands/.draft.md"), "no")
	put(t, filepath.Join(config, "plugins/installed_plugins.json"),
		`{"plugins":{"tools@market":[{"installPath":"/nowhere","lastUpdated":"2025"},{"installPath":"`+filepath.ToSlash(plugin)+`","lastUpdated":"2026"}]}}`)
	put(t, filepath.Join(plugin, "commands/lint.md"), "Lint")
	p.write(".claude/commands/Review.md", "---\ndescription: Our way\n---\nOurs")
	got := call[wire.SlashCommands](p, wire.MethodListSlashCommands, wire.SlashCommandsParams{Agent: wire.FlavorClaude})
	byName := map[string]wire.SlashCommand{}
	for _, c := range got.Commands {
		byName[c.Name] = c
	}
	for name, want := range map[string]wire.SlashCommand{
		"clear":      {Name: "clear", Source: "builtin"},
		"team:ship":  {Name: "team:ship", Source: "user", Description: "Custom command", Content: "Ship it"},
		"bad":        {Name: "bad", Source: "user", Description: "Custom command", Content: "---\n: [\n---\nx"},
		"tools:lint": {Name: "tools:lint", Source: "plugin", PluginName: "tools", Description: "tools command", Content: "Lint"},
		"Review":     {Name: "Review", Source: "project", Description: "Our way", Content: "Ours"},
	} {
		if byName[name] != want {
			t.Errorf("%s: got %+v, want %+v", name, byName[name], want)
		}
	}
	if _, replaced := byName["review"]; replaced || byName[".draft"].Name != "" {
		t.Errorf("got %v", got.Commands)
	}
	if last := got.Commands[len(got.Commands)-1]; last.Name != "Review" {
		t.Errorf("the project's command is not at its later place: last is %q", last.Name)
	}
}

func TestProjectCommandsDoNotComeThroughALinkOut(t *testing.T) {
	p, _ := catalogProject(t)
	put(t, filepath.Join(filepath.Dir(p.dir), "notes/diary.md"), "private")
	p.write(".claude/x", "")
	p.link("../../notes", ".claude/commands")
	got := call[wire.SlashCommands](p, wire.MethodListSlashCommands, wire.SlashCommandsParams{Agent: wire.FlavorClaude})
	for _, c := range got.Commands {
		if c.Name == "diary" {
			t.Error("a file outside of the project was given")
		}
	}
}

func TestSkillsAreFoundOnceEach(t *testing.T) {
	p, config := catalogProject(t)
	p.write(".claude/skills/pdf/SKILL.md", "---\nname: pdf\ndescription: Ours\n---\n")
	p.write("sub/.agents/skills/near/SKILL.md", "no front matter")
	put(t, filepath.Join(config, "skills/pdf/SKILL.md"), "---\nname: pdf\ndescription: The user's\n---\n")
	put(t, filepath.Join(config, "skills/docs/SKILL.md"), "---\ndescription: "+strings.Repeat("long ", 10)+"\n---\n")
	put(t, filepath.Join(config, "skills/empty/readme.md"), "")
	sub, err := Open(filepath.Join(p.dir, "sub"))
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	got, err := sub.listSkills(t.Context(), wire.SkillsParams{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range got.Skills {
		names = append(names, s.Name+": "+s.Description)
	}
	want := []string{"docs: " + strings.TrimSpace(strings.Repeat("long ", 10)), "near: ", "pdf: Ours"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

package claude

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hapi/internal/agent"
)

// promptText names the attachments, then says the text. A command has to come
// first.
func promptText(p agent.Prompt, isSkill func(name string) bool) string {
	text := p.Text
	if name, rest, _ := strings.Cut(text, " "); strings.HasPrefix(name, "$") && isSkill(name[1:]) {
		text = strings.TrimRight("/"+name[1:]+" "+rest, " ")
	}
	refs := make([]string, 0, len(p.Attachments))
	for _, a := range p.Attachments {
		refs = append(refs, "@"+a.Path)
	}
	switch {
	case len(refs) == 0:
		return text
	case text == "":
		return strings.Join(refs, " ")
	case strings.HasPrefix(text, "/"):
		return text + "\n\n" + strings.Join(refs, " ")
	default:
		return strings.Join(refs, " ") + "\n\n" + text
	}
}

// isSkill says whether Claude has a skill of this name: as it said last, else by
// what is on the disk.
func (c *conversation) isSkill(name string) bool {
	c.mu.Lock()
	known := c.skills
	c.mu.Unlock()
	if known != nil {
		return slices.Contains(known, name)
	}
	if name == "" || strings.ContainsAny(name, `/\.`) {
		return false
	}
	homes := []string{configDir(c.o.Env)}
	for dir := c.o.Dir; ; dir = filepath.Dir(dir) {
		homes = append(homes, filepath.Join(dir, ".claude"))
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil || dir == filepath.Dir(dir) {
			break
		}
	}
	return slices.ContainsFunc(homes, func(home string) bool {
		_, err := os.Stat(filepath.Join(home, "skills", name, "SKILL.md"))
		return err == nil
	})
}

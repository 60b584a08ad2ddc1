package claude

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"hapi/internal/agent"
	"hapi/internal/wire"
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

// prompts are the names of those that this process has given to Claude.
type prompts map[string]bool

// promptSpace makes names of prompts.
var promptSpace = uuid.MustParse("3c1b9d0e-8f55-4b7a-9d5e-6f1a2c7e4b90")

// name is what Claude knows a prompt by. It is the same in every process that
// gives the prompt, so that the transcript tells whether an earlier one gave it.
// again says that this process did, in vain: the prompt has a new name then.
func (g prompts) name(id wire.LocalID, text string) (name string, again bool) {
	if id == "" {
		return newUUID(), true
	}
	name = uuid.NewSHA1(promptSpace, []byte(string(id)+"\n"+text)).String()
	if g[name] {
		return newUUID(), true
	}
	g[name] = true
	return name, false
}

// has says whether the conversation that is resumed has a prompt already: a hapi
// that was killed may have given it to Claude and not have told the hub.
func (c *conversation) has(prompt string) bool {
	c.mu.Lock()
	id, resumed := c.nativeID, !c.started
	c.mu.Unlock()
	return resumed && hasPrompt(transcriptOf(configDir(c.o.Env), id), prompt)
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

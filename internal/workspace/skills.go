package workspace

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hapi/internal/wire"
)

// listSkills gives the agent's skills. Of two with one name the nearer counts:
// the project's, then the user's, then those of plugins.
func (w *Workspace) listSkills(_ context.Context, in wire.SkillsParams) (wire.Skills, error) {
	c := catalogOf(cmp.Or(in.Flavor, wire.FlavorClaude))
	var all []wire.Skill
	for _, dir := range projectDirs(w.real) {
		all = append(all, skillsIn(filepath.Join(dir, ".agents/skills"), false)...)
		for _, skills := range c.projectSkills {
			all = append(all, skillsIn(filepath.Join(dir, skills), c.system)...)
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		all = append(all, skillsIn(filepath.Join(home, ".agents/skills"), false)...)
	}
	if config := c.config(); config != "" && len(c.projectSkills) > 0 {
		all = append(all, skillsIn(filepath.Join(config, "skills"), c.system)...)
		for _, p := range installed(config) {
			all = append(all, skillsIn(filepath.Join(p.path, "skills"), false)...)
		}
	}
	if c.adminSkills != "" {
		all = append(all, skillsIn(c.adminSkills, c.system)...)
	}
	out, known := []wire.Skill{}, map[string]bool{}
	for _, s := range all {
		if !known[s.Name] {
			known[s.Name] = true
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b wire.Skill) int { return cmp.Compare(a.Name, b.Name) })
	return wire.Skills{Success: true, Skills: out}, nil
}

// skillsIn are the directories below dir with a SKILL.md; links to directories
// count. With system, those below ".system" count too.
func skillsIn(dir string, system bool) []wire.Skill {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // no such directory, mostly
	}
	var out []wire.Skill
	for _, entry := range entries {
		name := entry.Name()
		if system && name == ".system" {
			out = append(out, skillsIn(filepath.Join(dir, name), false)...)
		}
		if strings.HasPrefix(name, ".") || len(out) >= maxDefinitions {
			continue
		}
		if d, err := readDefinition(filepath.Join(dir, name, "SKILL.md")); err == nil {
			out = append(out, wire.Skill{Name: cmp.Or(d.name, name), Description: d.description})
		}
	}
	return out
}

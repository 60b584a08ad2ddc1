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

const (
	// maxDefinitions bounds how many commands or skills one directory gives,
	// maxContent how much of their text one answer carries.
	maxDefinitions = 1000
	maxContent     = 4 << 20
	maxDepth       = 8
)

func (w *Workspace) listSlashCommands(_ context.Context, in wire.SlashCommandsParams) (wire.SlashCommands, error) {
	return wire.SlashCommands{Success: true, Commands: w.SlashCommands(in.Agent)}, nil
}

// SlashCommands are what a person can type after a slash: built in, the user's,
// of plugins, of the project. A later one replaces one of that name.
func (w *Workspace) SlashCommands(f wire.Flavor) []wire.SlashCommand {
	c := catalogOf(f)
	var all []wire.SlashCommand
	for _, name := range c.builtins {
		all = append(all, wire.SlashCommand{Name: name, Source: "builtin"})
	}
	config := c.config()
	if config != "" && c.userCommands != "" {
		all = append(all, commandsIn(filepath.Join(config, c.userCommands), "user", "", "Custom command")...)
	}
	if c.plugins && f == wire.FlavorClaude {
		for _, p := range installed(config) {
			all = append(all, commandsIn(filepath.Join(p.path, "commands"), "plugin", p.name, p.name+" command")...)
		}
	}
	if c.projectCommands != "" {
		dirs := projectDirs(w.real)
		slices.Reverse(dirs) // the nearest is the strongest
		for _, dir := range dirs {
			if commands := filepath.Join(dir, c.projectCommands); below(dir, commands) {
				all = append(all, commandsIn(commands, "project", "", "Custom command")...)
			}
		}
	}
	return lastOfEachName(all)
}

// below says whether a directory is where it seems to be: a project must not
// lead out of itself by a link.
func below(dir, path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(dir, real)
	return err == nil && filepath.IsLocal(rel)
}

func lastOfEachName(all []wire.SlashCommand) []wire.SlashCommand {
	last := map[string]int{}
	for i, c := range all {
		last[strings.ToLower(c.Name)] = i
	}
	out, content := []wire.SlashCommand{}, 0
	for i, c := range all {
		if last[strings.ToLower(c.Name)] != i {
			continue
		}
		if content += len(c.Content); content > maxContent {
			c.Content = ""
		}
		out = append(out, c)
	}
	return out
}

// commandsIn are the Markdown files below dir; a/b.md is the command a:b.
func commandsIn(dir, source, plugin, otherwise string) []wire.SlashCommand {
	var out []wire.SlashCommand
	var visit func(dir, prefix string, depth int)
	visit = func(dir, prefix string, depth int) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return // no such directory, mostly
		}
		for _, entry := range entries {
			name := entry.Name()
			if strings.HasPrefix(name, ".") || strings.Contains(name, ":") || len(out) == maxDefinitions {
				continue
			}
			path := filepath.Join(dir, name)
			local, isCommand := strings.CutSuffix(name, ".md")
			switch {
			case entry.IsDir() && depth < maxDepth:
				visit(path, prefix+name+":", depth+1)
			case entry.Type().IsRegular() && isCommand:
				c := wire.SlashCommand{Name: prefix + local, Source: source, PluginName: plugin, Description: otherwise}
				if d, err := readDefinition(path); err == nil {
					c.Content, c.Description = d.body, cmp.Or(d.description, otherwise)
				}
				out = append(out, c)
			}
		}
	}
	prefix := ""
	if plugin != "" {
		prefix = plugin + ":"
	}
	visit(dir, prefix, 0)
	slices.SortFunc(out, func(a, b wire.SlashCommand) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

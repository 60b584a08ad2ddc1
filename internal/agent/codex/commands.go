package codex

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"hapi/internal/agent"
	"hapi/internal/wire"
	"hapi/internal/workspace"
)

// slash is a prompt that begins with the name of a command. A path is none.
var slash = regexp.MustCompile(`^/([A-Za-z][\w:.-]*)(?:\s+|$)`)

// splitCommand reads a slash command. /clear and /compact are the session's own.
func splitCommand(text string) (name, rest string, ok bool) {
	text = strings.TrimSpace(text)
	found := slash.FindStringSubmatch(text)
	if found == nil {
		return "", "", false
	}
	name, rest = strings.ToLower(found[1]), strings.TrimSpace(text[len(found[0]):])
	return name, rest, rest != "" || name != "clear" && name != "compact"
}

// IsCommand implements agent.Commander.
func (c *conversation) IsCommand(text string) bool {
	_, _, ok := splitCommand(text)
	return ok
}

// Command implements agent.Commander.
func (c *conversation) Command(_ context.Context, text string) (prompt string) {
	name, rest, _ := splitCommand(text)
	if do, ok := commands[name]; ok {
		say, prompt := do(c, rest)
		if say != "" {
			c.say(say)
		}
		return prompt
	}
	if slices.Contains(terminalOnly, name) {
		c.say("/" + name + " works only in Codex's own terminal, not here.")
		return ""
	}
	return c.custom(name, rest, text)
}

// say answers a command as Codex would.
func (c *conversation) say(text string) {
	c.host.Emit(agent.Generic(data{"type": "message", "message": text, "id": newID()}))
}

// terminalOnly are commands of Codex's own terminal.
var terminalOnly = []string{"compat", "diff", "goal", "init", "login", "logout", "mcp", "new", "prompts", "quit", "redo", "review", "undo"}

// commands are those that need no turn. Each says what to tell the person, and
// what goes on as a prompt.
var commands = map[string]func(c *conversation, rest string) (say, prompt string){
	"clear":       noArguments("/clear"),
	"compact":     noArguments("/compact"),
	"plan":        (*conversation).cmdPlan,
	"default":     (*conversation).cmdDefault,
	"execute":     (*conversation).cmdDefault,
	"agent":       (*conversation).cmdAgent,
	"status":      (*conversation).cmdStatus,
	"model":       (*conversation).cmdModel,
	"reasoning":   (*conversation).cmdEffort,
	"effort":      (*conversation).cmdEffort,
	"fast":        (*conversation).cmdFast,
	"personality": (*conversation).cmdPersonality,
	"permissions": (*conversation).cmdPermissions,
	"permission":  (*conversation).cmdPermissions,
	"help":        (*conversation).cmdHelp,
}

func noArguments(name string) func(*conversation, string) (string, string) {
	return func(*conversation, string) (string, string) {
		return name + " takes no arguments: nothing was done.", ""
	}
}

func (c *conversation) cmdPlan(rest string) (say, prompt string) {
	if slices.Contains([]string{"off", "default", "exit", "disable"}, strings.ToLower(rest)) {
		return c.cmdDefault("")
	}
	c.reconfigure(func(config *agent.Config) { config.CollaborationMode = collaborationPlan })
	return "Plan mode is on: Codex plans and does not change anything. `/plan off` leaves it.", rest
}

func (c *conversation) cmdDefault(string) (say, prompt string) {
	c.reconfigure(func(config *agent.Config) { config.CollaborationMode = collaborationDefault })
	return "Plan mode is off: Codex works as usual.", ""
}

func (c *conversation) cmdAgent(rest string) (say, prompt string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch strings.ToLower(rest) {
	case "on":
		c.delegation = "proactive"
	case "off":
		c.delegation = "explicitRequestOnly"
	case "", "status":
	default:
		return "`/agent` takes on, off or status.", ""
	}
	switch c.delegation {
	case "proactive":
		return "Codex uses sub-agents where it sees fit.", ""
	case "":
		return "Codex decides about sub-agents as it is configured.", ""
	default:
		return "Codex uses sub-agents only when it is asked to.", ""
	}
}

func (c *conversation) cmdStatus(string) (say, prompt string) {
	config := c.configured()
	c.mu.Lock()
	personality := c.personality
	c.mu.Unlock()
	lines := []string{"**Codex status**", ""}
	for _, row := range [][2]string{
		{"permission", string(modeOr(config.PermissionMode))},
		{"collaboration", first(config.CollaborationMode, collaborationDefault)},
		{"model", first(config.Model, "default")},
		{"reasoning", first(config.Effort, "default")},
		{"service tier", first(config.ServiceTier, "unset")},
		{"personality", first(personality, "unset")},
		{"conversation", first(c.thread(), "not begun")},
	} {
		lines = append(lines, fmt.Sprintf("- %s: `%s`", row[0], row[1]))
	}
	return strings.Join(lines, "\n"), ""
}

func (c *conversation) cmdModel(rest string) (say, prompt string) {
	switch strings.ToLower(rest) {
	case "":
		return fmt.Sprintf("The model is `%s`. `/model NAME` changes it.", first(c.configured().Model, "default")), ""
	case "auto", "default":
		rest = ""
	}
	c.reconfigure(func(config *agent.Config) { config.Model = rest })
	return fmt.Sprintf("The model is `%s` from the next message on.", first(rest, "default")), ""
}

func (c *conversation) cmdEffort(rest string) (say, prompt string) {
	level := strings.ToLower(rest)
	switch level {
	case "":
		return fmt.Sprintf("The reasoning effort is `%s`. `/reasoning LEVEL` changes it.", first(c.configured().Effort, "default")), ""
	case "auto", "default":
		level = ""
	}
	c.reconfigure(func(config *agent.Config) { config.Effort = level })
	return fmt.Sprintf("The reasoning effort is `%s` from the next message on.", first(level, "default")), ""
}

func (c *conversation) cmdFast(rest string) (say, prompt string) {
	switch strings.ToLower(rest) {
	case "on":
		c.reconfigure(func(config *agent.Config) { config.ServiceTier = "fast" })
	case "off":
		c.reconfigure(func(config *agent.Config) { config.ServiceTier = "standard" })
	case "", "status":
	default:
		return "`/fast` takes on, off or status.", ""
	}
	return fmt.Sprintf("The service tier is `%s`.", first(c.configured().ServiceTier, "unset")), ""
}

func (c *conversation) cmdPersonality(rest string) (say, prompt string) {
	rest = strings.ToLower(rest)
	if !slices.Contains([]string{"friendly", "pragmatic", "none"}, rest) {
		return "`/personality` takes friendly, pragmatic or none.", ""
	}
	c.mu.Lock()
	c.personality = rest
	c.mu.Unlock()
	return fmt.Sprintf("The personality is `%s` from the next message on.", rest), ""
}

func (c *conversation) cmdPermissions(rest string) (say, prompt string) {
	mode := wire.PermissionMode(strings.ToLower(rest))
	switch {
	case rest == "":
		return fmt.Sprintf("The permission mode is `%s`. `/permissions MODE` changes it: default, read-only, safe-yolo or yolo.", modeOr(c.configured().PermissionMode)), ""
	case !wire.FlavorCodex.Allows(mode):
		return "`/permissions` takes default, read-only, safe-yolo or yolo.", ""
	}
	c.reconfigure(func(config *agent.Config) { config.PermissionMode = mode })
	return fmt.Sprintf("The permission mode is `%s`.", mode), ""
}

func (c *conversation) cmdHelp(string) (say, prompt string) {
	return strings.Join([]string{
		"**Commands**", "",
		"- `/clear`, `/compact`: forget or summarise the conversation",
		"- `/plan [text|off]`, `/default`: plan first, or work as usual",
		"- `/model [name|auto]`, `/reasoning [level|auto]`, `/fast [on|off]`, `/personality friendly|pragmatic|none`",
		"- `/permissions [mode]`: default, read-only, safe-yolo or yolo",
		"- `/agent [on|off]`: sub-agents",
		"- `/status`: what is set",
		"",
		"Your own prompts, from `prompts` in Codex's home and `.codex/prompts` in the project, work by their name.",
	}, "\n"), ""
}

// custom expands a prompt of the person's own. Any other text goes on as it is.
func (c *conversation) custom(name, rest, text string) string {
	files, err := workspace.Open(c.o.Dir)
	if err != nil {
		c.log.Warn("the person's own prompts cannot be read", "err", err)
		return text
	}
	defer files.Close() //nolint:errcheck // nothing was written
	for _, known := range files.SlashCommands(wire.FlavorCodex) {
		if strings.EqualFold(known.Name, name) && known.Content != "" {
			if rest == "" {
				return known.Content
			}
			return known.Content + "\n\nArguments: " + rest
		}
	}
	return text
}

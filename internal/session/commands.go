package session

import (
	"strings"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// command is a slash command that the session itself understands. Others are
// the agent's.
type command int

const (
	noCommand command = iota
	cmdClear
	cmdCompact
	cmdPlan     // plan mode from now on
	cmdPlanOff  // back to the default mode
	cmdPlanText // plan mode, and a prompt
)

// isCommand says whether text is a command, of the session or of its agent.
func (s *Session) isCommand(text string) bool {
	c, ok := s.conversation().(agent.Commander)
	return ok && c.IsCommand(text) || s.commandOf(text) != noCommand
}

// commandOf is the session's command in text. Planning is a permission mode
// here; agents that plan in another way have their own command.
func (s *Session) commandOf(text string) command {
	switch c := commandOf(text); c {
	case cmdPlan, cmdPlanOff, cmdPlanText:
		if !s.flavor.Allows(wire.ModePlan) {
			return noCommand
		}
		return c
	default:
		return c
	}
}

func commandOf(text string) command {
	text = strings.TrimSpace(text)
	name, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case text == "/clear":
		return cmdClear
	case name == "/compact":
		return cmdCompact
	case !strings.EqualFold(name, "/plan"):
		return noCommand
	case rest == "":
		return cmdPlan
	case strings.EqualFold(rest, "off"):
		return cmdPlanOff
	default:
		return cmdPlanText
	}
}

// planText is what follows /plan, without one pair of quotes around it.
func planText(text string) string {
	_, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	rest = strings.TrimSpace(rest)
	if n := len(rest); n >= 2 && rest[0] == rest[n-1] && (rest[0] == '"' || rest[0] == '\'') {
		rest = strings.TrimSpace(rest[1 : n-1])
	}
	return rest
}

// titleLength is how long a title made from a prompt may be, in characters.
const titleLength = 80

// titleFrom is a title for a conversation that begins with text.
func titleFrom(text string) string {
	title := []rune(strings.Join(strings.Fields(text), " "))
	if len(title) > titleLength {
		title = append(title[:titleLength-1:titleLength-1], '…')
	}
	return string(title)
}

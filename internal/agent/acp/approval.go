package acp

import (
	"slices"
	"strings"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// verdict is what is done with a request before a person is asked.
type verdict int

const (
	ask verdict = iota
	approve
	approveForSession
	refuse
)

// judge decides by the permission mode (agents-acp contract §2.4). A name
// counts only where it is a tool's: a title is free text, and `rm think.txt` must
// not pass for a thought. In read-only mode what a tool does counts too.
func judge(mode wire.PermissionMode, name, callID, kind string) verdict {
	name = strings.ToLower(name)
	switch {
	case mode == wire.ModeBypassPermissions:
		return approveForSession
	case mode == wire.ModeReadOnly && !looks(name, kind):
		return ask
	case mode == wire.ModeAcceptEdits && kind == "edit":
		return approve
	}
	if acts(kind) || !isWord(name) {
		name, callID = "", ""
	}
	decision, ok := agent.AutoApprove(mode, name, callID)
	switch {
	case ok && decision == wire.DecisionApprovedForSession:
		return approveForSession
	case ok:
		return approve
	case mode == wire.ModePlan:
		return refuse
	default:
		return ask
	}
}

// isWord says whether a name is a tool's, not a sentence or a command.
func isWord(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' || r == ':')
	})
}

// acts says whether a kind of tool does more than look.
func acts(kind string) bool {
	switch kind {
	case "", "read", "search", "think", "fetch", "other":
		return false
	}
	return true
}

// looks says whether a tool only looks. Of one whose kind is not said, and whose
// name is no word, that is not known.
func looks(name, kind string) bool {
	if acts(kind) || (kind == "" || kind == "other") && !isWord(name) {
		return false
	}
	return !slices.Contains(kindAliases["execute"], name)
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

package agent

import (
	"strings"

	"hapi/internal/wire"
)

// AutoApprove decides what needs no person: by the permission mode of this
// moment, and by name for tools that only say something about the conversation
// (agents-acp contract §2.4). Without ok a person is asked. Claude and plan
// modes have rules of their own.
func AutoApprove(mode wire.PermissionMode, tool, callID string) (decision string, ok bool) {
	tool, callID = strings.ToLower(tool), strings.ToLower(callID)
	everything := mode == wire.ModeYolo || mode == wire.ModeAlwaysProceed
	switch {
	case isHarmless(tool, callID):
	case everything, mode == wire.ModeSafeYolo:
	case mode == wire.ModeReadOnly && !looksLikeWriting(tool):
	default:
		return "", false
	}
	if everything {
		return wire.DecisionApprovedForSession, true
	}
	return wire.DecisionApproved, true
}

// ownPrefixes are the spellings under which agents see hapi's own tools.
var ownPrefixes = []string{"", "hapi_", "hapi__", "happy__", "mcp__hapi__"}

func isHarmless(tool, callID string) bool {
	for _, prefix := range ownPrefixes {
		if name, ok := strings.CutPrefix(tool, prefix); ok && (name == "skill_lookup" || name == "list_peers") {
			return true
		}
	}
	return tool == "list peer sessions" ||
		containsAny(tool, "change_title", "geminireasoning", "codexreasoning", "think", "save_memory") ||
		containsAny(callID, "change_title", "save_memory")
}

func looksLikeWriting(tool string) bool {
	return containsAny(tool, "write", "edit", "create", "delete", "patch", "ping_peer", "ping peer", "inspect_peer", "inspect peer")
}

func containsAny(s string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

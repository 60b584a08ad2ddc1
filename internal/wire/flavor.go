package wire

import "slices"

// Flavor names a kind of agent.
type Flavor string

// PermissionMode says what an agent may do without asking.
type PermissionMode string

// The flavors peers know (http contract §7.8).
const (
	FlavorClaude   Flavor = "claude"
	FlavorCodex    Flavor = "codex"
	FlavorGemini   Flavor = "gemini"
	FlavorKimi     Flavor = "kimi"
	FlavorCopilot  Flavor = "copilot"
	FlavorGrok     Flavor = "grok"
	FlavorOpencode Flavor = "opencode"
	FlavorAgy      Flavor = "agy"
	FlavorCursor   Flavor = "cursor"
	FlavorPi       Flavor = "pi"
	FlavorDsh      Flavor = "dsh"
)

// Permission modes of Claude.
const (
	ModeDefault           PermissionMode = "default"
	ModeAcceptEdits       PermissionMode = "acceptEdits"
	ModeAuto              PermissionMode = "auto"
	ModeBypassPermissions PermissionMode = "bypassPermissions"
	ModePlan              PermissionMode = "plan"
)

type flavorFacts struct {
	label string
	modes []PermissionMode
	// nativeID is the metadata key of the agent's own session id; empty when it has none.
	nativeID string
}

var (
	claudeModes = []PermissionMode{ModeDefault, ModeAcceptEdits, ModeAuto, ModeBypassPermissions, ModePlan}
	codexModes  = []PermissionMode{"default", "read-only", "safe-yolo", "yolo"}
)

var flavors = map[Flavor]flavorFacts{
	FlavorClaude:   {"Claude", claudeModes, "claudeSessionId"},
	FlavorCodex:    {"Codex", codexModes, "codexSessionId"},
	FlavorGemini:   {"Gemini", codexModes, "geminiSessionId"},
	FlavorKimi:     {"Kimi", codexModes, "kimiSessionId"},
	FlavorCopilot:  {"Copilot", codexModes, "copilotSessionId"},
	FlavorGrok:     {"Grok Build", []PermissionMode{"default", "auto", "plan", "bypassPermissions"}, "grokSessionId"},
	FlavorOpencode: {"OpenCode", []PermissionMode{"default", "plan", "yolo"}, "opencodeSessionId"},
	FlavorAgy:      {"Antigravity", []PermissionMode{"request-review", "always-proceed"}, "agySessionId"},
	FlavorCursor:   {"Cursor", []PermissionMode{"default", "plan", "ask", "debug", "autoReview", "yolo"}, "cursorSessionId"},
	FlavorPi:       {"Pi", nil, "piSessionId"},
	FlavorDsh:      {"DeepSeek Harness", nil, ""},
}

// Known says whether peers know f.
func (f Flavor) Known() bool { _, ok := flavors[f]; return ok }

// Label is the flavor's name for people, or "Agent" for an unknown one.
func (f Flavor) Label() string {
	if facts, ok := flavors[f]; ok {
		return facts.label
	}
	return "Agent"
}

// NativeIDKey is the metadata key that holds the agent's own session id, or "".
func (f Flavor) NativeIDKey() string { return flavors[f].nativeID }

// Allows says whether m is one of the flavor's permission modes. An unknown
// flavor has Claude's.
func (f Flavor) Allows(m PermissionMode) bool {
	facts, ok := flavors[f]
	if !ok {
		return slices.Contains(claudeModes, m)
	}
	return slices.Contains(facts.modes, m)
}

// PermissionModeKnown says whether any flavor has the mode m.
func PermissionModeKnown(m PermissionMode) bool {
	for _, facts := range flavors {
		if slices.Contains(facts.modes, m) {
			return true
		}
	}
	return false
}

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

// Flavors of our own. To peers that do not know them they are unknown ones, with
// Claude's permission modes.
const (
	FlavorACP  Flavor = "acp"  // any agent that speaks the Agent Client Protocol
	FlavorDemo Flavor = "demo" // the agent that is part of hapi
)

// Permission modes of Claude, then those of others.
const (
	ModeDefault           PermissionMode = "default"
	ModeAcceptEdits       PermissionMode = "acceptEdits"
	ModeAuto              PermissionMode = "auto"
	ModeBypassPermissions PermissionMode = "bypassPermissions"
	ModePlan              PermissionMode = "plan"

	ModeReadOnly      PermissionMode = "read-only"
	ModeSafeYolo      PermissionMode = "safe-yolo"
	ModeYolo          PermissionMode = "yolo"
	ModeAlwaysProceed PermissionMode = "always-proceed"
)

// ConfigKey names a part of a session's configuration, as in set-session-config.
type ConfigKey string

// The keys.
const (
	KeyPermissionMode    ConfigKey = "permissionMode"
	KeyModel             ConfigKey = "model"
	KeyEffort            ConfigKey = "effort"
	KeyReasoningEffort   ConfigKey = "modelReasoningEffort"
	KeyServiceTier       ConfigKey = "serviceTier"
	KeyCollaborationMode ConfigKey = "collaborationMode"
)

type flavorFacts struct {
	label string
	modes []PermissionMode
	// nativeID is the metadata key of the agent's own session id; empty when it has none.
	nativeID string
	// config is what a person can change (socket contract §10.5).
	config []ConfigKey
}

var (
	claudeModes = []PermissionMode{ModeDefault, ModeAcceptEdits, ModeAuto, ModeBypassPermissions, ModePlan}
	codexModes  = []PermissionMode{ModeDefault, ModeReadOnly, ModeSafeYolo, ModeYolo}
	ownModes    = []PermissionMode{ModeDefault, ModeAcceptEdits, ModeBypassPermissions, ModePlan}

	claudeConfig = []ConfigKey{KeyPermissionMode, KeyModel, KeyEffort}
	codexConfig  = []ConfigKey{KeyPermissionMode, KeyModel, KeyReasoningEffort, KeyServiceTier, KeyCollaborationMode}
	plainConfig  = []ConfigKey{KeyPermissionMode, KeyModel}
)

var flavors = map[Flavor]flavorFacts{
	FlavorClaude:   {"Claude", claudeModes, "claudeSessionId", claudeConfig},
	FlavorCodex:    {"Codex", codexModes, "codexSessionId", codexConfig},
	FlavorGemini:   {"Gemini", codexModes, "geminiSessionId", plainConfig},
	FlavorKimi:     {"Kimi", codexModes, "kimiSessionId", plainConfig},
	FlavorCopilot:  {"Copilot", codexModes, "copilotSessionId", plainConfig},
	FlavorGrok:     {"Grok Build", []PermissionMode{"default", "auto", "plan", "bypassPermissions"}, "grokSessionId", claudeConfig},
	FlavorOpencode: {"OpenCode", []PermissionMode{"default", "plan", "yolo"}, "opencodeSessionId", []ConfigKey{KeyPermissionMode, KeyModel, KeyReasoningEffort}},
	FlavorAgy:      {"Antigravity", []PermissionMode{"request-review", "always-proceed"}, "agySessionId", plainConfig},
	FlavorCursor:   {"Cursor", []PermissionMode{"default", "plan", "ask", "debug", "autoReview", "yolo"}, "cursorSessionId", plainConfig},
	FlavorPi:       {"Pi", nil, "piSessionId", []ConfigKey{KeyModel, KeyEffort}},
	FlavorDsh:      {"DeepSeek Harness", nil, "", nil},
	FlavorACP:      {"Agent", ownModes, "acpSessionId", claudeConfig},
	FlavorDemo:     {"Demo", ownModes, "acpSessionId", claudeConfig},
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
// Agents that peers do not know, those of a machine's settings, speak ACP.
func (f Flavor) NativeIDKey() string {
	if facts, ok := flavors[f]; ok {
		return facts.nativeID
	}
	return flavors[FlavorACP].nativeID
}

// Allows says whether m is one of the flavor's permission modes. An unknown
// flavor has Claude's.
func (f Flavor) Allows(m PermissionMode) bool {
	facts, ok := flavors[f]
	if !ok {
		return slices.Contains(claudeModes, m)
	}
	return slices.Contains(facts.modes, m)
}

// Modes are the flavor's permission modes. An unknown flavor has Claude's.
func (f Flavor) Modes() []PermissionMode {
	if facts, ok := flavors[f]; ok {
		return slices.Clone(facts.modes)
	}
	return slices.Clone(claudeModes)
}

// Yolo is the mode of f in which nothing is asked, or "".
func (f Flavor) Yolo() PermissionMode {
	for _, m := range []PermissionMode{ModeYolo, ModeAlwaysProceed, ModeBypassPermissions} {
		if f.Allows(m) {
			return m
		}
	}
	return ""
}

// Config is what a person can change of an agent's configuration. An unknown
// flavor has Claude's.
func (f Flavor) Config() []ConfigKey {
	facts, ok := flavors[f]
	if !ok {
		return claudeConfig
	}
	return facts.config
}

// Has says whether k is a part of the flavor's configuration.
func (f Flavor) Has(k ConfigKey) bool { return slices.Contains(f.Config(), k) }

// PermissionModeKnown says whether any flavor has the mode m.
func PermissionModeKnown(m PermissionMode) bool {
	for _, facts := range flavors {
		if slices.Contains(facts.modes, m) {
			return true
		}
	}
	return false
}

package wire

import "encoding/json"

// Names of further machine-scoped RPC methods (socket contract §10.4).
const (
	MethodStopRunner            = "stop-runner"
	MethodMachineDirectory      = "list-directory"
	MethodPathExists            = "path-exists"
	MethodCursorChatStoreStatus = "cursor-chat-store-status"
)

// MachineDirectoryParams are the parameters of list-directory.
type MachineDirectoryParams struct {
	Path          string `json:"path"`
	IncludeHidden bool   `json:"includeHidden,omitempty"`
}

// PathExistsParams are the parameters of path-exists.
type PathExistsParams struct {
	Paths []string `json:"paths"`
}

// PathsExist answers path-exists: whether each path is a directory.
type PathsExist struct {
	Exists map[string]bool `json:"exists"`
}

// Statuses of a runner.
const (
	RunnerOffline      = "offline"
	RunnerRunning      = "running"
	RunnerShuttingDown = "shutting-down"
)

// Why a runner shuts down.
const (
	ShutdownByApp       = "hapi-app"
	ShutdownByCLI       = "hapi-cli"
	ShutdownBySignal    = "os-signal"
	ShutdownByException = "exception"
)

// RunnerState is what a runner says of itself.
type RunnerState struct {
	Status              string              `json:"status"`
	PID                 int                 `json:"pid,omitempty"`
	HTTPPort            int                 `json:"httpPort,omitempty"`
	StartedAt           Millis              `json:"startedAt,omitempty"`
	Capabilities        *RunnerCapabilities `json:"capabilities,omitempty"`
	ShutdownRequestedAt Millis              `json:"shutdownRequestedAt,omitempty"`
	ShutdownSource      string              `json:"shutdownSource,omitempty"`
	LastSpawnError      *SpawnFailure       `json:"lastSpawnError"`
}

// SpawnFailure is why the last spawn failed.
type SpawnFailure struct {
	Message  string  `json:"message"`
	PID      int     `json:"pid,omitempty"`
	ExitCode *int    `json:"exitCode"`
	Signal   *string `json:"signal"`
	At       Millis  `json:"at"`
}

// RunnerCapabilities are what the new-session form of clients is built from.
type RunnerCapabilities struct {
	AgentConfigs []AgentConfig `json:"agentConfigs"`
}

// AgentConfig says what can be chosen for an agent.
type AgentConfig struct {
	Flavor Flavor       `json:"flavor"` // or the name of an agent of the machine's settings
	Icon   string       `json:"icon,omitempty"`
	Fields []AgentField `json:"fields"`
}

// AgentField is one choice.
type AgentField struct {
	ID                string `json:"id"`
	Section           string `json:"section"`
	Kind              string `json:"kind"`
	OptionSource      string `json:"optionSource,omitempty"`
	Availability      string `json:"availability"`
	UnavailableReason string `json:"unavailableReason,omitempty"`
}

// SessionStarted is what a session process reports to its runner over the
// control channel (cli contract §5.3). Metadata's hostPid is the join key.
type SessionStarted struct {
	SessionID SessionID       `json:"sessionId"`
	Metadata  json.RawMessage `json:"metadata"`
}

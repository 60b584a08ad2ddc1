// Package control is how processes of one person on one machine talk to their
// runner: a file that says where it listens, and HTTP on loopback that takes
// only callers who can read that file.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"hapi/internal/home"
	"hapi/internal/wire"
)

// Names of the files in the data directory.
const (
	StateFile = "runner.state.json"
	LockFile  = "runner.state.json.lock"
)

// State is what a running runner says of itself on disk.
type State struct {
	PID       int    `json:"pid"`
	HTTPPort  int    `json:"httpPort"`
	StartTime string `json:"startTime"` // RFC 3339
	Version   string `json:"startedWithCliVersion"`
	// MtimeMs is when the executable was written.
	MtimeMs         float64        `json:"startedWithCliMtimeMs,omitempty"`
	APIURL          string         `json:"startedWithApiUrl"`
	MachineID       wire.MachineID `json:"startedWithMachineId"`
	TokenHash       string         `json:"startedWithCliApiTokenHash"`
	HeadersHash     string         `json:"startedWithExtraHeadersHash,omitempty"`
	Argv            []string       `json:"startedWithArgv"`
	HandoffDisabled bool           `json:"startedWithVersionHandoffDisabled"`
	LogPath         string         `json:"runnerLogPath,omitempty"`
	LastHeartbeat   string         `json:"lastHeartbeat,omitempty"` // RFC 3339
	// Secret opens the control channel; the file is its owner's alone.
	Secret     string   `json:"controlSecret"`
	Roots      []string `json:"workspaceRoots,omitempty"`
	Supervised bool     `json:"supervised,omitempty"`
}

// ErrNotRunning says that there is no runner.
var ErrNotRunning = errors.New("no runner is running on this machine: start one with `hapi runner start`")

// ReadState reads the state file.
func ReadState(dir string) (State, error) {
	var s State
	raw, err := os.ReadFile((&home.Home{Dir: dir}).Path(StateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, ErrNotRunning
	}
	if err != nil {
		return s, fmt.Errorf("read the runner's state: %w", err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("read the runner's state in %s: %w", StateFile, err)
	}
	return s, nil
}

// WriteState writes the state file.
func WriteState(dir string, s State) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the runner's state: %w", err)
	}
	return home.WritePrivate((&home.Home{Dir: dir}).Path(StateFile), append(raw, '\n'))
}

package wire

import "encoding/json"

// Machine is a computer that can run agents (http contract §7.6).
type Machine struct {
	ID                 MachineID       `json:"id"`
	Namespace          Namespace       `json:"namespace"`
	Seq                int64           `json:"seq"`
	CreatedAt          Millis          `json:"createdAt"`
	UpdatedAt          Millis          `json:"updatedAt"`
	Active             bool            `json:"active"`
	ActiveAt           Millis          `json:"activeAt"`
	Metadata           json.RawMessage `json:"metadata"`
	MetadataVersion    int64           `json:"metadataVersion"`
	RunnerState        json.RawMessage `json:"runnerState"`
	RunnerStateVersion int64           `json:"runnerStateVersion"`
	Health             *Health         `json:"health"`
}

// Health is a machine's load as its runner measured it. Clients refuse unknown keys.
type Health struct {
	CollectedAt   Millis   `json:"collectedAt"`
	CPUCount      *int     `json:"cpuCount,omitempty"`
	Load1m        *float64 `json:"load1m,omitempty"`
	CPUPercent    *float64 `json:"cpuPercent,omitempty"`
	MemoryPercent *float64 `json:"memoryPercent,omitempty"`
	UptimeSeconds *float64 `json:"uptimeSeconds,omitempty"`
}

package sessions

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// present is the stored row as peers may see it. Peers refuse a whole object
// for one bad field, so what does not validate is left out here.
func present(row *store.Session) (wire.Session, MetadataView) {
	w := wire.Session{
		ID: row.ID, Namespace: row.Namespace, Seq: row.Seq, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		Pinned: row.Pin == "project", GlobalPinned: row.Pin == "global",
		Active: row.Active, ActiveAt: row.ActiveAt,
		Metadata: presentMetadata(row.Metadata), MetadataVersion: row.MetadataVersion,
		AgentState: presentAgentState(row.AgentState), AgentStateVersion: row.AgentStateVersion,
		Todos: row.Todos, TodosUpdatedAt: row.TodosUpdatedAt,
		TeamState: row.TeamState, TeamStateUpdatedAt: row.TeamStateUpdatedAt,
		Model: row.Model, ModelReasoningEffort: row.ModelReasoningEffort, Effort: row.Effort, ServiceTier: row.ServiceTier,
	}
	view := Metadata(&w)
	w.PermissionMode, w.CopilotAgentMode = view.PreferredPermissionMode, view.PreferredCopilotMode
	return w, view
}

// kind is what a known metadata key must hold.
type kind int

const (
	aString kind = iota
	aNumber
	aBool
	anObject
	stringList
	anArray
)

var metadataKinds = map[string]kind{
	"path": aString, "host": aString, "version": aString, "name": aString, "os": aString, "machineId": aString,
	"homeDir": aString, "happyHomeDir": aString, "happyLibDir": aString, "happyToolsDir": aString,
	"hostPid": aNumber, "startedFromRunner": aBool, "startedBy": aString, "startingMode": aString,
	"flavor": aString, "hapiMcpUrl": aString, "tools": stringList, "slashCommands": stringList, "summary": anObject,
	"claudeSessionId": aString, "codexSessionId": aString, "codexSourceSessionId": aString, "geminiSessionId": aString,
	"opencodeSessionId": aString, "grokSessionId": aString, "agySessionId": aString, "cursorSessionId": aString,
	"kimiSessionId": aString, "copilotSessionId": aString, "piSessionId": aString, "acpSessionId": aString,
	"lifecycleState": aString, "lifecycleStateSince": aNumber, "archivedBy": aString, "archiveReason": aString,
	"supersededBySessionId": aString, "forkedFrom": aString, "preferredPermissionMode": aString, "preferredCopilotAgentMode": aString,
	"worktree": anObject, "capabilities": anObject,
	"conversationHistoryPoints": anObject, "conversationHistoryIndexes": anObject, "conversationHistoryTurns": anObject,
	"conversationHistoryEntryIds": anObject, "conversationHistoryDiverged": aBool,
	"cursorSessionProtocol": aString, "cursorMigrationState": aString, "opencodeClearOperation": anObject,
	"piAvailableModels": anArray, "piSelectedModel": anObject, "piHistoryLeafEntryId": aString, "piResumeAttempt": anObject,
	"piImportState": anObject, "ptyResumeAttempt": anObject,
}

// nullableKeys may be null on the wire.
var nullableKeys = map[string]bool{"startingMode": true, "flavor": true, "piSelectedModel": true}

// presentMetadata is nil without a string path and host; a known key that
// holds the wrong type is dropped.
func presentMetadata(raw json.RawMessage) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil || m == nil {
		return nil
	}
	if !holds(m["path"], aString) || !holds(m["host"], aString) {
		return nil
	}
	bad := slices.DeleteFunc(slices.Collect(maps.Keys(m)), func(key string) bool { return metadataKeyFits(key, m[key]) })
	if len(bad) == 0 {
		return raw
	}
	for _, key := range bad {
		delete(m, key)
	}
	out, err := json.Marshal(m)
	if err != nil { // it was just read
		return nil
	}
	return out
}

func metadataKeyFits(key string, value json.RawMessage) bool {
	want, known := metadataKinds[key]
	if !known {
		return true
	}
	if string(value) == "null" {
		return nullableKeys[key]
	}
	switch key {
	case "summary":
		return decodes[struct {
			Text      *string  `json:"text"`
			UpdatedAt *float64 `json:"updatedAt"`
		}](value)
	case "worktree":
		return decodes[struct {
			BasePath string `json:"basePath"`
			Branch   string `json:"branch"`
			Name     string `json:"name"`
		}](value)
	case "preferredPermissionMode":
		var mode wire.PermissionMode
		return json.Unmarshal(value, &mode) == nil && wire.PermissionModeKnown(mode)
	}
	return holds(value, want)
}

func decodes[T any](raw json.RawMessage) bool {
	var v T
	return json.Unmarshal(raw, &v) == nil && holds(raw, anObject)
}

func holds(raw json.RawMessage, k kind) bool {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return false
	}
	switch c := raw[0]; k {
	case aString:
		return c == '"'
	case aNumber:
		return c == '-' || c >= '0' && c <= '9'
	case aBool:
		return c == 't' || c == 'f'
	case anObject:
		return c == '{'
	case anArray:
		return c == '['
	case stringList:
		var list []string
		return c == '[' && json.Unmarshal(raw, &list) == nil
	}
	return false
}

// presentAgentState is nil unless the whole state validates.
func presentAgentState(raw json.RawMessage) json.RawMessage {
	if !holds(raw, anObject) {
		return nil
	}
	var state wire.AgentState
	if json.Unmarshal(raw, &state) != nil {
		return nil
	}
	for _, c := range state.CompletedRequests {
		switch c.Status {
		case wire.StatusApproved, wire.StatusDenied, wire.StatusCanceled:
		default:
			return nil
		}
	}
	return raw
}

package wire

import (
	"encoding/json"
	"slices"
	"strconv"
)

// SessionList is the answer of GET /api/sessions.
type SessionList []*SessionSummary

// rowSize is about what a list row takes.
const rowSize = 768

// AppendJSON appends the list as JSON without reflecting over its rows.
func (l SessionList) AppendJSON(b []byte) []byte {
	b = append(slices.Grow(b, rowSize*len(l)+32), `{"sessions":[`...)
	for i, s := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.AppendJSON(b)
	}
	return append(b, "]}"...)
}

// AppendJSON appends s as JSON, as encoding/json does.
func (s *SessionSummary) AppendJSON(b []byte) []byte {
	b = AppendString(append(b, `{"id":`...), string(s.ID))
	b = strconv.AppendBool(append(b, `,"active":`...), s.Active)
	b = strconv.AppendBool(append(b, `,"thinking":`...), s.Thinking)
	b = appendInt(append(b, `,"activeAt":`...), s.ActiveAt)
	b = appendInt(append(b, `,"updatedAt":`...), s.UpdatedAt)
	b = strconv.AppendBool(append(b, `,"pinned":`...), s.Pinned)
	b = strconv.AppendBool(append(b, `,"globalPinned":`...), s.GlobalPinned)
	b = s.Metadata.appendJSON(append(b, `,"metadata":`...))
	b = appendInt(append(b, `,"metadataVersion":`...), s.MetadataVersion)
	b = appendInt(append(b, `,"agentStateVersion":`...), s.AgentStateVersion)
	b = appendInt(append(b, `,"todosUpdatedAt":`...), s.TodosUpdatedAt)
	b = append(b, `,"todoProgress":`...)
	if p := s.TodoProgress; p == nil {
		b = append(b, "null"...)
	} else {
		b = appendInt(append(b, `{"completed":`...), p.Completed)
		b = append(appendInt(append(b, `,"total":`...), p.Total), '}')
	}
	b = appendInt(append(b, `,"pendingRequestsCount":`...), s.PendingRequestsCount)
	b = append(b, `,"pendingRequestKinds":[`...)
	for i, kind := range s.PendingRequestKinds {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, kind)
	}
	b = append(b, `],"pendingRequests":[`...)
	for i := range s.PendingRequests {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.PendingRequests[i].appendJSON(b)
	}
	b = appendInt(append(b, `],"backgroundTaskCount":`...), s.BackgroundTaskCount)
	b = appendInt(append(b, `,"futureScheduledMessageCount":`...), s.FutureScheduledMessageCount)
	b = appendIntOrNull(append(b, `,"nextScheduledAt":`...), s.NextScheduledAt)
	b = appendStringOrNull(append(b, `,"model":`...), s.Model)
	b = appendStringOrNull(append(b, `,"modelReasoningEffort":`...), s.ModelReasoningEffort)
	b = appendStringOrNull(append(b, `,"effort":`...), s.Effort)
	return append(b, '}')
}

func (m *SummaryMetadata) appendJSON(b []byte) []byte {
	if m == nil {
		return append(b, "null"...)
	}
	b = AppendString(append(b, `{"path":`...), m.Path)
	b = appendIfSet(b, "name", m.Name)
	b = appendIfSet(b, "machineId", string(m.MachineID))
	if m.Summary != nil {
		b = append(AppendString(append(b, `,"summary":{"text":`...), m.Summary.Text), '}')
	}
	b = append(b, `,"flavor":`...)
	if m.Flavor == nil {
		b = append(b, "null"...)
	} else {
		b = AppendString(b, string(*m.Flavor))
	}
	if len(m.Worktree) > 0 {
		b = appendRaw(append(b, `,"worktree":`...), m.Worktree)
	}
	b = appendIfSet(b, "agentSessionId", m.AgentSessionID)
	b = appendIfSet(b, "lifecycleState", m.LifecycleState)
	b = appendIfSet(b, "hapiMcpUrl", m.HapiMcpURL)
	return append(b, '}')
}

func (p *PendingRequest) appendJSON(b []byte) []byte {
	b = AppendString(append(b, `{"id":`...), string(p.ID))
	b = AppendString(append(b, `,"kind":`...), p.Kind)
	b = AppendString(append(b, `,"tool":`...), p.Tool)
	return append(appendInt(append(b, `,"since":`...), p.Since), '}')
}

func appendInt[T ~int | ~int64](b []byte, n T) []byte { return strconv.AppendInt(b, int64(n), 10) }

func appendStringOrNull(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return AppendString(b, *s)
}

// appendIfSet appends a key that is left out when it is empty.
func appendIfSet(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return AppendString(append(append(append(b, `,"`...), key...), `":`...), value)
}

// MarshalJSON writes the list as AppendJSON does.
func (l SessionList) MarshalJSON() ([]byte, error) { return l.AppendJSON(nil), nil }

var _ json.Marshaler = SessionList(nil)

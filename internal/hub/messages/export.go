package messages

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// The bounds of an export (messages contract §11).
const (
	// ExportWarnFrom is how many messages are exported only on demand.
	ExportWarnFrom = 20_000
	// ExportMostBytes is the largest export.
	ExportMostBytes = 100 << 20
	// rowOverhead is about what a row has besides its content.
	rowOverhead = 256
)

// ExportSize is how many messages an export has at most, and about how large it is.
func (s *Service) ExportSize(ctx context.Context, ns wire.Namespace, id wire.SessionID) (count, bytes int64, err error) {
	if err := s.sessions.Access(ns, id); err != nil {
		return 0, 0, err
	}
	count, bytes, err = s.store.ConversationSize(ctx, s.store.Reader(), id)
	if err != nil {
		return 0, 0, fmt.Errorf("measure the conversation: %w", err)
	}
	return count, bytes + count*rowOverhead, nil
}

// Export visits the messages that a chat shows, in the order in which it shows
// them. Few are held in memory at a time.
func (s *Service) Export(ctx context.Context, ns wire.Namespace, id wire.SessionID, visit func(*wire.Message) error) error {
	if err := s.sessions.Access(ns, id); err != nil {
		return err
	}
	err := s.store.Walk(ctx, s.store.Reader(), id, func(m *store.Message) error {
		if m.InvokedAt == nil || hidden(m.Content) || backstage(m.Content) {
			return nil
		}
		w := m.Wire()
		return visit(&w)
	})
	if err != nil {
		return fmt.Errorf("read the conversation: %w", err)
	}
	return nil
}

// chatSubtypes are the system entries of a Claude transcript that a chat shows.
var chatSubtypes = map[string]bool{
	"api_error": true, "turn_duration": true, "microcompact_boundary": true, "compact_boundary": true, "away_summary": true,
}

// backstage says whether an entry of a Claude transcript is not for the chat
// (messages contract §12.4).
func backstage(content json.RawMessage) bool {
	if gjson.GetBytes(content, "content.type").Str != "output" || gjson.GetBytes(content, "role").Str != "agent" {
		return false
	}
	data := gjson.GetBytes(content, "content.data")
	if truthy(data.Get("isMeta")) || truthy(data.Get("isCompactSummary")) {
		return true
	}
	typ, subtype := data.Get("type").Str, data.Get("subtype").Str
	switch typ {
	case "rate_limit_event", "tool_progress":
		return true
	case "system":
		return !chatSubtypes[subtype] || subtype == "away_summary" && blank(data.Get("content"))
	case "agy_message":
		return blank(data.Get("content"))
	}
	return false
}

func blank(v gjson.Result) bool { return strings.TrimSpace(v.Str) == "" }

// truthy is how peers take a flag.
func truthy(v gjson.Result) bool {
	return v.Type == gjson.True || v.Type == gjson.JSON || v.Type == gjson.Number && v.Num != 0 || v.Type == gjson.String && v.Str != ""
}

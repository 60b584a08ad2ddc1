package wire

import (
	"encoding/json"
	"strconv"
)

// Event is something that happened, as it goes to people's event streams: a
// compact JSON object with a type, and the facts the delivery filter needs.
type Event struct {
	Namespace Namespace
	SessionID SessionID // of a session's event
	MachineID MachineID // of a machine's event
	JSON      []byte
}

// Event types (http contract §6.8).
const (
	SessionAdded          = "session-added"
	SessionUpdated        = "session-updated"
	SessionRemoved        = "session-removed"
	MessageReceived       = "message-received"
	MessagesInvalidated   = "messages-invalidated"
	MessagesConsumedEvent = "messages-consumed"
	MessagesIndeterminate = "messages-indeterminate"
	MessagesRequeued      = "messages-requeued"
	MessageCancelled      = "message-cancelled"
	ScheduledMatured      = "scheduled-matured"
	SessionEnded          = "session-ended"
	MachineUpdated        = "machine-updated"
)

// SessionEvent is an event of a session whose only fields are its ids.
func SessionEvent(typ string, ns Namespace, id SessionID) Event {
	return Event{Namespace: ns, SessionID: id, JSON: append(sessionHead(nil, typ, ns, id), '}')}
}

// SessionDataEvent is an event with `data`: a Session or a SessionPatch.
func SessionDataEvent(typ string, ns Namespace, id SessionID, data any) (Event, error) {
	body, err := json.Marshal(data)
	if err != nil {
		return Event{}, err
	}
	b := append(sessionHead(nil, typ, ns, id), `,"data":`...)
	b = append(b, body...)
	return Event{Namespace: ns, SessionID: id, JSON: append(b, '}')}, nil
}

// MessageReceivedEvent announces a row, new or changed.
func MessageReceivedEvent(ns Namespace, id SessionID, m *Message) Event {
	b := make([]byte, 0, len(m.Content)+320)
	b = append(sessionHead(b, MessageReceived, ns, id), `,"message":`...)
	b = m.AppendJSON(b)
	return Event{Namespace: ns, SessionID: id, JSON: append(b, '}')}
}

// LocalIDsEvent is an event about prompts by their local ids.
func LocalIDsEvent(typ string, ns Namespace, id SessionID, ids []LocalID) Event {
	return Event{Namespace: ns, SessionID: id, JSON: append(appendLocalIDs(sessionHead(nil, typ, ns, id), ids), '}')}
}

// ConsumedEvent announces that the agent took prompts.
func ConsumedEvent(ns Namespace, id SessionID, ids []LocalID, at Millis, steered bool) Event {
	b := appendLocalIDs(sessionHead(nil, MessagesConsumedEvent, ns, id), ids)
	b = append(b, `,"invokedAt":`...)
	b = strconv.AppendInt(b, int64(at), 10)
	if steered {
		b = append(b, `,"steered":true`...)
	}
	return Event{Namespace: ns, SessionID: id, JSON: append(b, '}')}
}

// CancelledEvent announces that a queued row was deleted. messageID is what
// the canceller called it; an empty localID is left out.
func CancelledEvent(ns Namespace, id SessionID, messageID string, localID LocalID) Event {
	b := append(sessionHead(nil, MessageCancelled, ns, id), `,"messageId":`...)
	b = AppendString(b, messageID)
	if localID != "" {
		b = append(b, `,"localId":`...)
		b = AppendString(b, string(localID))
	}
	return Event{Namespace: ns, SessionID: id, JSON: append(b, '}')}
}

// EndedEvent announces that a session process said goodbye.
func EndedEvent(ns Namespace, id SessionID, reason string) Event {
	b := sessionHead(nil, SessionEnded, ns, id)
	if reason != "" {
		b = append(b, `,"reason":`...)
		b = AppendString(b, reason)
	}
	return Event{Namespace: ns, SessionID: id, JSON: append(b, '}')}
}

// MachineEvent announces a machine's present state: a Machine or {"active":false}.
func MachineEvent(ns Namespace, id MachineID, data any) (Event, error) {
	body, err := json.Marshal(data)
	if err != nil {
		return Event{}, err
	}
	b := append([]byte(`{"type":"`), MachineUpdated...)
	b = append(b, `","namespace":`...)
	b = AppendString(b, string(ns))
	b = append(b, `,"machineId":`...)
	b = AppendString(b, string(id))
	b = append(b, `,"data":`...)
	b = append(b, body...)
	return Event{Namespace: ns, MachineID: id, JSON: append(b, '}')}, nil
}

// Toast is a notification for clients that a person sees (http contract §6.10).
// Clients match its texts; ours says it in the person's words, from its type and
// what it is about.
type Toast struct {
	Title     string       `json:"title"`
	Body      string       `json:"body"`
	SessionID SessionID    `json:"sessionId"`
	URL       string       `json:"url"`
	Type      string       `json:"type"`
	Params    NoticeParams `json:"params"`
}

// NoticeParams are what the texts of a notification were made from.
type NoticeParams struct {
	Agent   string `json:"agent"`
	Session string `json:"session"`
	Tool    string `json:"tool,omitempty"`    // of a request, if it is known
	Summary string `json:"summary,omitempty"` // of a task
	Failed  bool   `json:"failed,omitempty"`  // of a task
}

// ToastEvent is a toast as it goes to a stream: it is nobody's history, so it
// has no namespace.
func ToastEvent(t Toast) []byte {
	raw, err := json.Marshal(struct {
		Type string `json:"type"`
		Data Toast  `json:"data"`
	}{"toast", t})
	if err != nil { // strings always marshal
		panic(err)
	}
	return raw
}

func sessionHead(b []byte, typ string, ns Namespace, id SessionID) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, typ...)
	b = append(b, `","namespace":`...)
	b = AppendString(b, string(ns))
	b = append(b, `,"sessionId":`...)
	return AppendString(b, string(id))
}

func appendLocalIDs(b []byte, ids []LocalID) []byte {
	b = append(b, `,"localIds":[`...)
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, string(id))
	}
	return append(b, ']')
}

package wire

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
)

// DeliveryState says how far a prompt has come towards the agent.
type DeliveryState string

// The delivery states. Peers are shown only Indeterminate, for Dispatching too.
const (
	Queued        DeliveryState = "queued"
	Dispatching   DeliveryState = "dispatching"
	Indeterminate DeliveryState = "indeterminate"
)

// Message is one row of a conversation (messages contract §1.2).
type Message struct {
	ID MessageID `json:"id"`
	// Seq is the insertion order in its session; null on a pinned queued row.
	Seq     *int64          `json:"seq"`
	LocalID *LocalID        `json:"localId"`
	Content json.RawMessage `json:"content"`
	// CreatedAt is when the hub received it, or the sender's earlier time.
	CreatedAt Millis `json:"createdAt"`
	// InvokedAt is when the agent took it; null while queued.
	InvokedAt   *Millis `json:"invokedAt"`
	ScheduledAt *Millis `json:"scheduledAt"`
	// DeliveryState is Indeterminate or absent.
	DeliveryState DeliveryState `json:"deliveryState,omitempty"`
	// Steered says that the agent took it into a turn that was running.
	Steered bool `json:"steered,omitempty"`
}

// Position orders the messages of a session: when the agent took a message,
// then insertion.
type Position struct {
	At  Millis
	Seq int64
}

// Compare is negative when p comes before q.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.At, q.At), cmp.Compare(p.Seq, q.Seq))
}

// AppendJSON appends m as JSON. It is the hot path of pages and events:
// the content is copied as it was stored.
func (m *Message) AppendJSON(b []byte) []byte {
	b = append(b, `{"id":`...)
	b = AppendString(b, string(m.ID))
	b = append(b, `,"seq":`...)
	b = appendIntOrNull(b, m.Seq)
	b = append(b, `,"localId":`...)
	if m.LocalID == nil {
		b = append(b, "null"...)
	} else {
		b = AppendString(b, string(*m.LocalID))
	}
	b = append(b, `,"content":`...)
	b = appendRaw(b, m.Content)
	b = append(b, `,"createdAt":`...)
	b = strconv.AppendInt(b, int64(m.CreatedAt), 10)
	b = append(b, `,"invokedAt":`...)
	b = appendIntOrNull(b, m.InvokedAt)
	b = append(b, `,"scheduledAt":`...)
	b = appendIntOrNull(b, m.ScheduledAt)
	if m.DeliveryState != "" {
		b = append(b, `,"deliveryState":`...)
		b = AppendString(b, string(m.DeliveryState))
	}
	if m.Steered {
		b = append(b, `,"steered":true`...)
	}
	return append(b, '}')
}

// MarshalJSON writes m as AppendJSON does.
func (m Message) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

func appendIntOrNull[T ~int64](b []byte, n *T) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(*n), 10)
}

func appendRaw(b []byte, raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return append(b, "null"...)
	}
	return append(b, raw...)
}

// AppendString appends s as a JSON string.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f || c == '<' || c == '>' || c == '&' {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always marshals
		panic(err)
	}
	return append(b, quoted...)
}

// Page is one answer of GET …/messages: a superset that both the published
// page's clients and the windowing clients read (messages contract §3.3).
type Page struct {
	Messages []Message `json:"messages"`
	HasMore  bool      `json:"hasMore"`
	Page     PageInfo  `json:"page"`
}

// Direction says which way a page was asked for.
type Direction string

// The directions of a page.
const (
	Latest Direction = "latest"
	Before Direction = "before"
	After  Direction = "after"
)

// PageInfo is the cursor block of a page; all keys are always present.
type PageInfo struct {
	Direction       Direction `json:"direction"`
	Limit           int       `json:"limit"`
	Epoch           int64     `json:"epoch"`
	Reset           bool      `json:"reset"`
	NextBeforeSeq   *int64    `json:"nextBeforeSeq"`
	NextBeforeAt    *Millis   `json:"nextBeforeAt"`
	NextAfterSeq    *int64    `json:"nextAfterSeq"`
	NextAfterAt     *Millis   `json:"nextAfterAt"`
	SnapshotHeadSeq *int64    `json:"snapshotHeadSeq"`
	SnapshotHeadAt  *Millis   `json:"snapshotHeadAt"`
	HasMore         bool      `json:"hasMore"`
}

// besidesContent is about what a message or a page takes beside the contents.
const besidesContent = 384

// AppendJSON appends p as JSON without reflecting over its messages.
func (p *Page) AppendJSON(b []byte) []byte {
	size := besidesContent
	for i := range p.Messages {
		size += len(p.Messages[i].Content) + besidesContent
	}
	b = append(slices.Grow(b, size), `{"messages":[`...)
	for i := range p.Messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.Messages[i].AppendJSON(b)
	}
	b = append(b, `],"hasMore":`...)
	b = strconv.AppendBool(b, p.HasMore)
	b = append(b, `,"page":`...)
	info, err := json.Marshal(p.Page)
	if err != nil { // numbers and strings always marshal
		panic(err)
	}
	b = append(b, info...)
	return append(b, '}')
}

// MarshalJSON writes p as AppendJSON does.
func (p Page) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// SendRequest is the body of POST …/messages (messages contract §4). A nil
// pointer is an absent or null key.
type SendRequest struct {
	Text         *string      `json:"text"`
	LocalID      *LocalID     `json:"localId"`
	Attachments  []Attachment `json:"attachments"`
	ScheduledAt  *Millis      `json:"scheduledAt"`
	DeliveryMode *string      `json:"deliveryMode"`
}

// Attachment is a file a person uploaded before sending a message; Path is on
// the agent's machine.
type Attachment struct {
	ID         string `json:"id"`
	Filename   string `json:"filename"`
	MimeType   string `json:"mimeType"`
	Size       int64  `json:"size"`
	Path       string `json:"path"`
	PreviewURL string `json:"previewUrl,omitempty"`
}

// CancelResult is the answer of DELETE …/messages/:messageId.
type CancelResult struct {
	Status  string   `json:"status"` // cancelled, invoked, busy
	LocalID *LocalID `json:"localId"`
	Message *Message `json:"message,omitempty"`
}

// MarshalJSON leaves localId out of an invoked answer, as peers expect.
func (c CancelResult) MarshalJSON() ([]byte, error) {
	if c.Status == "invoked" {
		return json.Marshal(struct {
			Status  string   `json:"status"`
			Message *Message `json:"message"`
		}{c.Status, c.Message})
	}
	return json.Marshal(struct {
		Status  string   `json:"status"`
		LocalID *LocalID `json:"localId"`
	}{c.Status, c.LocalID})
}

// SteerResult is the answer of POST …/messages/:messageId/steer.
type SteerResult struct {
	Status  string // steered, invoked, failed
	LocalID *LocalID
	Message *Message // of invoked
	Error   string   // of failed: why
}

// MarshalJSON writes only the keys that belong to the status.
func (r SteerResult) MarshalJSON() ([]byte, error) {
	switch r.Status {
	case "invoked":
		return json.Marshal(CancelResult{Status: r.Status, Message: r.Message})
	case "failed":
		return json.Marshal(struct {
			Status  string   `json:"status"`
			Error   string   `json:"error"`
			LocalID *LocalID `json:"localId"`
		}{r.Status, r.Error, r.LocalID})
	}
	return json.Marshal(CancelResult{Status: r.Status, LocalID: r.LocalID})
}

// RetryResult is the answer of POST …/messages/:messageId/retry.
type RetryResult struct {
	Status  string // retried, already-queued, retry-unavailable, invoked, not-found
	LocalID *LocalID
	Message *Message // of invoked
}

// MarshalJSON writes only the keys that belong to the status.
func (r RetryResult) MarshalJSON() ([]byte, error) {
	if r.Status == "not-found" {
		return []byte(`{"status":"not-found"}`), nil
	}
	return json.Marshal(CancelResult(r))
}

// QueuedState is the answer of POST …/messages/queued-state.
type QueuedState struct {
	QueuedLocalIDs        []LocalID      `json:"queuedLocalIds"`
	IndeterminateLocalIDs []LocalID      `json:"indeterminateLocalIds"`
	InvokedLocalMessages  []InvokedLocal `json:"invokedLocalMessages"`
}

// InvokedLocal says when the agent took a local message.
type InvokedLocal struct {
	LocalID   LocalID `json:"localId"`
	InvokedAt Millis  `json:"invokedAt"`
}

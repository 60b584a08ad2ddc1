// Package wire is the vocabulary that crosses a boundary: what the hub, the
// session processes, the runners and people's clients say to each other, JSON
// to the letter. It holds no rules and imports nothing of ours.
package wire

import "time"

// ProtocolVersion is the wire protocol the hub speaks. Clients refuse to work
// with a higher number, so it changes only when a peer would break.
const ProtocolVersion = 1

// Identifiers are opaque: never parsed, never built outside their constructor.
type (
	SessionID string
	MachineID string
	MessageID string
	// LocalID is a client's own name for a message, unique per session. It
	// makes sending idempotent.
	LocalID string
	// RequestID names a permission request; it equals the tool call's id.
	RequestID string
	// Namespace partitions sessions and machines. It is isolation, not a credential.
	Namespace string
)

// OwnerNamespace is the namespace of the hub's owner, and of tokens without a suffix.
const OwnerNamespace Namespace = "default"

// Millis is a point in time as peers write it: milliseconds since 1970.
type Millis int64

// At is t as peers write it.
func At(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time is m as a time.Time in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// Now is the present time as peers write it.
func Now() Millis { return At(time.Now()) }

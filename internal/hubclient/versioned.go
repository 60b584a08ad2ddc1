package hubclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"hapi/internal/wire"
)

// ErrRefused says that the hub does not know the session, or not as ours.
var ErrRefused = errors.New("the hub refused the write")

// writeWithin bounds one attempt of a versioned write.
const writeWithin = 15 * time.Second

// versioned is a value that several peers write: each write names the version
// it builds on, and is derived anew when another came first.
type versioned struct {
	name, event string
	of          map[string]any // says in a write whose value it is
	writing     chan struct{}  // one token: a write at a time

	mu      sync.Mutex
	version int64
	value   json.RawMessage
}

func newVersioned(name, event string, of map[string]any, value json.RawMessage, version int64) *versioned {
	v := &versioned{name: name, event: event, of: of, writing: make(chan struct{}, 1), value: value, version: version}
	v.writing <- struct{}{}
	return v
}

func (v *versioned) current() (json.RawMessage, int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.value, v.version
}

// adopt takes over a newer value.
func (v *versioned) adopt(u *wire.Versioned) {
	if u == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if u.Version > v.version {
		v.version, v.value = u.Version, u.Value
	}
}

// UpdateMetadata changes keys of the session's metadata: change gets what is
// stored, perhaps more than once. It tries until it succeeds or ctx ends.
func (l *Link) UpdateMetadata(ctx context.Context, change func(m map[string]json.RawMessage)) error {
	return l.write(ctx, l.metadata, changing(change))
}

// changing derives a value by changing keys of the old one.
func changing(change func(m map[string]json.RawMessage)) func(old json.RawMessage) (any, error) {
	return func(old json.RawMessage) (any, error) {
		m := map[string]json.RawMessage{}
		if len(old) > 0 {
			if err := json.Unmarshal(old, &m); err != nil {
				return nil, fmt.Errorf("read what the hub has: %w", err)
			}
		}
		if m == nil {
			m = map[string]json.RawMessage{}
		}
		change(m)
		return m, nil
	}
}

// UpdateState changes the session's agent state likewise.
func (l *Link) UpdateState(ctx context.Context, change func(s *wire.AgentState)) error {
	return l.write(ctx, l.state, func(old json.RawMessage) (any, error) {
		var s wire.AgentState
		if len(old) > 0 {
			if err := json.Unmarshal(old, &s); err != nil {
				return nil, fmt.Errorf("read the session's agent state: %w", err)
			}
		}
		change(&s)
		return s, nil
	})
}

// State is the session's agent state as last seen.
func (l *Link) State() (wire.AgentState, error) {
	raw, _ := l.state.current()
	var s wire.AgentState
	if len(raw) == 0 {
		return s, nil
	}
	return s, json.Unmarshal(raw, &s)
}

// Metadata is the session's metadata as last seen.
func (l *Link) Metadata() json.RawMessage {
	raw, _ := l.metadata.current()
	return raw
}

func (c *conn) write(ctx context.Context, v *versioned, derive func(old json.RawMessage) (any, error)) error {
	select {
	case <-v.writing:
		defer func() { v.writing <- struct{}{} }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for failures := 0; ; failures++ {
		done, err := c.tryWrite(ctx, v, derive)
		if done || err != nil {
			return err
		}
		pause := rand.N(time.Duration(250+15*min(failures, 50)) * time.Millisecond)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryWrite makes one attempt. An error ends the attempts.
func (c *conn) tryWrite(ctx context.Context, v *versioned, derive func(old json.RawMessage) (any, error)) (done bool, err error) {
	old, version := v.current()
	value, err := derive(old)
	if err != nil {
		return false, err
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return false, fmt.Errorf("encode the %s: %w", v.name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	write := map[string]any{"expectedVersion": version, v.name: json.RawMessage(raw)}
	maps.Copy(write, v.of)
	reply, err := c.socket.Call(ctx, v.event, write)
	if err != nil || len(reply) == 0 {
		return false, nil // not connected, or no answer: try again
	}
	var ack wire.VersionedAck
	if json.Unmarshal(reply[0], &ack) != nil {
		return false, nil
	}
	stored := map[string]json.RawMessage{"metadata": ack.Metadata, "agentState": ack.AgentState, "runnerState": ack.RunnerState}[v.name]
	switch ack.Result {
	case wire.WriteSuccess:
		v.adopt(&wire.Versioned{Version: ack.Version, Value: stored})
		return true, nil
	case wire.WriteMismatch:
		v.replace(ack.Version, stored)
		return false, nil
	case wire.WriteError:
		if ack.Reason != "" {
			return false, fmt.Errorf("%w: %s", ErrRefused, ack.Reason)
		}
	}
	return false, nil
}

// replace takes over what the hub has, whatever its version.
func (v *versioned) replace(version int64, value json.RawMessage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.version, v.value = version, value
}

package hubclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hapi/internal/wire"
)

// steerStateWithin is how long the hub may take to note the state of a steer.
const steerStateWithin = 5 * time.Second

// ErrNotNoted says that the hub did not note the state of a prompt: it is not
// where the process thinks it is.
var ErrNotNoted = errors.New("the hub has the message in another state")

// SteerState notes how far handing a prompt into the running turn has come,
// before the next step is taken.
func (l *Link) SteerState(ctx context.Context, state wire.DeliveryState, id wire.LocalID) error {
	ctx, cancel := context.WithTimeout(ctx, steerStateWithin)
	defer cancel()
	reply, err := l.socket.Call(ctx, wire.EventMessagesSteerState, wire.MessagesSteerState{SID: l.id, LocalIDs: rawIDs(id), State: state})
	if err != nil {
		return fmt.Errorf("tell the hub of the steer: %w", err)
	}
	var ack wire.SteerStateAck
	if len(reply) > 0 {
		_ = json.Unmarshal(reply[0], &ack) // what is no ack is no success
	}
	if !ack.OK {
		return ErrNotNoted
	}
	return nil
}

// Steered tells the hub that the running turn took a prompt.
func (l *Link) Steered(ctx context.Context, id wire.LocalID) error {
	in := wire.MessagesConsumed{SID: l.id, LocalIDs: rawIDs(id), Steered: true}
	return l.put(ctx, &item{event: wire.EventMessagesConsumed, size: 256, payload: in})
}

// Indeterminate tells the hub that nobody knows whether a prompt was taken.
func (l *Link) Indeterminate(ctx context.Context, id wire.LocalID) error {
	in := wire.MessagesSteerState{SID: l.id, LocalIDs: rawIDs(id)}
	return l.put(ctx, &item{event: wire.EventMessagesIndeterminate, size: 256, payload: in})
}

func rawIDs(id wire.LocalID) []json.RawMessage {
	return []json.RawMessage{wire.AppendString(nil, string(id))}
}

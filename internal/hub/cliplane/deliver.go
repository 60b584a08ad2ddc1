package cliplane

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// Deliver hands a prompt to every process of its session.
func (p *Plane) Deliver(id wire.SessionID, m *wire.Message) {
	p.emit(sessionRoom(id), nil, newMessage(id, m, string(m.ID)))
}

// Relay hands a row that one process said to the session's other ones.
func (p *Plane) Relay(id wire.SessionID, m *wire.Message, from any) {
	room := sessionRoom(id)
	except, _ := from.(*socketio.Socket)
	members := p.cli.Members(room)
	if len(members) == 0 || len(members) == 1 && members[0] == except {
		return
	}
	p.emit(room, except, newMessage(id, m, uuid.NewString()))
}

func newMessage(id wire.SessionID, m *wire.Message, envelope string) wire.Update {
	var seq int64
	if m.Seq != nil {
		seq = *m.Seq
	}
	return wire.Update{ID: envelope, Seq: seq, CreatedAt: m.CreatedAt, Body: wire.NewMessageUpdate{
		T: "new-message", SID: id,
		Message: wire.DeliveredMessage{ID: m.ID, Seq: seq, CreatedAt: m.CreatedAt, LocalID: m.LocalID, Content: m.Content},
	}}
}

// cancelWithin is how long a process may take to say whether it can give a
// prompt back.
const cancelWithin = 500 * time.Millisecond

// AskCancel asks every process of the session and combines what they say: that
// it was taken counts more than that it was removed.
func (p *Plane) AskCancel(ctx context.Context, q wire.CancelQueuedUpdate) (answer wire.CancelAnswer, present, answered bool) {
	members := p.cli.Members(sessionRoom(q.SID))
	if len(members) == 0 {
		return answer, false, false
	}
	ctx, cancel := context.WithTimeout(ctx, cancelWithin)
	defer cancel()
	u := wire.Update{ID: uuid.NewString(), CreatedAt: wire.Now(), Body: q}
	answers := make(chan *wire.CancelAnswer, len(members))
	for _, s := range members {
		go func() { answers <- askOne(ctx, s, u) }() // ends with ctx, or before
	}
	for range members {
		a := <-answers
		if a == nil {
			continue
		}
		answered = true
		answer.Removed = answer.Removed || a.Removed
		answer.InFlight = answer.InFlight || a.InFlight
		answer.Indeterminate = answer.Indeterminate || a.Indeterminate
		answer.Consumed = answer.Consumed || a.Consumed
	}
	return answer, true, answered
}

// Processes is how many processes the session has.
func (p *Plane) Processes(id wire.SessionID) int { return len(p.cli.Members(sessionRoom(id))) }

// AskRetry asks the session's processes to queue a prompt that they know. No
// answer in time is a refusal.
func (p *Plane) AskRetry(ctx context.Context, id wire.SessionID, q wire.RetryQueuedUpdate) (answer wire.RetryAnswer) {
	ctx, cancel := context.WithTimeout(ctx, cancelWithin)
	defer cancel()
	u := wire.Update{ID: uuid.NewString(), CreatedAt: wire.Now(), Body: q}
	for _, s := range p.cli.Members(sessionRoom(id)) {
		if reply, err := s.Call(ctx, wire.EventUpdate, u); err == nil && len(reply) > 0 {
			_ = json.Unmarshal(reply[0], &answer) // what cannot be read accepts nothing
		}
	}
	return answer
}

// AskSteer asks the session's process to hand a prompt into the running turn.
func (p *Plane) AskSteer(ctx context.Context, id wire.SessionID, local wire.LocalID) (out wire.SteerOutcome) {
	if err := p.rpc.Call(ctx, string(id), wire.MethodSteerQueued, wire.SteerParams{LocalID: local}, &out); err != nil {
		return wire.SteerOutcome{Error: err.Error()}
	}
	return out
}

func askOne(ctx context.Context, s *socketio.Socket, u wire.Update) *wire.CancelAnswer {
	reply, err := s.Call(ctx, wire.EventUpdate, u)
	if err != nil || len(reply) == 0 {
		return nil
	}
	var a wire.CancelAnswer
	if json.Unmarshal(reply[0], &a) != nil {
		return nil
	}
	return &a
}

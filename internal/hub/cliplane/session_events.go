package cliplane

import (
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/tidwall/gjson"

	"hapi/internal/hub/messages"
	"hapi/internal/hub/store"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// message takes a row of the conversation. With an acknowledgement the process
// learns that it is durable.
func (p *Plane) message(c *peer, raw json.RawMessage, ack socketio.Ack) {
	in, ok := readAppend(raw)
	if !ok {
		ack(wire.AppendAck{Result: wire.WriteError, Reason: "invalid"})
		return
	}
	in.SID = p.sessions.Resolve(c.ns, in.SID) // it may have been merged meanwhile: nothing said is lost
	err := p.messages.Append(c.durable(), c.ns, in, c.socket, &c.order, func(a wire.AppendAck) { ack(a) })
	switch {
	case err == nil:
	case accessFailure(err):
		c.refuse(err, string(in.SID), ack)
	case errors.Is(err, store.ErrStopped):
		ack(wire.AppendAck{Result: wire.WriteError, Reason: "stopping", Retry: true})
	default: // its content is no row
		ack(wire.AppendAck{Result: wire.WriteError, Reason: "invalid"})
	}
}

// readAppend reads the payload in one pass: it is the busiest event. raw is
// valid JSON.
func readAppend(raw json.RawMessage) (in wire.AppendMessage, ok bool) {
	payload := gjson.ParseBytes(raw)
	if !payload.IsObject() {
		return in, false
	}
	payload.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "sid":
			in.SID = wire.SessionID(v.Str)
		case "message":
			in.Message = json.RawMessage(v.Raw)
		case "localId":
			if v.Type == gjson.String && v.Str != "" {
				id := wire.LocalID(v.Str)
				in.LocalID = &id
			}
		case "createdAt":
			if v.Type == gjson.Number {
				in.CreatedAt = &v.Num
			}
		case "clientKey":
			in.ClientKey = v.Str
		}
		return true
	})
	return in, in.SID != "" && len(in.Message) > 0
}

func (p *Plane) updateMetadata(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.UpdateMetadata
	if json.Unmarshal(raw, &in) != nil || in.SID == "" {
		ack(wire.VersionedAck{Result: wire.WriteError})
		return
	}
	p.sessions.UpdateMetadata(c.durable(), c.ns, in, func(a wire.VersionedAck, written *wire.Versioned) {
		ack(a)
		if written != nil {
			p.tellSession(c, wire.UpdateSessionUpdate{T: "update-session", SID: in.SID, Metadata: written})
		}
	})
}

func (p *Plane) updateState(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.UpdateState
	if json.Unmarshal(raw, &in) != nil || in.SID == "" {
		ack(wire.VersionedAck{Result: wire.WriteError})
		return
	}
	p.sessions.UpdateState(c.durable(), c.ns, in, func(a wire.VersionedAck, written *wire.Versioned) {
		ack(a)
		if written != nil {
			p.tellSession(c, wire.UpdateSessionUpdate{T: "update-session", SID: in.SID, AgentState: written})
		}
	})
}

// tellSession tells the session's other processes what one of them wrote.
func (p *Plane) tellSession(c *peer, body wire.UpdateSessionUpdate) {
	p.emit(sessionRoom(body.SID), c.socket, p.update(body))
}

// update wraps a body that is not a message.
func (p *Plane) update(body any) wire.Update {
	now := wire.Now()
	return wire.Update{ID: uuid.NewString(), Seq: int64(now), CreatedAt: now, Body: body}
}

// emit sends an update to a room. Members that cannot take it are leaving.
func (p *Plane) emit(room string, except *socketio.Socket, u wire.Update) {
	if err := p.cli.Emit(room, except, wire.EventUpdate, u); err != nil {
		p.log.Error("encode an update", "err", err)
	}
}

// sessionAlive takes a keep-alive. The first one after a connect also brings
// the prompts that wait.
func (p *Plane) sessionAlive(c *peer, raw json.RawMessage, ack socketio.Ack) {
	a := readAlive(raw)
	if a.SID == "" || a.Time == nil {
		return
	}
	ctx := c.durable()
	err := p.sessions.Alive(ctx, c.ns, a)
	switch {
	case accessFailure(err):
		c.refuse(err, string(a.SID), ack)
		return
	case err == nil && (c.greeted || a.SID != c.session):
		err = p.messages.Beat(ctx, a.SID)
	case err == nil:
		c.greeted = true
		err = p.messages.Attached(ctx, a.SID)
	}
	if err != nil {
		p.logFailure("keep-alive failed", a.SID, err)
	}
}

// readAlive takes what is readable: a bad field is ignored, the beat counts.
func readAlive(raw json.RawMessage) (a wire.SessionAlive) {
	f := readFields(raw)
	f.read("sid", &a.SID)
	f.read("time", &a.Time)
	f.read("thinking", &a.Thinking)
	f.read("mode", &a.Mode)
	f.read("permissionMode", &a.PermissionMode)
	f.read("collaborationMode", &a.CollaborationMode)
	f.read("copilotAgentMode", &a.CopilotAgentMode)
	a.Model, a.ModelReasoningEffort = f["model"], f["modelReasoningEffort"]
	a.Effort, a.ServiceTier = f["effort"], f["serviceTier"]
	return a
}

// sessionReady takes word that an agent has loaded its conversation.
func (p *Plane) sessionReady(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.SessionReady
	f := readFields(raw)
	f.read("sid", &in.SID)
	f.read("time", &in.Time)
	if in.SID == "" || in.Time == nil {
		return
	}
	p.answerFor(c, in.SID, p.sessions.Ready(c.ns, in.SID), ack)
}

func (p *Plane) sessionEnd(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var end wire.SessionEnd
	f := readFields(raw)
	f.read("sid", &end.SID)
	f.read("time", &end.Time)
	f.read("reason", &end.Reason)
	if end.SID == "" || end.Time == nil {
		return
	}
	err := p.sessions.End(c.durable(), c.ns, end, func(err error) {
		if err != nil {
			p.logFailure("end of session failed", end.SID, err)
		}
	})
	p.answerFor(c, end.SID, err, ack)
}

func (p *Plane) messagesConsumed(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.MessagesConsumed
	f := readFields(raw)
	f.read("sid", &in.SID)
	f.read("localIds", &in.LocalIDs)
	f.read("clearQueuedThinkingGrace", &in.ClearQueuedThinkingGrace)
	f.read("steered", &in.Steered)
	if in.SID == "" {
		return
	}
	in.SID = p.sessions.Resolve(c.ns, in.SID)
	err := p.messages.Consumed(c.durable(), c.ns, in, func(err error) {
		if err != nil {
			p.logFailure("mark prompts as taken", in.SID, err)
			ack(wire.AppendAck{Result: wire.WriteError, Reason: "store", Retry: true})
			return
		}
		ack(wire.AppendAck{Result: wire.WriteSuccess})
	})
	p.answerFor(c, in.SID, err, ack)
}

func (p *Plane) messagesSteerState(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.MessagesSteerState
	f := readFields(raw)
	f.read("sid", &in.SID)
	f.read("localIds", &in.LocalIDs)
	f.read("state", &in.State)
	if in.SID == "" || in.State != wire.Queued && in.State != wire.Dispatching {
		ack(wire.SteerStateAck{})
		return
	}
	err := p.messages.SteerState(c.durable(), c.ns, in, func(moved bool, err error) {
		if err != nil {
			p.logFailure("steering of prompts not noted", in.SID, err)
		}
		ack(wire.SteerStateAck{OK: err == nil && moved})
	})
	if err != nil { // refused by an error event, as this acknowledgement has one field
		ack(wire.SteerStateAck{})
		p.answerFor(c, in.SID, err, func(...any) {})
	}
}

func (p *Plane) messagesIndeterminate(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.MessagesConsumed
	f := readFields(raw)
	f.read("sid", &in.SID)
	f.read("localIds", &in.LocalIDs)
	if in.SID == "" {
		return
	}
	err := p.messages.Indeterminate(c.durable(), c.ns, in.SID, messages.LocalIDs(in.LocalIDs), func(err error) {
		if err != nil {
			p.logFailure("unknown outcome of prompts not noted", in.SID, err)
			ack(wire.AppendAck{Result: wire.WriteError, Reason: "store", Retry: true})
			return
		}
		ack(wire.AppendAck{Result: wire.WriteSuccess})
	})
	p.answerFor(c, in.SID, err, ack)
}

// answerFor refuses an event that was not taken.
func (p *Plane) answerFor(c *peer, id wire.SessionID, err error, ack socketio.Ack) {
	switch {
	case err == nil:
	case accessFailure(err):
		c.refuse(err, string(id), ack)
	default:
		ack(wire.AppendAck{Result: wire.WriteError, Reason: "store", Retry: true})
		p.logFailure("event not taken", id, err)
	}
}

// watchers tells a process who watches its session.
func (p *Plane) watchers(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.AskWatchers
	if json.Unmarshal(raw, &in) != nil || in.SID == "" {
		ack(wire.VersionedAck{Result: wire.WriteError})
		return
	}
	if err := p.sessions.Access(c.ns, in.SID); err != nil {
		c.refuse(err, string(in.SID), ack)
		return
	}
	ack(p.watched(c.ns, in.SID))
}

// ping answers when everything emitted before it is durable.
func (p *Plane) ping(c *peer, _ json.RawMessage, ack socketio.Ack) {
	err := p.messages.Flush(c.durable(), func(err error) {
		if err == nil {
			ack()
		}
	})
	if err != nil {
		p.log.Debug("flush barrier not taken", "err", err)
	}
}

package cliplane

import (
	"encoding/json"

	"hapi/internal/hub/terminals"
	"hapi/internal/socketio"
	"hapi/internal/wire"
)

// Process is the newest connection of a session's process.
func (p *Plane) Process(id wire.SessionID) terminals.Peer {
	if members := p.cli.Members(sessionRoom(id)); len(members) > 0 {
		return members[0]
	}
	return nil
}

// Payloads that cannot be read are dropped: nobody waits for an answer. Those
// of output are acknowledged to processes that ask, as a pace to keep.

func (p *Plane) terminalReady(c *peer, raw json.RawMessage, _ socketio.Ack) {
	var in wire.TerminalRef
	if json.Unmarshal(raw, &in) == nil {
		p.terminals.Ready(c.ns, c.socket, in)
	}
}

func (p *Plane) terminalOutput(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.TerminalData
	if json.Unmarshal(raw, &in) == nil {
		p.terminals.Output(c.ns, c.socket, in)
	}
	ack()
}

func (p *Plane) terminalExit(c *peer, raw json.RawMessage, _ socketio.Ack) {
	var in wire.TerminalExit
	if json.Unmarshal(raw, &in) == nil {
		p.terminals.Exit(c.ns, c.socket, in)
	}
}

func (p *Plane) terminalError(c *peer, raw json.RawMessage, _ socketio.Ack) {
	var in wire.TerminalError
	if json.Unmarshal(raw, &in) == nil {
		p.terminals.Fail(c.ns, c.socket, in)
	}
}

func (p *Plane) agentOutput(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.TerminalData
	if json.Unmarshal(raw, &in) == nil && in.Data != "" && c.socket.In(sessionRoom(in.SessionID)) {
		p.terminals.AgentOutput(in.SessionID, in.Data)
	}
	ack()
}

func (p *Plane) agentReset(c *peer, raw json.RawMessage, _ socketio.Ack) {
	var in wire.AgentTerminalRef
	if json.Unmarshal(raw, &in) == nil && c.socket.In(sessionRoom(in.SessionID)) {
		p.terminals.AgentReset(in.SessionID)
	}
}

package cliplane

import (
	"encoding/json"
	"strings"

	"hapi/internal/socketio"
	"hapi/internal/wire"
)

func (p *Plane) machineAlive(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var a wire.MachineAlive
	f := readFields(raw)
	f.read("machineId", &a.MachineID)
	f.read("time", &a.Time)
	a.Health = f["health"]
	if a.MachineID == "" || a.Time == nil {
		return
	}
	if err := p.machines.Alive(c.ns, a); err != nil {
		c.refuse(err, string(a.MachineID), ack)
	}
}

func (p *Plane) machineUpdateMetadata(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.MachineUpdate
	if json.Unmarshal(raw, &in) != nil || in.MachineID == "" {
		ack(wire.VersionedAck{Result: wire.WriteError})
		return
	}
	p.machines.UpdateMetadata(c.durable(), c.ns, in, func(a wire.VersionedAck, written *wire.Versioned) {
		ack(a)
		if written != nil {
			p.tellMachine(c, wire.UpdateMachineUpdate{T: "update-machine", MachineID: in.MachineID, Metadata: written})
		}
	})
}

func (p *Plane) machineUpdateState(c *peer, raw json.RawMessage, ack socketio.Ack) {
	var in wire.MachineUpdate
	if json.Unmarshal(raw, &in) != nil || in.MachineID == "" {
		ack(wire.VersionedAck{Result: wire.WriteError})
		return
	}
	p.machines.UpdateRunnerState(c.durable(), c.ns, in, func(a wire.VersionedAck, written *wire.Versioned) {
		ack(a)
		if written != nil {
			p.tellMachine(c, wire.UpdateMachineUpdate{T: "update-machine", MachineID: in.MachineID, RunnerState: written})
		}
	})
}

func (p *Plane) tellMachine(c *peer, body wire.UpdateMachineUpdate) {
	p.emit(machineRoom(body.MachineID), c.socket, p.update(body))
}

// rpcRegister binds a method of a session or machine of the caller's namespace
// to its connection.
func (p *Plane) rpcRegister(c *peer, raw json.RawMessage, ack socketio.Ack) {
	method, ok := p.ownMethod(c, raw, ack)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket.Context().Err() != nil {
		return // it has gone, and what it had registered too
	}
	c.methods[method] = true
	p.rpc.Register(method, c.socket)
}

func (p *Plane) rpcUnregister(c *peer, raw json.RawMessage, ack socketio.Ack) {
	method, ok := p.ownMethod(c, raw, ack)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.methods, method)
	p.rpc.Unregister(method, c.socket)
}

// ownMethod reads a method and checks that its scope is the caller's to serve.
func (p *Plane) ownMethod(c *peer, raw json.RawMessage, ack socketio.Ack) (string, bool) {
	var in wire.RPCRegister
	if json.Unmarshal(raw, &in) != nil {
		return "", false
	}
	scope, name, ok := strings.Cut(in.Method, ":")
	if !ok || name == "" {
		return "", false
	}
	err := p.sessions.Access(c.ns, wire.SessionID(scope))
	if err != nil && p.machines.Access(c.ns, wire.MachineID(scope)) == nil {
		err = nil
	}
	if err != nil {
		c.refuse(err, scope, ack)
		return "", false
	}
	return in.Method, true
}

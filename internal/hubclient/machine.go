package hubclient

import (
	"context"
	"encoding/json"
	"time"

	"hapi/internal/socketio"
	"hapi/internal/wire"
)

const (
	// machineBeatEvery is the pace of a runner's keep-alives; hubs take a machine
	// for gone after 45 s.
	machineBeatEvery = 20 * time.Second
	// firstBeatAfter lets what a connect says leave before the first of them.
	firstBeatAfter = 50 * time.Millisecond
)

// MachineOptions are what the runner of a machine does with what the hub says.
type MachineOptions struct {
	// Methods are what the hub may call, by name.
	Methods map[string]Method
	// Connected is told of each connect; it must not wait for the hub.
	Connected func()
	// Health measures the machine's load for a keep-alive.
	Health func(ctx context.Context) *wire.Health
	// Refused is told, each time, that the hub does not take this machine.
	Refused func(reason string)
	// ReconnectMin and ReconnectMax replace the usual pause before reconnecting.
	ReconnectMin, ReconnectMax time.Duration
}

// MachineLink keeps a machine's runner connected to its hub.
type MachineLink struct {
	conn
	id wire.MachineID
	o  MachineOptions

	metadata *versioned
	state    *versioned
	beatNow  chan struct{}
}

// MachineLink makes the link of a machine that is registered on the hub. Nothing
// happens before Run.
func (c *Client) MachineLink(m wire.Machine, o MachineOptions) *MachineLink {
	of := map[string]any{"machineId": m.ID}
	l := &MachineLink{
		conn: conn{client: c, log: c.o.Logger, scope: string(m.ID), methods: o.Methods}, id: m.ID, o: o, beatNow: make(chan struct{}, 1),
		metadata: newVersioned("metadata", wire.EventMachineUpdateMetadata, of, m.Metadata, m.MetadataVersion),
		state:    newVersioned("runnerState", wire.EventMachineUpdateState, of, m.RunnerState, m.RunnerStateVersion),
	}
	l.open(socketio.ClientOptions{ReconnectMin: o.ReconnectMin, ReconnectMax: o.ReconnectMax},
		wire.Handshake{ClientType: "machine-scoped", MachineID: m.ID})
	l.socket.OnConnect(l.connected)
	l.socket.OnDisconnect(func(err error) { l.log.Info("connection to the hub lost; reconnecting", "err", err) })
	l.socket.OnRefused(func(err error) {
		l.log.Error("the hub refuses this machine; trying again now and then", "err", err)
		o.Refused(err.Error())
	})
	l.socket.Handle(wire.EventUpdate, l.update)
	return l
}

// Run keeps the link until ctx ends, and waits for everything it started.
func (l *MachineLink) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	l.ctx = ctx
	l.running.Go(func() { l.beat(ctx) })
	err := l.socket.Run(ctx)
	stop()
	l.running.Wait()
	return err
}

func (l *MachineLink) connected() {
	l.register()
	select {
	case l.beatNow <- struct{}{}:
	default:
	}
	l.o.Connected()
}

func (l *MachineLink) beat(ctx context.Context) {
	next := time.NewTimer(machineBeatEvery)
	defer next.Stop()
	for {
		select {
		case <-l.beatNow:
			next.Reset(firstBeatAfter)
			continue
		case <-next.C:
		case <-ctx.Done():
			return
		}
		now := float64(time.Now().UnixMilli())
		alive := wire.MachineAlive{MachineID: l.id, Time: &now}
		if h := l.o.Health(ctx); h != nil {
			if raw, err := json.Marshal(h); err == nil {
				alive.Health = raw
			}
		}
		_ = l.socket.Emit(wire.EventMachineAlive, alive) // said again after the next connect
		next.Reset(machineBeatEvery)
	}
}

// update takes over what another peer wrote of the machine.
func (l *MachineLink) update(args []json.RawMessage, _ socketio.Ack) {
	var u struct {
		Body wire.UpdateMachineUpdate `json:"body"`
	}
	if len(args) > 0 && json.Unmarshal(args[0], &u) == nil && u.Body.T == "update-machine" && u.Body.MachineID == l.id {
		l.metadata.adopt(u.Body.Metadata)
		l.state.adopt(u.Body.RunnerState)
	}
}

// UpdateMetadata changes keys of the machine's metadata: change gets what is
// stored, perhaps more than once. It tries until it succeeds or ctx ends.
func (l *MachineLink) UpdateMetadata(ctx context.Context, change func(m map[string]json.RawMessage)) error {
	return l.write(ctx, l.metadata, changing(change))
}

// Metadata is the machine's metadata as last seen.
func (l *MachineLink) Metadata() json.RawMessage {
	raw, _ := l.metadata.current()
	return raw
}

// SetState writes the runner's state; it tries until it succeeds or ctx ends.
// Only the runner writes it.
func (l *MachineLink) SetState(ctx context.Context, state wire.RunnerState) error {
	return l.write(ctx, l.state, func(json.RawMessage) (any, error) { return state, nil })
}

package hubclient

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"hapi/internal/socketio"
	"hapi/internal/wire"
)

const (
	// beatEvery is the pace of keep-alives while nothing changes; hubs take a
	// session for gone after 30 s.
	beatEvery = 10 * time.Second
	// seenPrompts is how many prompts are remembered to tell repeats.
	seenPrompts = 1024
)

// LinkOptions are what the process does with what the hub says. The functions
// run on the link's reading goroutine and must not wait for the hub.
type LinkOptions struct {
	// Prompt takes a person's message, each once.
	Prompt func(m wire.DeliveredMessage)
	// Cancel takes a prompt back if it is still in the queue.
	Cancel func(q wire.CancelQueuedUpdate) wire.CancelAnswer
	// Retry queues a prompt again whose outcome was unknown.
	Retry func(q wire.RetryQueuedUpdate) wire.RetryAnswer
	// Methods are what the hub may call, by name; see also Handle. They run each on a goroutine of
	// their own; ctx ends with the link.
	Methods map[string]Method
	// Events are further events of the hub, by name; what is said there is lost
	// while there is no connection. Connected is told of each connect.
	Events    map[string]func(payload json.RawMessage)
	Connected func()
	// Refused is told that the hub does not take what this session says.
	Refused func(reason string)
	// ReconnectMin and ReconnectMax replace the usual pause before reconnecting.
	ReconnectMin, ReconnectMax time.Duration
}

// Link keeps a session connected to its hub.
type Link struct {
	conn
	id     wire.SessionID
	o      LinkOptions
	outbox *outbox
	wake   chan struct{}

	// greeted says that the hub of this connection said what it can do; nothing
	// is sent before. acknowledges says whether it confirms messages.
	greeted, acknowledges atomic.Bool
	leaving               atomic.Bool // no keep-alives any more
	// countsWatchers says whether the hub knows who watches.
	countsWatchers atomic.Bool

	metadata *versioned
	state    *versioned

	mu      sync.Mutex
	alive   wire.SessionAlive
	seen    map[wire.MessageID]int64 // when last heard of
	clock   int64
	refusal sync.Once
}

// Link makes the link of a session that exists on the hub. Nothing happens
// before Run.
func (c *Client) Link(s wire.Session, o LinkOptions) *Link {
	l := &Link{
		conn: conn{client: c, log: c.o.Logger, scope: string(s.ID), methods: o.Methods}, id: s.ID, o: o, outbox: newOutbox(), wake: make(chan struct{}, 1),
		metadata: newVersioned("metadata", wire.EventUpdateMetadata, map[string]any{"sid": s.ID}, s.Metadata, s.MetadataVersion),
		state:    newVersioned("agentState", wire.EventUpdateState, map[string]any{"sid": s.ID}, s.AgentState, s.AgentStateVersion),
		alive:    wire.SessionAlive{SID: s.ID}, seen: map[wire.MessageID]int64{},
	}
	l.open(socketio.ClientOptions{ReconnectMin: o.ReconnectMin, ReconnectMax: o.ReconnectMax},
		wire.Handshake{ClientType: "session-scoped", SessionID: s.ID})
	l.socket.OnConnect(l.connected)
	l.socket.OnDisconnect(func(err error) {
		l.greeted.Store(false)
		l.log.Info("connection to the hub lost; reconnecting", "err", err)
	})
	l.socket.OnRefused(func(err error) {
		l.log.Error("the hub refuses this session; trying again now and then", "err", err)
		l.refused(err.Error())
	})
	l.socket.Handle(wire.EventUpdate, l.update)
	for event, handle := range o.Events {
		l.socket.Handle(event, func(args []json.RawMessage, _ socketio.Ack) {
			if len(args) > 0 {
				handle(args[0])
			}
		})
	}
	return l
}

// ID is the session's.
func (l *Link) ID() wire.SessionID { return l.id }

// Run keeps the link until ctx ends, and waits for everything it started.
func (l *Link) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	l.ctx = ctx
	l.running.Go(func() { l.send(ctx) })
	l.running.Go(func() { l.beat(ctx) })
	err := l.socket.Run(ctx)
	stop()
	l.running.Wait()
	return err
}

// refused is told once that this session cannot go on as it is.
func (l *Link) refused(reason string) {
	if l.o.Refused != nil {
		l.refusal.Do(func() { l.o.Refused(reason) })
	}
}

// connected greets the hub: what can be called, then what is true now. What
// waits follows once it is known whether this hub confirms.
func (l *Link) connected() {
	l.register()
	l.sendAlive(true)
	if l.o.Connected != nil {
		l.o.Connected()
	}
	l.running.Go(l.resume)
}

// resume sends what the hub has not confirmed, in order, from the beginning.
func (l *Link) resume() {
	health, err := l.client.Health(l.ctx)
	if err != nil {
		if l.ctx.Err() == nil {
			l.log.Warn("the hub does not say what it can do; asking again", "err", err)
			select {
			case <-time.After(retryAfter):
			case <-l.ctx.Done():
				return
			}
			if l.Connected() {
				l.running.Go(l.resume)
			}
		}
		return
	}
	l.acknowledges.Store(health.Capabilities[wire.CapabilityAcknowledgedMessages])
	l.countsWatchers.Store(health.Capabilities[wire.CapabilityWatchers])
	l.outbox.rewind(nil)
	l.greeted.Store(true)
	l.nudge()
}

// SetAlive changes what the keep-alive says and says it at once.
func (l *Link) SetAlive(change func(*wire.SessionAlive)) {
	l.mu.Lock()
	change(&l.alive)
	l.alive.SID = l.id
	l.mu.Unlock()
	l.sendAlive(true)
}

// Leave ends the keep-alives. A hub that was told that this process ends would take
// the session for active again, and not start another for it.
func (l *Link) Leave() { l.leaving.Store(true) }

func (l *Link) sendAlive(sure bool) {
	if l.leaving.Load() {
		return
	}
	l.mu.Lock()
	a := l.alive
	l.mu.Unlock()
	now := float64(time.Now().UnixMilli())
	a.Time = &now
	if sure {
		_ = l.socket.Emit(wire.EventSessionAlive, a) // said again after the next connect
	} else {
		l.socket.EmitVolatile(wire.EventSessionAlive, a)
	}
}

func (l *Link) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.sendAlive(false)
		case <-ctx.Done():
			return
		}
	}
}

// Flush waits until the hub has everything that was said before.
func (l *Link) Flush(ctx context.Context) error {
	return l.outbox.waitEmpty(ctx)
}

// End tells the hub that the session ends on purpose, after everything else it
// has to know, and waits until the hub has taken it.
func (l *Link) End(ctx context.Context, reason string) error {
	flushed := l.Flush(ctx)
	now := float64(time.Now().UnixMilli())
	if err := l.socket.Emit(wire.EventSessionEnd, wire.SessionEnd{SID: l.id, Time: &now, Reason: reason}); err != nil {
		return errors.Join(flushed, err)
	}
	_, err := l.socket.Call(ctx, wire.EventPing)
	return errors.Join(flushed, err)
}

// update takes what the hub says about the session.
func (l *Link) update(args []json.RawMessage, ack socketio.Ack) {
	if len(args) == 0 {
		return
	}
	var u struct {
		Body json.RawMessage `json:"body"`
	}
	var kind struct {
		T   string         `json:"t"`
		SID wire.SessionID `json:"sid"`
	}
	if json.Unmarshal(args[0], &u) != nil || json.Unmarshal(u.Body, &kind) != nil || kind.SID != l.id {
		return
	}
	switch kind.T {
	case "new-message":
		var body wire.NewMessageUpdate
		if json.Unmarshal(u.Body, &body) == nil {
			l.prompt(body.Message)
		}
	case "update-session":
		var body wire.UpdateSessionUpdate
		if json.Unmarshal(u.Body, &body) == nil {
			l.metadata.adopt(body.Metadata)
			l.state.adopt(body.AgentState)
		}
	case "cancel-queued-message":
		var body wire.CancelQueuedUpdate
		if json.Unmarshal(u.Body, &body) == nil && l.o.Cancel != nil {
			ack(l.o.Cancel(body))
		}
	case "retry-queued-message":
		var body wire.RetryQueuedUpdate
		if json.Unmarshal(u.Body, &body) == nil && l.o.Retry != nil {
			ack(l.o.Retry(body))
		}
	}
}

// prompt hands a person's message on, unless it is known: delivery is repeated
// until the hub knows that the agent has it.
func (l *Link) prompt(m wire.DeliveredMessage) {
	if !isPrompt(m.Content) || !l.firstSight(m.ID) || l.o.Prompt == nil {
		return
	}
	l.o.Prompt(m)
}

func isPrompt(content json.RawMessage) bool {
	var c struct {
		Role string `json:"role"`
		Meta struct {
			SentFrom string `json:"sentFrom"`
		} `json:"meta"`
	}
	return json.Unmarshal(content, &c) == nil && c.Role == "user" && c.Meta.SentFrom != "cli"
}

func (l *Link) firstSight(id wire.MessageID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	_, known := l.seen[id]
	l.seen[id] = l.clock
	if len(l.seen) > 2*seenPrompts {
		for old, at := range l.seen {
			if at <= l.clock-seenPrompts {
				delete(l.seen, old)
			}
		}
	}
	return !known
}

package hubclient

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"hapi/internal/wire"
)

const (
	// outboxBytes is how much may wait for the hub. A process that says more
	// waits: its agent's output stays in the agent's pipe.
	outboxBytes = 64 << 20
	// window is how many items are on their way at once.
	window = 256
)

// item is something the hub must learn, exactly once and in order.
type item struct {
	event   string
	payload any
	size    int
	sent    bool // on this connection
}

// outbox keeps items until the hub has committed them.
type outbox struct {
	prefix string // of the client keys: unique to this process

	mu      sync.Mutex
	items   []*item
	bytes   int
	made    int64
	changed chan struct{} // closed and replaced when room or emptiness may have come
}

func newOutbox() *outbox {
	return &outbox{prefix: strings.ToLower(rand.Text()[:16]), changed: make(chan struct{})}
}

// key names the next message.
func (o *outbox) key() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.made++
	return o.prefix + "-" + strconv.FormatInt(o.made, 10)
}

// put adds an item at the end. It waits while the outbox is full.
func (o *outbox) put(ctx context.Context, i *item) error {
	for {
		o.mu.Lock()
		if o.bytes == 0 || o.bytes+i.size <= outboxBytes {
			o.items = append(o.items, i)
			o.bytes += i.size
			o.mu.Unlock()
			return nil
		}
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// next gives the first item that is not on its way, if the window has room.
func (o *outbox) next() *item {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, i := range o.items {
		if n >= window {
			return nil
		}
		if !i.sent {
			i.sent = true
			return i
		}
	}
	return nil
}

// settled removes an item that the hub has, or will never take.
func (o *outbox) settled(done *item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, i := range o.items {
		if i == done {
			o.items = append(o.items[:n], o.items[n+1:]...)
			o.bytes -= i.size
			break
		}
	}
	close(o.changed)
	o.changed = make(chan struct{})
}

// rewind makes everything from an item on to be sent again; nil means all.
func (o *outbox) rewind(from *item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := from == nil
	for _, i := range o.items {
		found = found || i == from
		if found {
			i.sent = false
		}
	}
}

// waitEmpty waits until the hub has everything.
func (o *outbox) waitEmpty(ctx context.Context) error {
	for {
		o.mu.Lock()
		empty, changed := len(o.items) == 0, o.changed
		o.mu.Unlock()
		if empty {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Say puts a row of the conversation into the outbox. It waits while the outbox
// is full. at is when it was said; zero is now.
func (l *Link) Say(ctx context.Context, content json.RawMessage, at time.Time) error {
	return l.SayOnce(ctx, "", content, at)
}

// SayOnce does the same for a row that may be said again, under the same key.
func (l *Link) SayOnce(ctx context.Context, key string, content json.RawMessage, at time.Time) error {
	if at.IsZero() {
		at = time.Now()
	}
	if key == "" {
		key = l.outbox.key()
	}
	ms := float64(at.UnixMilli())
	return l.put(ctx, &item{event: wire.EventMessage, size: len(content) + 128, payload: wire.AppendMessage{
		SID: l.id, Message: content, CreatedAt: &ms, ClientKey: key,
	}})
}

// Consumed tells the hub that prompts left the queue for the agent.
func (l *Link) Consumed(ctx context.Context, endGrace bool, ids ...wire.LocalID) error {
	in := wire.MessagesConsumed{SID: l.id, ClearQueuedThinkingGrace: endGrace}
	for _, id := range ids {
		in.LocalIDs = append(in.LocalIDs, wire.AppendString(nil, string(id)))
	}
	return l.put(ctx, &item{event: wire.EventMessagesConsumed, size: 256, payload: in})
}

func (l *Link) put(ctx context.Context, i *item) error {
	if err := l.outbox.put(ctx, i); err != nil {
		return err
	}
	l.nudge()
	return nil
}

// nudge tells the sending goroutine to look.
func (l *Link) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// retryAfter is the pause before what a hub could not store is sent again.
const retryAfter = time.Second

// send sends what waits until ctx ends.
func (l *Link) send(ctx context.Context) {
	for {
		for l.greeted.Load() {
			i := l.outbox.next()
			if i == nil {
				break
			}
			l.sendOne(i)
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (l *Link) sendOne(i *item) {
	if !l.acknowledges.Load() {
		// This hub confirms nothing and knows no client keys: sent is all there is.
		if l.socket.Emit(i.event, withoutKey(i.payload)) == nil {
			l.outbox.settled(i)
		}
		return
	}
	_ = l.socket.Send(i.event, func(reply []json.RawMessage, err error) { l.acknowledged(i, reply, err) }, i.payload) // sent again after the next connect
}

func withoutKey(payload any) any {
	if m, ok := payload.(wire.AppendMessage); ok {
		m.ClientKey = ""
		return m
	}
	return payload
}

// acknowledged takes the hub's word on an item. Without one, it is sent again
// after the next connect: the hub knows it by its key.
func (l *Link) acknowledged(i *item, reply []json.RawMessage, err error) {
	if err != nil {
		return
	}
	var ack wire.AppendAck
	if len(reply) > 0 {
		_ = json.Unmarshal(reply[0], &ack) // what is no ack is no success
	}
	switch {
	case ack.Result == wire.WriteSuccess:
		l.outbox.settled(i)
	case ack.Retry:
		l.log.Warn("the hub could not store what was said; trying again", "reason", ack.Reason)
		l.running.Go(func() { l.retry(i) })
		return
	default:
		l.log.Error("the hub refused what was said; it is lost", "event", i.event, "reason", ack.Reason)
		l.outbox.settled(i)
		l.refused(ack.Reason)
	}
	l.nudge()
}

func (l *Link) retry(i *item) {
	select {
	case <-time.After(retryAfter):
		l.outbox.rewind(i)
		l.nudge()
	case <-l.ctx.Done():
	}
}

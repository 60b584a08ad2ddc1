package session

import (
	"context"
	"slices"
	"strings"
	"sync"

	"hapi/internal/agent"
	"hapi/internal/wire"
)

// item is a prompt that waits for the agent.
type item struct {
	id          wire.MessageID
	localID     wire.LocalID
	text        string
	attachments []wire.Attachment
	overrides   agent.Overrides
	arrival     int // its place among all
}

// rememberTaken is how many prompts the queue remembers after they left it.
const rememberTaken = 256

// queue holds prompts in the order of arrival until the agent is free.
type queue struct {
	mu       sync.Mutex
	items    []*item
	handing  []*item // left the queue; the agent does not have them yet
	steering []*item // are being handed into the running turn
	held     []*item // were, and nobody knows whether the agent has them
	arrivals int
	taken    []wire.LocalID // the agent has them; the latest last
	arrived  chan struct{}  // signalled when an item was added
	// isAlone says whether a text is a command, which is never joined with others.
	isAlone func(text string) bool
}

func newQueue() *queue { return &queue{arrived: make(chan struct{}, 1)} }

func (q *queue) put(i *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.arrivals++
	i.arrival = q.arrivals
	q.items = append(q.items, i)
	q.signal()
}

// signal wakes who waits for prompts. The caller holds mu.
func (q *queue) signal() {
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

// next waits for prompts and hands over all that can go together: a command
// goes alone, others up to the next command or other overrides.
func (q *queue) next(ctx context.Context) ([]*item, error) {
	for {
		if ctx.Err() != nil { // what waits stays
			return nil, context.Cause(ctx)
		}
		if batch := q.take(); len(batch) > 0 {
			return batch, nil
		}
		select {
		case <-q.arrived:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (q *queue) take() []*item {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.items) && !q.isAlone(q.items[n].text) && q.items[n].overrides == q.items[0].overrides {
		n++
	}
	if n == 0 && len(q.items) > 0 {
		n = 1
	}
	q.handing = q.items[:n:n]
	q.items = q.items[n:]
	return q.handing
}

// accepted says that the agent has the batch that was handed over last.
func (q *queue) accepted() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.handing {
		q.taken = append(q.taken, i.localID)
	}
	q.handing = nil
	q.taken = q.taken[max(0, len(q.taken)-rememberTaken):]
}

// restore puts the handed batch back at the head, if the agent never got it.
func (q *queue) restore() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.handing, q.items...)
	q.handing = nil
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) == 0
}

// cancel takes a prompt back if the agent does not have it.
func (q *queue) cancel(c wire.CancelQueuedUpdate) wire.CancelAnswer {
	q.mu.Lock()
	defer q.mu.Unlock()
	is := func(i *item) bool { return i.id == c.MessageID || c.LocalID != "" && i.localID == c.LocalID }
	for n, i := range q.items {
		if is(i) {
			q.items = append(q.items[:n:n], q.items[n+1:]...)
			return wire.CancelAnswer{Removed: true}
		}
	}
	if n := slices.IndexFunc(q.held, is); n >= 0 {
		q.held = slices.Delete(q.held, n, n+1)
		return wire.CancelAnswer{Removed: true}
	}
	if slices.ContainsFunc(q.handing, is) || slices.ContainsFunc(q.steering, is) {
		return wire.CancelAnswer{InFlight: true}
	}
	for _, id := range q.taken {
		if id == c.LocalID {
			return wire.CancelAnswer{Consumed: true}
		}
	}
	return wire.CancelAnswer{}
}

// reserve takes a prompt out of the queue to hand it into the running turn.
func (q *queue) reserve(id wire.LocalID) *item {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := slices.IndexFunc(q.items, func(i *item) bool { return i.localID == id })
	if n < 0 {
		return nil
	}
	i := q.items[n]
	q.items = slices.Delete(q.items, n, n+1)
	q.steering = append(q.steering, i)
	return i
}

// steered says that the running turn has a reserved prompt.
func (q *queue) steered(i *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unreserve(i)
	q.taken = append(q.taken, i.localID)
	q.taken = q.taken[max(0, len(q.taken)-rememberTaken):]
}

// release puts a reserved prompt back in its place.
func (q *queue) release(i *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unreserve(i)
	n := slices.IndexFunc(q.items, func(other *item) bool { return other.arrival > i.arrival })
	if n < 0 {
		n = len(q.items)
	}
	q.items = slices.Insert(q.items, n, i)
	q.signal()
}

// hold keeps a reserved prompt aside until a person, or a proof, settles it.
func (q *queue) hold(i *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unreserve(i)
	q.held = append(q.held, i)
}

// unreserve forgets a prompt that was reserved or held. The caller holds mu.
func (q *queue) unreserve(i *item) {
	is := func(other *item) bool { return other == i }
	q.steering = slices.DeleteFunc(q.steering, is)
	q.held = slices.DeleteFunc(q.held, is)
}

// isHeld says whether a prompt is still held: a person may have settled it.
func (q *queue) isHeld(i *item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Contains(q.held, i)
}

// retry queues a prompt again, unless the agent has it.
func (q *queue) retry(i *item) wire.RetryAnswer {
	q.mu.Lock()
	is := func(other *item) bool { return other.id == i.id || i.localID != "" && other.localID == i.localID }
	switch {
	case slices.Contains(q.taken, i.localID):
		q.mu.Unlock()
		return wire.RetryAnswer{Consumed: true}
	case slices.ContainsFunc(q.steering, is), slices.ContainsFunc(q.handing, is), slices.ContainsFunc(q.items, is):
		q.mu.Unlock()
		return wire.RetryAnswer{}
	}
	q.held = slices.DeleteFunc(q.held, is)
	q.mu.Unlock()
	q.put(i)
	return wire.RetryAnswer{Accepted: true}
}

// joined is a batch as one prompt.
func joined(batch []*item) (text string, attachments []wire.Attachment) {
	texts := make([]string, 0, len(batch))
	for _, i := range batch {
		if i.text != "" {
			texts = append(texts, i.text)
		}
		attachments = append(attachments, i.attachments...)
	}
	return strings.Join(texts, "\n"), attachments
}

// promptOf is a batch as one prompt with this text.
func promptOf(batch []*item, text string, attachments []wire.Attachment) agent.Prompt {
	return agent.Prompt{ID: firstLocalID(batch), Text: text, Attachments: attachments, Overrides: batch[0].overrides}
}

func firstLocalID(batch []*item) wire.LocalID {
	if ids := localIDs(batch); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

func localIDs(batch []*item) []wire.LocalID {
	var ids []wire.LocalID
	for _, i := range batch {
		if i.localID != "" {
			ids = append(ids, i.localID)
		}
	}
	return ids
}

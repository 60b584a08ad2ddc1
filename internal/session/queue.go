package session

import (
	"context"
	"strings"
	"sync"

	"hapi/internal/wire"
)

// item is a prompt that waits for the agent.
type item struct {
	id          wire.MessageID
	localID     wire.LocalID
	text        string
	attachments []wire.Attachment
}

// rememberTaken is how many prompts the queue remembers after they left it.
const rememberTaken = 256

// queue holds prompts in the order of arrival until the agent is free.
type queue struct {
	mu      sync.Mutex
	items   []*item
	handing []*item        // left the queue; the agent does not have them yet
	taken   []wire.LocalID // the agent has them; the latest last
	arrived chan struct{}  // signalled when an item was added
	// isAlone says whether a text is a command, which is never joined with others.
	isAlone func(text string) bool
}

func newQueue() *queue { return &queue{arrived: make(chan struct{}, 1)} }

func (q *queue) put(i *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, i)
	select {
	case q.arrived <- struct{}{}:
	default:
	}
}

// next waits for prompts and hands over all that can go together: a command
// goes alone, others up to the next command.
func (q *queue) next(ctx context.Context) ([]*item, error) {
	for {
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
	for n < len(q.items) && !q.isAlone(q.items[n].text) {
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
	for _, i := range q.handing {
		if is(i) {
			return wire.CancelAnswer{InFlight: true}
		}
	}
	for _, id := range q.taken {
		if id == c.LocalID {
			return wire.CancelAnswer{Consumed: true}
		}
	}
	return wire.CancelAnswer{}
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

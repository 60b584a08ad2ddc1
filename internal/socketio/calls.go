package socketio

import (
	"context"
	"encoding/json"
	"sync"
)

// answer takes the acknowledgement of a call, or why there will be none.
type answer func(reply []json.RawMessage, err error)

// calls are the emits of one connection that wait for their acknowledgement.
type calls struct {
	mu     sync.Mutex
	last   int64
	open   map[int64]answer
	failed error
}

// add registers done, which is called exactly once unless it is dropped before.
func (c *calls) add(done answer) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return 0, c.failed
	}
	if c.open == nil {
		c.open = make(map[int64]answer)
	}
	id := c.last
	c.last++
	c.open[id] = done
	return id, nil
}

// drop forgets a call. It says whether the call was still open.
func (c *calls) drop(id int64) bool {
	return c.take(id) != nil
}

func (c *calls) take(id int64) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := c.open[id]
	delete(c.open, id)
	return done
}

// answered hands an acknowledgement to its call. An unknown one is ignored: its
// caller has stopped waiting.
func (c *calls) answered(p *packet) {
	if done := c.take(p.id); done != nil {
		done(p.args(), nil)
	}
}

// fail ends every open call and every later one with err.
func (c *calls) fail(err error) {
	c.mu.Lock()
	open := c.open
	c.open, c.failed = nil, err
	c.mu.Unlock()
	for _, done := range open {
		done(nil, err)
	}
}

// send emits an event whose acknowledgement goes to done. When it returns an
// error done is not called.
func (c *calls) send(put func([]byte) error, namespace, event string, args []any, done answer) (int64, error) {
	id, err := c.add(done)
	if err != nil {
		return 0, err
	}
	b, err := encodeEvent(namespace, id, event, args)
	if err == nil {
		err = put(b)
	}
	if err != nil && c.drop(id) {
		return 0, err
	}
	return id, nil
}

// call emits an event and waits for its acknowledgement.
func (c *calls) call(ctx context.Context, put func([]byte) error, namespace, event string, args []any) ([]json.RawMessage, error) {
	type result struct {
		reply []json.RawMessage
		err   error
	}
	answered := make(chan result, 1)
	id, err := c.send(put, namespace, event, args, func(reply []json.RawMessage, err error) {
		answered <- result{reply, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case r := <-answered:
		return r.reply, r.err
	case <-ctx.Done():
		c.drop(id)
		return nil, context.Cause(ctx)
	}
}

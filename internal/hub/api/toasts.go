package api

import (
	"context"
	"sync"
	"time"

	"hapi/internal/wire"
)

const (
	// toastWithin is how long the streams of people who look may take to write
	// a toast; after that it has to reach them otherwise.
	toastWithin = 5 * time.Second
	// maxToasts is how many may wait for one stream; further ones do not reach it.
	maxToasts = 16
)

// Toast shows a toast to everybody who has the namespace on screen, and says
// whether the stream of anybody who could answer took it. It waits for that, but
// not long.
func (a *API) Toast(ctx context.Context, ns wire.Namespace, t wire.Toast) bool {
	looking := a.watchers.looking(ns, time.Now())
	if len(looking) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, toastWithin)
	defer cancel()
	frame := appendFrame(nil, wire.ToastEvent(t), "")
	outcomes := make(chan bool, len(looking))
	for _, w := range looking {
		w.toasts.offer(toast{frame: frame, written: func(ok bool) { outcomes <- ok && !w.onlyLooks }})
	}
	for range looking {
		select {
		case ok := <-outcomes:
			if ok {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// toast is a frame for one stream. written is called once and must not block.
type toast struct {
	frame   []byte
	written func(ok bool)
}

// toasts are those that wait for one stream.
type toasts struct {
	call func() // wakes the stream

	mu     sync.Mutex
	list   []toast
	closed bool
}

func (ts *toasts) offer(t toast) {
	ts.mu.Lock()
	taken := !ts.closed && len(ts.list) < maxToasts
	if taken {
		ts.list = append(ts.list, t)
	}
	ts.mu.Unlock()
	if !taken {
		t.written(false)
		return
	}
	ts.call()
}

func (ts *toasts) take() []toast {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	list := ts.list
	ts.list = nil
	return list
}

// close gives back what the stream did not write.
func (ts *toasts) close() {
	ts.mu.Lock()
	list := ts.list
	ts.list, ts.closed = nil, true
	ts.mu.Unlock()
	for _, t := range list {
		t.written(false)
	}
}

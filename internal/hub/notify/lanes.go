package notify

import (
	"context"
	"slices"
	"sync"
)

// lanes does work in order for each key, and for different keys at the same
// time: what is slow holds up its own lane only. A lane has a goroutine while
// it has work.
type lanes[K comparable, V any] struct {
	work func(context.Context, K, V)
	// replaces says whether next makes one that still waits pointless.
	replaces func(old, next V) bool
	// most is how many lanes there may be, each how much may wait in one. In a
	// full lane the oldest gives way.
	most, each int

	mu      sync.Mutex
	waiting map[K][]V // a key is here while its lane has a goroutine
	running sync.WaitGroup
}

// add says whether everything that should be done will be. The work is given ctx.
func (l *lanes[K, V]) add(ctx context.Context, key K, v V) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = map[K][]V{}
	}
	list, busy := l.waiting[key]
	if !busy {
		if len(l.waiting) >= l.most {
			return false
		}
		l.waiting[key] = []V{v}
		l.running.Go(func() { l.run(ctx, key) })
		return true
	}
	list = slices.DeleteFunc(list, func(old V) bool { return l.replaces(old, v) })
	full := len(list) >= l.each
	if full {
		list = list[1:]
	}
	l.waiting[key] = append(list, v)
	return !full
}

func (l *lanes[K, V]) run(ctx context.Context, key K) {
	for {
		v, ok := l.first(key)
		if !ok {
			return
		}
		l.work(ctx, key, v)
	}
}

func (l *lanes[K, V]) first(key K) (v V, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.waiting[key]
	if len(list) == 0 {
		delete(l.waiting, key)
		return v, false
	}
	v = list[0]
	l.waiting[key] = slices.Delete(list, 0, 1)
	return v, true
}

// wait returns when all work is done. Nothing may be added any more.
func (l *lanes[K, V]) wait() { l.running.Wait() }

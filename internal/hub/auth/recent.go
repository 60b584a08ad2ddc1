package auth

import "container/list"

// recent is a map of bounded size that forgets what was not used for longest.
type recent[K comparable, V any] struct {
	most  int
	order *list.List // of entry[K, V], the latest first
	byKey map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most, order: list.New(), byKey: map[K]*list.Element{}}
}

// get reads, without counting as a use.
func (r *recent[K, V]) get(key K) (v V, ok bool) {
	e, ok := r.byKey[key]
	if ok {
		v = e.Value.(entry[K, V]).value
	}
	return v, ok
}

func (r *recent[K, V]) put(key K, v V) {
	if e, ok := r.byKey[key]; ok {
		e.Value = entry[K, V]{key, v}
		r.order.MoveToFront(e)
		return
	}
	r.byKey[key] = r.order.PushFront(entry[K, V]{key, v})
	if r.order.Len() > r.most {
		delete(r.byKey, r.order.Remove(r.order.Back()).(entry[K, V]).key)
	}
}

package enroll

import "sync"

// recent is a bounded table that forgets what was not used lately: when the
// young half is full, it becomes the old one, and what was old is dropped. It
// is safe for concurrent use.
type recent[K comparable, V any] struct {
	limit int // of each half

	mu         sync.Mutex
	young, old map[K]V
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, young: make(map[K]V)}
}

func (r *recent[K, V]) get(k K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lookUp(k)
}

func (r *recent[K, V]) put(k K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(k, v)
}

// getOrPut returns the value of a key, made on first use.
func (r *recent[K, V]) getOrPut(k K, make func() V) V {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.lookUp(k)
	if !ok {
		v = make()
		r.add(k, v)
	}
	return v
}

func (r *recent[K, V]) lookUp(k K) (V, bool) {
	if v, ok := r.young[k]; ok {
		return v, true
	}
	v, ok := r.old[k]
	if ok {
		r.add(k, v)
	}
	return v, ok
}

func (r *recent[K, V]) add(k K, v V) {
	if len(r.young) >= r.limit {
		r.young, r.old = make(map[K]V), r.young
	}
	r.young[k] = v
}

// len is for tests.
func (r *recent[K, V]) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.young) + len(r.old)
}

package api

import (
	"bytes"
	fifo "container/list"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
)

// kept holds the answers to POSTs with an Idempotency-Key, for whoever repeats
// one because its answer was lost. It is in memory: a key is known to the node
// that saw it, until it restarts, is 24 hours old, or is pushed out by newer
// ones. A repeat that comes too late is a new request.
type kept struct {
	now func() time.Time

	mu    sync.Mutex
	byKey map[keptKey]*fifo.Element
	order *fifo.List // of *keptAnswer, the oldest first
	size  int
}

type keptKey struct{ operator, key string }

// keptAnswer is an answer, or one that is being made.
type keptAnswer struct {
	key     keptKey
	request [sha256.Size]byte
	at      time.Time
	done    chan struct{}
	// What follows is set before done is closed.
	status int
	header http.Header
	body   []byte
}

func newKept(now func() time.Time) *kept {
	return &kept{now: now, byKey: map[keptKey]*fifo.Element{}, order: fifo.New()}
}

// begin returns the answer under a key and whether the caller has to make it.
func (k *kept) begin(key keptKey, request [sha256.Size]byte) (*keptAnswer, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	for e := k.order.Front(); e != nil && now.Sub(e.Value.(*keptAnswer).at) >= keepKeys; e = k.order.Front() {
		k.remove(e)
	}
	if e, ok := k.byKey[key]; ok {
		return e.Value.(*keptAnswer), false
	}
	for k.order.Len() >= maxKeys {
		k.remove(k.order.Front())
	}
	a := &keptAnswer{key: key, request: request, at: now, done: make(chan struct{})}
	k.byKey[key] = k.order.PushBack(a)
	return a, true
}

// finish keeps an answer, or forgets its key: after a fault of the server the
// same key may try again.
func (k *kept) finish(a *keptAnswer, keep bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(a.done)
	e, ok := k.byKey[a.key]
	if !ok || e.Value != a {
		return
	}
	k.size += len(a.body)
	if !keep {
		k.remove(e)
	}
	for k.size > maxKept && k.order.Len() > 0 {
		k.remove(k.order.Front())
	}
}

func (k *kept) remove(e *fifo.Element) {
	a := k.order.Remove(e).(*keptAnswer)
	delete(k.byKey, a.key)
	select {
	case <-a.done:
		k.size -= len(a.body)
	default: // still being made, not counted
	}
}

// once runs a POST, or answers as the first time.
func (a *API) once(w http.ResponseWriter, r *http.Request, who *caller, body []byte, next http.HandlerFunc) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		next(w, r)
		return
	}
	if len(key) > maxKeyLength || printable(key) != key {
		a.refuse(w, r, &v1.Refusal{
			Reason: v1.BadQuery, Detail: "Idempotency-Key is at most 128 printable characters",
			Next: "use a UUID",
		})
		return
	}
	hash := sha256.New()
	hash.Write([]byte(r.Method + " " + r.URL.RequestURI() + "\n"))
	hash.Write(body)
	request := [sha256.Size]byte(hash.Sum(nil))
	answer, first := a.kept.begin(keptKey{who.name, key}, request)
	if !first {
		a.repeat(w, r, answer, request)
		return
	}
	recorder := &recorder{ResponseWriter: w}
	defer func() {
		answer.status, answer.body = recorder.status, recorder.body.Bytes()
		answer.header = w.Header().Clone()
		a.kept.finish(answer, recorder.status != 0 && recorder.status < 500)
	}()
	next(recorder, r)
}

// repeat waits for an answer that is being made and gives it again.
func (a *API) repeat(w http.ResponseWriter, r *http.Request, answer *keptAnswer, request [sha256.Size]byte) {
	if answer.request != request {
		a.refuse(w, r, v1.Refuse(v1.IdempotencyMismatch, ""))
		return
	}
	select {
	case <-answer.done:
	case <-r.Context().Done():
		a.refuse(w, r, r.Context().Err())
		return
	}
	if answer.status == 0 || answer.status >= 500 {
		a.refuse(w, r, v1.Refuse(v1.Overloaded, "the first request with this key failed; repeat it"))
		return
	}
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(answer.status)
	// The client may be gone; there is nobody to tell.
	_, _ = w.Write(answer.body)
}

// recorder keeps what it writes.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader keeps the first status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write keeps what is written.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

package storetest

import (
	"fmt"
	"sync"

	"github.com/assay-pki/assay/store"
)

// Fault is a way in which a call fails. Both answer store.ErrUnavailable: the
// caller cannot tell one from the other, and must be right with either.
type Fault uint8

const (
	// NotStored: the call fails before anything was stored.
	NotStored Fault = 1
	// Stored: everything was stored, and the answer was lost.
	Stored Fault = 2
)

// Faults is the pair that a test goes through.
func Faults() []Fault { return []Fault{NotStored, Stored} }

// String names the subtest.
func (f Fault) String() string {
	switch f {
	case NotStored:
		return "failed and not stored"
	case Stored:
		return "failed but stored"
	}
	return "no fault"
}

// Faulty is a store that fails on order. Without orders it is the store that it
// wraps. It is safe for concurrent use.
type Faulty struct {
	inner store.Store

	mu     sync.Mutex
	faults map[string][]Fault
	calls  map[string]int
}

var _ store.Store = (*Faulty)(nil)

// NewFaulty wraps a store.
func NewFaulty(s store.Store) *Faulty {
	return &Faulty{inner: s, faults: map[string][]Fault{}, calls: map[string]int{}}
}

// Fail makes the next calls of a method fail, one for each fault. The method is
// named as in store.Store: "Issue".
func (f *Faulty) Fail(method string, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[method] = append(f.faults[method], faults...)
}

// Calls counts the calls of a method, failed ones included.
func (f *Faulty) Calls(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

// Pending counts the ordered faults that no call has met.
func (f *Faulty) Pending() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, faults := range f.faults {
		n += len(faults)
	}
	return n
}

// Close closes the wrapped store.
func (f *Faulty) Close() error { return f.act("Close", f.inner.Close) }

func (f *Faulty) next(method string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[method]++
	queued := f.faults[method]
	if len(queued) == 0 {
		return 0
	}
	f.faults[method] = queued[1:]
	return queued[0]
}

func (f *Faulty) act(method string, do func() error) error {
	_, err := ask(f, method, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// ask runs a call, or what its fault leaves of it. A call that the store itself
// refuses is refused: such an answer was stored nowhere.
func ask[T any](f *Faulty, method string, do func() (T, error)) (T, error) {
	fault := f.next(method)
	var none T
	if fault == NotStored {
		return none, fmt.Errorf("%s %s: %w", method, fault, store.ErrUnavailable)
	}
	answer, err := do()
	if fault == Stored && err == nil {
		return none, fmt.Errorf("%s %s: %w", method, fault, store.ErrUnavailable)
	}
	return answer, err
}

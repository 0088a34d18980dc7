package keys

import (
	"crypto"
	"maps"
	"slices"
	"sync"
)

// Memory returns an empty ring that keeps keys in this process only, as tests
// do: nothing is encrypted, and nothing is there after a restart. An authority
// that is to last never uses it.
func Memory() *Ring {
	r := newRing(&memory{keys: map[string]crypto.Signer{}})
	r.files = r
	return r
}

type memory struct {
	mu   sync.Mutex
	keys map[string]crypto.Signer
}

func (m *memory) create(name string, kind Kind) (crypto.Signer, error) {
	key, err := Generate(kind)
	if err != nil {
		return nil, err
	}
	return key, m.add(name, key)
}

func (m *memory) add(name string, key crypto.Signer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[name] != nil {
		return ErrExists
	}
	m.keys[name] = key
	return nil
}

func (m *memory) load(name string) (crypto.Signer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[name] == nil {
		return nil, ErrNotFound
	}
	return m.keys[name], nil
}

func (m *memory) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys[name] == nil {
		return ErrNotFound
	}
	delete(m.keys, name)
	return nil
}

func (m *memory) names() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.keys)), nil
}

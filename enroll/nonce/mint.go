package nonce

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assay-pki/assay/store"
)

// ErrLength: nonces of this length are not made.
var ErrLength = errors.New("nonce length is not 32 to 64 octets")

// Keys keeps the two newest keys for all nodes, durably. It is safe for
// concurrent use.
type Keys interface {
	NonceKeys(ctx context.Context) ([]store.NonceKey, error)
	AddNonceKey(ctx context.Context, key store.NonceKey) error
}

// Mint makes and checks nonces. It is safe for concurrent use.
type Mint struct {
	keys Keys
	rand io.Reader

	known atomic.Pointer[known]
	mu    sync.Mutex // of reading and rotating keys
}

// known are the keys as they were read; never changed.
type known struct {
	keys   []store.NonceKey // newest first
	readAt time.Time
}

// New makes a Mint. rand is crypto/rand.Reader but in tests.
func New(keys Keys, rand io.Reader) *Mint { return &Mint{keys: keys, rand: rand} }

// Make returns a nonce for a label and a principal, good for Life. The error is
// ErrLength, or the store's.
func (m *Mint) Make(ctx context.Context, length int, label, principal string, now time.Time) ([]byte, error) {
	if length < Min || length > Max {
		return nil, ErrLength
	}
	k, err := m.fresh(ctx, now)
	if err != nil {
		return nil, err
	}
	n := make([]byte, length)
	binary.BigEndian.PutUint32(n, uint32(now.Unix()))
	body := n[:length-macSize]
	if _, err := io.ReadFull(m.rand, body[timeSize:]); err != nil {
		return nil, fmt.Errorf("read random octets of a nonce: %w", err)
	}
	mac := macOf(&k.keys[0].Key, body, label, principal)
	copy(n[len(body):], mac[:macSize])
	return n, nil
}

// Check tells whether one of the principals got this nonce for the label, and
// until when it is good. ok is false for every other nonce.
func (m *Mint) Check(ctx context.Context, n []byte, label string, now time.Time, principals ...string) (until time.Time, ok bool, err error) {
	if len(n) < Min || len(n) > Max {
		return time.Time{}, false, nil
	}
	made := time.Unix(int64(binary.BigEndian.Uint32(n)), 0).UTC()
	until = made.Add(Life)
	if made.After(now.Add(skew)) || now.After(until) {
		return time.Time{}, false, nil
	}
	k := m.known.Load()
	if k != nil && k.made(n, label, principals) {
		return until, true, nil
	}
	if k != nil && now.Sub(k.readAt) < rereadEvery && !now.Before(k.readAt) {
		return time.Time{}, false, nil
	}
	// Another node may have made a key since.
	if k, err = m.read(ctx, k, now); err != nil {
		return time.Time{}, false, err
	}
	return until, k.made(n, label, principals), nil
}

func (k *known) made(n []byte, label string, principals []string) bool {
	body, mac := n[:len(n)-macSize], n[len(n)-macSize:]
	for i := range k.keys {
		for _, p := range principals {
			want := macOf(&k.keys[i].Key, body, label, p)
			if hmac.Equal(want[:macSize], mac) {
				return true
			}
		}
	}
	return false
}

// macOf is HMAC-SHA-256(key, macContext ‖ time ‖ random ‖ SHA-256(label ‖ 0 ‖ principal)).
func macOf(key *[32]byte, body []byte, label, principal string) [sha256.Size]byte {
	whose := sha256.Sum256([]byte(label + "\x00" + principal))
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte(macContext))
	h.Write(body)
	h.Write(whose[:])
	return [sha256.Size]byte(h.Sum(nil))
}

// fresh returns keys of which the newest is not due to be followed.
func (m *Mint) fresh(ctx context.Context, now time.Time) (*known, error) {
	k := m.known.Load()
	if k.fresh(now) {
		return k, nil
	}
	k, err := m.read(ctx, k, now)
	if err != nil || k.fresh(now) {
		return k, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.known.Load(); k.fresh(now) {
		return k, nil
	}
	next := store.NonceKey{MadeAt: now}
	if _, err := io.ReadFull(m.rand, next.Key[:]); err != nil {
		return nil, fmt.Errorf("read random octets of a nonce key: %w", err)
	}
	if err := m.keys.AddNonceKey(ctx, next); err != nil {
		return nil, fmt.Errorf("keep a nonce key: %w", err)
	}
	return m.reload(ctx, now)
}

// fresh: a key from the future, made before a clock was set back, is used until
// its hour has passed.
func (k *known) fresh(now time.Time) bool {
	return k != nil && len(k.keys) > 0 && now.Sub(k.keys[0].MadeAt) < rotateEvery
}

// read replaces the keys that the caller saw by those in the store, unless
// somebody else did meanwhile.
func (m *Mint) read(ctx context.Context, seen *known, now time.Time) (*known, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.known.Load(); k != seen {
		return k, nil
	}
	return m.reload(ctx, now)
}

func (m *Mint) reload(ctx context.Context, now time.Time) (*known, error) {
	keys, err := m.keys.NonceKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read nonce keys: %w", err)
	}
	k := &known{keys: keys, readAt: now}
	m.known.Store(k)
	return k, nil
}

package nonce_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/nonce"
	"github.com/assay-pki/assay/store"
)

// keys is a store of the two newest keys.
type keys struct {
	mu    sync.Mutex
	two   []store.NonceKey
	reads int
	err   error
}

func (k *keys) NonceKeys(context.Context) ([]store.NonceKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	return append([]store.NonceKey(nil), k.two...), k.err
}

func (k *keys) AddNonceKey(_ context.Context, key store.NonceKey) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	k.two = append([]store.NonceKey{key}, k.two...)
	k.two = k.two[:min(len(k.two), 2)]
	return nil
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func mustMake(t *testing.T, m *nonce.Mint, length int, at time.Time) []byte {
	t.Helper()
	n, err := m.Make(t.Context(), length, "sensor", "station:l3-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func good(t *testing.T, m *nonce.Mint, n []byte, at time.Time) bool {
	t.Helper()
	_, ok, err := m.Check(t.Context(), n, "sensor", at, "station:l3-1", "anonymous")
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// The octets are those of docs/EVIDENCE.md, computed here by hand.
func TestOctets(t *testing.T) {
	k := &keys{}
	m := nonce.New(k, rand.Reader)
	for _, length := range []int{32, 48, 64} {
		n := mustMake(t, m, length, start)
		if len(n) != length || binary.BigEndian.Uint32(n) != uint32(start.Unix()) {
			t.Fatalf("%d octets, begin %x", len(n), n[:4])
		}
		whose := sha256.Sum256([]byte("sensor\x00station:l3-1"))
		h := hmac.New(sha256.New, k.two[0].Key[:])
		h.Write(bytes.Join([][]byte{[]byte("assay-nonce-v1"), n[:length-16], whose[:]}, nil))
		if !bytes.Equal(h.Sum(nil)[:16], n[length-16:]) {
			t.Errorf("length %d: the last 16 octets are not the HMAC", length)
		}
	}
}

func TestLength(t *testing.T) {
	m := nonce.New(&keys{}, rand.Reader)
	for _, length := range []int{0, 8, 31, 65} {
		if _, err := m.Make(t.Context(), length, "", "anonymous", start); !errors.Is(err, nonce.ErrLength) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

func TestCheck(t *testing.T) {
	m := nonce.New(&keys{}, rand.Reader)
	n := mustMake(t, m, 32, start)
	flipped := bytes.Clone(n)
	flipped[10] ^= 1
	older := bytes.Clone(n)
	older[3]++
	for _, tt := range []struct {
		name, label, principal string
		n                      []byte
		at                     time.Time
		want                   bool
	}{
		{"good", "sensor", "station:l3-1", n, start, true},
		{"at the end of its life", "sensor", "station:l3-1", n, start.Add(nonce.Life), true},
		{"a second later", "sensor", "station:l3-1", n, start.Add(nonce.Life + time.Second), false},
		{"a node whose clock is behind", "sensor", "station:l3-1", n, start.Add(-time.Minute), true},
		{"far ahead", "sensor", "station:l3-1", n, start.Add(-2 * time.Minute), false},
		{"other label", "", "station:l3-1", n, start, false},
		{"other principal", "sensor", "station:l3-2", n, start, false},
		{"label and principal shifted", "sensor\x00station", ":l3-1", n, start, false},
		{"flipped", "sensor", "station:l3-1", flipped, start, false},
		{"other time", "sensor", "station:l3-1", older, start, false},
		{"cut", "sensor", "station:l3-1", n[:31], start, false},
		{"empty", "sensor", "station:l3-1", nil, start, false},
		{"too long", "sensor", "station:l3-1", make([]byte, 65), start, false},
	} {
		until, ok, err := m.Check(t.Context(), tt.n, tt.label, tt.at, tt.principal)
		if err != nil || ok != tt.want || ok && !until.Equal(start.Add(nonce.Life)) {
			t.Errorf("%s: %v until %s, %v; want %v", tt.name, ok, until, err, tt.want)
		}
	}
}

func TestKeysRotateAndTwoAreKnown(t *testing.T) {
	k := &keys{}
	m := nonce.New(k, rand.Reader)
	before := mustMake(t, m, 32, start.Add(59*time.Minute))
	first := k.two[0]
	mustMake(t, m, 32, start.Add(59*time.Minute))
	if len(k.two) != 1 || k.two[0] != first {
		t.Fatal("a key was made too early")
	}
	later := start.Add(2 * time.Hour)
	mustMake(t, m, 32, later)
	if len(k.two) != 2 || k.two[1] != first || k.two[0].Key == first.Key {
		t.Fatal("no next key, or the one before is gone")
	}
	if !good(t, m, before, start.Add(61*time.Minute)) {
		t.Error("a nonce of the key before is not known any more")
	}
	mustMake(t, m, 32, later.Add(2*time.Hour))
	if good(t, m, before, start.Add(61*time.Minute)) {
		t.Error("a key is known after two more")
	}
}

// Another node's nonces are known, its new key too; garbage does not make us
// read the keys again and again.
func TestNodesShareKeys(t *testing.T) {
	k := &keys{}
	one, other := nonce.New(k, rand.Reader), nonce.New(k, rand.Reader)
	if !good(t, other, mustMake(t, one, 32, start), start) {
		t.Error("another node's nonce is not known")
	}
	later := start.Add(time.Hour)
	n := mustMake(t, one, 32, later)
	if !good(t, other, n, later) {
		t.Error("a nonce of another node's new key is not known")
	}
	reads := k.reads
	n[20] ^= 1
	for range 100 {
		good(t, other, n, later)
	}
	if k.reads > reads+1 {
		t.Errorf("garbage made it read the keys %d times", k.reads-reads)
	}
}

func TestStoreTrouble(t *testing.T) {
	k := &keys{err: store.ErrUnavailable}
	m := nonce.New(k, rand.Reader)
	if _, err := m.Make(t.Context(), 32, "", "anonymous", start); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	n := make([]byte, 32)
	binary.BigEndian.PutUint32(n, uint32(start.Unix()))
	if _, ok, err := m.Check(t.Context(), n, "", start, "anonymous"); ok || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestParallelUse(t *testing.T) {
	k := &keys{}
	m := nonce.New(k, rand.Reader)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			at := start.Add(time.Duration(i%2) * 30 * time.Minute)
			n, err := m.Make(t.Context(), 32, "sensor", "station:l3-1", at)
			if err != nil {
				t.Error(err)
				return
			}
			if _, ok, err := m.Check(t.Context(), n, "sensor", at, "station:l3-1"); !ok || err != nil {
				t.Errorf("own nonce: %v, %v", ok, err)
			}
		})
	}
	all.Wait()
	if len(k.two) != 1 {
		t.Errorf("%d keys were made at once, want 1", len(k.two))
	}
}

func FuzzCheck(f *testing.F) {
	k := &keys{}
	m := nonce.New(k, rand.Reader)
	n, err := m.Make(f.Context(), 32, "sensor", "p", start)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(n, "sensor", "p")
	f.Add(n[:31], "sensor", "p")
	f.Add([]byte{}, "", "")
	f.Add(bytes.Repeat([]byte{0xff}, 64), "sensor.birth", "anonymous")
	f.Fuzz(func(t *testing.T, b []byte, label, principal string) {
		_, ok, err := m.Check(t.Context(), b, label, start, principal)
		if err != nil {
			t.Fatal(err)
		}
		if want := bytes.Equal(b, n) && label+"\x00"+principal == "sensor\x00p"; ok != want {
			t.Errorf("%x for %q, %q: %v", b, label, principal, ok)
		}
	})
}

package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// memory is a small store that can fail on order, and that leases blocks.
type memory struct {
	mu           sync.Mutex
	founding     store.Founding
	certificates map[store.Ref]store.Certificate
	nextShard    map[store.IssuerID]uint64
	blocks       map[runKey]store.Block
	leases       int

	failLease  error
	failIssue  error // not stored
	storeFirst bool  // with failIssue: stored all the same
	failRead   error
}

func newMemory(f store.Founding) *memory {
	return &memory{
		founding: f, certificates: map[store.Ref]store.Certificate{},
		nextShard: map[store.IssuerID]uint64{}, blocks: map[runKey]store.Block{},
	}
}

func (m *memory) Authority(context.Context) (store.Authority, error) {
	return m.founding.Authority, nil
}

func (m *memory) Issuers(context.Context) ([]store.Issuer, error) { return m.founding.Issuers, nil }

func (m *memory) Blocks(context.Context) ([]store.Block, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []store.Block
	for _, b := range m.blocks {
		b.Next = b.First
		for ref := range m.certificates {
			if ref.Issuer == b.Issuer && ref.Index >= b.Next && ref.Index < b.End {
				b.Next = ref.Index + 1
			}
		}
		list = append(list, b)
	}
	return list, nil
}

func (m *memory) Lease(ctx context.Context, issuer store.IssuerID, class store.Class) (store.Block, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failLease != nil {
		return store.Block{}, m.failLease
	}
	first := m.nextShard[issuer] * profile.ShardSize
	m.nextShard[issuer]++
	m.leases++
	b := store.Block{Issuer: issuer, Class: class, First: first, End: first + profile.ShardSize, Next: first}
	m.blocks[runKey{issuer, class}] = b
	return b, nil
}

func (m *memory) Certificate(_ context.Context, ref store.Ref) (store.Certificate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failRead != nil {
		return store.Certificate{}, m.failRead
	}
	c, ok := m.certificates[ref]
	if !ok {
		return c, fmt.Errorf("certificate %v: %w", ref, store.ErrNotFound)
	}
	return c, nil
}

func (m *memory) Issue(_ context.Context, i store.Issuance) (store.Issued, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failIssue != nil && !m.storeFirst {
		return store.Issued{}, m.failIssue
	}
	if err := i.Validate(); err != nil {
		return store.Issued{}, err
	}
	if _, ok := m.certificates[i.Certificate.Ref]; ok {
		return store.Issued{}, store.ErrExists
	}
	m.certificates[i.Certificate.Ref] = i.Certificate
	return store.Issued{Certificate: i.Certificate}, m.failIssue
}

// bench is an authority with what is around it.
type bench struct {
	authority *Authority
	memory    *memory
	ring      *keys.Ring
	clock     *clock
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

const publicURL = "http://pki.example.com"

var epoch = time.Date(2026, 11, 24, 12, 30, 15, 123456789, time.UTC)

// found makes an authority at a time, with or without a public URL.
func found(t testing.TB, public string, at time.Time) *bench {
	t.Helper()
	return foundOn(t, keys.Memory(), public, at)
}

// onDisk opens a ring of files, which takes a tenth of a second for each key.
func onDisk(t testing.TB) *keys.Ring {
	t.Helper()
	ring, err := keys.Open(t.Context(), keys.Config{Dir: filepath.Join(t.TempDir(), "keys"), Passphrase: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// foundOn makes it with the keys in a ring.
func foundOn(t testing.TB, ring *keys.Ring, public string, at time.Time) *bench {
	t.Helper()
	b := &bench{ring: ring, clock: &clock{t: at}}
	f, err := Found(t.Context(), FoundConfig{
		Name: "acme", PublicURL: public, BaseURL: "http://127.0.0.1:8080", Hosts: []string{"localhost", "127.0.0.1"},
		Keys: b.ring, Now: b.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	b.memory = newMemory(f)
	b.restart(t)
	return b
}

// restart makes the authority again over the same store.
func (b *bench) restart(t testing.TB) {
	t.Helper()
	a, err := New(t.Context(), Config{Store: b.memory, Keys: b.ring, Blocks: b.memory, Now: b.clock.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b.authority = a
}

func compiled(t testing.TB, spec string) *profile.Profile {
	t.Helper()
	product, err := profile.ParseProduct("sensor-s1", []byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	p, err := product.Compile(1, "acme", profile.IssuerLimits{MaxValidity: maxDeviceLife})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const everyKey = `"keys":{"allow":["ec-p256","ec-p384","ec-p521","ed25519","rsa-2048","rsa-3072","rsa-4096"]}`

func spkiOf(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func newSPKI(t testing.TB) []byte {
	t.Helper()
	key, err := keys.Generate(keys.ECP256)
	if err != nil {
		t.Fatal(err)
	}
	return spkiOf(t, key.Public())
}

func parseCertificate(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func rsaOf(t testing.TB, bits int) crypto.PublicKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

package keys

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"

	"go.step.sm/crypto/kms"
	"go.step.sm/crypto/kms/apiv1"
)

// Config says where keys are.
type Config struct {
	// Dir holds NAME.key files; it is made when absent.
	Dir string
	// Passphrase encrypts them; never empty.
	Passphrase []byte
	// KMS is the URI of a token that holds the issuers' keys instead, as
	// pkcs11:module-path=…;token=assay?pin-source=…; empty for files.
	KMS string
}

// String leaves the secrets out.
func (c Config) String() string { return fmt.Sprintf("{dir %s, kms %t}", c.Dir, c.KMS != "") }

// GoString leaves the secrets out.
func (c Config) GoString() string { return c.String() }

// LogValue leaves the secrets out.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Kind is a kind of key that can be made.
type Kind string

// The kinds. Tokens refuse Ed25519.
const (
	ECP256  Kind = "ec-p256"
	ECP384  Kind = "ec-p384"
	Ed25519 Kind = "ed25519"
)

// Ring is a set of named signing keys. It is safe for concurrent use.
type Ring struct {
	backend backend
	files   *Ring // the ring of files beside a token; itself without one
	onToken bool

	mu      sync.Mutex
	entries map[string]*entry
}

// backend is where keys are: files or a token. create and add do not return
// before the key is durable.
type backend interface {
	create(name string, kind Kind) (crypto.Signer, error)
	add(name string, key crypto.Signer) error
	load(name string) (crypto.Signer, error)
	remove(name string) error
	names() ([]string, error)
}

// entry is a key that somebody asked for; its lock is held while it loads.
type entry struct {
	mu     sync.Mutex
	signer crypto.Signer
}

var namePattern = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]*\z`)

// Open opens a ring. Nothing is decrypted yet. It refuses a directory that
// others can read (ErrMode), an empty passphrase, and a KMS that this build
// does not know (ErrUnavailable).
func Open(ctx context.Context, c Config) (*Ring, error) {
	soft, err := kms.New(ctx, apiv1.Options{Type: apiv1.SoftKMS})
	if err != nil {
		return nil, fmt.Errorf("open the file key store: %w", err)
	}
	if len(c.Passphrase) == 0 {
		return nil, fmt.Errorf("open the keys in %s: the passphrase is empty; give --passphrase-file: %w", c.Dir, ErrPassphrase)
	}
	if err := openDir(c.Dir); err != nil {
		return nil, err
	}
	files := newRing(&directory{dir: c.Dir, passphrase: c.Passphrase, kms: soft})
	files.files = files
	if c.KMS == "" {
		return files, nil
	}
	t, err := openToken(ctx, c.KMS)
	if err != nil {
		return nil, err
	}
	ring := newRing(t)
	ring.files, ring.onToken = files, true
	return ring, nil
}

func newRing(b backend) *Ring { return &Ring{backend: b, entries: map[string]*entry{}} }

// Files is the ring of files, also when a token holds the issuers' keys: the
// keys of short-lived credentials are kept there.
func (r *Ring) Files() *Ring { return r.files }

// Create makes a key; ErrExists if the name is taken. The key is durable when
// Create returns.
func (r *Ring) Create(ctx context.Context, name string, kind Kind) (crypto.Signer, error) {
	return r.put(ctx, name, func() (crypto.Signer, error) { return r.backend.create(name, kind) })
}

// Add keeps a key made by Generate; ErrExists if the name is taken. It is
// durable when Add returns. Tokens take no keys from outside.
func (r *Ring) Add(ctx context.Context, name string, key crypto.Signer) error {
	_, err := r.put(ctx, name, func() (crypto.Signer, error) { return key, r.backend.add(name, key) })
	return err
}

func (r *Ring) put(ctx context.Context, name string, build func() (crypto.Signer, error)) (crypto.Signer, error) {
	e, err := r.entry(ctx, name)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.signer != nil {
		return nil, fmt.Errorf("make key %q: %w", name, ErrExists)
	}
	signer, err := build()
	if err != nil {
		return nil, fmt.Errorf("make key %q: %w", name, err)
	}
	e.signer = signer
	return signer, nil
}

// Signer returns a key, loading it the first time; ErrNotFound, ErrPassphrase,
// ErrMode, ErrDamaged.
func (r *Ring) Signer(ctx context.Context, name string) (crypto.Signer, error) {
	e, err := r.entry(ctx, name)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.signer == nil {
		signer, err := r.backend.load(name)
		if err != nil {
			return nil, fmt.Errorf("open key %q: %w", name, err)
		}
		e.signer = signer
	}
	return e.signer, nil
}

// Warm loads keys side by side, so that nobody waits for them later. The
// errors of all of them are joined.
func (r *Ring) Warm(ctx context.Context, names ...string) error {
	errs := make([]error, len(names))
	slots := make(chan struct{}, parallelLoads)
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, errs[i] = r.Signer(ctx, name)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Remove deletes a key for good; ErrNotFound. Signers that were handed out go
// on working.
func (r *Ring) Remove(ctx context.Context, name string) error {
	e, err := r.entry(ctx, name)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := r.backend.remove(name); err != nil {
		return fmt.Errorf("remove key %q: %w", name, err)
	}
	e.signer = nil
	return nil
}

// Names lists the keys of a ring of files, sorted. Other rings know only what
// they are asked for: ErrUnavailable.
func (r *Ring) Names() ([]string, error) { return r.backend.names() }

func (r *Ring) entry(ctx context.Context, name string) (*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(name) > maxName || !namePattern.MatchString(name) {
		return nil, fmt.Errorf("key name %q: 1 to %d of a-z, 0-9 and -", name, maxName)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[name]
	if e == nil {
		e = &entry{}
		r.entries[name] = e
	}
	return e, nil
}

package keys

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"sync/atomic"
)

// Deferred returns a signer whose public key is known, from a certificate, and
// whose private key is loaded when it first signs. It refuses to sign when the
// two turn out to differ.
func (r *Ring) Deferred(name string, public crypto.PublicKey) crypto.Signer {
	return &deferred{ring: r, name: name, public: public}
}

type deferred struct {
	ring   *Ring
	name   string
	public crypto.PublicKey
	loaded atomic.Pointer[crypto.Signer]
}

// Public implements crypto.Signer.
func (d *deferred) Public() crypto.PublicKey { return d.public }

// Sign implements crypto.Signer.
func (d *deferred) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	key, err := d.load()
	if err != nil {
		return nil, err
	}
	return key.Sign(rand, digest, opts)
}

func (d *deferred) load() (crypto.Signer, error) {
	if key := d.loaded.Load(); key != nil {
		return *key, nil
	}
	// Nobody's context: whoever comes second would wait for a load that the
	// first one's end has cut off.
	key, err := d.ring.Signer(context.Background(), d.name)
	if err != nil {
		return nil, err
	}
	if p, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !p.Equal(d.public) {
		return nil, fmt.Errorf("key %q is not the key of its certificate: %w: restore it from a backup", d.name, ErrDamaged)
	}
	d.loaded.Store(&key)
	return key, nil
}

package ca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// CredentialStore is what credentials need of a store: to look up whether they
// are still good, and to commit new ones. A certificate is used only after
// Issue has returned; if Issue returns ErrUnavailable it is never used.
type CredentialStore interface {
	Certificate(ctx context.Context, ref store.Ref) (store.Certificate, error)
	Issue(ctx context.Context, i store.Issuance) (store.Issued, error)
}

// CredentialConfig is what Credentials are made of.
type CredentialConfig struct {
	Authority *Authority
	Store     CredentialStore
	// Keys holds the private keys, always in files.
	Keys *keys.Ring
	// Dir holds the certificates: tls.crt, ocsp-devices-1.crt and so on. It is
	// made when absent.
	Dir string
	// Hosts are the names of the TLS certificate; when they change it is
	// renewed.
	Hosts []string
	Now   func() time.Time
	Log   *slog.Logger
}

// Credentials are the node's own: a TLS server certificate, and an OCSP
// responder for every issuer but the root. It is safe for concurrent use.
//
// A new key is made for each renewal, in a file named after the certificate's
// serial number, and the certificate's file is replaced last: whenever the
// machine stops, the certificate that is on disk has its key beside it and its
// record in the store.
type Credentials struct {
	config CredentialConfig
	slots  []*slot // fixed after OpenCredentials; the first is TLS
	renew  sync.Mutex
}

// slot is one credential.
type slot struct {
	name   string // file of the certificate, prefix of the keys
	issuer store.IssuerID
	server bool
	held   atomic.Pointer[credential]
}

// credential is a certificate with its key. It is never changed.
type credential struct {
	certificate *x509.Certificate
	key         string
	signer      *keys.Signer
	tls         *tls.Certificate // of a server
}

// OpenCredentials reads the credentials, and makes those that are missing, no
// longer good, past half of their life or, TLS, for other hosts. What fails to
// renew and is still good goes on being used.
func OpenCredentials(ctx context.Context, c CredentialConfig) (*Credentials, error) {
	if c.Authority == nil || c.Store == nil || c.Keys == nil || c.Now == nil || c.Log == nil || c.Dir == "" {
		return nil, fmt.Errorf("open the credentials: Authority, Store, Keys, Dir, Now and Log are required: %w", ErrConfig)
	}
	if _, err := parseHosts(c.Hosts); err != nil {
		return nil, fmt.Errorf("open the credentials: %w", err)
	}
	c.Keys = c.Keys.Files()
	operations, err := c.Authority.active(store.KindOperations)
	if err != nil {
		return nil, fmt.Errorf("open the credentials: %w", err)
	}
	r := &Credentials{config: c, slots: []*slot{{name: "tls", issuer: operations.ID, server: true}}}
	for _, i := range c.Authority.issuers {
		if i.Kind != store.KindRoot {
			r.slots = append(r.slots, &slot{name: "ocsp-" + i.Name, issuer: i.ID})
		}
	}
	if err := makeDir(c.Dir); err != nil {
		return nil, fmt.Errorf("open the credentials: %w", err)
	}
	for _, s := range r.slots {
		held, err := r.read(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("open the credential %s: %w", s.name, err)
		}
		s.held.Store(held)
	}
	if err := r.Renew(ctx); err != nil {
		for _, s := range r.slots {
			if s.held.Load() == nil {
				return nil, err
			}
		}
		c.Log.ErrorContext(ctx, "credentials not renewed", slog.Any(logError, err))
	}
	return r, nil
}

// Renew renews what is past half of its life, no longer good in the store, or
// missing. Errors are joined; what was good stays in use.
func (r *Credentials) Renew(ctx context.Context) error {
	r.renew.Lock()
	defer r.renew.Unlock()
	errs := make([]error, len(r.slots))
	var wg sync.WaitGroup // a tenth of a second each, for encrypting the key
	for n, s := range r.slots {
		wg.Go(func() { errs[n] = r.renewSlot(ctx, s) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *Credentials) renewSlot(ctx context.Context, s *slot) error {
	due, err := r.due(ctx, s)
	if err == nil && due {
		var fresh *credential
		if fresh, err = r.issue(ctx, s); err == nil {
			s.held.Store(fresh)
			r.config.Log.InfoContext(ctx, "credential renewed",
				slog.String(logCredential, s.name), slog.Time(logNotAfter, fresh.certificate.NotAfter))
		}
	}
	if err != nil {
		return fmt.Errorf("renew the credential %s: %w", s.name, err)
	}
	return r.sweep(ctx, s)
}

// due tells whether a credential wants renewal.
func (r *Credentials) due(ctx context.Context, s *slot) (bool, error) {
	held := s.held.Load()
	if held == nil {
		return true, nil
	}
	c := held.certificate
	half := c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2)
	if !r.config.Now().Before(half) {
		return true, nil
	}
	good, err := r.good(ctx, s, c)
	return !good, err
}

// good asks the store. A record may be missing after a restore of a backup that
// is older than the files.
func (r *Credentials) good(ctx context.Context, s *slot, c *x509.Certificate) (bool, error) {
	index, ok := profile.IndexOf(c.SerialNumber.Bytes())
	if !ok {
		return false, nil
	}
	record, err := r.config.Store.Certificate(ctx, store.Ref{Issuer: s.issuer, Index: index})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return record.Status == store.Good && string(record.DER) == string(c.Raw), nil
}

// TLS is the server's certificate: leaf and issuer. The key is decrypted at the
// first handshake.
func (r *Credentials) TLS() *tls.Certificate { return r.slots[0].held.Load().tls }

// Responder is the issuer's OCSP responder: its certificate and what signs with
// its key.
func (r *Credentials) Responder(issuer store.IssuerID) (cert []byte, signer *keys.Signer, ok bool) {
	for _, s := range r.slots {
		if s.issuer == issuer && !s.server {
			held := s.held.Load()
			return held.certificate.Raw, held.signer, true
		}
	}
	return nil, nil, false
}

// WarmTLS decrypts the server's key: before it is there no handshake ends.
func (r *Credentials) WarmTLS(ctx context.Context) error {
	return r.config.Keys.Warm(ctx, r.slots[0].held.Load().key)
}

// Warm decrypts the keys, side by side, so that the first handshake and the
// first OCSP answer do not wait.
func (r *Credentials) Warm(ctx context.Context) error {
	var names []string
	for _, s := range r.slots {
		names = append(names, s.held.Load().key)
	}
	return r.config.Keys.Warm(ctx, names...)
}

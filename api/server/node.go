package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/revocation"
	"github.com/assay-pki/assay/revocation/crl"
	"github.com/assay-pki/assay/revocation/ocsp"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/audit"
	"github.com/assay-pki/assay/store/bolt"
)

// node is the rooms of one authority, joined. Init and Run both make one, so
// that what init creates is made by the code that renews it.
type node struct {
	dir         dir
	store       *bolt.Store
	keys        *keys.Ring
	clock       *Clock
	record      store.Authority
	authority   *ca.Authority
	publisher   *crl.Publisher
	credentials *ca.Credentials
	// sealed: a key that signs devices' certificates can't be opened.
	sealed atomic.Bool
	log    *slog.Logger
}

// openKeys opens the ring; without a passphrase that of keys/unlock is used.
func openKeys(ctx context.Context, d dir, kms string, passphrase []byte) (*keys.Ring, error) {
	if len(passphrase) == 0 {
		var err error
		if passphrase, err = keys.UnlockFile(d.keys()); err != nil {
			return nil, err
		}
	}
	return keys.Open(ctx, keys.Config{Dir: d.keys(), Passphrase: passphrase, KMS: kms})
}

// join makes the authority, its publisher and its credentials. What is missing
// of CRLs and credentials is made on the way: CRLs first, since certificates
// point to them. Lists that cannot be signed now do not keep a node down: what
// is on disk is served, and the publisher tries again.
func join(ctx context.Context, d dir, db *bolt.Store, ring *keys.Ring, clock *Clock, log *slog.Logger) (*node, error) {
	n := &node{dir: d, store: db, keys: ring, clock: clock, log: log}
	var err error
	if n.record, err = db.Authority(ctx); err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	if n.authority, err = ca.New(ctx, ca.Config{Store: db, Keys: ring, Now: clock.Now, Log: log}); err != nil {
		return nil, err
	}
	n.publisher, err = crl.New(ctx, crl.Config{
		Store: db, Signer: n.authority, BaseURL: n.record.BaseURL, Dir: string(d), Now: clock.StatusNow, Log: log,
	})
	if err != nil {
		return nil, err
	}
	n.authority.LeaseFrom(n.publisher)
	if err := n.publisher.CatchUp(ctx); err != nil {
		log.ErrorContext(ctx, "CRLs not published", logError, err)
	}
	n.credentials, err = ca.OpenCredentials(ctx, ca.CredentialConfig{
		Authority: n.authority, Store: db, Keys: ring, Dir: d.ca(), Hosts: n.record.Hosts, Now: clock.Now, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// services are what the listeners answer with.
type services struct {
	enroll       *enroll.Service
	revocation   *revocation.Service
	ocsp         *ocsp.Responder
	checkpointer *audit.Checkpointer
	signNote     func(text string) ([]byte, error)
}

func (n *node) services(ctx context.Context, m *metrics) (*services, error) {
	issuers, err := n.store.Issuers(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the issuers: %w", err)
	}
	certificates, err := enroll.IssuerCerts(issuers)
	if err != nil {
		return nil, err
	}
	s := &services{revocation: revocation.New(n.store, n.clock.Now)}
	s.enroll, err = enroll.New(enroll.Config{
		Store: n.store, Issuer: n.authority, Issuers: certificates,
		Now: n.clock.Now, Clock: n.clock.Doubt, Log: n.log, Observer: m,
	})
	if err != nil {
		return nil, err
	}
	s.ocsp, err = ocsp.New(ctx, ocsp.Config{
		Store: n.store, Responders: n.credentials, Now: n.clock.StatusNow, Log: n.log, Observer: m,
	})
	if err != nil {
		return nil, err
	}
	if s.checkpointer, err = n.checkpointer(ctx); err != nil {
		return nil, err
	}
	s.signNote, err = n.noteSigner(ctx)
	return s, err
}

// checkpointer signs heads of the audit log with the log's key.
func (n *node) checkpointer(ctx context.Context) (*audit.Checkpointer, error) {
	origin := logOrigin(n.record.ID)
	signer, err := logSigner(ctx, n.keys, origin)
	if err != nil {
		return nil, fmt.Errorf("open the audit log's key: %w", err)
	}
	return audit.NewCheckpointer(audit.Config{Store: n.store, Key: signer, Origin: origin, Log: n.log})
}

// signLog signs the audit log until ctx ends. A log that must not be signed
// stops neither revocation nor status; doctor tells.
func (n *node) signLog(c *audit.Checkpointer) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := c.Run(ctx); err != nil {
			n.log.ErrorContext(ctx, "the audit log is signed no more; run assay audit verify", logError, err)
			return err
		}
		return nil
	}
}

// getCertificate is the TLS certificate as it is now.
func (n *node) getCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return n.credentials.TLS(), nil
}

// renewDaily keeps the node's own credentials fresh until ctx ends.
func (n *node) renewDaily(ctx context.Context) error {
	return each(ctx, renewEvery, func() {
		if err := n.credentials.Renew(ctx); err != nil {
			n.log.ErrorContext(ctx, "credentials not renewed", logError, err)
		}
	})
}

// followMark keeps the status clock from going back behind the records.
func (n *node) followMark(ctx context.Context) error {
	return each(ctx, markEvery, func() {
		if mark, err := n.store.ClockMark(ctx); err == nil && n.clock.Doubt() == nil {
			n.clock.Observe(mark, false)
		}
	})
}

func each(ctx context.Context, period time.Duration, act func()) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			act()
		}
	}
}

// logError is the attribute key of errors in log lines.
const logError = "error"

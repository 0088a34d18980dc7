package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"github.com/smallstep/certificates/cas/apiv1"
)

// FoundConfig says what authority is to be founded.
type FoundConfig struct {
	// Name is the O of every subject: 1 to 40 characters.
	Name string
	// PublicURL is the plain-http root of all URLs, on a name that will be kept
	// as long as the longest certificate. Without it the authority is local,
	// and BaseURL, on a loopback address, takes its place.
	PublicURL, BaseURL string
	// Hosts are the DNS names and IP addresses of the TLS certificate.
	Hosts []string
	// LogKey is the audit log's verifier key.
	LogKey string
	Keys   *keys.Ring
	Now    func() time.Time
}

// Found makes the root and the first generation of issuers: devices and
// operations, and births when there is a public URL. Their keys are durable in
// the ring when it returns; nothing is stored: Store.Found commits what it
// returns. When it fails, the keys that it made are removed.
func Found(ctx context.Context, c FoundConfig) (f store.Founding, err error) {
	if err := c.check(); err != nil {
		return f, fmt.Errorf("found an authority: %w", err)
	}
	now := c.Now().UTC().Truncate(time.Second)
	f.By = store.Actor{Principal: "node", At: now}
	f.Authority = store.Authority{
		ID: newAuthorityID(), Name: c.Name, BaseURL: c.PublicURL, Local: c.PublicURL == "",
		CreatedAt: now, LogKey: c.LogKey, Hosts: c.Hosts,
	}
	if f.Authority.Local {
		f.Authority.BaseURL = c.BaseURL
	}
	g := founder{config: &c, founding: &f, now: now}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("found an authority: %w", err), g.undo(ctx))
			f = store.Founding{}
		}
	}()
	if err := g.root(ctx); err != nil {
		return f, err
	}
	if err := g.issuer(ctx, store.KindDevices, now.Add(issuerLife), maxDeviceLife); err != nil {
		return f, err
	}
	if err := g.issuer(ctx, store.KindOperations, now.Add(issuerLife), maxOperationsLife); err != nil {
		return f, err
	}
	if f.Authority.Local {
		return f, nil
	}
	return f, g.issuer(ctx, store.KindBirths, endOfTime(), 0)
}

func (c *FoundConfig) check() error {
	var errs []error
	if c.Keys == nil || c.Now == nil {
		errs = append(errs, fmt.Errorf("no Keys or no Now: %w", ErrConfig))
	}
	if n := utf8.RuneCountInString(c.Name); n == 0 || n > maxAuthorityName || !utf8.ValidString(c.Name) ||
		strings.TrimSpace(c.Name) != c.Name || strings.ContainsFunc(c.Name, unicode.IsControl) {
		errs = append(errs, fmt.Errorf("name %q: 1 to %d characters, no control characters, no space at the ends: %w: give --name", c.Name, maxAuthorityName, ErrConfig))
	}
	base := c.PublicURL
	if base == "" {
		base = c.BaseURL
	}
	errs = append(errs, checkBaseURL(base))
	_, err := parseHosts(c.Hosts)
	return errors.Join(append(errs, err)...)
}

func newAuthorityID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// founder makes the CA certificates one after the other. An issuer's index in
// the root's index space is its id less one.
type founder struct {
	config   *FoundConfig
	founding *store.Founding
	now      time.Time
	top      *apiv1.CreateCertificateAuthorityResponse
	made     []string // keys
}

// undo removes what a failed founding leaves behind, also when its context has
// ended.
func (g *founder) undo(ctx context.Context) error {
	var errs []error
	for _, name := range g.made {
		errs = append(errs, g.config.Keys.Remove(context.WithoutCancel(ctx), name))
	}
	return errors.Join(errs...)
}

func (g *founder) key(ctx context.Context, name string, kind keys.Kind) (crypto.Signer, error) {
	key, err := g.config.Keys.Create(ctx, name, kind)
	if err == nil {
		g.made = append(g.made, name)
	}
	return key, err
}

func (g *founder) root(ctx context.Context) error {
	key, err := g.key(ctx, profile.RootName, keys.ECP256)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{g.config.Name}, CommonName: g.config.Name + " root"},
		NotBefore: g.now.Add(-backdateCA), NotAfter: endOfTime(),
		MaxPathLen: -1,
	}
	record := store.Issuer{Kind: store.KindRoot, Generation: 1}
	g.top, err = g.certify(ctx, template, key, &record)
	return err
}

func (g *founder) issuer(ctx context.Context, kind string, notAfter time.Time, maxValidity time.Duration) error {
	record := store.Issuer{Kind: kind, Generation: 1, MaxValidity: maxValidity}
	key, err := g.key(ctx, record.Name(), keys.ECP256)
	if err != nil {
		return err
	}
	base := g.founding.Authority.BaseURL
	template := &x509.Certificate{
		Subject: pkix.Name{
			Organization: []string{g.config.Name},
			CommonName:   fmt.Sprintf("%s %s %d", g.config.Name, kind, record.Generation),
		},
		NotBefore: g.now.Add(-backdateCA), NotAfter: notAfter,
		MaxPathLenZero:        true,
		CRLDistributionPoints: []string{profile.CompleteURL(base, profile.RootName)},
		IssuingCertificateURL: []string{profile.IssuerURL(base, profile.RootName)},
	}
	_, err = g.certify(ctx, template, key, &record)
	return err
}

// certify makes the certificate, lints it and adds the record.
func (g *founder) certify(ctx context.Context, template *x509.Certificate, key crypto.Signer, record *store.Issuer) (*apiv1.CreateCertificateAuthorityResponse, error) {
	record.ID = store.IssuerID(len(g.founding.Issuers) + 1)
	record.Key = record.Name()
	record.CreatedAt = g.now
	serial, err := newSerial(uint64(record.ID) - 1)
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	made, err := certifyCA(ctx, template, key, g.top)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", record.Name(), err)
	}
	want := &lint.Want{Kind: lint.Root, BaseURL: g.founding.Authority.BaseURL, IssuerName: profile.RootName}
	if g.top != nil {
		want.Kind, want.Issuer, want.CRL = lint.Issuer, g.top.Certificate, true
	}
	if err := lint.Check(made.Certificate, want); err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", record.Name(), err)
	}
	record.Certificate = made.Certificate.Raw
	g.founding.Issuers = append(g.founding.Issuers, *record)
	return made, nil
}

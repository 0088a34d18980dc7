package ca

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// maxSPKI is beyond an RSA-4096 key's 550 octets.
const maxSPKI = 2048

// Sign makes a device's certificate: allocates an index, signs once, parses
// what it signed and lints it. Nothing is stored. The profile's kind decides
// which issuer signs. The errors: ErrKey, profile.ErrName, profile.ErrNoIssuer,
// ErrIssuerExpired, ErrBlocks, store.ErrIndexExhausted, ErrSigner, *lint.Error.
func (a *Authority) Sign(ctx context.Context, o profile.Order) (profile.Made, error) {
	if err := ctx.Err(); err != nil {
		return profile.Made{}, err
	}
	b, err := prepare(o)
	if err != nil {
		return profile.Made{}, err
	}
	i, err := a.issuerFor(o.Profile.Kind)
	if err != nil {
		return profile.Made{}, err
	}
	class, err := a.period(i, &b, o.Profile.Validity, o.NotAfter, a.record.Local)
	if err != nil {
		return profile.Made{}, err
	}
	index, err := a.runs.take(ctx, i.ID, class)
	if err != nil {
		return profile.Made{}, fmt.Errorf("sign for %s: %w", i.Name, err)
	}
	if b.serial, err = profile.NewSerial(rand.Reader, index); err != nil {
		return profile.Made{}, fmt.Errorf("sign for %s: %w", i.Name, err)
	}
	b.shard = profile.Shard(index)
	der, err := i.make(i.signer, &o, &b)
	if err != nil {
		return profile.Made{}, fmt.Errorf("sign for %s: %w", i.Name, err)
	}
	if err := i.verify(der); err != nil {
		return profile.Made{}, fmt.Errorf("sign for %s: %w", i.Name, err)
	}
	return profile.Made{
		IssuerID: uint16(i.ID), Issuer: i.Name, Index: index, Serial: b.serial, DER: der,
		NotBefore: b.notBefore, NotAfter: b.notAfter,
	}, nil
}

// prepare gathers what is the device's own.
func prepare(o profile.Order) (b build, err error) {
	if o.Profile == nil || len(o.SPKI) == 0 || len(o.SPKI) > maxSPKI {
		return b, fmt.Errorf("%w: an order wants a profile and a key of at most %d octets", ErrKey, maxSPKI)
	}
	bits, err := keyBits(o.SPKI)
	if err != nil {
		return b, err
	}
	b.spki, b.keyID = o.SPKI, keyID(bits)
	if b.subject, err = o.Profile.Subject(o.Names); err != nil {
		return b, err
	}
	b.san, err = o.Profile.SAN(o.Names)
	return b, err
}

// period sets the validity: notBefore is 10 minutes ago but not before the
// issuer's, notAfter is cut to what was ordered, to a local authority's 7 days
// and to the issuer's, which stands for a life of 0. The class is that of what
// remains.
func (a *Authority) period(i *issuer, b *build, life time.Duration, notAfter time.Time, local bool) (store.Class, error) {
	now := a.now().UTC().Truncate(time.Second)
	b.notBefore = latest(now.Add(-backdate), i.Certificate.NotBefore)
	b.notAfter = i.Certificate.NotAfter
	if life > 0 {
		b.notAfter = earliest(b.notAfter, now.Add(life))
	}
	if !notAfter.IsZero() {
		b.notAfter = earliest(b.notAfter, notAfter.UTC().Truncate(time.Second))
	}
	if local {
		b.notAfter = earliest(b.notAfter, now.Add(localLife))
	}
	if !b.notAfter.After(now) || !b.notBefore.Before(b.notAfter) {
		return 0, fmt.Errorf("issuer %s, or what was ordered, ends %s: %w: rotate the issuer, assay ca rotate",
			i.Name, b.notAfter.Format(time.RFC3339), ErrIssuerExpired)
	}
	return store.Class(profile.ClassOf(b.notAfter.Sub(now))), nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// make signs the compiled certificate, parses it back and lints it.
func (i *issuer) make(signer *keys.Signer, o *profile.Order, b *build) ([]byte, error) {
	p := o.Profile
	der, err := signer.Sign(i.shape(p.Status).tbs(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: what was signed does not parse: %w", ErrKey, err)
	}
	if kind, ok := profile.KeyTypeOf(certificate.PublicKey); !ok || !p.Keys.Has(kind) {
		return nil, fmt.Errorf("%w: product %s does not allow %s keys", ErrKey, p.Product, certificate.PublicKeyAlgorithm)
	}
	err = lint.Check(certificate, &lint.Want{
		Kind: lint.Device, Issuer: i.Certificate, BaseURL: i.shapes[0].base, IssuerName: i.Name,
		CRL: p.Status.CRL, OCSP: p.Status.OCSP, SPKI: o.SPKI, Subject: b.subject, SAN: b.san,
	})
	return der, err
}

// verify checks our own signature: always when the key is on a token, else the
// first of every 64. A wrong one is a fault of hardware.
func (i *issuer) verify(der []byte) error {
	if n := i.signed.Add(1); !i.signer.OnToken && n%verifyEvery != 1 {
		return nil
	}
	if err := i.signer.Verify(der); err != nil {
		return fmt.Errorf("%w: the key of %s signed wrongly: %w", ErrSigner, i.Name, err)
	}
	return nil
}

// SignTBS signs a TBSCertList and returns the complete DER. The signature is
// verified (PUB-02): CRLs are few. Its inner algorithm is SignatureAlgorithm's.
func (a *Authority) SignTBS(ctx context.Context, id store.IssuerID, tbs []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	i, err := a.issuer(id)
	if err != nil {
		return nil, err
	}
	der, err := i.signer.Sign(tbs)
	if err != nil {
		return nil, fmt.Errorf("sign for %s: %w: %w", i.Name, ErrSigner, err)
	}
	if err := i.signer.Verify(der); err != nil {
		return nil, fmt.Errorf("sign for %s: %w: %w", i.Name, ErrSigner, err)
	}
	return der, nil
}

// SignatureAlgorithm is the DER of the issuer's AlgorithmIdentifier; nil for an
// unknown issuer.
func (a *Authority) SignatureAlgorithm(id store.IssuerID) []byte {
	i, err := a.issuer(id)
	if err != nil {
		return nil
	}
	return i.signer.Algorithm
}

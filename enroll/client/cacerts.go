package client

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

// CACerts are the CA certificates of a server, without duplicates.
type CACerts struct {
	// Roots signed themselves; there may be several while a root is rolled
	// over.
	Roots []*x509.Certificate
	// Intermediates are all others that chain to a root: issuers, and roots
	// signed by another root (RFC 7030 §4.1.3).
	Intermediates []*x509.Certificate
	// issuers are both, each good to issue, as anchors: their chains are
	// verified once and not again with every certificate.
	issuers *x509.CertPool
	roots   *x509.CertPool
	middle  *x509.CertPool
}

func readCACerts(r *reply, now time.Time) (*CACerts, error) {
	der, err := r.decode(wire.TypePKCS7)
	if err != nil {
		return nil, err
	}
	list, err := wire.ParseCertsOnly(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return NewCACerts(list, now)
}

// NewCACerts sorts CA certificates (DER) as Client.CACerts does. What is no CA
// or does not chain to a root at that time is left out; the error is ErrAnswer
// when one cannot be read or no root is left.
func NewCACerts(list [][]byte, now time.Time) (*CACerts, error) {
	c := &CACerts{issuers: x509.NewCertPool(), roots: x509.NewCertPool(), middle: x509.NewCertPool()}
	var others []*x509.Certificate
	seen := map[string]bool{}
	for _, der := range list {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: ca certificate: %w", ErrAnswer, err)
		}
		switch {
		case seen[string(der)] || !cert.BasicConstraintsValid || !cert.IsCA:
		case selfSigned(cert):
			c.Roots = append(c.Roots, cert)
			c.roots.AddCert(cert)
			c.issuers.AddCert(cert)
		default:
			others = append(others, cert)
			c.middle.AddCert(cert)
		}
		seen[string(der)] = true
	}
	if len(c.Roots) == 0 {
		return nil, fmt.Errorf("%w: no root among %d ca certificates", ErrAnswer, len(list))
	}
	for _, cert := range others {
		if _, err := cert.Verify(c.options(c.roots, now)); err == nil {
			c.Intermediates = append(c.Intermediates, cert)
			c.issuers.AddCert(cert)
		}
	}
	return c, nil
}

// selfSigned asks the signature, not the names: a root that was certified by
// its successor has the same name twice.
func selfSigned(cert *x509.Certificate) bool { return cert.CheckSignatureFrom(cert) == nil }

func (c *CACerts) options(anchors *x509.CertPool, now time.Time) x509.VerifyOptions {
	return x509.VerifyOptions{
		Roots: anchors, Intermediates: c.middle, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
}

// Chain verifies that a certificate was issued under these CA certificates and
// returns its issuers up to the root, without both ends. Critical extensions
// of the certificate are for those who will rely on it. The error is ErrIssued.
func (c *CACerts) Chain(cert *x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	leaf := *cert
	leaf.UnhandledCriticalExtensions = nil
	options := c.options(c.issuers, now)
	options.Intermediates = nil
	chains, err := leaf.Verify(options)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIssued, err)
	}
	for _, chain := range chains {
		if len(chain) > 1 { // else it is itself one of the CA certificates
			return c.up(chain[1]), nil
		}
	}
	return nil, fmt.Errorf("%w: it is a ca certificate", ErrIssued)
}

// up walks from an issuer, which is verified, to below its root.
func (c *CACerts) up(issuer *x509.Certificate) []*x509.Certificate {
	var chain []*x509.Certificate
	for range wire.MaxCertificates {
		if c.isRoot(issuer) {
			break
		}
		chain = append(chain, issuer)
		next := c.issuerOf(issuer)
		if next == nil {
			break
		}
		issuer = next
	}
	return chain
}

func (c *CACerts) isRoot(cert *x509.Certificate) bool {
	for _, root := range c.Roots {
		if root.Equal(cert) {
			return true
		}
	}
	return false
}

func (c *CACerts) issuerOf(cert *x509.Certificate) *x509.Certificate {
	for _, list := range [][]*x509.Certificate{c.Roots, c.Intermediates} {
		for _, ca := range list {
			if string(ca.RawSubject) == string(cert.RawIssuer) && cert.CheckSignatureFrom(ca) == nil {
				return ca
			}
		}
	}
	return nil
}

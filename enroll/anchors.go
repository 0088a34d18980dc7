package enroll

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/assay-pki/assay/store"
)

// anchors are the authority's CA certificates, by subject. They are never
// changed, only exchanged.
type anchors struct {
	all       []IssuerCert
	bySubject map[string][]IssuerCert // issuers of client certificates
	keys      map[[32]byte]struct{}   // SHA-256 of every CA's SPKI
}

// SetIssuers exchanges the CA certificates: after a rollover. Client
// certificates of issuers that are gone are unknown from then on.
func (s *Service) SetIssuers(issuers []IssuerCert) {
	a := &anchors{
		all:       slices.Clone(issuers),
		bySubject: make(map[string][]IssuerCert, len(issuers)),
		keys:      make(map[[32]byte]struct{}, len(issuers)),
	}
	for _, i := range a.all {
		a.keys[sha256.Sum256(i.Certificate.RawSubjectPublicKeyInfo)] = struct{}{}
		if i.Kind == store.KindRoot {
			continue // it issues CAs only
		}
		subject := string(i.Certificate.RawSubject)
		a.bySubject[subject] = append(a.bySubject[subject], i)
	}
	s.anchors.Store(a)
}

// issuerOf finds the issuer of a certificate by name and key identifier, and
// verifies the signature.
func (a *anchors) issuerOf(leaf *x509.Certificate) (IssuerCert, bool) {
	for _, i := range a.bySubject[string(leaf.RawIssuer)] {
		if !bytes.Equal(i.Certificate.SubjectKeyId, leaf.AuthorityKeyId) {
			continue
		}
		if i.Certificate.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil {
			return i, true
		}
	}
	return IssuerCert{}, false
}

// kind of an issuer, empty when it is gone.
func (a *anchors) kind(id store.IssuerID) string {
	for _, i := range a.all {
		if i.ID == id {
			return i.Kind
		}
	}
	return ""
}

// isCA tells whether a public key is that of one of the CAs.
func (a *anchors) isCA(spki []byte) bool {
	_, ok := a.keys[sha256.Sum256(spki)]
	return ok
}

// IssuerCerts parses the store's issuers for Config.Issuers.
func IssuerCerts(issuers []store.Issuer) ([]IssuerCert, error) {
	out := make([]IssuerCert, 0, len(issuers))
	for _, i := range issuers {
		c, err := x509.ParseCertificate(i.Certificate)
		if err != nil {
			return nil, fmt.Errorf("parse the certificate of issuer %s: %w", i.Name(), err)
		}
		out = append(out, IssuerCert{ID: i.ID, Kind: i.Kind, Certificate: c})
	}
	return out, nil
}

package ca

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// IssuerInfo is what others may know of an issuer, the root included. It must
// not be changed.
type IssuerInfo struct {
	ID store.IssuerID
	// Name is that of URLs and keys: "devices-1", "root".
	Name string
	// Kind is one of store.KindRoot and its like.
	Kind        string
	Generation  uint32
	Certificate *x509.Certificate
	// SubjectDER is the subject as it stands in the certificate.
	SubjectDER []byte
	// KeyID is the subject key identifier.
	KeyID []byte
	// KeyBits are the octets of the subjectPublicKey, without the count of
	// unused bits: what OCSP hashes (RFC 6960 §4.1.1).
	KeyBits []byte
	// MaxValidity bounds what the issuer signs.
	MaxValidity time.Duration
}

// issuer is an IssuerInfo with its key.
type issuer struct {
	IssuerInfo
	signer *keys.Signer
	shapes [4]shape // by shapeIndex
	signed atomic.Uint64

	anchorOnce sync.Mutex
	anchor     []byte
}

func newIssuer(record store.Issuer, ring *keys.Ring, baseURL string) (*issuer, error) {
	certificate, err := x509.ParseCertificate(record.Certificate)
	if err != nil {
		return nil, fmt.Errorf("certificate of issuer %s: %w", record.Name(), err)
	}
	bits, err := keyBits(certificate.RawSubjectPublicKeyInfo)
	if err != nil {
		return nil, fmt.Errorf("certificate of issuer %s: %w", record.Name(), err)
	}
	signer, err := keys.NewSigner(ring.Deferred(record.Key, certificate.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("key of issuer %s: %w", record.Name(), err)
	}
	i := &issuer{
		IssuerInfo: IssuerInfo{
			ID: record.ID, Name: record.Name(), Kind: record.Kind, Generation: record.Generation,
			Certificate: certificate, SubjectDER: certificate.RawSubject, KeyID: certificate.SubjectKeyId,
			KeyBits: bits, MaxValidity: record.MaxValidity,
		},
		signer: signer,
	}
	i.compileShapes(baseURL)
	return i, nil
}

// keyBits returns the octets of the subjectPublicKey of an SPKI.
func keyBits(spki []byte) ([]byte, error) {
	input := cryptobyte.String(spki)
	var body, bits cryptobyte.String
	if !input.ReadASN1(&body, asn1.SEQUENCE) || !input.Empty() || !body.SkipASN1(asn1.SEQUENCE) ||
		!body.ReadASN1(&bits, asn1.BIT_STRING) || !body.Empty() || len(bits) < 2 || bits[0] != 0 {
		return nil, fmt.Errorf("%w: the SubjectPublicKeyInfo does not decode", ErrKey)
	}
	return bits[1:], nil
}

// keyID is RFC 7093 §2 method 1.
func keyID(bits []byte) [20]byte {
	sum := sha256.Sum256(bits)
	return [20]byte(sum[:20])
}

// Issuers returns every issuer by id, the root first.
func (a *Authority) Issuers() []IssuerInfo {
	list := make([]IssuerInfo, 0, len(a.issuers))
	for _, i := range a.issuers {
		list = append(list, i.IssuerInfo)
	}
	return list
}

// Issuer returns one issuer.
func (a *Authority) Issuer(id store.IssuerID) (IssuerInfo, bool) {
	i, err := a.issuer(id)
	if err != nil {
		return IssuerInfo{}, false
	}
	return i.IssuerInfo, true
}

func (a *Authority) issuer(id store.IssuerID) (*issuer, error) {
	i, found := slices.BinarySearchFunc(a.issuers, id, func(i *issuer, id store.IssuerID) int { return int(i.ID) - int(id) })
	if !found {
		return nil, fmt.Errorf("issuer %d: %w", id, ErrIssuer)
	}
	return a.issuers[i], nil
}

// active returns the newest generation of a kind: it is the one that signs.
func (a *Authority) active(kind string) (*issuer, error) {
	var newest *issuer
	for _, i := range a.issuers {
		if i.Kind == kind && (newest == nil || i.Generation > newest.Generation) {
			newest = i
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("issuer of kind %s: %w", kind, ErrIssuer)
	}
	return newest, nil
}

// issuerFor returns the issuer that signs for a kind of profile.
func (a *Authority) issuerFor(kind string) (*issuer, error) {
	switch kind {
	case profile.KindOperational:
		return a.active(store.KindDevices)
	case profile.KindBirth:
		i, err := a.active(store.KindBirths)
		if err != nil {
			return nil, fmt.Errorf("%w: %w: births want a public URL, assay init --public-url", err, profile.ErrNoIssuer)
		}
		return i, nil
	}
	return nil, fmt.Errorf("profile of kind %q: %w", kind, profile.ErrNoIssuer)
}

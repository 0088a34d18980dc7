package ocsp

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/sha1" // RFC 6960 §4.2.1: KeyHash and old CertIDs
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/store"
)

// Responders hands out the delegated responder of an issuer: its certificate as
// DER, and its key. ok is false when there is none. It is asked for each
// signature, so that a rotated one is used at once; it is safe for concurrent
// use. *ca.Credentials is one.
type Responders interface {
	Responder(issuer store.IssuerID) (cert []byte, signer *keys.Signer, ok bool)
}

// issuer is one that answers are given for.
type issuer struct {
	id store.IssuerID
	// current is the responder as it was prepared last.
	current atomic.Pointer[responder]
}

// responder is a delegated responder, ready to sign.
type responder struct {
	cert     []byte
	signer   *keys.Signer
	notAfter time.Time
	id       []byte // DER ResponderID
	certs    []byte // DER [0] EXPLICIT SEQUENCE OF Certificate
}

// responder returns the issuer's present one; false when there is none or it has
// expired.
func (i *issuer) responder(from Responders, now time.Time) (*responder, error) {
	cert, signer, ok := from.Responder(i.id)
	if !ok {
		return nil, fmt.Errorf("issuer %d has no OCSP responder", i.id)
	}
	r := i.current.Load()
	if r == nil || r.signer != signer || !bytes.Equal(r.cert, cert) {
		var err error
		if r, err = newResponder(cert, signer); err != nil {
			return nil, fmt.Errorf("OCSP responder of issuer %d: %w", i.id, err)
		}
		i.current.Store(r)
	}
	if !now.Before(r.notAfter) {
		return nil, fmt.Errorf("the OCSP responder of issuer %d expired %s", i.id, r.notAfter)
	}
	return r, nil
}

func newResponder(der []byte, signer *keys.Signer) (*responder, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse its certificate: %w", err)
	}
	id, err := responderID(cert)
	if err != nil {
		return nil, err
	}
	var certs cryptobyte.Builder
	certs.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(der) })
	})
	embedded, err := certs.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encode its certificate: %w", err)
	}
	return &responder{cert: der, signer: signer, notAfter: cert.NotAfter, id: id, certs: embedded}, nil
}

// responderID is byKey, the SHA-1 of the key (OCSP-11); byName where SHA-1 is
// not to be had.
func responderID(cert *x509.Certificate) ([]byte, error) {
	var b cryptobyte.Builder
	if fips140.Enforced() {
		b.AddASN1(explicit(1), func(b *cryptobyte.Builder) { b.AddBytes(cert.RawSubject) })
		return b.Bytes()
	}
	bits, err := keyBits(cert.RawSubjectPublicKeyInfo)
	if err != nil {
		return nil, err
	}
	hash := sha1.Sum(bits)
	b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(hash[:]) })
	return b.Bytes()
}

// keyBits is the BIT STRING of a SubjectPublicKeyInfo without tag, length and
// unused bits: what the issuerKeyHash is over.
func keyBits(spki []byte) ([]byte, error) {
	var info struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(spki, &info); err != nil {
		return nil, fmt.Errorf("parse a public key: %w", err)
	}
	return info.Key.RightAlign(), nil
}

// table finds issuers by the two hashes of a CertID. It never changes.
type table map[string]*issuer

// appendKey makes the table's key. The two hashes have one length, given by the
// algorithm, so that no two pairs make one key.
func appendKey(b []byte, hash hashAlgorithm, nameHash, keyHash []byte) []byte {
	b = append(b, byte(hash), byte(len(nameHash)))
	b = append(b, nameHash...)
	return append(b, keyHash...)
}

func (t table) find(id *certID) *issuer {
	if id.hash == hashUnknown || len(id.nameHash) > sha512.Size || len(id.keyHash) > sha512.Size {
		return nil
	}
	var room [2 + 2*sha512.Size]byte
	return t[string(appendKey(room[:0], id.hash, id.nameHash, id.keyHash))]
}

// newTable hashes every issuer's name and key, the root's left out. Issuers that
// were in the old table stay the same.
func newTable(ctx context.Context, s store.Reader, old map[store.IssuerID]*issuer) (table, map[store.IssuerID]*issuer, error) {
	stored, err := s.Issuers(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list issuers: %w", err)
	}
	t, all := table{}, map[store.IssuerID]*issuer{}
	for _, rec := range stored {
		if rec.Kind == store.KindRoot {
			continue
		}
		cert, err := x509.ParseCertificate(rec.Certificate)
		if err != nil {
			return nil, nil, fmt.Errorf("certificate of issuer %s: %w", rec.Name(), err)
		}
		bits, err := keyBits(cert.RawSubjectPublicKeyInfo)
		if err != nil {
			return nil, nil, fmt.Errorf("certificate of issuer %s: %w", rec.Name(), err)
		}
		i := old[rec.ID]
		if i == nil {
			i = &issuer{id: rec.ID}
		}
		all[rec.ID] = i
		t.add(i, cert.RawSubject, bits)
	}
	return t, all, nil
}

func (t table) add(i *issuer, subject, key []byte) {
	put := func(hash hashAlgorithm, sum func([]byte) []byte) {
		t[string(appendKey(nil, hash, sum(subject), sum(key)))] = i
	}
	if !fips140.Enforced() {
		put(hashSHA1, func(b []byte) []byte { h := sha1.Sum(b); return h[:] })
	}
	put(hashSHA256, func(b []byte) []byte { h := sha256.Sum256(b); return h[:] })
	put(hashSHA384, func(b []byte) []byte { h := sha512.Sum384(b); return h[:] })
	put(hashSHA512, func(b []byte) []byte { h := sha512.Sum512(b); return h[:] })
}

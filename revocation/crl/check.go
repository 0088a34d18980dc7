package crl

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/assay-pki/assay/store"
)

// errCheck: a list did not pass the check before publication (PUB-02). The old
// one stays; the next step is in the message.
var errCheck = errors.New("list not published, the one before stays")

// verify parses a list, and checks that it is this issuer's, of this scope and
// signed by its key.
func (p *Publisher) verify(i *issuer, k key, der []byte) (*publication, error) {
	l, err := parse(der)
	if err != nil {
		return nil, err
	}
	algorithm, err := signatureAlgorithm(l.algorithm)
	if err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(l.issuer, i.subject):
		return nil, fmt.Errorf("%w: issuer is another", errNotOurs)
	case !bytes.Equal(l.keyID, i.cert.SubjectKeyId):
		return nil, fmt.Errorf("%w: authority key id is another", errNotOurs)
	case !bytes.Equal(l.idp, p.idp(i, k)):
		return nil, fmt.Errorf("%w: issuing distribution point is another", errNotOurs)
	case !l.thisUpdate.Before(l.nextUpdate):
		return nil, fmt.Errorf("%w: nextUpdate is not after thisUpdate", errNotOurs)
	}
	w := l.walk()
	for w.next() {
		if !k.complete && w.index/shardSize != k.shard {
			return nil, fmt.Errorf("%w: index %d is not of shard %d", errNotOurs, w.index, k.shard)
		}
	}
	if w.err != nil {
		return nil, w.err
	}
	if err := i.cert.CheckSignature(algorithm, l.tbs, l.signature); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	return p.newPublication(i, k, l, der, w.count), nil
}

// signatureAlgorithm knows the algorithms of ca/keys.
func signatureAlgorithm(der []byte) (x509.SignatureAlgorithm, error) {
	var id struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	if rest, err := asn1.Unmarshal(der, &id); err != nil || len(rest) > 0 {
		return 0, fmt.Errorf("%w: signature algorithm", errNotOurs)
	}
	switch id.Algorithm.String() {
	case "1.2.840.10045.4.3.2":
		return x509.ECDSAWithSHA256, nil
	case "1.2.840.10045.4.3.3":
		return x509.ECDSAWithSHA384, nil
	case "1.2.840.113549.1.1.11":
		return x509.SHA256WithRSA, nil
	case "1.3.101.112":
		return x509.PureEd25519, nil
	}
	return 0, fmt.Errorf("%w: signature algorithm %s", errNotOurs, id.Algorithm)
}

// checkSuccession compares a list with the one published before in its scope:
// the number rises, thisUpdate does not fall, and no serial number is gone but of
// expired certificates and released holds.
func (p *Publisher) checkSuccession(ctx context.Context, before *publication, pub *publication, der []byte) error {
	if pub.number <= before.number {
		return fmt.Errorf("%w: its number %d is not above %d", errCheck, pub.number, before.number)
	}
	if pub.thisUpdate.Before(before.thisUpdate) {
		return fmt.Errorf("%w: its thisUpdate is earlier", errCheck)
	}
	if before.entries == 0 {
		return nil
	}
	old, err := before.read()
	if err != nil {
		return err
	}
	gone, err := disappeared(old, der)
	if err != nil {
		return err
	}
	for _, e := range gone {
		if err := p.mayGo(ctx, before, e); err != nil {
			return err
		}
	}
	return nil
}

// goneEntry is an entry that the new list does not have.
type goneEntry struct {
	index  uint64
	serial [16]byte
	reason uint8
}

// disappeared walks two lists side by side.
func disappeared(before, after []byte) ([]goneEntry, error) {
	old, err := parse(before)
	if err != nil {
		return nil, err
	}
	l, err := parse(after)
	if err != nil {
		return nil, err
	}
	var gone []goneEntry
	w, o := l.walk(), old.walk()
	more := w.next()
	for o.next() {
		for more && w.index < o.index {
			more = w.next()
		}
		if !more || w.index != o.index || !bytes.Equal(w.serial, o.serial) {
			e := goneEntry{index: o.index, reason: o.reason}
			copy(e.serial[:], o.serial)
			gone = append(gone, e)
		}
	}
	return gone, errors.Join(o.err, w.err)
}

func (p *Publisher) mayGo(ctx context.Context, before *publication, e goneEntry) error {
	cert, err := p.cfg.Store.Certificate(ctx, store.Ref{Issuer: before.key.issuer, Index: e.index})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("look up a serial number that left the list: %w", err)
	}
	switch {
	case err == nil && cert.Serial == e.serial && expiredOn(cert.NotAfter, before.thisUpdate):
		return nil
	case err == nil && cert.Serial == e.serial && cert.Status == store.Good && e.reason == store.ReasonCertificateHold:
		return nil
	}
	return fmt.Errorf("%w: serial %x of list %d would disappear, unexpired and not released; "+
		"if the store was restored from a backup, revoke it again", errCheck, e.serial, before.number)
}

// expiredOn tells whether a list dated thisUpdate is one after a certificate's
// notAfter (CRL-12). See the package comment.
func expiredOn(notAfter, thisUpdate time.Time) bool { return notAfter.Before(thisUpdate) }

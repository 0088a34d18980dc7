package ca

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"

	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// Anchor returns the issuer's anchor as DER: a self-signed certificate of its
// own key and name, with its own validity. Brokers and proxies trust it in
// place of the root: they then accept this issuer's certificates only, and need
// only its complete CRL. For the root it is the root's certificate. It is made
// once for the life of the Authority; another node's differs in the signature.
func (a *Authority) Anchor(id store.IssuerID) ([]byte, error) {
	i, err := a.issuer(id)
	if err != nil {
		return nil, err
	}
	if i.Kind == store.KindRoot {
		return i.Certificate.Raw, nil
	}
	i.anchorOnce.Lock()
	defer i.anchorOnce.Unlock()
	if i.anchor == nil {
		if i.anchor, err = makeAnchor(i); err != nil {
			return nil, fmt.Errorf("anchor of %s: %w", i.Name, err)
		}
	}
	return i.anchor, nil
}

func makeAnchor(i *issuer) ([]byte, error) {
	made, err := certifyCA(context.Background(), &x509.Certificate{
		SerialNumber: anchorSerial(i.Certificate.RawSubjectPublicKeyInfo),
		Subject:      i.Certificate.Subject, RawSubject: i.SubjectDER,
		NotBefore: i.Certificate.NotBefore, NotAfter: i.Certificate.NotAfter,
		MaxPathLenZero: true,
	}, i.signer.Key, nil)
	if err != nil {
		return nil, err
	}
	if err := lint.Check(made.Certificate, &lint.Want{
		Kind: lint.Anchor, SPKI: i.Certificate.RawSubjectPublicKeyInfo, Subject: i.SubjectDER,
	}); err != nil {
		return nil, err
	}
	return made.Certificate.Raw, nil
}

// anchorSerial is the same on every node: from the key's hash, with the last
// index of all, which no certificate of the issuer gets before it is exhausted.
func anchorSerial(spki []byte) *big.Int {
	sum := sha256.Sum256(spki)
	s := sum[:profile.SerialSize]
	s[0] = s[0]&0x3f | 0x40
	for i := range 5 {
		s[15-i] = 0xff
	}
	return new(big.Int).SetBytes(s)
}

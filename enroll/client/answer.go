package client

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

// Answer is an issued certificate and what came with it.
type Answer struct {
	// Certificate holds the key of the request.
	Certificate *x509.Certificate
	// Chain are its issuers, from its own upwards, without the root.
	Chain []*x509.Certificate
	// CACerts are the CA certificates that it was verified with.
	CACerts *CACerts
	// RenewFrom and RenewUntil bound the time to renew at: draw one between
	// them. Without good advice they are at 50 % and 75 % of the lifetime.
	RenewFrom, RenewUntil time.Time
	// Batch is the batch that the device was counted in and Left how many
	// devices it still takes; for stations, else empty and 0.
	Batch string
	Left  uint64
}

// readAnswer finds the certificate of the request. Servers of other makers add
// the chain; it is not believed.
func readAnswer(r *reply, csr []byte) (*Answer, error) {
	der, err := r.decode(wire.TypePKCS7)
	if err != nil {
		return nil, err
	}
	list, err := wire.ParseCertsOnly(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	request, err := wire.ParseCSR(csr)
	if err != nil {
		return nil, err
	}
	for _, der := range list {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate: %w", ErrAnswer, err)
		}
		if bytes.Equal(cert.RawSubjectPublicKeyInfo, request.SPKI) {
			a := &Answer{Certificate: cert}
			a.Batch, a.Left = parseBatch(r.header.Get(wire.HeaderBatch))
			a.setRenewal(r.header.Get(wire.HeaderRenew))
			return a, nil
		}
	}
	return nil, fmt.Errorf("%w: none of %d has the key of the request", ErrIssued, len(list))
}

// setRenewal takes advice that lies within the lifetime.
func (a *Answer) setRenewal(advice string) {
	from, until, err := wire.ParseRenew(advice)
	if err == nil && !from.Before(a.Certificate.NotBefore) && !until.After(a.Certificate.NotAfter) {
		a.RenewFrom, a.RenewUntil = from, until
		return
	}
	a.RenewFrom, a.RenewUntil = defaultRenewal(a.Certificate)
}

func defaultRenewal(cert *x509.Certificate) (from, until time.Time) {
	life := cert.NotAfter.Sub(cert.NotBefore)
	return cert.NotBefore.Add(life / 2), cert.NotBefore.Add(life / 4 * 3)
}

package client

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"

	"github.com/assay-pki/assay/enroll/wire"
)

// NewCSR makes a certification request (DER) for the key. An assay server
// reads the serial from SerialNumber, else CommonName, and takes nothing else
// of the subject.
func NewCSR(key crypto.Signer, subject pkix.Name) ([]byte, error) {
	return createCSR(key, &x509.CertificateRequest{Subject: subject})
}

// NewRenewalCSR makes the request that renews a certificate, with the same or
// another key: its subject and alternative names stay as they are, octet by
// octet (RFC 7030 §4.2.2).
func NewRenewalCSR(key crypto.Signer, cert *x509.Certificate) ([]byte, error) {
	template := &x509.CertificateRequest{RawSubject: cert.RawSubject}
	for _, e := range cert.Extensions {
		if e.Id.Equal(wire.OIDSubjectAltName) {
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
	}
	return createCSR(key, template)
}

func createCSR(key crypto.Signer, template *x509.CertificateRequest) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("make certification request: %w", err)
	}
	return der, nil
}

package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/netip"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return k
}

func spki(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	return b
}

// csrPEM is a request for an operator's certificate.
func csrPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// refused checks that an error is a refusal for a reason.
func refused(t testing.TB, err error, want v1.Reason) *v1.Refusal {
	t.Helper()
	r, ok := errors.AsType[*v1.Refusal](err)
	if !ok || r.Reason != want {
		t.Errorf("error %v, want reason %s", err, want)
		return &v1.Refusal{}
	}
	return r
}

// collect reads a list to its end.
func collect[T any](t testing.TB, seq func(func(T, error) bool)) []T {
	t.Helper()
	var all []T
	for item, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, item)
	}
	return all
}

// deviceWithKey enrols a device with a key of the caller's.
func (w *world) deviceWithKey(product, serial string, key crypto.Signer) *x509.Certificate {
	w.Helper()
	text, hash, err := enroll.NewToken(rand.Reader)
	must(w, err)
	must(w, w.store.CreateToken(w.Context(), store.Token{
		Hash: hash, Product: product, Uses: 1, CreatedAt: w.now(), ExpiresAt: w.now().Add(time.Hour),
	}, w.by()))
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: serial, SerialNumber: serial},
	}, key)
	must(w, err)
	made, err := w.enroll.Enroll(w.Context(), enroll.Request{
		Operation: wire.OpSimpleEnroll, HasBasic: true, Password: text, CSR: csr, Source: netip.MustParseAddr("192.0.2.7"),
	})
	must(w, err)
	cert, err := x509.ParseCertificate(made.Certificate)
	must(w, err)
	return cert
}

func selfSigned(t testing.TB, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

package keypolicy

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"

	v1 "github.com/assay-pki/assay/api/v1"
)

// A key that is read has one encoding, that of crypto/x509; any other is refused
// as a client's fault.
func FuzzReadKey(f *testing.F) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	for _, key := range []any{&ec.PublicKey, &p521.PublicKey, &rsaKey.PublicKey, ed} {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, spki []byte) {
		key, err := Parse(spki)
		if err != nil {
			if r, ok := errors.AsType[*v1.Refusal](err); !ok || r.Reason.About().Status != 400 {
				t.Errorf("got %v", err)
			}
			return
		}
		again, err := x509.MarshalPKIXPublicKey(key)
		if err != nil || !bytes.Equal(again, spki) {
			t.Errorf("not canonical: %x became %x, %v", spki, again, err)
		}
		oracle, err := x509.ParsePKIXPublicKey(spki)
		if err != nil {
			t.Errorf("crypto/x509 cannot read it: %v", err)
		}
		if equal, ok := key.(interface{ Equal(crypto.PublicKey) bool }); !ok || !equal.Equal(oracle) {
			t.Error("crypto/x509 reads another key")
		}
	})
}

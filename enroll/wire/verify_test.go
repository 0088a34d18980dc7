package wire_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func parseWithKey(t *testing.T, der []byte) (*wire.CSR, crypto.PublicKey) {
	t.Helper()
	c, err := wire.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	key, err := c.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

func TestVerifyOpensslRequests(t *testing.T) {
	for name, want := range map[string]error{
		"ec-p256": nil, "ec-p384": nil, "ec-p521": nil,
		"rsa-2048": nil, "rsa-pss": nil, "rsa-pss-32": nil,
		"ed25519": nil, "challenge": nil, "full": nil, "ca": nil, "empty-subject": nil,
		"rsa-sha1":     wire.ErrSignatureAlgorithm,
		"rsa-md5":      wire.ErrSignatureAlgorithm,
		"rsa-pss-sha1": wire.ErrSignatureAlgorithm,
		"ec-sha1":      wire.ErrSignatureAlgorithm,
	} {
		c, key := parseWithKey(t, golden(t, "csr/"+name+".der"))
		if err := c.Verify(key); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

func TestThreat07ProofOfPossession(t *testing.T) {
	for _, file := range []string{"ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-pss", "ed25519"} {
		c, key := parseWithKey(t, golden(t, "csr/"+file+".der"))
		forged := func(change func(*wire.CSR)) error {
			f := *c
			f.RawTBS, f.Signature = bytes.Clone(c.RawTBS), bytes.Clone(c.Signature)
			change(&f)
			return f.Verify(key)
		}
		for attack, err := range map[string]error{
			"flipped bit of tbs": forged(func(f *wire.CSR) { f.RawTBS[20] ^= 1 }),
			"flipped signature":  forged(func(f *wire.CSR) { f.Signature[len(f.Signature)-1] ^= 1 }),
			"empty signature":    forged(func(f *wire.CSR) { f.Signature = nil }),
			"r = s = 0":          forged(func(f *wire.CSR) { f.Signature = zeroSignature() }),
			"all zero":           forged(func(f *wire.CSR) { clear(f.Signature) }),
			"trailing octet":     forged(func(f *wire.CSR) { f.Signature = append(f.Signature, 0) }),
		} {
			if !errors.Is(err, wire.ErrSignature) {
				t.Errorf("%s, %s: got %v, want %v", file, attack, err, wire.ErrSignature)
			}
		}
	}
}

func zeroSignature() []byte {
	zero := tlv(cbasn1.INTEGER, []byte{0})
	return seq(zero, zero)
}

func TestThreat07SwappedKey(t *testing.T) {
	c, _ := parseWithKey(t, golden(t, "csr/ec-p256.der"))
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(other.Public()); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("key of another: got %v, want %v", err, wire.ErrSignature)
	}
	_, rsaKey := parseWithKey(t, golden(t, "csr/rsa-2048.der"))
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, _ := parseWithKey(t, golden(t, "csr/ed25519.der"))
	for name, err := range map[string]error{
		"RSA key":        c.Verify(rsaKey),
		"Ed25519 key":    c.Verify(edKey),
		"P-224 key":      c.Verify(small.Public()),
		"unknown key":    c.Verify(big.NewInt(1)),
		"EC, Ed25519":    ed.Verify(other.Public()),
		"RSA by Ed25519": ed.Verify(rsaKey),
		"no key":         c.Verify(nil),
	} {
		if !errors.Is(err, wire.ErrSignatureAlgorithm) {
			t.Errorf("%s: got %v, want %v", name, err, wire.ErrSignatureAlgorithm)
		}
	}
}

func TestVerifyAgreesWithCryptoX509(t *testing.T) {
	for _, file := range []string{"ec-p256", "ec-p384", "rsa-2048", "ed25519", "rsa-pss-32"} {
		der := golden(t, "csr/"+file+".der")
		oracle, err := x509.ParseCertificateRequest(der)
		if err != nil {
			t.Fatal(err)
		}
		c, key := parseWithKey(t, der)
		ours, theirs := c.Verify(key), oracle.CheckSignature()
		if (ours == nil) != (theirs == nil) {
			t.Errorf("%s: ours %v, crypto/x509 %v", file, ours, theirs)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "SN-1"}, DNSNames: []string{"a.example"},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	c, pub := parseWithKey(t, der)
	if err := c.Verify(pub); err != nil || len(c.Names) != 1 {
		t.Errorf("a request of crypto/x509: %v, names %v", err, c.Names)
	}
}

func TestVerifyParameters(t *testing.T) {
	c, key := parseWithKey(t, golden(t, "csr/ec-p256.der"))
	null := tlv(cbasn1.NULL)
	for name, row := range map[string]struct {
		algorithm []byte
		want      error
	}{
		"absent":     {seq(oid(wire.OIDECDSAWithSHA256)), nil},
		"NULL":       {seq(oid(wire.OIDECDSAWithSHA256), null), nil},
		"something":  {seq(oid(wire.OIDECDSAWithSHA256), utf8Text("x")), wire.ErrSignatureAlgorithm},
		"wrong hash": {seq(oid(wire.OIDECDSAWithSHA384)), wire.ErrSignature},
		"unknown":    {seq(oid(wire.OIDCommonName)), wire.ErrSignatureAlgorithm},
		"not DER":    {[]byte("x"), wire.ErrSignatureAlgorithm},
	} {
		f := *c
		f.RawAlgorithm = row.algorithm
		if err := f.Verify(key); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
}

func TestVerifyPSSParameters(t *testing.T) {
	c, key := parseWithKey(t, golden(t, "csr/rsa-pss-32.der"))
	field := func(n uint8, b []byte) []byte { return tlv(cbasn1.Tag(n).ContextSpecific().Constructed(), b) }
	number := func(n byte) []byte { return tlv(cbasn1.INTEGER, []byte{n}) }
	sha384, sha256 := seq(oid(wire.OIDSHA384)), seq(oid(wire.OIDSHA256))
	mgf := func(hash []byte) []byte { return seq(oid(wire.OIDMGF1), hash) }
	hash, mask, salt := field(0, sha384), field(1, mgf(sha384)), field(2, number(48))
	for name, row := range map[string]struct {
		params []byte
		want   error
	}{
		"as signed":          {seq(hash, mask, salt), nil},
		"trailer 1":          {seq(hash, mask, salt, field(3, number(1))), nil},
		"trailer 2":          {seq(hash, mask, salt, field(3, number(2))), wire.ErrSignatureAlgorithm},
		"defaults are SHA-1": {seq(), wire.ErrSignatureAlgorithm},
		"mask by default":    {seq(hash, salt), wire.ErrSignatureAlgorithm},
		"mask of SHA-256":    {seq(hash, field(1, mgf(sha256)), salt), wire.ErrSignatureAlgorithm},
		"salt by default":    {seq(hash, mask), wire.ErrSignature},
		"no salt":            {seq(hash, mask, field(2, number(0))), wire.ErrSignatureAlgorithm},
		"other salt":         {seq(hash, mask, field(2, number(32))), wire.ErrSignature},
		"longer salt":        {seq(hash, mask, field(2, tlv(cbasn1.INTEGER, []byte{0x7f, 0xff}))), wire.ErrSignatureAlgorithm},
		"absent":             {nil, wire.ErrSignatureAlgorithm},
	} {
		f := *c
		f.RawAlgorithm = seq(oid(wire.OIDRSASSAPSS), row.params)
		if err := f.Verify(key); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
}

func TestPublicKeyRefuses(t *testing.T) {
	der := golden(t, "csr/ec-p256.der")
	c, err := wire.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	off := *c
	off.SPKI = bytes.Clone(c.SPKI)
	off.SPKI[len(off.SPKI)-1] ^= 1
	if _, err := off.PublicKey(); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("point off the curve: got %v, want %v", err, wire.ErrPublicKey)
	}
}

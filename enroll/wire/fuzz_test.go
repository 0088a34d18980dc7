package wire_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
)

// seeds are all golden files below testdata that match.
func seeds(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds at %s: %v", pattern, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func FuzzDecodeBody(f *testing.F) {
	for _, s := range []string{
		"", "MA==\n", "M A=\t=\r\n", "\x30\x82", "MB==",
		"-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		der, err := wire.DecodeBody(body)
		if err != nil {
			if !errors.Is(err, wire.ErrBadBase64) && !errors.Is(err, wire.ErrSendBase64) && !errors.Is(err, wire.ErrTooComplex) {
				t.Fatalf("error without a name: %v", err)
			}
			return
		}
		for _, wrap := range []bool{false, true} {
			back, err := wire.DecodeBody(wire.EncodeBody(der, wrap))
			if err != nil || !bytes.Equal(back, der) {
				t.Fatalf("wrap %v: %x came back as %x, %v", wrap, der, back, err)
			}
		}
	})
}

func FuzzParseCertsOnly(f *testing.F) {
	seeds(f, "*.p7")
	f.Fuzz(func(t *testing.T, der []byte) {
		certs, err := wire.ParseCertsOnly(der)
		if err != nil {
			mustBeNamed(t, err)
			return
		}
		if len(certs) > wire.MaxCertificates {
			t.Fatalf("%d certificates", len(certs))
		}
		again, err := wire.ParseCertsOnly(wire.CertsOnly(certs...))
		if err != nil || len(again) != len(certs) {
			t.Fatalf("written and read again: %d of %d, %v", len(again), len(certs), err)
		}
	})
}

func FuzzParseCSR(f *testing.F) {
	seeds(f, "csr/*.der")
	f.Add(request(plainName))
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := wire.ParseCSR(der)
		if err != nil {
			mustBeNamed(t, err)
			return
		}
		checkCSR(t, c)
		oracle, err := x509.ParseCertificateRequest(der)
		if err != nil {
			return // we leave the key to others
		}
		if !bytes.Equal(oracle.RawSubject, c.RawSubject) || !bytes.Equal(oracle.RawSubjectPublicKeyInfo, c.SPKI) ||
			!bytes.Equal(oracle.RawTBSCertificateRequest, c.RawTBS) || !bytes.Equal(oracle.Signature, c.Signature) {
			t.Fatalf("crypto/x509 reads another request in %x", der)
		}
		if key, err := c.PublicKey(); err == nil && c.Verify(key) == nil && oracle.CheckSignature() != nil &&
			!bytes.Contains(c.RawAlgorithm, pssContents) {
			t.Fatalf("crypto/x509 does not verify %x, we do", der)
		}
	})
}

// pssContents is id-RSASSA-PSS, of which crypto/x509 knows fewer salts.
var pssContents = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a}

func checkCSR(t *testing.T, c *wire.CSR) {
	t.Helper()
	if len(c.Subject) > wire.MaxRDNs || len(c.Extensions) > wire.MaxExtensions ||
		len(c.Names) > wire.MaxSANs || len(c.Attributes) > wire.MaxAttributes {
		t.Fatalf("above the limits: %d, %d, %d, %d", len(c.Subject), len(c.Extensions), len(c.Names), len(c.Attributes))
	}
	if !wire.EqualNames(c.RawSubject, c.RawSubject) || !wire.EqualSANs(c.SAN, c.SAN) {
		t.Fatal("names differ from themselves")
	}
	if s, err := c.SubjectSerial(); err == nil && s == "" {
		t.Fatal("empty serial without an error")
	}
}

func FuzzEqualNames(f *testing.F) {
	f.Add(plainName, plainNameOf("sn-1"))
	f.Add(name(), seq())
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if wire.EqualNames(a, b) != wire.EqualNames(b, a) {
			t.Fatalf("not symmetric: %x, %x", a, b)
		}
		if wire.EqualSANs(a, b) != wire.EqualSANs(b, a) {
			t.Fatalf("SANs not symmetric: %x, %x", a, b)
		}
	})
}

func FuzzParseCSRAttrs(f *testing.F) {
	key, _ := wire.KeyAttr("ec-p256")
	der, err := wire.CSRAttrs(key, wire.CSRAttr{ID: wire.OIDChallengePassword})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(seq(extensionRequest(extension(wire.OIDBasicConstraints, seq()))))
	f.Fuzz(func(t *testing.T, der []byte) {
		attrs, err := wire.ParseCSRAttrs(der)
		if err != nil {
			mustBeNamed(t, err)
			return
		}
		back, err := wire.CSRAttrs(attrs...)
		if err != nil || !bytes.Equal(back, der) {
			t.Fatalf("%x came back as %x, %v", der, back, err)
		}
	})
}

func FuzzParseRenew(f *testing.F) {
	f.Add("2026-03-01T11:00:00Z/2026-03-02T11:00:00Z")
	f.Fuzz(func(t *testing.T, s string) {
		start, end, err := wire.ParseRenew(s)
		if err == nil && end.Before(start) {
			t.Fatalf("%q: ends before it starts", s)
		}
	})
}

func mustBeNamed(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooComplex) {
		t.Fatalf("error without a name: %v", err)
	}
}

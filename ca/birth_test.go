package ca

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

func compiledBirth(t testing.TB, spec string) *profile.Profile {
	t.Helper()
	product, err := profile.ParseProduct("sensor-s1", []byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	p, err := product.CompileBirth(1, "acme", profile.IssuerLimits{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The oracle: crypto/x509 makes the same TBSCertificate, octet for octet.
func TestTheBirthTBSIsThatOfX509(t *testing.T) {
	b := found(t, publicURL, epoch)
	births := b.authority.Issuers()[3]
	p := compiledBirth(t, `{`+everyKey+`,"birth":{}}`)
	for kind, public := range deviceKeys(t) {
		made, err := b.authority.Sign(t.Context(), profile.Order{Profile: p, Names: profile.Names{Product: "sensor-s1", Serial: "SN-1"}, SPKI: spkiOf(t, public)})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		key, err := b.ring.Signer(t.Context(), "births-1")
		if err != nil {
			t.Fatal(err)
		}
		want, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: new(big.Int).SetBytes(made.Serial[:]),
			Subject:      pkix.Name{Organization: []string{"acme"}, SerialNumber: "SN-1"},
			NotBefore:    made.NotBefore, NotAfter: endOfTime(),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			SubjectKeyId:          oracleKeyID(t, public),
			IssuingCertificateURL: []string{publicURL + "/ca/births-1.cer"},
			OCSPServer:            []string{publicURL + "/ocsp"},
			CRLDistributionPoints: []string{publicURL + "/crl/births-1/0.crl"},
		}, births.Certificate, public, key)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got := parseCertificate(t, made.DER)
		if !bytes.Equal(got.RawTBSCertificate, parseCertificate(t, want).RawTBSCertificate) {
			t.Errorf("%s: the TBSCertificate differs:\ngot  %x\nwant %x", kind, got.RawTBSCertificate, parseCertificate(t, want).RawTBSCertificate)
		}
		if err := got.CheckSignatureFrom(births.Certificate); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if err := b.verify(t, got, x509.ExtKeyUsageClientAuth); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, ok := b.memory.blocks[runKey{births.ID, store.LongLived}]; !ok || len(b.memory.blocks) != 1 {
		t.Errorf("not of the long class of births: %v", b.memory.blocks)
	}
}

func TestABirthCertificateEndsWithItsIssuer(t *testing.T) {
	b := found(t, publicURL, epoch)
	o := profile.Order{Profile: compiledBirth(t, `{"birth":{}}`), Names: profile.Names{Product: "sensor-s1", Serial: "SN-1"}, SPKI: newSPKI(t)}
	made, err := b.authority.Sign(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if c := parseCertificate(t, made.DER); !c.NotAfter.Equal(endOfTime()) || !bytes.Contains(made.DER, []byte("\x18\x0f99991231235959Z")) || made.Issuer != "births-1" {
		t.Errorf("of %s, ends %v", made.Issuer, c.NotAfter)
	}
	o.NotAfter = epoch.Add(profile.Day)
	if made, err = b.authority.Sign(t.Context(), o); err != nil || made.NotAfter.Sub(epoch.Truncate(1e9)) != profile.Day {
		t.Errorf("ordered for a day: ends %v, %v", made.NotAfter, err)
	}
}

// Births and devices number their certificates each for itself, shard by shard.
func TestBirthsHaveShardsOfTheirOwn(t *testing.T) {
	b := found(t, publicURL, epoch)
	births := b.authority.Issuers()[3]
	b.memory.nextShard[births.ID] = 7
	o := profile.Order{Profile: compiledBirth(t, `{"birth":{}}`), Names: profile.Names{Product: "sensor-s1", Serial: "SN-1"}, SPKI: newSPKI(t)}
	birth, err := b.authority.Sign(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	operational, err := b.authority.Sign(t.Context(), order(t, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	if birth.Index != 7*profile.ShardSize || operational.Index != 0 {
		t.Errorf("indices %d and %d", birth.Index, operational.Index)
	}
	if got, want := parseCertificate(t, birth.DER).CRLDistributionPoints[0], fmt.Sprintf("%s/crl/births-1/7.crl", publicURL); got != want {
		t.Errorf("CDP %s, want %s", got, want)
	}
}

func TestNoBirthsWithoutAPublicURL(t *testing.T) {
	b := found(t, "", epoch)
	p := compiledBirth(t, `{"birth":{}}`)
	_, err := b.authority.Sign(t.Context(), profile.Order{Profile: p, Names: profile.Names{Product: "sensor-s1", Serial: "SN-1"}, SPKI: newSPKI(t)})
	if !errors.Is(err, profile.ErrNoIssuer) || !errors.Is(err, ErrIssuer) {
		t.Errorf("Sign: got %v, want ErrNoIssuer", err)
	}
	if err := b.authority.Check(t.Context(), p); !errors.Is(err, profile.ErrNoIssuer) {
		t.Errorf("Check: got %v, want ErrNoIssuer", err)
	}
	p.Kind = "remediation"
	if err := b.authority.Check(t.Context(), p); !errors.Is(err, profile.ErrNoIssuer) {
		t.Errorf("another kind: got %v, want ErrNoIssuer", err)
	}
}

func TestCheckLintsABirthProfile(t *testing.T) {
	b := found(t, publicURL, epoch)
	if err := b.authority.Check(t.Context(), compiledBirth(t, `{`+everyKey+`,"birth":{}}`)); err != nil {
		t.Error(err)
	}
	if b.memory.leases != 0 {
		t.Error("a check took an index")
	}
}

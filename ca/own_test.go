package ca

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"github.com/google/go-cmp/cmp"
)

func (b *bench) verify(t *testing.T, c *x509.Certificate, usage x509.ExtKeyUsage) error {
	t.Helper()
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, i := range b.authority.Issuers() {
		if i.Kind == store.KindRoot {
			roots.AddCert(i.Certificate)
		} else {
			intermediates.AddCert(i.Certificate)
		}
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: b.clock.now(), KeyUsages: []x509.ExtKeyUsage{usage}})
	return err
}

func TestAnOperatorsCertificate(t *testing.T) {
	for _, url := range []string{publicURL, ""} {
		b := found(t, url, epoch)
		made, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "mira", SPKI: newSPKI(t)})
		if err != nil {
			t.Fatal(err)
		}
		c := parseCertificate(t, made.DER)
		if err := b.verify(t, c, x509.ExtKeyUsageClientAuth); err != nil {
			t.Error(err)
		}
		if err := b.verify(t, c, x509.ExtKeyUsageServerAuth); err == nil {
			t.Error("an operator can be a server")
		}
		base := b.authority.About().BaseURL
		if c.Subject.String() != "CN=mira,O=acme" || made.Issuer != "operations-1" || c.CRLDistributionPoints[0] != base+"/crl/operations-1/0.crl" ||
			c.OCSPServer[0] != base+"/ocsp" || c.IssuingCertificateURL[0] != base+"/ca/operations-1.cer" {
			t.Errorf("subject %s, CDP %v, OCSP %v, AIA %v", c.Subject, c.CRLDistributionPoints, c.OCSPServer, c.IssuingCertificateURL)
		}
		if want := epoch.Truncate(time.Second).Add(profile.Year); !c.NotAfter.Equal(want) {
			t.Errorf("ends %v, want %v", c.NotAfter, want)
		}
		if index, ok := profile.IndexOf(made.Serial[:]); !ok || index != made.Index {
			t.Errorf("serial %x, index %d", made.Serial, made.Index)
		}
		short, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "mira", SPKI: newSPKI(t), ValidFor: time.Hour})
		if err != nil || !short.NotAfter.Equal(epoch.Truncate(time.Second).Add(time.Hour)) {
			t.Errorf("an hour: ends %v, %v", short.NotAfter, err)
		}
		if made.Index/profile.ShardSize == short.Index/profile.ShardSize {
			t.Error("two lifetime classes in one shard")
		}
		long, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "mira", SPKI: newSPKI(t), ValidFor: 3 * profile.Year})
		if err != nil || !long.NotAfter.Equal(made.NotAfter) {
			t.Errorf("three years: ends %v, %v", long.NotAfter, err)
		}
	}
}

func TestAServersCertificate(t *testing.T) {
	b := found(t, publicURL, epoch)
	made, err := b.authority.Server(t.Context(), ServerRequest{Hosts: []string{"est.example.com", "127.0.0.1", "::1", "localhost"}, SPKI: newSPKI(t)})
	if err != nil {
		t.Fatal(err)
	}
	c := parseCertificate(t, made.DER)
	if err := b.verify(t, c, x509.ExtKeyUsageServerAuth); err != nil {
		t.Error(err)
	}
	if !cmp.Equal(c.DNSNames, []string{"est.example.com", "localhost"}) || len(c.IPAddresses) != 2 ||
		!c.IPAddresses[0].Equal(net.ParseIP("127.0.0.1")) || !c.IPAddresses[1].Equal(net.ParseIP("::1")) {
		t.Errorf("names %v %v", c.DNSNames, c.IPAddresses)
	}
	if !cmp.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || c.UnknownExtKeyUsage != nil {
		t.Errorf("EKU %v %v", c.ExtKeyUsage, c.UnknownExtKeyUsage)
	}
	if want := epoch.Truncate(time.Second).Add(90 * profile.Day); !c.NotAfter.Equal(want) {
		t.Errorf("ends %v, want %v", c.NotAfter, want)
	}
	long := strings.Repeat("a", 60) + ".example.com"
	if made, err := b.authority.Server(t.Context(), ServerRequest{Hosts: []string{long}, SPKI: newSPKI(t)}); err != nil || parseCertificate(t, made.DER).Subject.CommonName != "server" {
		t.Errorf("a host of 72 characters: %v", err)
	}
	for _, hosts := range [][]string{nil, {"*.example.com"}, {"a b"}, {""}, {"http://x"}} {
		if _, err := b.authority.Server(t.Context(), ServerRequest{Hosts: hosts, SPKI: newSPKI(t)}); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: got %v, want ErrConfig", hosts, err)
		}
	}
	local := found(t, "", epoch)
	if made, err := local.authority.Server(t.Context(), ServerRequest{Hosts: []string{"localhost"}, SPKI: newSPKI(t)}); err != nil || !made.NotAfter.Equal(epoch.Truncate(time.Second).Add(localLife)) {
		t.Errorf("local: ends %v, %v", made.NotAfter, err)
	}
}

// OCSP-10.
func TestOCSP10AResponderIsTheIssuersOwn(t *testing.T) {
	b := found(t, publicURL, epoch)
	for _, i := range b.authority.Issuers()[1:] {
		made, err := b.authority.Responder(t.Context(), ResponderRequest{Issuer: i.ID, SPKI: newSPKI(t)})
		if err != nil {
			t.Fatal(err)
		}
		c := parseCertificate(t, made.DER)
		if err := c.CheckSignatureFrom(i.Certificate); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
		if err := b.verify(t, c, x509.ExtKeyUsageOCSPSigning); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
		if c.CRLDistributionPoints != nil || c.OCSPServer != nil || c.IssuingCertificateURL != nil {
			t.Errorf("%s: names a source of its status", i.Name)
		}
		nocheck := false
		for _, e := range c.Extensions {
			if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}) {
				nocheck = !e.Critical && bytes.Equal(e.Value, []byte{5, 0})
			}
		}
		if !nocheck {
			t.Errorf("%s: no nocheck", i.Name)
		}
		if want := epoch.Truncate(time.Second).Add(14 * profile.Day); !c.NotAfter.Equal(want) || made.Issuer != i.Name {
			t.Errorf("%s: ends %v, want %v", i.Name, c.NotAfter, want)
		}
	}
	for _, id := range []store.IssuerID{1, 9} {
		if _, err := b.authority.Responder(t.Context(), ResponderRequest{Issuer: id, SPKI: newSPKI(t)}); !errors.Is(err, ErrIssuer) {
			t.Errorf("issuer %d: got %v, want ErrIssuer", id, err)
		}
	}
}

func TestOwnCertificatesThatAreRefused(t *testing.T) {
	b := found(t, publicURL, epoch)
	for _, name := range []string{"", strings.Repeat("x", 65), "a\nb", "\xff"} {
		if _, err := b.authority.Operator(t.Context(), OperatorRequest{Name: name, SPKI: newSPKI(t)}); !errors.Is(err, ErrConfig) {
			t.Errorf("operator %q: got %v, want ErrConfig", name, err)
		}
	}
	public, err := throwaway(profile.RSA2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "x", SPKI: spkiOf(t, public)}); err != nil {
		t.Errorf("an RSA operator: %v", err)
	}
	for name, spki := range map[string][]byte{"none": nil, "noise": {0x30, 0}} {
		if _, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "x", SPKI: spki}); !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", name, err)
		}
	}
	key, _ := keys.Generate(keys.ECP256)
	b.clock.advance(issuerLife)
	if _, err := b.authority.Operator(t.Context(), OperatorRequest{Name: "x", SPKI: spkiOf(t, key.Public())}); !errors.Is(err, ErrIssuerExpired) {
		t.Errorf("got %v, want ErrIssuerExpired", err)
	}
}

package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"github.com/google/go-cmp/cmp"
)

func TestFoundingWithAPublicURL(t *testing.T) {
	b := found(t, publicURL, epoch)
	f := b.memory.founding
	if f.Authority.Local || f.Authority.BaseURL != publicURL || len(f.Authority.ID) != 16 {
		t.Errorf("authority: %+v", f.Authority)
	}
	var names []string
	for n, i := range b.authority.Issuers() {
		names = append(names, i.Name+" "+i.Certificate.Subject.String())
		if index, ok := profile.IndexOf(i.Certificate.SerialNumber.Bytes()); !ok || index != uint64(n) || int(i.ID) != n+1 {
			t.Errorf("%s: index %d, id %d", i.Name, index, i.ID)
		}
		if want := epoch.Truncate(time.Second).Add(-24 * time.Hour); !i.Certificate.NotBefore.Equal(want) {
			t.Errorf("%s: notBefore %v, want %v", i.Name, i.Certificate.NotBefore, want)
		}
	}
	if diff := cmp.Diff([]string{
		"root CN=acme root,O=acme", "devices-1 CN=acme devices 1,O=acme",
		"operations-1 CN=acme operations 1,O=acme", "births-1 CN=acme births 1,O=acme",
	}, names); diff != "" {
		t.Errorf("issuers (-want +got):\n%s", diff)
	}
	root, devices, births := b.authority.Issuers()[0], b.authority.Issuers()[1], b.authority.Issuers()[3]
	for _, i := range []IssuerInfo{root, births} {
		if !i.Certificate.NotAfter.Equal(endOfTime()) {
			t.Errorf("%s ends %v", i.Name, i.Certificate.NotAfter)
		}
	}
	if want := epoch.Truncate(time.Second).Add(3650 * 24 * time.Hour); !devices.Certificate.NotAfter.Equal(want) {
		t.Errorf("devices end %v, want %v", devices.Certificate.NotAfter, want)
	}
	if got := devices.Certificate.CRLDistributionPoints; !cmp.Equal(got, []string{publicURL + "/crl/root.crl"}) {
		t.Errorf("CDP %v", got)
	}
	if got := devices.Certificate.IssuingCertificateURL; !cmp.Equal(got, []string{publicURL + "/ca/root.cer"}) || devices.Certificate.OCSPServer != nil {
		t.Errorf("AIA %v, OCSP %v", got, devices.Certificate.OCSPServer)
	}
	for _, i := range b.authority.Issuers() {
		if err := i.Certificate.CheckSignatureFrom(root.Certificate); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
	}
	if got, ok := b.authority.Issuer(devices.ID); !ok || got.Name != "devices-1" || len(got.KeyBits) != 65 {
		t.Errorf("Issuer: %+v, %v", got, ok)
	}
	if _, ok := b.authority.Issuer(9); ok {
		t.Error("issuer 9 found")
	}
}

func TestALocalAuthorityHasNoBirths(t *testing.T) {
	b := found(t, "", epoch)
	if a := b.memory.founding.Authority; !a.Local || a.BaseURL != "http://127.0.0.1:8080" {
		t.Errorf("authority: %+v", a)
	}
	if n := len(b.authority.Issuers()); n != 3 {
		t.Errorf("%d issuers", n)
	}
}

func TestNoKeyIsOpenedBeforeItSigns(t *testing.T) {
	b := found(t, "", epoch)
	for _, name := range []string{"root", "devices-1", "operations-1"} {
		if err := b.ring.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	b.restart(t) // would fail if it read a key
	_, err := b.authority.Sign(t.Context(), profile.Order{Profile: compiled(t, `{}`), Names: profile.Names{Serial: "1"}, SPKI: newSPKI(t)})
	if !errors.Is(err, ErrSigner) || !errors.Is(err, keys.ErrNotFound) {
		t.Errorf("got %v, want ErrSigner", err)
	}
}

func TestAFailedFoundingLeavesNoKeys(t *testing.T) {
	ring := onDisk(t)
	if _, err := ring.Create(t.Context(), "operations-1", keys.ECP256); err != nil {
		t.Fatal(err)
	}
	c := FoundConfig{Name: "acme", PublicURL: publicURL, Hosts: []string{"localhost"}, Keys: ring, Now: func() time.Time { return epoch }}
	f, err := Found(t.Context(), c)
	if !errors.Is(err, keys.ErrExists) || f.Issuers != nil {
		t.Fatalf("got %v, %v", f.Issuers, err)
	}
	if names, _ := ring.Names(); !cmp.Equal(names, []string{"operations-1"}) {
		t.Errorf("keys left: %v", names)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Found(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWhatCannotBeFounded(t *testing.T) {
	ring := keys.Memory()
	good := FoundConfig{Name: "acme", PublicURL: publicURL, Hosts: []string{"localhost"}, Keys: ring, Now: func() time.Time { return epoch }}
	for name, change := range map[string]func(*FoundConfig){
		"no name":        func(c *FoundConfig) { c.Name = "" },
		"long name":      func(c *FoundConfig) { c.Name = strings.Repeat("x", 41) },
		"control":        func(c *FoundConfig) { c.Name = "a\x1b[0m" },
		"space":          func(c *FoundConfig) { c.Name = " a" },
		"https":          func(c *FoundConfig) { c.PublicURL = "https://pki.example.com" },
		"final slash":    func(c *FoundConfig) { c.PublicURL = "http://pki.example.com/" },
		"query":          func(c *FoundConfig) { c.PublicURL = "http://pki.example.com?x" },
		"user":           func(c *FoundConfig) { c.PublicURL = "http://me@pki.example.com" },
		"no host":        func(c *FoundConfig) { c.PublicURL = "http://" },
		"host":           func(c *FoundConfig) { c.PublicURL = "http://a_b.example" },
		"long":           func(c *FoundConfig) { c.PublicURL = "http://pki.example.com/" + strings.Repeat("x", 128) },
		"no URL":         func(c *FoundConfig) { c.PublicURL = "" },
		"wildcard host":  func(c *FoundConfig) { c.Hosts = []string{"*.example.com"} },
		"no hosts":       func(c *FoundConfig) { c.Hosts = nil },
		"zone":           func(c *FoundConfig) { c.Hosts = []string{"fe80::1%eth0"} },
		"no keys":        func(c *FoundConfig) { c.Keys = nil },
		"not ASCII":      func(c *FoundConfig) { c.PublicURL = "http://pki.example.com/é" },
		"space in a URL": func(c *FoundConfig) { c.PublicURL = "http://pki.example.com/a b" },
	} {
		c := good
		change(&c)
		if _, err := Found(t.Context(), c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", name, err)
		}
	}
	if names, _ := ring.Names(); names != nil {
		t.Errorf("keys made: %v", names)
	}
	if _, err := New(t.Context(), Config{}); !errors.Is(err, ErrConfig) {
		t.Errorf("New: got %v", err)
	}
}

func TestTheAnchorIsTheIssuersOwn(t *testing.T) {
	b := found(t, publicURL, epoch)
	for _, i := range b.authority.Issuers() {
		der, err := b.authority.Anchor(i.ID)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := b.authority.Anchor(i.ID)
		if string(der) != string(again) {
			t.Errorf("%s: made twice", i.Name)
		}
		anchor := parseCertificate(t, der)
		if err := anchor.CheckSignatureFrom(anchor); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
		if string(anchor.RawSubject) != string(i.SubjectDER) || string(anchor.RawSubjectPublicKeyInfo) != string(i.Certificate.RawSubjectPublicKeyInfo) ||
			!anchor.NotAfter.Equal(i.Certificate.NotAfter) {
			t.Errorf("%s: not the issuer's name, key and validity", i.Name)
		}
		if i.Kind != store.KindRoot && string(der) == string(i.Certificate.Raw) {
			t.Errorf("%s: the anchor is the issuer's certificate", i.Name)
		}
	}
	if _, err := b.authority.Anchor(9); !errors.Is(err, ErrIssuer) {
		t.Errorf("issuer 9: %v", err)
	}
	// A device verifies under its issuer's anchor; a server does not.
	devices, _ := b.authority.Anchor(2)
	roots := x509.NewCertPool()
	roots.AddCert(parseCertificate(t, devices))
	made, err := b.authority.Sign(t.Context(), profile.Order{Profile: compiled(t, `{}`), Names: profile.Names{Serial: "1"}, SPKI: newSPKI(t)})
	if err != nil {
		t.Fatal(err)
	}
	server, err := b.authority.Server(t.Context(), ServerRequest{Hosts: []string{"localhost"}, SPKI: newSPKI(t)})
	if err != nil {
		t.Fatal(err)
	}
	options := x509.VerifyOptions{Roots: roots, CurrentTime: epoch, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := parseCertificate(t, made.DER).Verify(options); err != nil {
		t.Errorf("device: %v", err)
	}
	if _, err := parseCertificate(t, server.DER).Verify(options); err == nil {
		t.Error("a server verifies under the devices' anchor")
	}
}

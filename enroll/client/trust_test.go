package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/client/clienttest"
	"github.com/assay-pki/assay/enroll/wire"
)

// Threat 50: a rogue server at first contact.

func TestThreat50PinnedFingerprint(t *testing.T) {
	s := clienttest.New(t)
	s.Token = "assay_secret"
	c := newClient(t, s, func(c *client.Config) { c.Roots, c.Fingerprint = nil, s.Fingerprint() })
	_, csr := newRequest(t, "SN-1")
	if _, err := c.Enroll(t.Context(), csr); err != nil {
		t.Fatal(err)
	}
	first := s.Requests()[0]
	if !strings.HasSuffix(first.URL.Path, wire.OpCACerts) || first.Header.Get("Authorization") != "" {
		t.Errorf("first came %s with Authorization %q; want /cacerts with none", first.URL.Path, first.Header.Get("Authorization"))
	}
}

func TestThreat50OtherRoot(t *testing.T) {
	good, rogue := clienttest.New(t), clienttest.New(t)
	for name, change := range map[string]func(*client.Config){
		"roots":       func(c *client.Config) { c.Roots = good.Roots() },
		"fingerprint": func(c *client.Config) { c.Roots, c.Fingerprint = nil, good.Fingerprint() },
	} {
		_, csr := newRequest(t, "SN-1")
		c := newClient(t, rogue, func(c *client.Config) { c.Token = "assay_secret" }, change)
		if _, err := c.Enroll(t.Context(), csr); !errors.Is(err, client.ErrUntrusted) {
			t.Errorf("%s: got %v, want %v", name, err, client.ErrUntrusted)
		}
	}
	mustNotKnowToken(t, rogue)
}

// A man in the middle hands on the true /cacerts, but has no certificate of
// that root for the name.
func TestThreat50RelayedCACerts(t *testing.T) {
	good, rogue := clienttest.New(t), clienttest.New(t)
	der := wire.CertsOnly(good.Root.Certificate.Raw, good.Issuer.Certificate.Raw)
	relay := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", wire.TypePKCS7)
		_, _ = w.Write(wire.EncodeBody(der, false))
	}
	for range 3 {
		rogue.Next(relay)
		c := newClient(t, rogue, func(c *client.Config) {
			c.Roots, c.Fingerprint, c.Token = nil, good.Fingerprint(), "assay_secret"
		})
		if _, err := c.CACerts(t.Context()); !errors.Is(err, client.ErrUntrusted) {
			t.Errorf("got %v, want %v", err, client.ErrUntrusted)
		}
	}
	mustNotKnowToken(t, rogue)
}

func mustNotKnowToken(t *testing.T, s *clienttest.Server) {
	t.Helper()
	for _, r := range s.Requests() {
		if r.Header.Get("Authorization") != "" {
			t.Errorf("%s carried the token to the rogue server", r.URL.Path)
		}
	}
}

// A station's key must not serve: cmcRA replaces neither serverAuth nor the
// name, though RFC 7030 §3.6.1 would let it (EST-022).
func TestThreat50StationAsServer(t *testing.T) {
	cmcRA := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 28}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := clienttest.New(t)
	template := func() *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "station"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
	}
	ra, named, serving := template(), template(), template()
	ra.UnknownExtKeyUsage = []asn1.ObjectIdentifier{cmcRA}
	named.UnknownExtKeyUsage, named.IPAddresses = ra.UnknownExtKeyUsage, []net.IP{net.IPv4(127, 0, 0, 1)}
	serving.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} // but of another name
	serving.DNSNames = []string{"other.example"}
	for name, tmpl := range map[string]*x509.Certificate{"cmcRA": ra, "cmcRA with the name": named, "other name": serving} {
		cert := s.Root.Issue(t, tmpl, key.Public())
		server := &http.Server{
			Handler:   s.Config.Handler,
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}},
			ErrorLog:  log.New(io.Discard, "", 0),
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go server.ServeTLS(l, "", "")
		t.Cleanup(func() { server.Close() })
		for trust, change := range map[string]func(*client.Config){
			"roots":       func(*client.Config) {},
			"fingerprint": func(c *client.Config) { c.Roots, c.Fingerprint = nil, s.Fingerprint() },
		} {
			c := newClient(t, s, func(c *client.Config) { c.URL = "https://" + l.Addr().String() }, change)
			if _, err := c.CACerts(t.Context()); !errors.Is(err, client.ErrUntrusted) {
				t.Errorf("%s, %s: got %v, want %v", name, trust, err, client.ErrUntrusted)
			}
		}
	}
}

func TestIssuedCertificateIsChecked(t *testing.T) {
	s, other := clienttest.New(t), clienttest.New(t)
	key, csr := newRequest(t, "SN-1")
	otherKey, _ := newRequest(t, "SN-1")
	leaf := func(ca clienttest.CA, pub any) []byte {
		return ca.Issue(t, &x509.Certificate{
			SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "SN-1"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			ExtraExtensions: []pkix.Extension{{
				Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Critical: true, Value: []byte{5, 0},
			}},
		}, pub).Raw
	}
	answer := func(mediaType string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			_, _ = w.Write(body)
		}
	}
	certs := func(list ...[]byte) http.HandlerFunc {
		return answer(wire.TypeCerts, wire.EncodeBody(wire.CertsOnly(list...), true))
	}
	good := leaf(s.Issuer, key.Public())
	for name, row := range map[string]struct {
		h    http.HandlerFunc
		want error
	}{
		"good":                {certs(good), nil},
		"by the root":         {certs(leaf(s.Root, key.Public())), nil},
		"with a chain before": {certs(s.Root.Certificate.Raw, s.Issuer.Certificate.Raw, good), nil},
		"no smime-type":       {answer(wire.TypePKCS7, wire.EncodeBody(wire.CertsOnly(good), false)), nil},
		"key of another":      {certs(leaf(s.Issuer, otherKey.Public())), client.ErrIssued},
		"issuer of another":   {certs(leaf(other.Issuer, key.Public())), client.ErrIssued},
		"empty":               {certs(), client.ErrIssued},
		"media type":          {answer("application/pkix-cert", wire.EncodeBody(good, false)), client.ErrAnswer},
		"smime-type":          {answer("application/pkcs7-mime; smime-type=CMC-response", wire.EncodeBody(wire.CertsOnly(good), false)), client.ErrAnswer},
		"DER":                 {answer(wire.TypeCerts, wire.CertsOnly(good)), client.ErrAnswer},
		"not certs-only":      {answer(wire.TypeCerts, wire.EncodeBody(good, false)), client.ErrAnswer},
		"not a certificate":   {certs([]byte{0x30, 0}), client.ErrAnswer},
		"longer than we read": {answer(wire.TypeCerts, make([]byte, wire.MaxResponseBody+1)), client.ErrAnswer},
		"not DER":             {answer(wire.TypeCerts, []byte("AAAA")), client.ErrAnswer},
	} {
		c := newClient(t, s)
		if _, err := c.CACerts(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Next(row.h)
		if _, err := c.Enroll(t.Context(), csr); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
}

// The issuer changed since we read /cacerts.
func TestCACertsAreFetchedAnew(t *testing.T) {
	s := clienttest.New(t)
	c := newClient(t, s)
	if _, err := c.CACerts(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Issuer = clienttest.NewCA(t, "test devices-2", &s.Root)
	_, csr := newRequest(t, "SN-1")
	a, err := c.Enroll(t.Context(), csr)
	if err != nil {
		t.Fatal(err)
	}
	if a.Chain[0].Subject.CommonName != "test devices-2" {
		t.Errorf("chain of %s, want test devices-2", a.Chain[0].Subject)
	}
}

// EST-039: a rollover lists the old root, the new one, and each signed by the
// other, all of one name.
func TestCACertsOfARollover(t *testing.T) {
	oldRoot := clienttest.NewCA(t, "root", nil)
	newRoot := clienttest.NewCA(t, "root", nil)
	issuer := clienttest.NewCA(t, "devices-2", &newRoot)
	stranger := clienttest.NewCA(t, "stranger", nil)
	lost := clienttest.NewCA(t, "lost", &stranger)
	ca := func(c clienttest.CA) *x509.Certificate {
		t := *c.Certificate
		t.SerialNumber = big.NewInt(3)
		return &t
	}
	newWithOld := oldRoot.Issue(t, ca(newRoot), newRoot.Key.Public())
	oldWithNew := newRoot.Issue(t, ca(oldRoot), oldRoot.Key.Public())
	leaf := issuer.Issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(4), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, lost.Key.Public())
	list := [][]byte{
		newRoot.Certificate.Raw, oldRoot.Certificate.Raw, oldWithNew.Raw, newWithOld.Raw,
		issuer.Certificate.Raw, issuer.Certificate.Raw, lost.Certificate.Raw, leaf.Raw,
	}
	cas, err := client.NewCACerts(list, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(cas.Roots) != 2 || len(cas.Intermediates) != 3 {
		t.Errorf("got %d roots, %d intermediates; want 2, 3 (no duplicate, no stranger, no leaf)", len(cas.Roots), len(cas.Intermediates))
	}
	chain, err := cas.Chain(leaf, time.Now())
	if err != nil || len(chain) != 1 || !chain[0].Equal(issuer.Certificate) {
		t.Errorf("chain: %d certificates, %v; want the issuer", len(chain), err)
	}
	if _, err := cas.Chain(issuer.Certificate, time.Now()); !errors.Is(err, client.ErrIssued) {
		t.Errorf("the issuer as a device's certificate: got %v, want %v", err, client.ErrIssued)
	}
	if _, err := client.NewCACerts([][]byte{issuer.Certificate.Raw}, time.Now()); !errors.Is(err, client.ErrAnswer) {
		t.Errorf("no root: got %v, want %v", err, client.ErrAnswer)
	}
}

func TestRenewalCSRKeepsNames(t *testing.T) {
	s := clienttest.New(t)
	key, _ := newRequest(t, "SN-1")
	cert := s.Issuer.Issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "SN-1", OrganizationalUnit: []string{"role"}},
		DNSNames: []string{"sn-1.example"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}, key.Public())
	der, err := client.NewRenewalCSR(key, cert)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := wire.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	if string(csr.RawSubject) != string(cert.RawSubject) || len(csr.Names) != 1 {
		t.Errorf("subject %s, names %v", hex.EncodeToString(csr.RawSubject), csr.Names)
	}
}

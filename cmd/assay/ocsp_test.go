package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

func writePEM(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// responder answers every question with one prepared answer.
func responder(t *testing.T, answer func() []byte) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if _, err := ocsp.ParseRequest(body); err != nil || r.Header.Get("Content-Type") != "application/ocsp-request" {
			t.Errorf("question: %v, %s", err, r.Header.Get("Content-Type"))
		}
		w.Write(answer())
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestOCSPCheck(t *testing.T) {
	issuer, issuerKey := testCA(t, "devices", nil, nil)
	leaf, _ := testCA(t, "SN-1", issuer, issuerKey)
	other, otherKey := testCA(t, "devices", nil, nil)
	delegate, delegateKey := testCA(t, "ocsp", issuer, issuerKey, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	})
	impostor, impostorKey := testCA(t, "SN-2", issuer, issuerKey, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
	now := time.Now().Truncate(time.Second)
	sign := func(by *x509.Certificate, key *ecdsa.PrivateKey, edit func(*ocsp.Response)) func() []byte {
		return func() []byte {
			r := ocsp.Response{Status: ocsp.Good, SerialNumber: leaf.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour), IssuerHash: crypto.SHA256}
			if by != issuer && by != other {
				r.Certificate = by
			}
			edit(&r)
			der, err := ocsp.CreateResponse(issuer, by, r, key)
			if err != nil {
				t.Fatal(err)
			}
			return der
		}
	}
	same := func(*ocsp.Response) {}
	for _, row := range []struct {
		name   string
		answer func() []byte
		code   int
		want   string
	}{
		{"good", sign(issuer, issuerKey, same), exitOK, "good"},
		{"good by a delegate", sign(delegate, delegateKey, same), exitOK, "good"},
		{"revoked", sign(delegate, delegateKey, func(r *ocsp.Response) {
			r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, now, ocsp.KeyCompromise
		}), exitFailure, "revoked"},
		{"unknown", sign(delegate, delegateKey, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), exitFailure, "unknown"},
		{"a device signs", sign(impostor, impostorKey, same), exitFailure, ""},
		{"another issuer signs", sign(other, otherKey, same), exitFailure, ""},
		{"another serial", sign(issuer, issuerKey, func(r *ocsp.Response) { r.SerialNumber = big.NewInt(5) }), exitFailure, ""},
		{"out of date", sign(issuer, issuerKey, func(r *ocsp.Response) {
			r.ThisUpdate, r.NextUpdate = now.Add(-2*time.Hour), now.Add(-time.Hour)
		}), exitFailure, ""},
		{"from the future", sign(issuer, issuerKey, func(r *ocsp.Response) { r.ThisUpdate = now.Add(time.Hour) }), exitFailure, ""},
		{"try later", func() []byte { return ocsp.TryLaterErrorResponse }, exitUnavailable, ""},
		{"unauthorized", func() []byte { return ocsp.UnauthorizedErrorResponse }, exitFailure, ""},
		{"garbage", func() []byte { return []byte("x") }, exitFailure, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := run(t, "", "ocsp", "check", writePEM(t, "leaf.pem", "CERTIFICATE", leaf.Raw),
				"--issuer", writePEM(t, "issuer.pem", "CERTIFICATE", issuer.Raw), "--url", responder(t, row.answer), "-o", "json")
			if got.code != row.code {
				t.Fatalf("exit %d, want %d: %s", got.code, row.code, got.stderr)
			}
			if row.want == "" {
				if got.stdout != "" || !strings.Contains(got.stderr, "next: ") {
					t.Errorf("untrusted answer was shown: %+v", got)
				}
				return
			}
			var view ocspView
			if err := json.Unmarshal([]byte(got.stdout), &view); err != nil {
				t.Fatal(err)
			}
			if view.Status != row.want || view.Serial != serialText(leaf) {
				t.Errorf("got %+v", view)
			}
			if row.want == "revoked" && (view.Reason != "keyCompromise" || !view.RevokedAt.Equal(now.Truncate(time.Second))) {
				t.Errorf("got %+v", view)
			}
		})
	}
}

func TestCRLShow(t *testing.T) {
	issuer, key := testCA(t, "devices", nil, nil)
	other, _ := testCA(t, "devices", nil, nil)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(7), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(0xabcd), RevocationTime: time.Now(), ReasonCode: 1}},
	}, issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	file := writePEM(t, "x.crl", "X509 CRL", der)
	got := run(t, "", "crl", "show", file, "-o", "json", "--issuer", writePEM(t, "ca.pem", "CERTIFICATE", issuer.Raw))
	var view crlView
	if err := json.Unmarshal([]byte(got.stdout), &view); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if !view.Verified || view.Number != "7" || view.Count != 1 || view.Entries[0].Reason != "keyCompromise" || !strings.HasSuffix(view.Entries[0].Serial, "0000abcd") {
		t.Errorf("got %+v", view)
	}
	if got := run(t, string(der), "crl", "show", "-"); got.code != exitOK || !strings.Contains(got.stdout, "keyCompromise") {
		t.Errorf("DER on standard input: %+v", got)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/crl/devices-1.crl" {
			http.NotFound(w, r)
			return
		}
		w.Write(der)
	}))
	defer server.Close()
	if got := run(t, "", "crl", "show", server.URL+"/crl/devices-1.crl"); got.code != exitOK {
		t.Errorf("by URL: %+v", got)
	}
	if got := run(t, "", "crl", "show", server.URL+"/nothing"); got.code != exitNotFound {
		t.Errorf("404: %+v", got)
	}
	if got := run(t, "", "crl", "show", file, "--issuer", writePEM(t, "ca.pem", "CERTIFICATE", other.Raw)); got.code != exitFailure || got.stdout != "" {
		t.Errorf("another issuer: %+v", got)
	}
	if got := run(t, "not a crl", "crl", "show", "-"); got.code != exitFailure {
		t.Errorf("garbage: %+v", got)
	}
}

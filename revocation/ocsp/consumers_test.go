package ocsp

import (
	"crypto"
	"encoding/base64"
	"math/big"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"
)

// OCSP-16: real consumers accept the answers.
func TestOCSP16Consumers(t *testing.T) {
	a := newAuthority(t, time.Now)
	r := a.responder()
	server := httptest.NewServer(r)
	defer server.Close()
	good, revoked, unknown := a.issue(devices, "SN-1", day), a.issue(devices, "SN-2", day), a.neverIssued(devices, 99)
	a.revoke("SN-2", 1)
	dir := t.TempDir()
	issuer := writePEM(t, dir, "issuer.pem", a.issuers[devices].cert)
	chain := writePEM(t, dir, "chain.pem", a.issuers[root].cert, a.issuers[devices].cert)
	url := server.URL + path
	rows := []struct {
		name, file, openssl, gnutls string
		serial                      *big.Int
		status                      int
	}{
		{"good", writePEM(t, dir, "good.pem", good), ": good", "Certificate Status: good", good.SerialNumber, xocsp.Good},
		{"revoked", writePEM(t, dir, "revoked.pem", revoked), ": revoked", "Certificate Status: revoked", revoked.SerialNumber, xocsp.Revoked},
		{"unknown", writePEM(t, dir, "unknown.pem", unknown), ": unknown", "", unknown.SerialNumber, xocsp.Unknown},
	}
	certs := map[string][]byte{
		"good":    a.question(devices, good, crypto.SHA1),
		"revoked": a.question(devices, revoked, crypto.SHA1),
		"unknown": a.question(devices, unknown, crypto.SHA1),
	}
	for _, row := range rows {
		for _, nonce := range []string{"-nonce", "-no_nonce"} {
			for _, hash := range []string{"-sha1", "-sha256"} {
				t.Run("openssl "+row.name+" "+nonce+" "+hash, func(t *testing.T) {
					out := run(t, "openssl", "ocsp", nonce, "-issuer", issuer, hash, "-cert", row.file, "-url", url, "-CAfile", chain)
					if !strings.Contains(out, row.file+row.openssl) || !strings.Contains(out, "Response verify OK") ||
						nonce == "-nonce" && strings.Contains(out, "WARNING") {
						t.Errorf("%s", out)
					}
				})
			}
		}
		if row.gnutls != "" {
			t.Run("gnutls "+row.name, func(t *testing.T) {
				out := run(t, "ocsptool", "--ask="+url, "--load-cert", row.file, "--load-issuer", issuer, "--load-trust", chain)
				if !strings.Contains(out, row.gnutls) || !strings.Contains(out, "Verifying OCSP Response: Success") {
					t.Errorf("%s", out)
				}
			})
		}
		t.Run("curl "+row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "answer.der")
			run(t, "curl", "-sS", "--path-as-is", "-o", file, url+"/"+base64.StdEncoding.EncodeToString(certs[row.name]))
			der, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := xocsp.ParseResponse(der, a.issuers[devices].cert)
			if err != nil || got.Status != row.status || got.SerialNumber.Cmp(row.serial) != 0 {
				t.Errorf("%v %+v", err, got)
			}
		})
	}
}

// run runs a program and returns what it says; a missing one skips the test.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil && name != "ocsptool" {
		t.Logf("%s: %v", name, err)
	}
	return string(out)
}

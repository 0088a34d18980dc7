package server_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"

	v1 "github.com/assay-pki/assay/api/v1"
)

// What openssl and curl make of CRLs and OCSP of a running node.

// pki adds what a relying party has: the chain in one file.
func (d *desk) pki(t *testing.T) {
	t.Helper()
	d.must(t, "cat ca.crt devices-1.crt >chain.crt")
}

func (d *desk) enrolled(t *testing.T, name, serial string) *device {
	t.Helper()
	dev := d.enrol(t, serial)
	writePEM(t, filepath.Join(d.dir, name+".crt"), "CERTIFICATE", dev.cert.Raw)
	return dev
}

// verify fetches a CRL and verifies a certificate with it and no other.
func (d *desk) verify(t *testing.T, url, name string) (string, int) {
	t.Helper()
	d.must(t, "curl -sSf -o list.crl %s && openssl crl -inform DER -in list.crl -CAfile chain.crt -noout && openssl crl -inform DER -in list.crl >list.pem", url)
	return d.run(t, "openssl verify -crl_check -CAfile ca.crt -untrusted devices-1.crt -CRLfile list.pem %s.crt", name)
}

func TestCRL07OpensslByCompleteAndShard(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "curl", "openssl")
	d.pki(t)
	bad, good := d.enrolled(t, "bad", "SN-00000001"), d.enrolled(t, "good", "SN-00000002")
	// Long certificates number in blocks, and so shards, of their own.
	d.product(t, "meter", `{"serial_pattern":"^SN-[0-9]{8}$","operational":{"validity":"365d"}}`)
	key := newKey(t)
	r, err := d.ask(t.Context(), d.web(t), "simpleenroll", "meter", "", d.token(t, v1.TokenRequest{Product: "meter"}).Token, newCSR(t, key, "SN-00000003"))
	if err != nil || r.cert == nil {
		t.Fatal(r, err)
	}
	shard, other := good.cert.CRLDistributionPoints[0], r.cert.CRLDistributionPoints[0]
	if shard == other || shard != bad.cert.CRLDistributionPoints[0] {
		t.Fatalf("shards %s, %s and %s", shard, bad.cert.CRLDistributionPoints[0], other)
	}
	for _, url := range []string{shard, d.complete()} {
		for _, name := range []string{"bad", "good"} {
			if out, status := d.verify(t, url, name); status != 0 {
				t.Errorf("%s by %s: exit status %d\n%s", name, url, status, out)
			}
		}
	}
	t.Run("CRL18 another shard", func(t *testing.T) {
		if out, status := d.verify(t, other, "good"); status == 0 || !strings.Contains(out, "error 44 ") {
			t.Errorf("exit status %d, want error 44 (different CRL scope)\n%s", status, out)
		}
	})
	began := time.Now()
	change, err := d.api.Revoke(t.Context(), v1.RevocationRequest{Device: bad.id(), Reason: "keyCompromise"})
	if err != nil || len(change.Changed) != 1 {
		t.Fatal(change, err)
	}
	d.awaitListed(t, bad.cert, true)
	t.Logf("both CRLs had it after %s; the promise is 2s", time.Since(began))
	for _, url := range []string{shard, d.complete()} {
		if out, status := d.verify(t, url, "bad"); status == 0 || !strings.Contains(out, "error 23 ") {
			t.Errorf("the revoked one by %s: exit status %d, want error 23 (certificate revoked)\n%s", url, status, out)
		}
		if out, status := d.verify(t, url, "good"); status != 0 {
			t.Errorf("the good one by %s: exit status %d\n%s", url, status, out)
		}
	}
	t.Run("the bundle", func(t *testing.T) {
		d.must(t, "curl -sSf -o bundle.pem http://%s/crl/bundle.pem", d.at.HTTP)
		const verify = "openssl verify -crl_check_all -CAfile ca.crt -untrusted devices-1.crt -CRLfile bundle.pem %s.crt"
		d.must(t, verify, "good")
		if out, status := d.run(t, verify, "bad"); status == 0 || !strings.Contains(out, "error 23 ") {
			t.Errorf("exit status %d\n%s", status, out)
		}
	})
}

// TestOCSP14Openssl: the very next question after a revocation is answered with
// revoked.
func TestOCSP14Openssl(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "curl", "openssl")
	d.pki(t)
	bad := d.enrolled(t, "bad", "SN-00000001")
	d.enrolled(t, "good", "SN-00000002")
	never := "0x" + strings.Repeat("5a", 16)

	ask := func(what, flags, want string) {
		t.Helper()
		out := d.must(t, "openssl ocsp -issuer devices-1.crt -CAfile ca.crt -url http://%s/ocsp %s", d.at.HTTP, flags)
		if !strings.Contains(out, want) || !strings.Contains(out, "Response verify OK") {
			t.Errorf("%s: want %q\n%s", what, want, out)
		}
		if strings.Contains(out, "WARNING: no nonce") && !strings.Contains(flags, "-no_nonce") {
			t.Errorf("%s: no nonce\n%s", what, out)
		}
	}
	all := func(status string) {
		t.Helper()
		for _, nonce := range []string{"-nonce", "-no_nonce"} {
			for _, hash := range []string{"-sha1", "-sha256"} {
				flags := nonce + " " + hash
				ask("POST "+flags, flags+" -cert bad.crt", "bad.crt: "+status)
				ask("POST "+flags, flags+" -cert good.crt", "good.crt: good")
				ask("POST "+flags, flags+" -serial "+never, never+": unknown")
			}
		}
		for name, want := range map[string]string{"bad": status, "good": "good"} {
			d.byGET(t, "-cert "+name+".crt", name+".crt: "+want)
		}
		d.byGET(t, "-serial "+never, never+": unknown")
	}
	all("good") // and every cache is warm
	if _, err := d.api.Revoke(t.Context(), v1.RevocationRequest{Device: bad.id(), Reason: "keyCompromise"}); err != nil {
		t.Fatal(err)
	}
	answer := d.ocsp(t, bad.cert)
	if answer.Status != xocsp.Revoked || answer.RevocationReason != xocsp.KeyCompromise {
		t.Errorf("the next answer: status %d, reason %d", answer.Status, answer.RevocationReason)
	}
	all("revoked")
	d.awaitListed(t, bad.cert, true)
	for _, e := range d.list(t, d.complete()).RevokedCertificateEntries {
		if !e.RevocationTime.Equal(answer.RevokedAt) || e.ReasonCode != answer.RevocationReason {
			t.Errorf("the CRL says %s, %d; OCSP says %s, %d", e.RevocationTime, e.ReasonCode, answer.RevokedAt, answer.RevocationReason)
		}
	}
}

// byGET asks as a cache wants it (RFC 6960 A.1): in base64, raw, in the path.
func (d *desk) byGET(t *testing.T, flags, want string) {
	t.Helper()
	d.must(t, "openssl ocsp -issuer devices-1.crt -no_nonce %s -reqout question.der", flags)
	for _, encode := range []string{"cat", `sed -e 's,+,%2B,g' -e 's,/,%2F,g' -e 's,=,%3D,g'`} {
		d.must(t, `curl -sSf --path-as-is -D fields -o answer.der "http://%s/ocsp/$(openssl base64 -A -in question.der | %s)"`, d.at.HTTP, encode)
		out := d.must(t, "openssl ocsp -issuer devices-1.crt -CAfile ca.crt -no_nonce %s -respin answer.der", flags)
		if !strings.Contains(out, want) || !strings.Contains(out, "Response verify OK") {
			t.Errorf("GET %s: want %q\n%s", flags, want, out)
		}
		if fields := d.must(t, "cat fields"); !strings.Contains(fields, "application/ocsp-response") {
			t.Errorf("GET %s:\n%s", flags, fields)
		}
	}
}

// TestPublished: every URL in a certificate answers with what it names, and so
// does the rest of the http listener.
func TestPublished(t *testing.T) {
	t.Parallel()
	n := newAuthority(t).start(t)
	n.product(t, sensor, "")
	cert := n.enrol(t, "SN-00000001").cert
	base := "http://" + n.at.HTTP
	for _, row := range []struct{ path, kind string }{
		{strings.TrimPrefix(cert.IssuingCertificateURL[0], base), "application/pkix-cert"},
		{strings.TrimPrefix(cert.CRLDistributionPoints[0], base), "application/pkix-crl"},
		{"/ca/devices-1.pem", "application/x-pem-file"},
		{"/ca/devices-1.anchor.pem", "application/x-pem-file"},
		{"/ca/roots.pem", "application/x-pem-file"},
		{"/crl/devices-1.crl", "application/pkix-crl"},
		{"/crl/devices-1.pem", "application/x-pem-file"},
		{"/crl/births-1.crl", "application/pkix-crl"},
		{"/crl/root.crl", "application/pkix-crl"},
		{"/crl/bundle.pem", "application/x-pem-file"},
		{"/audit/checkpoint", "text/plain; charset=utf-8"},
		{"/healthz", "text/plain; charset=utf-8"},
	} {
		res, err := http.Get(base + row.path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != row.kind {
			t.Errorf("%s: %d %s, want 200 %s", row.path, res.StatusCode, got, row.kind)
		}
	}
	if cert.OCSPServer[0] != base+"/ocsp" {
		t.Errorf("OCSP is at %s, want %s/ocsp", cert.OCSPServer[0], base)
	}
	for _, path := range []string{"/.well-known/est/cacerts", "/.well-known/est/simpleenroll", "/v1/version", "/metrics", "/debug/pprof/"} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s on the public listener: %d, want 404", path, res.StatusCode)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/client/clienttest"
	"github.com/assay-pki/assay/enroll/line"
	"github.com/assay-pki/assay/enroll/wire"
)

// plant is a fake EST server and a station's directory for it.
type plant struct {
	*clienttest.Server
	station, in, out string
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	dir := t.TempDir()
	p := &plant{clienttest.New(t), filepath.Join(dir, "station"), filepath.Join(dir, "in"), filepath.Join(dir, "out")}
	p.Nonces, p.Batch, p.Left = true, "w47", 100
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := p.Issuer.Issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(99), Subject: pkix.Name{CommonName: "l3"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, key.Public())
	der, err1 := x509.MarshalPKCS8PrivateKey(key)
	info, err2 := json.Marshal(line.Info{EST: p.URL, Station: "l3", Site: "leipzig", Products: []string{"sensor"}})
	err = errors.Join(err1, err2, os.Mkdir(p.station, 0o700), os.Mkdir(p.in, 0o700))
	for name, text := range map[string][]byte{
		"station.crt":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		"station.key":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"ca.crt":       p.RootPEM(),
		"station.json": info,
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(p.station, name), text, 0o600))
	}
	for i := range 3 {
		csr, failed := client.NewCSR(key, pkix.Name{CommonName: fmt.Sprintf("SN-%d", i+1)})
		err = errors.Join(err, failed, os.WriteFile(filepath.Join(p.in, fmt.Sprint(i)), csr, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// want runs a command of the line and fails unless exit code and a text are
// right.
func (p *plant) want(t *testing.T, code int, text string, args ...string) result {
	t.Helper()
	got := run(t, "", append(append([]string{"line"}, args...), "--batch", "w47", "--station", p.station, "--out", p.out)...)
	if got.code != code || !strings.Contains(got.stdout+got.stderr, text) {
		t.Errorf("assay line %s\ngot exit %d, stdout %q, stderr %q\nwant exit %d and %q",
			strings.Join(args, " "), got.code, got.stdout, got.stderr, code, text)
	}
	return got
}

const someDigest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestLineRun(t *testing.T) {
	p := newPlant(t)
	p.want(t, exitOK, "left      3", "run", "--in", p.in, "--dry-run")
	p.Decide = func(csr *wire.CSR) http.HandlerFunc {
		if serial, _ := csr.SubjectSerial(); serial == "SN-2" {
			return clienttest.Refuse(403, "serial-not-in-manifest", "no.", "")
		}
		return nil
	}
	p.want(t, exitPartial, "1 serial-not-in-manifest", "run", "--in", p.in)
	p.want(t, exitPartial, "--retry-refused", "run", "--in", p.in)
	p.Decide = nil
	var receipt line.Receipt
	got := p.want(t, exitOK, "3 of 3 units", "run", "--in", p.in, "--retry-refused", "-o", "json")
	if err := json.Unmarshal([]byte(got.stdout), &receipt); err != nil || receipt.Done != 3 || !receipt.Complete() {
		t.Errorf("receipt: %s, %v", got.stdout, err)
	}
	if b, err := os.ReadFile(filepath.Join(p.out, "receipt.json")); err != nil || string(b) != got.stdout {
		t.Errorf("receipt.json differs from -o json: %s, %v", b, err)
	}
	if len(p.Issued()) != 3 {
		t.Errorf("issued %d certificates, want 3", len(p.Issued()))
	}
	if err := os.WriteFile(filepath.Join(p.in, "notes"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(t, exitPartial, "notes is no unit", "run", "--in", p.in)
	p.want(t, exitPartial, "1 file(s) of "+p.in+" are no units", "run", "--in", p.in)
	p.want(t, exitConflict, "new directory", "run", "--in", p.in, "--product", "other")
}

func TestLineRunWithStatements(t *testing.T) {
	p := newPlant(t)
	stated := 0
	p.Gate = func(r *http.Request, operation string) http.HandlerFunc {
		if operation == wire.OpSimpleEnroll && r.Header.Get(wire.HeaderStationEvidence) != "" {
			stated++
		}
		return nil
	}
	p.want(t, exitOK, "3 of 3 units", "run", "--in", p.in, "--digest", someDigest, "--method", "boot-rom", "--workers", "1")
	if stated != 3 {
		t.Errorf("%d statements, want 3", stated)
	}
}

func TestLineStops(t *testing.T) {
	for _, row := range []struct {
		status, code int
		reason, next string
	}{
		{403, exitDenied, "batch-paused", "assay batch show"},
		{401, exitDenied, "credential-missing", "assay station show"},
		{404, exitNotFound, "not-found", "check the product"},
	} {
		p := newPlant(t)
		p.Decide = func(*wire.CSR) http.HandlerFunc { return clienttest.Refuse(row.status, row.reason, "no.", "") }
		p.want(t, row.code, row.next, "run", "--in", p.in)
	}
	p := newPlant(t)
	p.Close()
	p.want(t, exitUnavailable, "is the server up?", "run", "--in", p.in, "--patience", "1ns")
	p = newPlant(t)
	p.Batch = "w48"
	p.want(t, exitConflict, "another batch", "run", "--in", p.in)
}

func TestLineSimulate(t *testing.T) {
	p := newPlant(t)
	p.Evidence = true
	p.want(t, exitOK, "5 of 5 units", "simulate", "--count", "5", "--digest", someDigest)
	p.want(t, exitOK, "5 of 5 units", "simulate", "--count", "5", "--digest", someDigest)
	if got := len(p.Issued()); got != 5 {
		t.Errorf("issued %d certificates, want 5", got)
	}
	if _, err := os.Stat(filepath.Join(p.out, "SN-00000005.crt")); err != nil {
		t.Error(err)
	}
	p.want(t, exitOK, "7 of 7 units", "simulate", "--count", "2", "--first", "9", "--serial-format", "X%d", "--digest", "boot="+someDigest, "--evidence", "station")
	file := filepath.Join(t.TempDir(), "m.csv")
	if err := os.WriteFile(file, []byte("serial,attr.customer\nM-1,ACME\nM-2,\nM-3,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(t, exitOK, "9 of 9 units", "simulate", "--manifest", file, "--count", "2", "--digest", someDigest)
	p.Evidence = false
	p.want(t, exitOK, "10 of 10 units", "simulate", "--manifest", file)
}

func TestLineUsage(t *testing.T) {
	p := newPlant(t)
	p.want(t, exitUsage, "--in CSRDIR", "run")
	p.want(t, exitUsage, "one of --count N", "simulate")
	p.want(t, exitUsage, "64 hex digits", "run", "--in", p.in, "--digest", "sha256:00")
	p.want(t, exitUsage, "--method", "run", "--in", p.in, "--digest", someDigest, "--method", "guess")
	p.want(t, exitUsage, "workers", "run", "--in", p.in, "--workers", "1000")
	p.want(t, exitUsage, "--serial-format", "simulate", "--count", "1", "--serial-format", "%s")
	p.want(t, exitUsage, "--count is", "simulate", "--count", "-1")
	p.want(t, exitUsage, "base64url", "simulate", "--count", "1", "--nonce", "=")
	p.want(t, exitUsage, "evidence", "simulate", "--count", "1", "--evidence", "dice")
	p.want(t, exitUsage, "wrong firmware", "simulate", "--count", "1", "--bad-firmware", "1")
	p.want(t, exitNotFound, "no such file", "run", "--in", p.in+"x")
	p.want(t, exitFailure, "no directory of CSRs", "run", "--in", filepath.Join(p.in, "0"))
	p.want(t, exitNotFound, "no CSR is in", "run", "--in", t.TempDir())
	file := filepath.Join(t.TempDir(), "m.csv")
	if err := os.WriteFile(file, []byte("serial,colour\nM-1,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(t, exitUsage, "colour", "simulate", "--manifest", file)
	if err := os.WriteFile(filepath.Join(p.station, "station.key"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(t, exitFailure, "assay station certify", "run", "--in", p.in)
	p.station += "x"
	p.want(t, exitNotFound, "assay station create", "run", "--in", p.in)
}

// A station may be for every product: then the product must be named.
func TestLineNeedsAProduct(t *testing.T) {
	p := newPlant(t)
	info, err := json.Marshal(line.Info{EST: p.URL, Station: "l3", Site: "leipzig"})
	if err = errors.Join(err, os.WriteFile(filepath.Join(p.station, "station.json"), info, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.want(t, exitUsage, "--product P", "run", "--in", p.in)
	p.want(t, exitOK, "3 of 3 units", "run", "--in", p.in, "--product", "sensor")
}

// Whoever stops a line is told how it goes on.
func TestLineInterrupted(t *testing.T) {
	p := newPlant(t)
	ctx, stop := context.WithCancel(t.Context())
	p.Decide = func(*wire.CSR) http.HandlerFunc {
		stop()
		return nil
	}
	var out, messages bytes.Buffer
	args := []string{"line", "run", "--in", p.in, "--batch", "w47", "--station", p.station, "--out", p.out}
	code := Run(ctx, args, strings.NewReader(""), &out, &messages)
	if code != exitInterrupted || !strings.Contains(messages.String(), nextLineAgain) {
		t.Errorf("exit %d, %q; want %d and %q", code, messages.String(), exitInterrupted, nextLineAgain)
	}
	p.Decide = nil
	p.want(t, exitOK, "3 of 3 units", "run", "--in", p.in)
}

// Two lines in one directory: the second says where the first works.
func TestLineBusy(t *testing.T) {
	p := newPlant(t)
	p.Decide = func(*wire.CSR) http.HandlerFunc {
		p.Decide = nil
		p.want(t, exitConflict, "another run works in the directory "+p.out, "run", "--in", p.in)
		return nil
	}
	p.want(t, exitOK, "3 of 3 units", "run", "--in", p.in)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/assay-pki/assay/enroll/client/clienttest"
)

// cli runs the program as a person does.
type cli struct {
	t     *testing.T
	stdin string
	env   map[string]string
}

func (c cli) run(args ...string) (code int, stdout, stderr string) {
	c.t.Helper()
	var out, messages bytes.Buffer
	code = run(c.t.Context(), args, strings.NewReader(c.stdin), &out, &messages, func(k string) string { return c.env[k] })
	return code, out.String(), messages.String()
}

// want fails unless the exit code and a piece of the message are right, and
// each failure ends with the next step.
func (c cli) want(code int, text string, args ...string) string {
	c.t.Helper()
	got, stdout, stderr := c.run(args...)
	if got != code || !strings.Contains(stdout+stderr, text) {
		c.t.Errorf("assay-device %s\ngot exit %d, stdout %q, stderr %q\nwant exit %d and %q",
			strings.Join(args, " "), got, stdout, stderr, code, text)
	}
	if got != 0 {
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		if len(lines) != 2 || !strings.HasPrefix(lines[1], "next: ") {
			c.t.Errorf("assay-device %s: the message does not end with the next step: %q", strings.Join(args, " "), stderr)
		}
	}
	return stdout
}

type world struct {
	*clienttest.Server
	ca, dir string
}

func newWorld(t *testing.T) world {
	s := clienttest.New(t)
	s.Token = "assay_secret"
	dir := t.TempDir()
	w := world{s, filepath.Join(dir, "ca.crt"), filepath.Join(dir, "id")}
	if err := os.WriteFile(w.ca, s.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) enroll(more ...string) []string {
	return append([]string{"enroll", "--est", w.URL, "--ca", w.ca, "--product", "sensor", "--serial", "SN-1", "--out", w.dir}, more...)
}

func TestADaysWork(t *testing.T) {
	w := newWorld(t)
	c := cli{t: t, stdin: "assay_secret\n"}
	c.want(3, "no certificate here", "status", "--dir", w.dir)
	c.want(0, "sensor/SN-1: enrolled", w.enroll("--token-file", "-")...)
	c.want(0, "nothing to do", w.enroll("--token-file", "-")...)
	c.want(0, "state        good", "status", "--dir", w.dir)
	c.want(0, "nothing to do", "renew", "--dir", w.dir, "--if-due")
	before := w.serial(c)
	c.want(0, "renewed", "renew", "--dir", w.dir)
	if w.serial(c) == before {
		t.Error("renewed, but the certificate is the same")
	}
	if got := len(w.Issued()); got != 2 {
		t.Errorf("issued %d certificates, want 2", got)
	}
}

func (w world) serial(c cli) string {
	c.t.Helper()
	var status struct {
		Serial      string `json:"serial"`
		Certificate string `json:"certificate_serial"`
		Due         *bool  `json:"renewal_due"`
	}
	out := c.want(0, "", "status", "--dir", w.dir, "-o", "json")
	if err := json.Unmarshal([]byte(out), &status); err != nil || status.Serial != "SN-1" || status.Due == nil {
		c.t.Errorf("status -o json: %s, %v", out, err)
	}
	return status.Certificate
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(" assay_secret \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := cli{t: t}
	c.want(4, "credential-rejected", w.enroll()...)
	c.want(4, "credential-rejected", w.enroll("--token", "wrong")...)
	c.want(1, "does not hold one token", w.enroll("--token-file", "-")...)
	c.want(1, "read the token", w.enroll("--token-file", file+".missing")...)
	c.want(0, "enrolled", w.enroll("--token-file", file)...)
	c.env = map[string]string{"ASSAY_TOKEN": "assay_secret"}
	c.want(0, "enrolled", w.enroll("--again")...)
	c.want(0, "enrolled", w.enroll("--again", "--token", "assay_secret")...)
}

func TestEnrollByFingerprintAndCertificate(t *testing.T) {
	w := newWorld(t)
	c := cli{t: t}
	c.want(0, "enrolled", w.enroll("--token", "assay_secret")...)
	next := filepath.Join(t.TempDir(), "next")
	c.want(0, "enrolled", "enroll", "--est", w.URL, "--ca-fingerprint", w.Fingerprint(), "--product", "sensor", "--serial", "SN-1",
		"--cert", filepath.Join(w.dir, "device.crt"), "--key", filepath.Join(w.dir, "device.key"), "--out", next, "--key-type", "ed25519")
	other := clienttest.New(t)
	c.want(1, "server is not trusted", "enroll", "--est", w.URL, "--ca-fingerprint", other.Fingerprint(),
		"--product", "sensor", "--serial", "SN-1", "--token", "assay_secret", "--out", next+"2")
	c.want(1, "private key", w.enroll("--again", "--cert", filepath.Join(w.dir, "device.crt"), "--key", filepath.Join(next, "device.key"))...)
}

func TestUsage(t *testing.T) {
	w := newWorld(t)
	c := cli{t: t}
	c.want(2, "one of enroll, run, renew, status, version, help", "keep", "--dir", w.dir)
	c.want(2, "--est is needed; --product is needed", "enroll")
	c.want(2, "not trusted unseen", "enroll", "--est", w.URL, "--product", "p", "--serial", "s", "--out", w.dir)
	c.want(2, "not available in this version", w.enroll("--evidence", "tpm")...)
	c.want(2, "belong together", w.enroll("--evidence", "self")...)
	c.want(2, "belong together", w.enroll("--measure", "firmware=f")...)
	c.want(2, "is not COMPONENT=FILE", w.enroll("--measure", "firmware")...)
	c.want(2, "--dir is needed", "run")
	c.want(2, "--hook-arg needs --hook", "run", "--dir", w.dir, "--hook-arg", "x")
	c.want(2, "exclude each other", w.enroll("--token", "a", "--token-file", "b")...)
	c.want(2, "belong together", w.enroll("--cert", "a")...)
	c.want(2, "key type", w.enroll("--key-type", "dsa")...)
	c.want(2, "flag provided but not defined", w.enroll("--colour")...)
	c.want(2, "unexpected argument", w.enroll("now")...)
	c.want(2, "neither text nor json", "status", "--dir", w.dir, "-o", "yaml")
	c.want(2, "--timeout must be", "renew", "--dir", w.dir, "--timeout", "0s")
	c.want(2, "--dir is needed", "renew")
	c.want(2, "is not https://HOST", "enroll", "--est", "http://est.example", "--ca", w.ca, "--product", "p", "--serial", "s", "--out", w.dir)
	c.want(1, "no such file", "enroll", "--est", w.URL, "--ca", w.ca+"x", "--product", "p", "--serial", "s", "--out", w.dir)
	if code, stdout, _ := c.run("enroll", "--help"); code != 0 || !strings.Contains(stdout, "-token-file") {
		t.Errorf("help: exit %d, %q", code, stdout)
	}
	if code, _, stderr := c.run(); code != 2 || !strings.Contains(stderr, "assay-device enroll") {
		t.Errorf("no command: exit %d, %q", code, stderr)
	}
	if code, stdout, _ := c.run("help"); code != 0 || !strings.Contains(stdout, "Exit codes") {
		t.Errorf("help: exit %d, %q", code, stdout)
	}
	if code, stdout, _ := c.run("version"); code != 0 || !strings.HasPrefix(stdout, "assay-device ") {
		t.Errorf("version: exit %d, %q", code, stdout)
	}
}

func TestExitCodesOfRefusals(t *testing.T) {
	for _, row := range []struct {
		status, code  int
		reason, retry string
	}{
		{401, 4, "credential-rejected", ""},
		{403, 4, "device-held", "60"},
		{404, 3, "not-found", ""},
		{409, 5, "serial-has-identity", ""},
		{400, 1, "bad-csr", ""},
		{202, 7, "run the same command again in 2m0s", "120"},
		{503, 9, "clock", "9999"},
		{500, 1, "internal", ""},
	} {
		w := newWorld(t)
		w.Next(w.ServeCACerts, clienttest.Refuse(row.status, row.reason, "no.", row.retry))
		cli{t: t}.want(row.code, row.reason, w.enroll("--token", "assay_secret")...)
	}
}

func TestUnreachableAndInterrupted(t *testing.T) {
	w := newWorld(t)
	w.Close()
	c := cli{t: t}
	c.want(9, "nothing is issued twice", w.enroll()...)
	c.want(3, "the request that is pending", "status", "--dir", w.dir)

	w = newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.Next(func(http.ResponseWriter, *http.Request) { cancel() })
	var out, messages bytes.Buffer
	code := run(ctx, w.enroll(), nil, &out, &messages, func(string) string { return "" })
	if code != 130 || !strings.Contains(messages.String(), "goes on where it was") {
		t.Errorf("interrupted: exit %d, %q", code, messages.String())
	}
}

// The device's program links little and is small: docs/ARCHITECTURE.md.
func TestLinksOnlyWhatADeviceMay(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the go command")
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const ours = "github.com/assay-pki/assay/"
	allowed := []string{
		ours + "cmd/assay-device", ours + "enroll/agent", ours + "enroll/client",
		ours + "enroll/evidence", ours + "enroll/wire",
	}
	for _, path := range strings.Fields(string(out)) {
		if !slices.Contains(allowed, path) && !strings.HasPrefix(path, "golang.org/x/") {
			t.Errorf("links %s", path)
		}
	}
}

const maxBinary = 8 << 20

func TestBinaryIsSmallAndStatic(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	file := filepath.Join(t.TempDir(), "assay-device")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", file, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxBinary {
		t.Errorf("%d octets, want at most %d", info.Size(), maxBinary)
	}
	out, err := exec.Command(file, "version").CombinedOutput()
	if err != nil || !bytes.HasPrefix(out, []byte("assay-device ")) {
		t.Errorf("version: %q, %v", out, err)
	}
}

func TestRunKeepsAndStops(t *testing.T) {
	w := newWorld(t)
	w.Nonces = true
	c := cli{t: t}
	c.want(3, "no certificate here", "run", "--dir", w.dir)
	c.want(0, "enrolled", w.enroll("--token", "assay_secret")...)
	hook := filepath.Join(t.TempDir(), "hook")
	ctx, cancel := context.WithCancel(t.Context())
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho \"told of $ASSAY_SERIAL $*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	messages := &stopAt{text: "hook ran", stop: cancel}
	code := run(ctx, []string{"run", "--dir", w.dir, "--hook", hook, "--hook-arg", "a b"}, nil, messages, messages, func(string) string { return "" })
	if got := messages.String(); code != 0 || !strings.Contains(got, "told of SN-1 a b") || !strings.Contains(got, "msg=stopped") {
		t.Errorf("run: exit %d, %s", code, got)
	}
}

// stopAt stops a run when a text was written.
type stopAt struct {
	mu   sync.Mutex
	b    bytes.Buffer
	text string
	stop func()
}

func (s *stopAt) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes.Contains(p, []byte(s.text)) {
		s.stop()
	}
	return s.b.Write(p)
}

func (s *stopAt) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestEvidenceIsMeasuredAndKept(t *testing.T) {
	w := newWorld(t)
	w.Nonces, w.Server.Evidence = true, true
	firmware := filepath.Join(t.TempDir(), "firmware.bin")
	if err := os.WriteFile(firmware, []byte("firmware"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := cli{t: t}
	c.want(4, "evidence-missing", w.enroll("--token", "assay_secret")...)
	c.want(0, "enrolled", w.enroll("--token", "assay_secret", "--evidence", "self", "--measure", "firmware="+firmware)...)
	c.want(0, "self: firmware="+firmware, "status", "--dir", w.dir)
	c.want(0, "renewed", "renew", "--dir", w.dir)
	if err := os.Rename(firmware, firmware+"2"); err != nil {
		t.Fatal(err)
	}
	c.want(1, "no such file", "renew", "--dir", w.dir)
	c.want(0, "renewed", "renew", "--dir", w.dir, "--measure", "firmware="+firmware+"2")
	c.want(0, "self: firmware="+firmware+"2", "status", "--dir", w.dir)
}

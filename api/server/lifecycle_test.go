package server_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	xocsp "golang.org/x/crypto/ocsp"

	"github.com/assay-pki/assay/api/server"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/wire"
)

// TestInitRefusesADirectoryInUse: and touches nothing in it.
func TestInitRefusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	init := func(dir string) error {
		_, err := server.Init(t.Context(), server.InitConfig{
			Dir: dir, Name: "Test", HTTP: "127.0.0.1:8080", Hosts: []string{"localhost"}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		return err
	}
	a := newAuthority(t)
	before := contents(t, a.dir)
	if err := init(a.dir); !errors.Is(err, server.ErrInUse) || !strings.Contains(err.Error(), "assay serve") {
		t.Errorf("an authority: %v", err)
	}
	if diff := gocmp.Diff(before, contents(t, a.dir)); diff != "" {
		t.Errorf("the authority was changed:\n%s", diff)
	}
	photos := t.TempDir()
	if err := os.WriteFile(filepath.Join(photos, "cat.jpg"), []byte("cat"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := init(photos); !errors.Is(err, server.ErrInUse) || !strings.Contains(err.Error(), "empty --dir") {
		t.Errorf("other files: %v", err)
	}
	if diff := gocmp.Diff(map[string]string{"cat.jpg": "cat"}, contents(t, photos)); diff != "" {
		t.Errorf("the files were changed:\n%s", diff)
	}
}

// contents are the files of a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir+string(filepath.Separator))] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// errServed: a node that had to refuse did not.
var errServed = errors.New("it served")

// serve runs a node in this process, which must refuse to.
func serve(t *testing.T, a *authority) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := config(a.dir, a.http)
	c.Ready = func(server.Addresses) { cancel() }
	if err := server.Run(ctx, c); err != nil {
		return err
	}
	return errServed
}

// TestThreat41Modes: nothing is wider than 0700 and 0600, but what is public
// anyhow; and what was made wider is refused, with the command that mends it.
func TestThreat41Modes(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.start(t).stop(t)
	err := filepath.WalkDir(a.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		most := fs.FileMode(0o600)
		if e.IsDir() {
			most = 0o700
		} else if rel, _ := filepath.Rel(a.dir, path); strings.HasPrefix(rel, "crl") {
			most = 0o644 // published, in a directory of 0700
		}
		if got := info.Mode().Perm(); got&^most != 0 {
			t.Errorf("%s has mode %04o, wider than %04o", path, got, most)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		path        string
		right, wide fs.FileMode
	}{
		{"", 0o700, 0o755},
		{"keys", 0o700, 0o750},
		{"operators", 0o700, 0o705},
		{"assay.db", 0o600, 0o640},
		{"assay.yaml", 0o600, 0o644},
		{"keys/unlock", 0o600, 0o604},
		{"keys/devices-1.key", 0o600, 0o644},
		{"operators/admin/operator.key", 0o600, 0o644},
	} {
		path := a.file(row.path)
		if err := os.Chmod(path, row.wide); err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile(fmt.Sprintf("chmod 0?%o %s$", row.right, regexp.QuoteMeta(path)))
		if err := serve(t, a); !want.MatchString(err.Error()) {
			t.Errorf("%s with mode %04o: %v, want the command: %s", row.path, row.wide, err, want)
		}
		if err := os.Chmod(path, row.right); err != nil {
			t.Fatal(err)
		}
	}
	a.start(t).stop(t)
}

func TestThreat40SecondNode(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	n := a.start(t)
	began := time.Now()
	if err := serve(t, a); !strings.Contains(err.Error(), "in use") || time.Since(began) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	var at server.Addresses
	text, err := os.ReadFile(a.file("run/addresses.json"))
	if err != nil || json.Unmarshal(text, &at) != nil || at != n.at {
		t.Errorf("addresses.json is %s after the second one, want %+v", text, n.at)
	}
	n.stop(t)
	if _, err := os.Stat(a.file("run/addresses.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("addresses.json after the end: %v", err)
	}
}

// TestServeRefuses: a directory without an authority, and one whose init did not
// finish.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	empty := &authority{dir: t.TempDir(), http: "127.0.0.1:0"}
	if err := serve(t, empty); !strings.Contains(err.Error(), "assay init") {
		t.Errorf("an empty directory: %v", err)
	}
	a := newAuthority(t)
	l, err := net.Listen("tcp", a.http)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := serve(t, a); !strings.Contains(err.Error(), "--http") {
		t.Errorf("a port in use: %v", err)
	}
	if err := os.Remove(a.file("assay.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := serve(t, a); !strings.Contains(err.Error(), "init did not finish") {
		t.Errorf("half an init: %v", err)
	}
}

// TestHoldReleaseDecommission is a suspicious device's week.
func TestHoldReleaseDecommission(t *testing.T) {
	t.Parallel()
	n := newAuthority(t).start(t)
	n.product(t, sensor, "")
	d := n.enrol(t, serialNumber(1))
	if _, err := n.api.Hold(t.Context(), sensor, d.serial, v1.Act{Comment: "strange traffic"}, false); err != nil {
		t.Fatal(err)
	}
	_, r := n.renew(t, d)
	wantRefused(t, "renewal on hold", r, http.StatusForbidden, v1.DeviceHeld)
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After while on hold")
	}
	if a := n.ocsp(t, d.cert); a.Status != xocsp.Revoked || a.RevocationReason != xocsp.CertificateHold {
		t.Errorf("on hold: OCSP status %d, reason %d", a.Status, a.RevocationReason)
	}
	n.awaitListed(t, d.cert, true)
	if _, err := n.api.Release(t.Context(), sensor, d.serial, v1.Act{}, false); err != nil {
		t.Fatal(err)
	}
	n.wantStatus(t, "released", d.cert, xocsp.Good)
	n.awaitListed(t, d.cert, false)
	next, r := n.renew(t, d)
	if next.cert == nil {
		t.Fatalf("renewal after the release: %s", r)
	}
	if _, err := n.api.Decommission(t.Context(), sensor, d.serial, v1.Act{}, false); err != nil {
		t.Fatal(err)
	}
	for _, old := range []*device{d, next} {
		_, r := n.renew(t, old)
		wantRefused(t, "renewal of a decommissioned device", r, http.StatusForbidden, v1.CertificateRevoked)
		if a := n.ocsp(t, old.cert); a.Status != xocsp.Revoked || a.RevocationReason != xocsp.CessationOfOperation {
			t.Errorf("decommissioned: OCSP status %d, reason %d", a.Status, a.RevocationReason)
		}
	}
	token := n.token(t, v1.TokenRequest{Product: sensor, Serial: d.serial}).Token
	r, err := n.ask(t.Context(), n.web(t), wire.OpSimpleEnroll, sensor, "", token, newCSR(t, newKey(t), d.serial))
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, "enrolment of a decommissioned device", r, http.StatusForbidden, v1.DeviceDecommissioned)
	_, err = n.api.Release(t.Context(), sensor, d.serial, v1.Act{}, false)
	wantReason(t, "release of a decommissioned device", err, v1.WrongState)
}

// TestSIGTERMDrains: a request that is under way is answered, nothing new is
// accepted, and the node ends well.
func TestSIGTERMDrains(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	c := s.dial(t)
	auth := http.Request{Header: http.Header{}}
	auth.SetBasicAuth("", s.secret)
	head := post + "Authorization: " + auth.Header.Get("Authorization") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(s.good))
	half := len(s.good) / 2
	if _, err := io.WriteString(c, head+s.good[:half]); err != nil {
		t.Fatal(err)
	}
	// The node has it in hand once it answers later requests of others.
	s.wantStatus(t, "the victim", s.victim.cert, xocsp.Good)
	s.api.Close()
	s.terminate(t)
	eventually(t, "the node accepts no more", func() error {
		other, err := net.Dial("tcp", s.at.EST)
		if err != nil {
			return nil
		}
		return errors.Join(errors.New("it does"), other.Close())
	})
	if _, err := io.WriteString(c, s.good[half:]); err != nil {
		t.Fatal(err)
	}
	if r := answerTo(t, bufio.NewReader(c), "POST"); r.status != http.StatusOK {
		t.Errorf("the request under way: %s", r)
	}
	if err := s.await(t); err != nil {
		t.Errorf("the node ended with %v", err)
	}
	report := s.authority.verifyLog(t)
	if report.Beyond != 0 {
		t.Errorf("%d records are not signed after an orderly end", report.Beyond)
	}
}

// TestRestartKeepsEverything: and CRL numbers never go back.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	n := a.start(t)
	n.product(t, sensor, "")
	d, gone := n.enrol(t, serialNumber(1)), n.enrol(t, serialNumber(2))
	token := n.token(t, v1.TokenRequest{Product: sensor})
	if _, err := n.api.Revoke(t.Context(), v1.RevocationRequest{Device: gone.id(), Reason: "keyCompromise"}); err != nil {
		t.Fatal(err)
	}
	n.awaitListed(t, gone.cert, true)
	certificates, devices, number := n.certificates(t), n.devices(t), n.list(t, n.complete()).Number
	n.stop(t)
	n = a.start(t)
	if diff := gocmp.Diff(certificates, n.certificates(t)); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff(devices, n.devices(t)); diff != "" {
		t.Error(diff)
	}
	list := n.list(t, n.complete())
	if list.Number.Cmp(number) < 0 || !listed(list, gone.cert) {
		t.Errorf("CRL number %s after %s, revoked one listed: %v", list.Number, number, listed(list, gone.cert))
	}
	n.wantStatus(t, "the good one", d.cert, xocsp.Good)
	n.wantStatus(t, "the revoked one", gone.cert, xocsp.Revoked)
	if next, r := n.renew(t, d); next.cert == nil {
		t.Errorf("renewal: %s", r)
	}
	r, err := n.ask(t.Context(), n.web(t), wire.OpSimpleEnroll, sensor, "", token.Token, newCSR(t, newKey(t), serialNumber(3)))
	if err != nil || r.cert == nil {
		t.Errorf("a token of before: %v %v", r, err)
	}
}

// TestLocalAuthority: without a public URL certificates live 7 days, name the
// address of init --http, and there are no births.
func TestLocalAuthority(t *testing.T) {
	t.Parallel()
	local := initialise(t, server.InitConfig{Dir: filepath.Join(t.TempDir(), "authority"), HTTP: freeAddress(t)})
	n := local.start(t)
	n.product(t, sensor, "")
	life := func(c *x509.Certificate) time.Duration { return time.Until(c.NotAfter).Round(time.Hour) }
	cert := n.enrol(t, serialNumber(1)).cert
	if got := life(cert); got != 7*24*time.Hour {
		t.Errorf("a local authority's certificate lives %s", got)
	}
	if got, want := cert.OCSPServer, []string{"http://" + local.http + "/ocsp"}; !slices.Equal(got, want) {
		t.Errorf("OCSP is at %s, want %s", got, want)
	}
	if want := []string{"root", "devices-1", "operations-1"}; !slices.Equal(local.made.Issuers, want) || !local.made.Authority.Local {
		t.Errorf("local authority with issuers %s, want %s", local.made.Issuers, want)
	}
	public := newAuthority(t)
	if want := []string{"root", "devices-1", "operations-1", "births-1"}; !slices.Equal(public.made.Issuers, want) || public.made.Authority.Local {
		t.Errorf("public authority with issuers %s, want %s", public.made.Issuers, want)
	}
	m := public.start(t)
	m.product(t, sensor, "")
	if got := life(m.enrol(t, serialNumber(1)).cert); got != 90*24*time.Hour {
		t.Errorf("a public authority's certificate lives %s", got)
	}
}

// TestNotReadyWithoutTheIssuingKey: a node that cannot sign says so to whoever
// balances load, and goes on with status.
func TestNotReadyWithoutTheIssuingKey(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	if err := os.WriteFile(a.file("keys/devices-1.key"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := a.spawn(t)
	eventually(t, "not ready", func() error {
		res, err := http.Get("http://" + n.at.HTTP + "/readyz")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(string(said), "signer-unavailable: ") {
			return fmt.Errorf("%d %q %w", res.StatusCode, said, err)
		}
		return nil
	})
	n.list(t, n.complete())
}

package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	xocsp "golang.org/x/crypto/ocsp"
	"golang.org/x/sync/errgroup"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store/audit"
	"github.com/assay-pki/assay/store/bolt"
)

// applicant is a device on its way to its first certificate.
type applicant struct {
	device
	token string
	csr   []byte
	// answered is the certificate that was acknowledged, if one was.
	answered *x509.Certificate
}

// applicants have a token each, of one use and bound to nothing.
func (n *node) applicants(t *testing.T, first, count int) []*applicant {
	t.Helper()
	all := make([]*applicant, count)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(64)
	for i := range all {
		serial := serialNumber(first + i)
		a := &applicant{device: device{serial: serial, key: newKey(t)}}
		a.csr = newCSR(t, a.key, serial)
		all[i] = a
		group.Go(func() error {
			token, err := n.api.CreateToken(ctx, v1.TokenRequest{Product: sensor})
			a.token = token.Token
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

// storm lets 64 at a time enrol until act was called, which is at the given
// number of answers. It returns how many were answered.
func (n *node) storm(t *testing.T, all []*applicant, at int, act func()) int {
	t.Helper()
	web := n.web(t)
	queue := make(chan *applicant, len(all))
	for _, a := range all {
		queue <- a
	}
	close(queue)
	var mu sync.Mutex
	var workers sync.WaitGroup
	answered := 0
	for range 64 {
		workers.Go(func() {
			for a := range queue {
				r, err := n.ask(context.Background(), web, wire.OpSimpleEnroll, sensor, "", a.token, a.csr)
				if err != nil {
					return // the node is dead
				}
				if r.cert == nil {
					t.Errorf("%s: %s", a.serial, r)
					return
				}
				mu.Lock()
				a.answered = r.cert
				if answered++; answered == at {
					act()
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return answered
}

// TestThreat39KillInTheMiddleOf64Enrolments: after kill -9 every certificate
// that was acknowledged is known, to the octet, and whoever got no answer gets
// it by asking again: one certificate for each device, one use of each token.
func TestThreat39KillInTheMiddleOf64Enrolments(t *testing.T) {
	t.Parallel()
	rounds, fleet := 10, 140
	if testing.Short() {
		rounds, fleet = 3, 100
	}
	a := newAuthority(t)
	n := a.start(t)
	n.product(t, sensor, "")
	for round := range rounds {
		all := n.applicants(t, 1000*round, fleet)
		// Sooner and later in the storm, and never after it.
		answered := n.storm(t, all, 1+round*(fleet-70)/rounds, func() { _ = n.cmd.Process.Kill() })
		n.await(t)
		if answered == fleet {
			t.Fatal("nothing was under way when the node was killed")
		}
		a.intact(t)
		n = a.start(t)
		known := n.wantKnown(t, all)
		t.Logf("round %d: %d of %d were answered, %d were durable", round, answered, fleet, known)
		n.finish(t, all)
	}
	if got, want := len(n.certificates(t)), rounds*fleet; got != want {
		t.Errorf("%d certificates for %d devices", got, want)
	}
	if got, want := len(n.devices(t)), rounds*fleet; got != want {
		t.Errorf("%d devices, want %d", got, want)
	}
	for token, err := range n.api.Tokens(t.Context()) {
		if err != nil || token.Used != 1 {
			t.Fatalf("token %+v: %v", token, err)
		}
	}
	n.kill(t)
	a.verifyLog(t)
}

// wantKnown wants every acknowledged certificate, and none twice. It returns
// how many there are of these devices.
func (n *node) wantKnown(t *testing.T, all []*applicant) int {
	t.Helper()
	holders := map[string]int{}
	for _, c := range n.certificates(t) {
		holders[c.Holder]++
	}
	known := 0
	for _, a := range all {
		known += holders[a.id()]
		if holders[a.id()] > 1 {
			t.Errorf("%s has %d certificates", a.serial, holders[a.id()])
		}
		if a.answered == nil {
			continue
		}
		c, err := n.api.Certificate(t.Context(), hexSerial(a.answered))
		if err != nil {
			t.Errorf("%s was acknowledged and is unknown: %v", a.serial, err)
			continue
		}
		block, _ := pem.Decode([]byte(c.PEM))
		if block == nil || string(block.Bytes) != string(a.answered.Raw) {
			t.Errorf("%s: another certificate than was acknowledged", a.serial)
		}
		n.wantStatus(t, a.serial, a.answered, xocsp.Good)
	}
	return known
}

// finish lets everybody repeat the request: who had a certificate gets the same
// one. Then the tokens are spent: with another key they get nothing.
func (n *node) finish(t *testing.T, all []*applicant) {
	t.Helper()
	web := n.web(t)
	ask := func(a *applicant, csr []byte) *reply {
		r, err := n.ask(t.Context(), web, wire.OpSimpleEnroll, sensor, "", a.token, csr)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, a := range all {
		r := ask(a, a.csr)
		if r.cert == nil {
			t.Fatalf("%s asks again: %s", a.serial, r)
		}
		if a.answered != nil && !r.cert.Equal(a.answered) {
			t.Errorf("%s: another certificate for the same request", a.serial)
		}
		if !r.cert.PublicKey.(*ecdsa.PublicKey).Equal(a.key.Public()) {
			t.Errorf("%s: another key than its own", a.serial)
		}
		a.answered = r.cert
	}
	// Three: more bad tokens from one address are answered with 429.
	for _, a := range all[:3] {
		wantRefused(t, "a spent token", ask(a, newCSR(t, newKey(t), a.serial)), http.StatusUnauthorized, v1.CredentialRejected)
	}
}

// intact wants every file of a node that was killed to be whole.
func (a *authority) intact(t *testing.T) {
	t.Helper()
	lists := 0
	err := filepath.WalkDir(a.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".crl":
			lists++
			_, err = x509.ParseRevocationList(b)
		case ".crt", ".pem", ".key":
			if block, _ := pem.Decode(b); block == nil {
				err = errors.New("no PEM")
			}
		}
		if err != nil {
			t.Errorf("torn file %s: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if lists == 0 {
		t.Error("no CRL file was found")
	}
}

// verifyLog verifies the audit log of a stopped node, with the key that init
// told.
func (a *authority) verifyLog(t *testing.T) audit.Report {
	t.Helper()
	db, err := bolt.OpenReadOnly(bolt.Config{Path: a.file("assay.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	report, err := audit.Verify(t.Context(), db, a.made.Authority.LogKey)
	if err != nil {
		t.Fatalf("audit verify: %v", err)
	}
	return report
}

// TestThreat43FlippedOctet: one octet of a record is flipped, and verify names
// that record.
func TestThreat43FlippedOctet(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	n := a.start(t)
	n.product(t, sensor, "")
	n.enrol(t, "SN-00000001")
	n.stop(t)
	db, err := bolt.OpenReadOnly(bolt.Config{Path: a.file("assay.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	dir, key := filepath.Join(t.TempDir(), "export"), a.made.Authority.LogKey
	if _, err := audit.Export(t.Context(), db, key, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.VerifyExport(t.Context(), dir, key); err != nil {
		t.Fatalf("before: %v", err)
	}
	events, err := db.Events(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "events.cbor")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, e := range events {
		flipped := append([]byte(nil), whole...)
		// Near the end of the record: a value, so that its form stays.
		flipped[at+len(e.Bytes)-1] ^= 1
		at += len(e.Bytes)
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := audit.VerifyExport(t.Context(), dir, key)
		bad, ok := errors.AsType[*audit.BadRecord](err)
		if !ok || bad.First != e.Seq {
			t.Errorf("an octet of record %d was flipped, verify says: %v", e.Seq, err)
		}
	}
	if at != len(whole) {
		t.Errorf("%d octets of records, %d in the export", at, len(whole))
	}
}

// TestPUB07RevocationOutlivesAKill: a revocation that was acknowledged the
// moment before the kill is in OCSP and in both CRLs as soon as the node is up
// again, though it was not published before.
func TestPUB07RevocationOutlivesAKill(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	n := a.start(t)
	n.product(t, sensor, "")
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	var revoked []*device
	for round := range rounds {
		d := n.enrol(t, serialNumber(round))
		before := n.list(t, n.complete()).Number
		change, err := n.api.Revoke(t.Context(), v1.RevocationRequest{Device: d.id(), Reason: "keyCompromise"})
		if err != nil || len(change.Changed) != 1 {
			t.Fatal(change, err)
		}
		n.kill(t)
		der, err := os.ReadFile(a.file("crl/devices-1.crl"))
		if err != nil {
			t.Fatal(err)
		}
		if l, err := x509.ParseRevocationList(der); err != nil || listed(l, d.cert) {
			t.Logf("round %d: published before the kill (%v)", round, err)
		}
		a.intact(t)
		n = a.start(t)
		revoked = append(revoked, d)
		for _, d := range revoked {
			n.wantStatus(t, d.serial, d.cert, xocsp.Revoked)
			for _, url := range []string{d.cert.CRLDistributionPoints[0], n.complete()} {
				if !listed(n.list(t, url), d.cert) {
					t.Errorf("round %d: %s is not in %s once the node is ready", round, d.serial, url)
				}
			}
			if _, r := n.renew(t, d); r.status != http.StatusForbidden {
				t.Errorf("%s renews: %s", d.serial, r)
			}
		}
		if after := n.list(t, n.complete()).Number; after.Cmp(before) <= 0 {
			t.Errorf("round %d: CRL number %s after %s", round, after, before)
		}
	}
}

package server_test

import (
	"io"
	"net/http"
	"sync"
	"testing"

	xocsp "golang.org/x/crypto/ocsp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/wire"
)

// together runs a function for each number below count, all from one moment on.
func together(count int, do func(i int)) {
	var workers sync.WaitGroup
	gate := make(chan struct{})
	for i := range count {
		workers.Go(func() {
			<-gate
			do(i)
		})
	}
	close(gate)
	workers.Wait()
}

// TestThreat16OneTokenManyKeys: however many redeem a token of one use at once,
// one of them gets a certificate.
func TestThreat16OneTokenManyKeys(t *testing.T) {
	t.Parallel()
	racers := 200
	if testing.Short() {
		racers = 50
	}
	n := newAuthority(t).start(t)
	n.product(t, sensor, "")
	for _, row := range []struct{ name, bound string }{
		{"a token for any device, each another one", ""},
		{"a token for one device, each with another key", "SN-00000500"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := len(n.certificates(t))
			token := n.token(t, v1.TokenRequest{Product: sensor, Serial: row.bound})
			web, csrs, replies := n.web(t), make([][]byte, racers), make([]*reply, racers)
			for i := range csrs {
				serial := row.bound
				if serial == "" {
					serial = serialNumber(i)
				}
				csrs[i] = newCSR(t, newKey(t), serial)
			}
			together(racers, func(i int) {
				var err error
				if replies[i], err = n.ask(t.Context(), web, wire.OpSimpleEnroll, sensor, "", token.Token, csrs[i]); err != nil {
					t.Error(err)
				}
			})
			if t.Failed() {
				return
			}
			won := 0
			for _, r := range replies {
				switch {
				case r.status == http.StatusOK:
					won++
				case r.reason() != string(v1.CredentialRejected) && r.reason() != string(v1.RateLimited):
					t.Errorf("a loser was told %s", r)
				}
			}
			if stored := len(n.certificates(t)) - before; won != 1 || stored != 1 {
				t.Errorf("%d of %d got a certificate, %d are stored; want 1 and 1", won, racers, stored)
			}
		})
	}
}

// TestEST048TheSameRequestAtOnce: all who send one request get one certificate.
func TestEST048TheSameRequestAtOnce(t *testing.T) {
	t.Parallel()
	n := newAuthority(t).start(t)
	n.product(t, sensor, "")
	token := n.token(t, v1.TokenRequest{Product: sensor})
	csr, web := newCSR(t, newKey(t), serialNumber(1)), n.web(t)
	replies := make([]*reply, 32)
	together(len(replies), func(i int) {
		var err error
		if replies[i], err = n.ask(t.Context(), web, wire.OpSimpleEnroll, sensor, "", token.Token, csr); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		return
	}
	for _, r := range replies {
		if r.cert == nil || !r.cert.Equal(replies[0].cert) {
			t.Fatalf("got %s, want the certificate of the others", r)
		}
	}
	if stored := len(n.certificates(t)); stored != 1 {
		t.Errorf("%d certificates are stored, want 1", stored)
	}
}

// TestThreat19RenewAgainstRevoke: whoever comes first, after both no certificate
// of the device is good: not in the records, not in OCSP, not at the EST edge.
func TestThreat19RenewAgainstRevoke(t *testing.T) {
	t.Parallel()
	races := 100
	if testing.Short() {
		races = 30
	}
	n := newAuthority(t).start(t)
	n.product(t, sensor, "")
	renewed := 0
	for i := range races {
		d := n.enrol(t, serialNumber(i))
		next := &device{serial: d.serial, key: newKey(t)}
		web, csr := n.webAs(t, d), renewalCSR(t, next.key, d.cert)
		n.open(t, web)
		var r *reply
		var renewing, revoking error
		together(2, func(who int) {
			if who == 0 {
				r, renewing = n.ask(t.Context(), web, wire.OpSimpleReenroll, "", "", "", csr)
				return
			}
			// Questions before it let the renewal win some of the races.
			for range i % 5 {
				if _, revoking = n.api.Whoami(t.Context()); revoking != nil {
					return
				}
			}
			_, revoking = n.api.Revoke(t.Context(), v1.RevocationRequest{Device: d.id(), Reason: "keyCompromise"})
		})
		web.CloseIdleConnections()
		if renewing != nil || revoking != nil {
			t.Fatal(renewing, revoking)
		}
		n.wantStatus(t, d.serial, d.cert, xocsp.Revoked)
		if next.cert = r.cert; next.cert != nil {
			renewed++
			n.wantStatus(t, d.serial+", renewed", next.cert, xocsp.Revoked)
			_, again := n.renew(t, next)
			wantRefused(t, "the renewed one renews", again, http.StatusForbidden, v1.CertificateRevoked)
		} else if reason := r.reason(); reason != string(v1.CertificateRevoked) && reason != string(v1.DeviceDecommissioned) {
			t.Errorf("the renewal was told %s", r)
		}
		record, err := n.api.Device(t.Context(), sensor, d.serial)
		if err != nil || record.State != "decommissioned" {
			t.Fatalf("%+v: %v", record, err)
		}
		for _, c := range record.Certificates {
			if c.Status != v1.StatusRevoked {
				t.Errorf("%s: certificate %s is %s", d.serial, c.Serial, c.Status)
			}
		}
	}
	t.Logf("the renewal came first in %d of %d races", renewed, races)
}

// open makes a connection, so that no handshake delays what comes next.
func (n *node) open(t *testing.T, web *http.Client) {
	t.Helper()
	res, err := web.Get(n.url(wire.OpCACerts, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
}

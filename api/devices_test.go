package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

func pair(t testing.TB, chain string, key *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	c := tls.Certificate{PrivateKey: crypto.Signer(key)}
	for rest := []byte(chain); ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return c
		}
		c.Certificate = append(c.Certificate, b.Bytes)
	}
}

func serialOf(c *x509.Certificate) string { return fmt.Sprintf("%032x", c.SerialNumber) }

func TestHoldReleaseDecommission(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	cert := w.device("sensor", "SN:1")

	d, err := c.Device(ctx, "sensor", "SN:1")
	must(t, err)
	if d.State != "active" || d.ID != "sensor/SN:1" || len(d.Certificates) != 1 || d.CertificateCount != 1 ||
		d.Certificates[0].Serial != serialOf(cert) || d.Certificates[0].PEM == "" || d.Certificates[0].Status != v1.StatusGood {
		t.Errorf("device %+v", d)
	}
	why := v1.Act{Comment: "stolen van", Ticket: "SEC-7"}
	dry, err := c.Hold(ctx, "sensor", "SN:1", why, true)
	must(t, err)
	if !dry.DryRun || dry.Device.State != "held" || len(dry.Changed) != 1 {
		t.Errorf("dry run %+v", dry)
	}
	held, err := c.Hold(ctx, "sensor", "SN:1", why, false)
	must(t, err)
	if held.Device.State != "held" || held.Device.Reason != "certificateHold" || held.Changed[0].Status != v1.StatusHeld || held.Feed == 0 {
		t.Errorf("held %+v", held)
	}
	if e := w.events(store.DeviceWasHeld); len(e) != 1 || e[0].Actor != "operator:root" || e[0].Source != "127.0.0.1" {
		t.Errorf("events %+v", e)
	}
	again, err := c.Hold(ctx, "sensor", "SN:1", why, false)
	must(t, err)
	if len(again.Changed) != 0 {
		t.Errorf("held twice: %+v", again)
	}
	if all := collect(t, c.Devices(ctx, client.DeviceFilter{State: "held"})); len(all) != 1 || all[0].Certificates != nil {
		t.Errorf("held devices %+v", all)
	}
	released, err := c.Release(ctx, "sensor", "SN:1", v1.Act{}, false)
	must(t, err)
	if released.Device.State != "active" || released.Changed[0].Status != v1.StatusGood {
		t.Errorf("released %+v", released)
	}
	ended, err := c.Decommission(ctx, "sensor", "SN:1", v1.Act{}, false)
	must(t, err)
	if ended.Device.State != "decommissioned" || ended.Changed[0].Reason != "cessationOfOperation" {
		t.Errorf("decommissioned %+v", ended)
	}
	_, err = c.Hold(ctx, "sensor", "SN:1", v1.Act{}, false)
	refused(t, err, v1.WrongState)
	_, err = c.Hold(ctx, "sensor", "SN-9", v1.Act{}, false)
	refused(t, err, v1.NotFound)
	// An act without a body is one without a comment.
	if a := w.raw(w.operator("r2", "admin", nil, nil)).do(http.MethodPost, "/v1/devices/sensor/SN-9/hold", ""); a.problem(t).Reason != v1.NotFound {
		t.Errorf("without a body: %s", a.body)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	one, two := w.device("sensor", "SN-1"), w.device("sensor", "SN-2")
	since := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)

	dry, err := c.Revoke(ctx, v1.RevocationRequest{Device: "sensor/SN-1", Reason: "keyCompromise", DryRun: true})
	must(t, err)
	if !dry.DryRun || dry.Device.State != "decommissioned" {
		t.Errorf("dry run %+v", dry)
	}
	done, err := c.Revoke(ctx, v1.RevocationRequest{
		Serial: serialOf(one), Reason: "keyCompromise", Comment: "found on the net", InvalidityDate: since,
	})
	must(t, err)
	if done.Device == nil || done.Device.State != "decommissioned" || len(done.Changed) != 1 ||
		done.Changed[0].Reason != "keyCompromise" || !done.Changed[0].InvalidAt.Equal(since) {
		t.Errorf("revoked %+v", done)
	}
	only, err := c.Revoke(ctx, v1.RevocationRequest{Serial: strings.ToUpper(serialOf(two)), Only: true, Reason: "superseded"})
	must(t, err)
	if len(only.Changed) != 1 || only.Changed[0].Status != v1.StatusRevoked {
		t.Errorf("only %+v", only)
	}
	d, err := c.Device(ctx, "sensor", "SN-2")
	must(t, err)
	if d.State != "active" {
		t.Errorf("device of a certificate revoked alone is %s", d.State)
	}
	got, err := c.Certificate(ctx, serialOf(two))
	must(t, err)
	if got.Status != v1.StatusRevoked || got.Reason != "superseded" || got.RevokedAt.IsZero() || got.Device != "sensor/SN-2" || len(got.SHA256) != 64 {
		t.Errorf("certificate %+v", got)
	}
	rows := []struct {
		name string
		r    v1.RevocationRequest
		want v1.Reason
	}{
		{"nobody named", v1.RevocationRequest{Reason: "superseded"}, v1.BadDocument},
		{"both named", v1.RevocationRequest{Device: "a/b", Serial: "01", Reason: "superseded"}, v1.BadDocument},
		{"no reason", v1.RevocationRequest{Device: "sensor/SN-2"}, v1.BadDocument},
		{"reason of deltas", v1.RevocationRequest{Device: "sensor/SN-2", Reason: "removeFromCRL"}, v1.BadDocument},
		{"only without a certificate", v1.RevocationRequest{Device: "sensor/SN-2", Only: true, Reason: "superseded"}, v1.BadDocument},
		{"control characters", v1.RevocationRequest{Device: "sensor/SN-2", Reason: "superseded", Comment: "a\x1b[2J"}, v1.BadDocument},
		{"future", v1.RevocationRequest{Device: "sensor/SN-2", Reason: "superseded", InvalidityDate: time.Now().Add(time.Hour)}, v1.BadDocument},
		{"no such device", v1.RevocationRequest{Device: "sensor/SN-9", Reason: "superseded"}, v1.NotFound},
		{"no such certificate", v1.RevocationRequest{Serial: "7f" + serialOf(two)[2:], Reason: "superseded"}, v1.NotFound},
		{"not hex", v1.RevocationRequest{Serial: "zz", Reason: "superseded"}, v1.BadQuery},
		{"a device as serial", v1.RevocationRequest{Serial: "sensor/SN-2", Reason: "superseded"}, v1.BadDocument},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := c.Revoke(ctx, row.r)
			refused(t, err, row.want)
		})
	}
	// A hold by another name.
	held, err := c.Revoke(ctx, v1.RevocationRequest{Device: "sensor/SN-2", Reason: "certificateHold"})
	must(t, err)
	if held.Device.State != "held" {
		t.Errorf("certificateHold %+v", held)
	}
}

func TestCertificateLists(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("a")
	w.product("b")
	for i := range 7 {
		w.device("a", fmt.Sprintf("SN-%d", i))
	}
	w.device("b", "SN-0")
	_, err := c.Decommission(ctx, "a", "SN-3", v1.Act{}, false)
	must(t, err)
	rows := []struct {
		f    client.CertificateFilter
		want int
	}{
		{client.CertificateFilter{}, 9}, // with root's own
		{client.CertificateFilter{Product: "a"}, 7},
		{client.CertificateFilter{Device: "a/SN-3"}, 1},
		{client.CertificateFilter{Device: "a/SN-99"}, 0},
		{client.CertificateFilter{Status: v1.StatusRevoked}, 1},
		{client.CertificateFilter{Status: v1.StatusGood, Product: "a"}, 6},
		{client.CertificateFilter{Issuer: "devices-1"}, 8},
		{client.CertificateFilter{Issuer: "operations-1"}, 1},
		{client.CertificateFilter{Issuer: "root"}, 0},
	}
	for _, row := range rows {
		all := collect(t, c.Certificates(ctx, row.f))
		if len(all) != row.want {
			t.Errorf("%+v: %d certificates, want %d", row.f, len(all), row.want)
		}
		for _, got := range all {
			if got.PEM != "" {
				t.Error("a list with PEM")
			}
		}
	}
	for range collectErr(c.Certificates(ctx, client.CertificateFilter{Issuer: "devices-9"}), v1.NotFound, t) {
	}
	r := w.raw(w.operator("r2", "admin", nil, nil))
	seen := walk(t, r, "/v1/devices?limit=3")
	if len(seen) != 8 || !slices.IsSorted(seen) {
		t.Errorf("by pages of 3: %v", seen)
	}
	if seen := walk(t, r, "/v1/devices?limit=2&product=a&state=active"); len(seen) != 6 {
		t.Errorf("filtered, by pages of 2: %v", seen)
	}
}

// walk reads a list page by page and returns the ids.
func walk(t testing.TB, r raw, path string) []string {
	t.Helper()
	var ids []string
	for next := ""; ; {
		url := path
		if next != "" {
			url += "&cursor=" + next
		}
		a := r.do(http.MethodGet, url, "")
		var page v1.Page[v1.Device]
		decode(t, a, &page)
		for _, d := range page.Items {
			ids = append(ids, d.ID)
		}
		if next = page.Next; next == "" {
			return ids
		}
	}
}

func TestAuthorityLists(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	w.device("sensor", "SN-1")
	issuers := collect(t, c.Issuers(ctx))
	if len(issuers) != 4 || issuers[0].Name != "root" || issuers[1].CRL != "http://pki.example.com/crl/devices-1.crl" || issuers[1].MaxValidity == "" {
		t.Errorf("issuers %+v", issuers)
	}
	devices, err := c.Issuer(ctx, "devices-1")
	must(t, err)
	if !strings.Contains(devices.Anchor, "BEGIN CERTIFICATE") || devices.Anchor == devices.PEM {
		t.Errorf("anchor %q", devices.Anchor)
	}
	_, err = c.Issuer(ctx, "devices-2")
	refused(t, err, v1.NotFound)

	published, err := c.PublishCRLs(ctx)
	must(t, err)
	crls := collect(t, c.CRLs(ctx))
	if len(crls) == 0 || len(crls) != len(published.CRLs) {
		t.Fatalf("crls %+v", crls)
	}
	for _, l := range crls {
		if l.Number == 0 || l.SignedAt.IsZero() || !l.NextUpdate.After(time.Now()) || !strings.HasPrefix(l.URL, "http://pki.example.com/crl/") {
			t.Errorf("crl %+v", l)
		}
	}
}

func TestAudit(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	cert := w.device("sensor", "SN-1")
	_, err := c.Hold(ctx, "sensor", "SN-1", v1.Act{Comment: "<script>alert(1)</script>"}, false)
	must(t, err)
	all := collect(t, c.Events(ctx, client.EventFilter{}))
	for i, e := range all {
		if e.Seq != uint64(i)+1 {
			t.Fatalf("event %d has sequence %d", i, e.Seq)
		}
	}
	if later := collect(t, c.Events(ctx, client.EventFilter{After: 3})); len(later) != len(all)-3 || later[0].Seq != 4 {
		t.Errorf("after 3: %d of %d", len(later), len(all))
	}
	held := collect(t, c.Events(ctx, client.EventFilter{Name: "device.held"}))
	if len(held) != 1 || held[0].Object != "sensor/SN-1" || held[0].Actor != "operator:root" {
		t.Errorf("held %+v", held)
	}
	about := collect(t, c.Events(ctx, client.EventFilter{Object: "sensor/SN-1"}))
	if !slices.ContainsFunc(about, func(e v1.Event) bool {
		return e.Name == "certificate.issued" && e.Serial == serialOf(cert) && e.Issuer == "devices-1"
	}) {
		t.Errorf("about the device %+v", about)
	}
	head, err := c.Checkpoint(ctx)
	must(t, err)
	if head.Size != int64(len(all)) || head.Note != "" || head.LogKey == "" {
		t.Errorf("checkpoint %+v", head)
	}
	// The leaves make the root that the node tells.
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	leaves := collect(t, c.Leaves(ctx, 0))
	for i, leaf := range leaves {
		if hash := tlog.RecordHash(leaf.Bytes); string(hash[:]) != string(leaf.Hash) {
			t.Errorf("leaf %d: hash %x, of its bytes %x", leaf.Seq, leaf.Hash, hash)
		}
		hashes, err := tlog.StoredHashes(int64(i), leaf.Bytes, reader)
		must(t, err)
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), reader)
	must(t, err)
	if hex.EncodeToString(root[:]) != head.Root {
		t.Errorf("root %x, the node says %s", root, head.Root)
	}
	// Threat 44: what a browser would take for a page is escaped.
	a := w.raw(w.operator("r2", "auditor", nil, nil)).do(http.MethodGet, "/v1/audit/events", "")
	if strings.Contains(string(a.body), "<script") || a.header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("header %v, body holds a script: %v", a.header, strings.Contains(string(a.body), "<script"))
	}
}

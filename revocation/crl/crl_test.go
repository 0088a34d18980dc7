package crl

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

var (
	oidExtIDP      = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidExtReason   = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidExtInvalid  = asn1.ObjectIdentifier{2, 5, 29, 24}
	oidExtFreshest = asn1.ObjectIdentifier{2, 5, 29, 46}
)

func extension(list []pkix.Extension, id asn1.ObjectIdentifier) *pkix.Extension {
	for i := range list {
		if list[i].Id.Equal(id) {
			return &list[i]
		}
	}
	return nil
}

// What crypto/x509 makes of the same facts is the same to the byte.
func TestCRL01EqualsOracle(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	for _, n := range []int{0, 1, 3, 300} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			h := &header{
				algorithm: a.SignatureAlgorithm(devices), issuer: a.issuers[devices].cert.RawSubject,
				thisUpdate: noon, nextUpdate: noon.AddDate(30, 0, 0), keyID: a.issuers[devices].cert.SubjectKeyId,
				number: uint64(noon.Unix()), idp: shardIDP(profile.ShardURL(baseURL, "devices-1", 0)),
			}
			template := &x509.RevocationList{
				Number: new(big.Int).SetUint64(h.number), ThisUpdate: h.thisUpdate, NextUpdate: h.nextUpdate,
				ExtraExtensions: []pkix.Extension{{Id: oidExtIDP, Critical: true, Value: h.idp}},
			}
			e := newEncoder(0, h)
			for i := range n {
				r := store.Revocation{RevokedAt: noon.AddDate(i, 0, 0), Reason: []uint8{0, 1, 4, 5, 6, 9}[i%6]}
				serial, err := profile.NewSerial(rand.Reader, uint64(i))
				if err != nil {
					t.Fatal(err)
				}
				r.Serial = serial
				e.add(&r)
				template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
					SerialNumber: new(big.Int).SetBytes(serial[:]), RevocationTime: r.RevokedAt, ReasonCode: int(r.Reason),
				})
			}
			tbs, err := e.finish(h)
			if err != nil {
				t.Fatal(err)
			}
			der, err := x509.CreateRevocationList(rand.Reader, template, a.issuers[devices].cert, a.issuers[devices].key)
			if err != nil {
				t.Fatal(err)
			}
			want, err := x509.ParseRevocationList(der)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(tbs, want.RawTBSRevocationList) {
				t.Errorf("got\n%x\nwant\n%x", tbs, want.RawTBSRevocationList)
			}
		})
	}
}

// The form of the three kinds of lists: issuer, key id, number, times.
func TestCRL02To07Form(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	a.revoke(a.issue(devices, "SN-1", 90*day), store.ReasonKeyCompromise)
	a.lease(p, births)
	c.add(time.Minute)
	a.catchUp(p)
	rows := []struct {
		path   string
		issuer store.IssuerID
		life   time.Duration
		idp    []byte
		count  int
	}{
		{shardPath(0), devices, shardLife, shardIDP(baseURL + shardPath(0)), 1},
		{"/crl/devices-1.crl", devices, completeLife, nil, 1},
		{"/crl/births-1/0.crl", births, birthsLife, shardIDP(baseURL + "/crl/births-1/0.crl"), 0},
		{"/crl/births-1.crl", births, birthsLife, nil, 0},
		{"/crl/operations-1.crl", operations, completeLife, nil, 0},
		{"/crl/root.crl", root, arlLife, arlIDP(), 0},
	}
	for _, row := range rows {
		t.Run(row.path, func(t *testing.T) {
			l := a.fetch(p, row.issuer, row.path)
			cert := a.issuers[row.issuer].cert
			if !bytes.Equal(l.RawIssuer, cert.RawSubject) {
				t.Errorf("CRL-02: issuer %x, want %x", l.RawIssuer, cert.RawSubject)
			}
			if !bytes.Equal(l.AuthorityKeyId, cert.SubjectKeyId) {
				t.Errorf("CRL-04: key id %x, want %x", l.AuthorityKeyId, cert.SubjectKeyId)
			}
			if l.Number == nil || l.Number.Int64() < noon.Unix() {
				t.Errorf("CRL-05: number %v, want at least %d", l.Number, noon.Unix())
			}
			idp := extension(l.Extensions, oidExtIDP)
			switch {
			case row.idp == nil && idp != nil:
				t.Error("CRL-07: a complete list has an IDP")
			case row.idp != nil && (idp == nil || !idp.Critical || !bytes.Equal(idp.Value, row.idp)):
				t.Errorf("CRL-07: IDP %v, want critical %x", idp, row.idp)
			}
			if extension(l.Extensions, oidExtFreshest) != nil {
				t.Error("CRL-09: freshestCRL without deltas")
			}
			if got := l.NextUpdate.Sub(l.ThisUpdate); got != row.life+backdate {
				t.Errorf("CRL-03: lives for %s, want %s", got, row.life+backdate)
			}
			if age := c.now().Sub(l.ThisUpdate); age < backdate || age > backdate+2*time.Minute {
				t.Errorf("PUB-05: thisUpdate is %s ago", age)
			}
			if len(l.RevokedCertificateEntries) != row.count {
				t.Errorf("%d entries, want %d", len(l.RevokedCertificateEntries), row.count)
			}
		})
	}
}

// The shard's name is, octet for octet, the one in the certificate.
func TestCRL07NameEqualsCDP(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	cert := a.issue(devices, "SN-1", 90*day)
	parsed, err := x509.ParseCertificate(cert.DER)
	if err != nil {
		t.Fatal(err)
	}
	var points []struct {
		Name asn1.RawValue `asn1:"tag:0"`
	}
	var idp struct {
		Name     asn1.RawValue `asn1:"tag:0"`
		OnlyUser bool          `asn1:"tag:1"`
	}
	cdp := extension(parsed.Extensions, asn1.ObjectIdentifier{2, 5, 29, 31})
	if _, err := asn1.Unmarshal(cdp.Value, &points); err != nil {
		t.Fatal(err)
	}
	l := a.fetch(p, devices, shardPath(0))
	if _, err := asn1.Unmarshal(extension(l.Extensions, oidExtIDP).Value, &idp); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(points[0].Name.FullBytes, idp.Name.FullBytes) || !idp.OnlyUser {
		t.Errorf("IDP name %x, onlyUser %t; CDP name %x", idp.Name.FullBytes, idp.OnlyUser, points[0].Name.FullBytes)
	}
}

func TestCRL03Times(t *testing.T) {
	rows := []struct {
		at   time.Time
		want string
	}{
		{time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), "\x17\x0d491231235959Z"},
		{time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), "\x18\x0f20500101000000Z"},
		{time.Date(2026, 2, 3, 4, 5, 6, 999, time.FixedZone("", 3600)), "\x17\x0d260203030506Z"},
		{time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), "\x18\x0f99991231235959Z"},
	}
	for _, row := range rows {
		if got := string(appendTime(nil, row.at)); got != row.want {
			t.Errorf("%s: %q, want %q", row.at, got, row.want)
		}
	}
}

// Numbers rise through restarts, a clock that goes back, and a store that was
// restored to an earlier state.
func TestCRL05NumberRises(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	last := a.fetch(p, devices, "/crl/devices-1.crl")
	steps := []struct {
		name string
		do   func()
	}{
		{"again in the same second", func() {}},
		{"an hour later", func() { c.add(time.Hour) }},
		{"the clock goes back", func() { c.add(-3 * time.Hour) }},
		{"restart", func() { p = a.publisher() }},
		{"restored store", func() {
			a.store.nextCRL = func(_ context.Context, crl store.CRL) (store.CRL, error) {
				crl.Number = uint64(crl.SignedAt.Unix())
				return crl, nil
			}
		}},
	}
	for _, step := range steps {
		step.do()
		if err := p.PublishNow(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		next := a.fetch(p, devices, "/crl/devices-1.crl")
		if next.Number.Cmp(last.Number) <= 0 {
			t.Errorf("%s: number %d after %d", step.name, next.Number, last.Number)
		}
		if next.ThisUpdate.Before(last.ThisUpdate) {
			t.Errorf("%s: thisUpdate %s after %s", step.name, next.ThisUpdate, last.ThisUpdate)
		}
		last = next
	}
}

func TestCRL10Reasons(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	certs := map[uint8]store.Certificate{}
	for reason := range store.ReasonAACompromise + 1 {
		if store.Revokes(reason) {
			certs[reason] = a.issue(devices, fmt.Sprintf("SN-%d", reason), 90*day)
			a.revoke(certs[reason], reason)
		}
	}
	a.catchUp(p)
	l := a.fetch(p, devices, shardPath(0))
	if len(l.RevokedCertificateEntries) != len(certs) {
		t.Fatalf("%d entries, want %d", len(l.RevokedCertificateEntries), len(certs))
	}
	for reason, cert := range certs {
		e := entry(l, cert)
		if e == nil || e.ReasonCode != int(reason) {
			t.Errorf("reason %d: %v", reason, e)
			continue
		}
		if has := extension(e.Extensions, oidExtReason) != nil; has != (reason != 0) {
			t.Errorf("reason %d: extension there: %t", reason, has)
		}
	}
}

// A hold is on the list and leaves it; a hold that becomes a revocation keeps
// its date and has the new reason.
func TestCRL11Hold(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	cert := a.issue(devices, "SN-1", 90*day)
	step := func(do func()) *x509.RevocationListEntry {
		t.Helper()
		c.add(time.Minute)
		do()
		a.catchUp(p)
		shard, complete := entry(a.fetch(p, devices, shardPath(0)), cert), entry(a.fetch(p, devices, "/crl/devices-1.crl"), cert)
		if (shard == nil) != (complete == nil) {
			t.Fatalf("shard %v, complete %v", shard, complete)
		}
		return shard
	}
	if e := step(func() { a.hold("SN-1") }); e == nil || e.ReasonCode != 6 {
		t.Fatalf("held: %v, want reason 6", e)
	}
	if e := step(func() { a.release("SN-1") }); e != nil {
		t.Fatalf("released: %v, want none", e)
	}
	held := step(func() { a.hold("SN-1") })
	revoked := step(func() { a.revoke(cert, store.ReasonKeyCompromise) })
	if revoked == nil || revoked.ReasonCode != 1 || !revoked.RevocationTime.Equal(held.RevocationTime) {
		t.Fatalf("revoked: %v, want reason 1 at %s", revoked, held.RevocationTime)
	}
}

// An entry is on one list dated after notAfter, then gone.
func TestCRL12Expired(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	cert := a.issue(devices, "SN-1", time.Hour)
	notAfter := cert.NotAfter
	c.add(notAfter.Sub(c.now()) - time.Second)
	a.revoke(cert, store.ReasonKeyCompromise)
	var dated []time.Time
	for range 6 {
		if err := p.PublishNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := a.fetch(p, devices, "/crl/devices-1.crl")
		if entry(l, cert) == nil {
			break
		}
		dated = append(dated, l.ThisUpdate)
		c.add(20 * time.Minute)
	}
	if len(dated) == 6 {
		t.Fatal("an expired entry never leaves the list")
	}
	if len(dated) == 0 || !dated[len(dated)-1].After(notAfter) {
		t.Fatalf("listed on lists dated %v, want one after notAfter %s", dated, notAfter)
	}
	if n := len(dated); n > 1 && dated[n-2].After(notAfter) {
		t.Errorf("listed on more than one list after notAfter %s: %v", notAfter, dated)
	}
}

func TestCRL13InvalidityDate(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	cert := a.issue(devices, "SN-1", 90*day)
	c.add(time.Hour)
	invalid := noon.Add(7 * time.Minute)
	_, err := a.store.Revoke(t.Context(), store.Revoke{Ref: cert.Ref, Reason: 0, InvalidAt: invalid, By: a.by()})
	if err != nil {
		t.Fatal(err)
	}
	a.catchUp(p)
	e := entry(a.fetch(p, devices, shardPath(0)), cert)
	x := extension(e.Extensions, oidExtInvalid)
	if x == nil || x.Critical || string(x.Value) != "\x18\x0f20260504120700Z" {
		t.Errorf("invalidityDate %v, want %s", x, invalid)
	}
	if extension(e.Extensions, oidExtReason) != nil {
		t.Error("reason 0 has an extension")
	}
	// A date past the revocation is cut to it.
	r := store.Revocation{Serial: cert.Serial, RevokedAt: noon, InvalidAt: noon.Add(time.Hour)}
	enc := newEncoder(0, &header{})
	enc.add(&r)
	if !bytes.Contains(enc.buf, []byte("\x18\x0f20260504120000Z")) {
		t.Errorf("%x, want invalidityDate = revocationDate", enc.buf)
	}
}

// CRL-14, CRL-17: no serial twice, the shards together are the complete list,
// and opening a shard moves nothing.
func TestCRL17UnionOfShards(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	var certs []store.Certificate
	for shard := range 3 {
		a.lease(p, devices)
		for i := range 3 {
			certs = append(certs, a.issue(devices, fmt.Sprintf("SN-%d-%d", shard, i), 90*day))
		}
	}
	for i, cert := range certs {
		if i%3 != 1 {
			a.revoke(cert, store.ReasonSuperseded)
		}
	}
	a.catchUp(p)
	var union, complete []string
	for shard := range uint64(3) {
		for _, e := range a.fetch(p, devices, shardPath(shard)).RevokedCertificateEntries {
			union = append(union, e.SerialNumber.String())
		}
	}
	before := a.fetch(p, devices, shardPath(0)).Number
	for _, e := range a.fetch(p, devices, "/crl/devices-1.crl").RevokedCertificateEntries {
		complete = append(complete, e.SerialNumber.String())
	}
	if len(union) != 6 || !slices.Equal(union, complete) {
		t.Errorf("shards have %v, the complete list %v", union, complete)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(complete)))) != len(complete) {
		t.Error("CRL-14: a serial number is there twice")
	}
	a.lease(p, devices)
	a.catchUp(p)
	if after := a.fetch(p, devices, shardPath(0)).Number; after.Cmp(before) != 0 {
		t.Errorf("opening a shard signed another: number %d after %d", after, before)
	}
}

// openssl judges: complete and shard list, good 0, revoked 23, wrong shard 44.
func TestCRL18OpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	a := newAuthority(t, func() time.Time { return time.Now().Truncate(time.Second) })
	p := a.caughtUp()
	a.lease(p, devices)
	good, bad, held := a.issue(devices, "SN-1", 90*day), a.issue(devices, "SN-2", 90*day), a.issue(devices, "SN-3", 90*day)
	a.lease(p, devices)
	other := a.issue(devices, "SN-4", 90*day)
	a.revoke(bad, store.ReasonKeyCompromise)
	a.hold("SN-3")
	a.catchUp(p)
	dir := t.TempDir()
	chain := writePEM(t, filepath.Join(dir, "chain.pem"), "CERTIFICATE", a.issuers[root].cert.Raw, a.issuers[devices].cert.Raw)
	list := func(path string) string {
		file := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		if err := os.WriteFile(file, get(p, path).Body.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const complete = "/crl/devices-1.pem"
	shard := []string{"/crl/devices-1/0.pem", "/crl/devices-1/1.pem"}
	rows := []struct {
		name  string
		cert  []byte
		lists []string
		flags []string
		want  string
	}{
		{"good, shard", good.DER, shard[:1], nil, "OK"},
		{"good, complete", good.DER, []string{complete}, nil, "OK"},
		{"revoked, shard", bad.DER, shard[:1], nil, "error 23 "},
		{"revoked, complete", bad.DER, []string{complete}, nil, "error 23 "},
		{"held, shard", held.DER, shard[:1], nil, "error 23 "},
		{"revoked, both", bad.DER, []string{complete, shard[0]}, nil, "error 23 "},
		{"good, another's shard", good.DER, shard[1:], nil, "error 44 "},
		{"revoked, another's shard", bad.DER, shard[1:], nil, "error 44 "},
		{"second shard", other.DER, shard[1:], nil, "OK"},
		{"whole chain with the bundle", good.DER, []string{"/crl/bundle.pem"}, []string{"-crl_check_all"}, "OK"},
		{"whole chain revoked", bad.DER, []string{"/crl/bundle.pem"}, []string{"-crl_check_all"}, "error 23 "},
		{"issuer with the ARL", a.issuers[devices].cert.Raw, []string{"/crl/root.pem"}, nil, "OK"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			leaf := writePEM(t, filepath.Join(t.TempDir(), "leaf.pem"), "CERTIFICATE", row.cert)
			args := []string{"verify", "-extended_crl", "-crl_check", "-CAfile", chain}
			for _, path := range row.lists {
				args = append(args, "-CRLfile", list(path))
			}
			args = append(append(args, row.flags...), leaf)
			out, _ := exec.CommandContext(t.Context(), openssl, args...).CombinedOutput()
			if !strings.Contains(string(out), row.want) || row.want != "OK" && strings.Contains(string(out), ": OK") {
				t.Errorf("got %s, want %s", out, row.want)
			}
		})
	}
	out, err := exec.CommandContext(t.Context(), openssl, "crl", "-in", list(shard[0]), "-CAfile", chain, "-noout", "-text").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "verify OK") || !strings.Contains(string(out), "Only User Certificates") {
		t.Errorf("openssl crl: %v\n%s", err, out)
	}
}

// CRL-19, and the rule that the root's key is used seldom.
func TestCRL19ARL(t *testing.T) {
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	for range 3 {
		c.add(30 * day)
		p = a.caughtUp()
		if err := p.PublishNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.signatures(root); n != 1 {
		t.Errorf("the root's key signed %d times in 90 days, want 1", n)
	}
	c.add(93 * day)
	a.catchUp(p)
	if n := a.signatures(root); n != 2 {
		t.Errorf("the root's key signed %d times at half of the ARL's life, want 2", n)
	}
	a.fetch(p, root, "/crl/root.crl")
}

// zlint finds nothing in any list.
func TestP5Zlint(t *testing.T) {
	zlint, err := exec.LookPath("zlint")
	if err != nil {
		t.Skip("zlint is not installed")
	}
	c := &clock{at: noon}
	a := newAuthority(t, c.now)
	p := a.caughtUp()
	a.lease(p, devices)
	a.revoke(a.issue(devices, "SN-1", 90*day), store.ReasonKeyCompromise)
	a.revoke(a.issue(devices, "SN-2", 90*day), store.ReasonUnspecified)
	a.catchUp(p)
	for _, path := range []string{"/crl/devices-1/0.pem", "/crl/devices-1.pem", "/crl/births-1.pem", "/crl/root.pem"} {
		w := get(p, path)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		file := filepath.Join(t.TempDir(), "list.pem")
		if err := os.WriteFile(file, w.Body.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), zlint, "-includeSources",
			"RFC5280,RFC5480,RFC3279,RFC8813,RFC5891,Community", file).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !bytes.Contains(out, []byte(`"pass"`)) {
			t.Errorf("%s: no lint ran: %s", path, out)
		}
		for _, word := range []string{`"error"`, `"warn"`, `"fatal"`} {
			if bytes.Contains(out, []byte(word)) {
				t.Errorf("%s: %s", path, out)
			}
		}
	}
}

package enroll_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

func TestEST057RenewAndRekey(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	same := w.gives(d.renews(csr(t, d.key, as(d.cert))))
	if string(d.cert.RawSubjectPublicKeyInfo) != string(same.RawSubjectPublicKeyInfo) {
		t.Error("renewal changed the key")
	}
	d = w.renewed(d)
	w.product("sensor", `{"keys":{"on_renewal":"new"}}`)
	w.refuses(d.renews(csr(t, d.key)), v1.RekeyRequired)
	w.renewed(d)
}

func TestEST055SubjectOfARenewal(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"roles":["sensor"],"operational":{"san":{"dns":["{serial}.example.com"]}}}`)
	d := w.enrolled("sensor", "SN-1")
	lower := pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: []int{2, 5, 4, 10}, Value: "TESTERS"},
		{Type: []int{2, 5, 4, 11}, Value: "Sensor"},
		{Type: wire.OIDCommonName, Value: "SN-1"},
		{Type: wire.OIDSerialNumber, Value: "SN-1"},
	}}
	dns := func(names ...string) option {
		return func(r *x509.CertificateRequest) { r.DNSNames = names }
	}
	for _, tt := range []struct {
		name    string
		options []option
		want    v1.Reason // empty: a certificate
	}{
		{"EST-059 empty", nil, ""},
		{"identical", []option{as(d.cert)}, ""},
		{"other case and string type", []option{name(lower)}, ""},
		{"SAN as a set", []option{dns("sn-1.EXAMPLE.com", "SN-1.example.com")}, ""},
		{"both", []option{as(d.cert), dns("SN-1.example.com")}, ""},
		{"another SAN", []option{dns("SN-1.example.com", "evil.example.com")}, v1.SubjectMismatch},
		{"less than the subject", []option{subject("SN-1")}, v1.SubjectMismatch},
		{"another OU", []option{name(pkix.Name{CommonName: "SN-1", SerialNumber: "SN-1", Organization: []string{"Testers"}, OrganizationalUnit: []string{"admin"}})}, v1.SubjectMismatch},
		{"Threat04 another serial", []option{subject("SN-2")}, v1.ClaimedSerialMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			r := d.renews(csr(t, newKey(t), tt.options...))
			if tt.want != "" {
				w.refuses(r, tt.want)
				return
			}
			c := w.gives(r)
			if c.Subject.String() != d.cert.Subject.String() || len(c.DNSNames) != 1 {
				t.Errorf("got %s %v, want %s", c.Subject, c.DNSNames, d.cert.Subject)
			}
		})
	}
}

// What is compared with follows the product; what is issued never does.
func TestEST055SubjectModes(t *testing.T) {
	w := newWorld(t)
	first := w.enrolled("sensor", "SN-1")
	w.product("sensor", `{"roles":["sensor"]}`)
	d := w.renewed(first) // has an OU now
	w.gives(d.renews(csr(t, newKey(t), as(first.cert))))
	w.product("sensor", `{"roles":["sensor"],"operational":{"renewal":{"subject":"presented"}}}`)
	w.refuses(d.renews(csr(t, newKey(t), as(first.cert))), v1.SubjectMismatch)
	w.product("sensor", `{"roles":["sensor"],"operational":{"renewal":{"subject":"ignore"}}}`)
	c := w.gives(d.renews(csr(t, newKey(t), subject("SN-666"))))
	if c.Subject.SerialNumber != "SN-1" {
		t.Errorf("got %s for SN-1", c.Subject)
	}
}

func TestEST058WrongOperation(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	w.product("other", `{}`)
	r := d.renews(csr(t, newKey(t)))
	r.Operation = wire.OpSimpleEnroll
	w.refuses(r, v1.UseSimplereenroll)
	r = d.renews(csr(t, newKey(t)))
	r.Label = "other"
	w.refuses(r, v1.LabelNotYours)
	r.Label = "nosuch"
	w.refuses(r, v1.NotFound)
	r.Label = "sensor"
	w.gives(r)
}

func TestEST018CertificateAndToken(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	both := d.renews(csr(t, newKey(t)))
	both.HasBasic, both.Password = true, "assay_wrong"
	w.gives(both) // the certificate suffices
	// At simpleenroll it does not: the token decides.
	both = withToken(w.token("sensor", "SN-1", 1), csr(t, newKey(t)))
	both.Peer = []*x509.Certificate{d.cert}
	w.gives(both)
	both.Password, both.CSR = "assay_wrong", csr(t, newKey(t))
	w.refuses(both, v1.CredentialRejected)
	// A bad certificate at simplereenroll is not mended by a token.
	bad := d.renews(csr(t, newKey(t)))
	bad.HasBasic, bad.Password = true, w.token("sensor", "SN-1", 1)
	w.refuses(bad, v1.CertificateRevoked) // the recovery above revoked it
}

// forged is a certificate like the device's by somebody else of the same name.
func forged(t *testing.T, w *world, like *x509.Certificate, cn string) *x509.Certificate {
	t.Helper()
	mallory := newIssuer(t, 2, store.KindDevices, cn, nil, w.clock)
	tmpl := *like
	tmpl.AuthorityKeyId, tmpl.RawIssuer = nil, nil
	parent := *mallory.cert
	parent.SubjectKeyId = w.devices.cert.SubjectKeyId
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, &parent, like.PublicKey, mallory.key)
	must(t, err)
	return parse(t, der)
}

func TestThreat18ClientCertificates(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	w.renewed(d)
	key := newKey(t)
	made := func(i *issuer, tmpl *x509.Certificate) *x509.Certificate {
		m, err := i.make(tmpl, key.Public())
		must(t, err)
		return parse(t, m.DER)
	}
	usual := func() *x509.Certificate {
		return &x509.Certificate{
			RawSubject: d.cert.RawSubject, NotAfter: w.clock.now().Add(day),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
	}
	otherOctets := usual() // the index of d's certificate, another serial number
	otherOctets.SerialNumber = new(big.Int).Xor(d.cert.SerialNumber, new(big.Int).Lsh(big.NewInt(1), 100))
	otherOctets.NotBefore = w.clock.now()
	der, err := x509.CreateCertificate(rand.Reader, otherOctets, w.devices.cert, key.Public(), w.devices.key)
	must(t, err)
	sameSerial := usual() // the whole serial number of d's certificate, other contents
	sameSerial.SerialNumber, sameSerial.NotBefore = d.cert.SerialNumber, w.clock.now()
	der2, err := x509.CreateCertificate(rand.Reader, sameSerial, w.devices.cert, key.Public(), w.devices.key)
	must(t, err)
	long := usual()
	long.SerialNumber, long.NotBefore = new(big.Int).Lsh(big.NewInt(3), 130), w.clock.now()
	der3, err := x509.CreateCertificate(rand.Reader, long, w.devices.cert, key.Public(), w.devices.key)
	must(t, err)
	for _, tt := range []struct {
		name string
		cert *x509.Certificate
		want v1.Reason
	}{
		{"foreign", forged(t, w, d.cert, "elsewhere"), v1.CertificateUnknown},
		{"forged issuer", forged(t, w, d.cert, "devices-1"), v1.CertificateUnknown},
		{"ours, not on record", made(w.devices, usual()), v1.CertificateUnknown},
		{"other octets", parse(t, der), v1.CertificateUnknown},
		{"same serial, other contents", parse(t, der2), v1.CertificateUnknown},
		{"serial too long", parse(t, der3), v1.CertificateUnknown},
		{"issued by the root", w.devices.cert, v1.CertificateUnknown},
		{"self-signed root", w.root.cert, v1.CertificateUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			bad := &device{id: d.id, cert: tt.cert}
			w.refuses(bad.renews(csr(t, newKey(t))), tt.want)
			w.refuses(bad.renews(csr(t, newKey(t))), tt.want) // nor from a cache
		})
	}
}

func TestEST012Times(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	w.clock.advance(-time.Hour)
	w.refuses(d.renews(csr(t, newKey(t))), v1.CertificateNotYetValid)
	w.clock.advance(time.Hour + 90*day)
	w.gives(d.renews(csr(t, newKey(t)))) // the last second counts
	w.clock.advance(time.Second)
	w.refuses(d.renews(csr(t, newKey(t))), v1.CertificateExpired)
}

func TestThreat18StatusOnEveryRequest(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	w.gives(d.renews(csr(t, newKey(t)))) // cached now
	_, err := w.store.Revoke(w.ctx(), store.Revoke{Ref: w.record(d.cert).Ref, Reason: 4, By: w.by("operator:mira")})
	must(t, err)
	w.refuses(d.renews(csr(t, newKey(t))), v1.CertificateRevoked)
}

// holder makes a certificate of operations-1, stored as the API does.
func (w *world) holder(kind, name, prof string, tmpl *x509.Certificate) *x509.Certificate {
	w.Helper()
	switch kind {
	case store.HolderStation:
		if _, err := w.store.Station(w.ctx(), name); err != nil {
			w.putStation(name, store.StationSpec{Site: "leipzig", Line: "l3"})
		}
	case store.HolderOperator:
		_, err := w.store.PutOperator(w.ctx(), store.PutOperator{Name: name, Role: "admin", Expect: store.AnyRevision, By: w.by("node")})
		must(w, err)
	}
	key := newKey(w)
	w.lastKey = key
	tmpl.Subject, tmpl.NotAfter = pkix.Name{CommonName: name}, w.clock.now().Add(30*day)
	m, err := w.operations.make(tmpl, key.Public())
	must(w, err)
	c := parse(w, m.DER)
	_, err = w.store.Issue(w.ctx(), store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: 3, Index: m.Index}, DER: m.DER, Serial: m.Serial,
			NotBefore: m.NotBefore, NotAfter: m.NotAfter, SPKI: c.RawSubjectPublicKeyInfo,
			Holder: store.Holder{Kind: kind, Name: name}, Profile: prof, Operation: store.OpAdmin, IssuedAt: w.clock.now(),
		},
		By: w.by("node"),
	})
	must(w, err)
	return c
}

func TestAuthenticateRoles(t *testing.T) {
	w := newWorld(t)
	clientAuth := func() *x509.Certificate {
		return &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	}
	serverAuth := func() *x509.Certificate {
		return &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	}
	cmcRA := &x509.Certificate{UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 28}}}
	operator := w.holder(store.HolderOperator, "mira", store.ProfileOperator, clientAuth())
	server := w.holder(store.HolderServer, "node", store.ProfileServer, serverAuth())
	for _, tt := range []struct {
		name string
		cert *x509.Certificate
		kind string
		want v1.Reason
	}{
		{"operator", operator, store.HolderOperator, ""},
		{"server", server, store.HolderServer, ""},
		{"station", w.holder(store.HolderStation, "l3-1", store.ProfileStation, cmcRA), store.HolderStation, ""},
		{"device", w.enrolled("sensor", "SN-1").cert, store.HolderDevice, ""},
		{"station with clientAuth alone", w.holder(store.HolderStation, "l3-2", store.ProfileStation, clientAuth()), "", v1.CertificateWrongUse},
		{"operator with serverAuth", w.holder(store.HolderOperator, "ola", store.ProfileOperator, serverAuth()), "", v1.CertificateWrongUse},
		{"server with clientAuth", w.holder(store.HolderServer, "n2", store.ProfileServer, clientAuth()), "", v1.CertificateWrongUse},
	} {
		id, err := w.service.Authenticate(w.ctx(), []*x509.Certificate{tt.cert})
		if tt.want != "" {
			wantReason(t, err, tt.want)
			continue
		}
		if err != nil || id.Kind != tt.kind {
			t.Errorf("%s: got %q, %v", tt.name, id.Kind, err)
		}
	}
	// None of them enrols or renews devices.
	for _, op := range []string{wire.OpSimpleEnroll, wire.OpSimpleReenroll} {
		for _, c := range []*x509.Certificate{operator, server} {
			w.refuses(enroll.Request{Operation: op, Peer: []*x509.Certificate{c}, CSR: csr(t, newKey(t), subject("SN-2"))}, v1.CertificateWrongUse)
		}
	}
	_, err := w.service.Authenticate(w.ctx(), nil)
	wantReason(t, err, v1.CredentialMissing)
	_, err = w.store.Revoke(w.ctx(), store.Revoke{Ref: store.Ref{Issuer: 3, Index: 0}, Reason: 1, By: w.by("node")})
	must(t, err)
	_, err = w.service.Authenticate(w.ctx(), []*x509.Certificate{operator})
	wantReason(t, err, v1.CertificateRevoked)
	w.clock.advance(31 * day)
	_, err = w.service.Authenticate(w.ctx(), []*x509.Certificate{server})
	wantReason(t, err, v1.CertificateExpired)
}

func TestAuthenticateHeldAndSuperseded(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	newer := w.renewed(d)
	w.renewed(newer) // presents newer, closes d
	_, err := w.service.Authenticate(w.ctx(), []*x509.Certificate{d.cert})
	wantReason(t, err, v1.CertificateSuperseded)
	_, err = w.store.Hold(w.ctx(), store.Hold{Device: d.id, By: w.by("operator:mira")})
	must(t, err)
	_, err = w.service.Authenticate(w.ctx(), []*x509.Certificate{newer.cert})
	wantReason(t, err, v1.CertificateHeld)
}

func TestAnotherIssuerIsGone(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	w.gives(d.renews(csr(t, newKey(t))))
	w.service.SetIssuers([]enroll.IssuerCert{{ID: 1, Kind: store.KindRoot, Certificate: w.root.cert}})
	w.refuses(d.renews(csr(t, newKey(t))), v1.CertificateUnknown)
}

// An answer may have been lost: any good certificate of the lineage renews,
// until a newer one was presented.
func TestEST061Fork(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	lost := w.renewed(d)
	kept := w.renewed(d) // the answer with lost never arrived
	w.renewed(kept)      // kept was presented
	for _, older := range []*device{d, lost} {
		w.refuses(older.renews(csr(t, newKey(t))), v1.RenewalFork)
		w.clock.advance(2 * time.Second)
	}
	incidents := w.events(store.IncidentOpened)
	if len(incidents) != 2 || incidents[0].Detail["kind"] != "renewal-fork" || incidents[0].Object != "sensor/SN-1" {
		t.Errorf("incidents: %+v", incidents)
	}
	w.renewed(kept) // the rightful one goes on
}

// A fourth live certificate closes the oldest never presented: no fork.
func TestEST061AtMostThreeLive(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	var lost []*device
	for range 4 {
		lost = append(lost, w.renewed(d))
	}
	if !w.record(lost[0].cert).Closed || w.record(lost[3].cert).Closed {
		t.Fatal("not the oldest was closed")
	}
	w.refuses(lost[0].renews(csr(t, newKey(t))), v1.CertificateSuperseded)
	if n := len(w.events(store.IncidentOpened)); n != 0 {
		t.Errorf("%d incidents, want none", n)
	}
	w.renewed(d)
}

func TestPresentedOnce(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	for range 3 {
		w.refuses(d.renews([]byte("no CSR")), v1.BadCSR) // to present it is enough
	}
	if !w.record(d.cert).Presented {
		t.Error("not recorded as presented")
	}
	if n := len(w.events(store.CertificatePresented)); n != 1 {
		t.Errorf("presented %d times", n)
	}
}

func TestRenewalGrace(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"operational":{"renewal":{"grace":"30d"}}}`)
	d := w.enrolled("sensor", "SN-1")
	other := w.enrolled("sensor", "SN-2")
	newer := w.renewed(other)
	w.clock.advance(110 * day)
	d2 := w.renewed(d)
	if d2.cert.NotAfter.Before(w.clock.now()) {
		t.Error("the renewed certificate has expired")
	}
	w.refuses(other.renews(csr(t, newKey(t))), v1.CertificateExpired) // not the newest
	w.renewed(newer)
	late := w.enrolled("sensor", "SN-3")
	w.clock.advance(121 * day)
	w.refuses(late.renews(csr(t, newKey(t))), v1.CertificateExpired)
}

// The answer to a renewal in grace may be lost like any other: the request is
// answered again, until the new certificate was presented.
func TestRenewalGraceRepeats(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"operational":{"renewal":{"grace":"30d"}}}`)
	d := w.enrolled("sensor", "SN-1")
	w.clock.advance(110 * day)
	key := newKey(t)
	r := d.renews(csr(t, key))
	first := w.answers(r)
	again := w.answers(r)
	if !again.Repeated || !bytes.Equal(first.Certificate, again.Certificate) {
		t.Error("the repeat got another certificate")
	}
	w.refuses(d.renews(csr(t, newKey(t))), v1.CertificateExpired)
	w.renewed(&device{id: d.id, key: key, cert: parse(t, first.Certificate)})
	w.refuses(r, v1.CertificateExpired)
}

// With renewal.revoke_old what a newer one replaced is revoked: who renews with
// it has forked the lineage all the same.
func TestEST061ForkOfARevokedOne(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"operational":{"renewal":{"revoke_old":true}}}`)
	d := w.enrolled("sensor", "SN-1")
	newer := w.renewed(d)
	w.renewed(newer) // presents it
	if c := w.record(d.cert); c.Status != store.Revoked {
		t.Fatal("the older one is not revoked")
	}
	other := d.renews(csr(t, newKey(t)))
	other.Operation = wire.OpSimpleEnroll
	w.refuses(other, v1.CertificateRevoked)
	if n := len(w.events(store.IncidentOpened)); n != 0 {
		t.Errorf("%d incidents about a certificate that did not renew", n)
	}
	w.clock.advance(2 * time.Second)
	w.refuses(d.renews(csr(t, newKey(t))), v1.CertificateRevoked)
	if e := w.events(store.IncidentOpened); len(e) != 1 || e[0].Detail["kind"] != "renewal-fork" {
		t.Errorf("incidents %+v, want a fork", e)
	}
}

// If notAfter fell inside a hold, grace counts from the release.
func TestRenewalGraceAfterAHold(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"operational":{"renewal":{"grace":"10d"}}}`)
	d := w.enrolled("sensor", "SN-1")
	w.clock.advance(80 * day)
	hold := store.Hold{Device: d.id, By: w.by("operator:mira")}
	_, err := w.store.Hold(w.ctx(), hold)
	must(t, err)
	w.clock.advance(60 * day)
	w.refuses(d.renews(csr(t, newKey(t))), v1.DeviceHeld)
	hold.By = w.by("operator:mira")
	_, err = w.store.Release(w.ctx(), hold)
	must(t, err)
	w.clock.advance(9 * day)
	w.renewed(d)
	w.clock.advance(102 * day)
	w.refuses(d.renews(csr(t, newKey(t))), v1.CertificateExpired)
}

func TestThreat19RevokeRacesRenew(t *testing.T) {
	w := newWorld(t)
	races := 200
	if testing.Short() {
		races = 20
	}
	for _, serial := range serials(races, "SN-%d") {
		d := w.enrolled("sensor", serial)
		r := d.renews(csr(t, newKey(t)))
		var both sync.WaitGroup
		both.Go(func() {
			_, err := w.service.Enroll(context.Background(), r)
			refusal, _ := errors.AsType[*v1.Refusal](err)
			if err != nil && refusal.Reason != v1.CertificateRevoked && refusal.Reason != v1.DeviceDecommissioned {
				t.Errorf("renewal: %v", err)
			}
		})
		both.Go(func() {
			_, err := w.store.Revoke(context.Background(), store.Revoke{Device: d.id, Reason: 1, By: w.by("operator:mira")})
			if err != nil {
				t.Errorf("revoke: %v", err)
			}
		})
		both.Wait()
		record, err := w.store.Device(w.ctx(), d.id)
		must(t, err)
		for _, ref := range record.Lineage {
			c, err := w.store.Certificate(w.ctx(), ref)
			must(t, err)
			if c.Status != store.Revoked {
				t.Fatalf("%s: certificate %v is good after the revocation", d.id, ref)
			}
		}
	}
}

func TestThreat14CloneOfAKey(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	other := w.enrolled("sensor", "SN-2")
	w.refuses(withToken(w.token("sensor", "", 1), csr(t, d.key, subject("SN-3"))), v1.KeyOfAnotherDevice)
	w.refuses(other.renews(csr(t, d.key)), v1.KeyOfAnotherDevice)
	w.refuses(withToken(w.token("sensor", "", 1), csr(t, w.devices.key, subject("SN-4"))), v1.KeyOfAnotherDevice)
	incidents := w.events(store.IncidentOpened)
	if len(incidents) != 5 || incidents[0].Object != "sensor/SN-3" || incidents[0].Detail["other"] != "device sensor/SN-1" ||
		incidents[1].Object != "sensor/SN-1" || incidents[1].Detail["other"] != "device sensor/SN-3" ||
		incidents[2].Object != "sensor/SN-2" || incidents[4].Object != "sensor/SN-4" {
		t.Errorf("incidents: %+v", incidents)
	}
}

func TestThreat15BlockedKey(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	other := w.enrolled("sensor", "SN-2")
	_, err := w.store.Revoke(w.ctx(), store.Revoke{Device: d.id, Reason: 1, By: w.by("operator:mira")})
	must(t, err)
	w.refuses(withToken(w.token("sensor", "", 1), csr(t, d.key, subject("SN-3"))), v1.KeyBlocked)
	w.refuses(withToken(w.token("sensor", "SN-1", 1), csr(t, d.key)), v1.KeyBlocked)
	w.refuses(other.renews(csr(t, d.key)), v1.KeyBlocked)
}

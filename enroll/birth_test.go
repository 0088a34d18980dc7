package enroll_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// born is a device with a birth certificate, made on the line.
func (w *world) born(st *crew, serial string) *device {
	w.Helper()
	d := &device{id: store.DeviceID{Product: "sensor", Serial: serial}, key: newKey(w)}
	r := st.enrols(csr(w, d.key, subject(serial)))
	r.Label = "sensor.birth"
	d.cert = w.gives(r)
	return d
}

// enrols posts to simpleenroll with the device's certificate.
func (d *device) enrols(csr []byte) enroll.Request {
	return enroll.Request{Operation: wire.OpSimpleEnroll, Peer: []*x509.Certificate{d.cert}, CSR: csr, Source: home}
}

func TestEST049BirthToOperational(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"birth":{}}`)
	w.batch("b1", 2, nil)
	st := w.station("l3-1")
	d := w.born(st, "SN-1")
	r := w.record(d.cert)
	if r.Issuer != w.births.id || r.Profile != store.ProfileBirth || !d.cert.NotAfter.Equal(w.births.cert.NotAfter) {
		t.Errorf("birth record %+v", r)
	}
	answer := w.answers(d.enrols(csr(t, newKey(t))))
	c := parse(t, answer.Certificate)
	if c.Subject.SerialNumber != "SN-1" || w.record(c).Profile != store.ProfileOperational || answer.RenewFrom.IsZero() {
		t.Errorf("got %s", c.Subject)
	}
	if b, err := w.store.Batch(w.ctx(), "b1"); err != nil || b.Used != 1 {
		t.Errorf("one device took %d of the batch, %v", b.Used, err)
	}
	// Wrong ways round.
	w.refuses(with(d.enrols(csr(t, newKey(t))), func(r *enroll.Request) { r.Operation = wire.OpSimpleReenroll }), v1.UseSimpleenroll)
	w.refuses(with(d.enrols(csr(t, newKey(t))), func(r *enroll.Request) { r.Label = "sensor.birth" }), v1.AdmissionNotAllowed)
	w.refuses(d.enrols(csr(t, newKey(t), subject("SN-2"))), v1.ClaimedSerialMismatch)
	op := &device{id: d.id, cert: c}
	w.refuses(with(op.renews(csr(t, newKey(t))), func(r *enroll.Request) { r.Label = "sensor.birth" }), v1.LabelNotYours)
}

// A birth certificate recovers a device that lost its key: the old certificate
// is revoked, and the other devices' are not.
func TestRecoveryByBirth(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"birth":{}}`)
	w.batch("b1", 2, nil)
	st := w.station("l3-1")
	d := w.born(st, "SN-1")
	first := w.gives(d.enrols(csr(t, newKey(t))))
	w.clock.advance(400 * day) // whatever expired since
	key := newKey(t)
	second := w.gives(d.enrols(csr(t, key)))
	third := w.gives(d.enrols(csr(t, newKey(t))))
	if got := [2]store.Status{w.record(first).Status, w.record(second).Status}; got != [2]store.Status{store.Good, store.Revoked} {
		t.Errorf("expired, replaced: %v", got)
	}
	w.refuses((&device{cert: second}).renews(csr(t, newKey(t))), v1.CertificateRevoked)
	w.gives((&device{cert: third}).renews(csr(t, newKey(t))))
	// A held device does not recover, a decommissioned one never.
	_, err := w.store.Hold(w.ctx(), store.Hold{Device: d.id, By: w.by("operator:mira")})
	must(t, err)
	w.refuses(d.enrols(csr(t, newKey(t))), v1.DeviceHeld)
	_, err = w.store.Revoke(w.ctx(), store.Revoke{Device: d.id, Reason: 5, By: w.by("operator:mira")})
	must(t, err)
	w.refuses(d.enrols(csr(t, newKey(t))), v1.CertificateRevoked)
}

func TestBirthRevokedWhileItRecovers(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"birth":{}}`)
	w.batch("b1", 2, nil)
	d := w.born(w.station("l3-1"), "SN-1")
	w.serve(racing{Store: w.store, beforeIssue: func() {
		_, err := w.store.Revoke(w.ctx(), store.Revoke{Ref: w.record(d.cert).Ref, Reason: 1, By: w.by("operator:mira")})
		must(t, err)
	}})
	_, err := w.service.Enroll(w.ctx(), d.enrols(csr(t, newKey(t))))
	wantReason(t, err, v1.CertificateRevoked)
}

func TestBirthsNeedAnIssuer(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"birth":{"admit":["token"]}}`)
	r := withToken(w.token("sensor", "SN-1", 1), csr(t, newKey(t)))
	r.Label = "sensor.birth"
	w.gives(r)
	w.service.SetIssuers([]enroll.IssuerCert{{ID: 2, Kind: store.KindDevices, Certificate: w.devices.cert}})
	r.Password, r.CSR = w.token("sensor", "SN-2", 1), csr(t, newKey(t))
	w.refuses(r, v1.BirthsNeedPublicURL)
	all, err := w.service.CACerts(w.ctx(), "sensor")
	must(t, err)
	if len(all) != 1 {
		t.Errorf("%d certificates, want devices-1 alone", len(all))
	}
}

// The birth key signs what the device says of itself: T1 from the start.
func TestSelfEvidenceByBirthKey(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"birth":{}}`)
	w.batch("b1", 2, nil)
	w.firmware("1.0", 1)
	d := w.born(w.station("l3-1"), "SN-1")
	w.product("sensor", `{"birth":{},"firmware":{"formats":["self"],"tier":"T1","renewal_tier":"T1"}}`)
	ask := func(signer crypto.Signer) enroll.Request {
		r, key := d.enrols(nil), newKey(t)
		r.CSR = evident(t, key, "SN-1", w.self("SN-1", key, nonceOf(w.nonce(r)), signedBy(signer)))
		return r
	}
	w.refuses(ask(newKey(t)), v1.EvidenceUntrusted)
	c := w.gives(ask(d.key))
	if got := w.deviceOf("SN-1").Evidence.Tier; got != "T1" {
		t.Errorf("tier %s, want T1", got)
	}
	// At a renewal too, not the operational key.
	key := newKey(t)
	r := (&device{cert: c}).renews(nil)
	r.CSR = evident(t, key, "", w.self("SN-1", key, nonceOf(w.nonce(r)), signedBy(d.key)))
	w.gives(r)
}

func TestEST038BirthsInCACerts(t *testing.T) {
	w := newWorld(t)
	w.product("born", `{"birth":{}}`)
	for label, want := range map[string]int{"": 3, "sensor": 2, "born": 3, "born.birth": 3} {
		all, err := w.service.CACerts(w.ctx(), label)
		must(t, err)
		if len(all) != want || !bytes.Equal(all[0], w.root.cert.Raw) {
			t.Errorf("label %q: %d certificates, want %d", label, len(all), want)
		}
	}
	_, err := w.service.CACerts(w.ctx(), "sensor.birth")
	wantReason(t, err, v1.NotFound)
}

// renewal.revoke_old puts what is superseded on CRL and OCSP.
func TestRevokeOld(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"operational":{"renewal":{"revoke_old":true}}}`)
	d := w.enrolled("sensor", "SN-1")
	newer := w.renewed(d)
	w.clock.advance(time.Hour)
	w.renewed(newer) // presents it
	if r := w.record(d.cert); r.Status != store.Revoked || r.Reason != store.ReasonSuperseded {
		t.Errorf("status %d, reason %d; want revoked, superseded", r.Status, r.Reason)
	}
	w.clock.advance(2 * time.Second)
	w.refuses(d.renews(csr(t, newKey(t))), v1.CertificateRevoked)
}

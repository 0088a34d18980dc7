package enroll_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/store"
)

func (w *world) answers(r enroll.Request) enroll.Answer {
	w.Helper()
	a, err := w.service.Enroll(w.ctx(), r)
	must(w, err)
	return a
}

// The request that used the token up is answered again for a day, whatever
// became of the token.
func TestEST048RepeatOfASpentToken(t *testing.T) {
	w := newWorld(t)
	token := w.token("sensor", "", 1)
	r := withToken(token, csr(t, newKey(t), subject("SN-1")))
	first := w.answers(r)
	w.clock.advance(2 * time.Hour) // expired as well
	_, err := w.store.VoidToken(w.ctx(), sha256.Sum256([]byte(token)), w.by("operator:mira"))
	must(t, err)
	again := w.answers(r)
	if !again.Repeated || !bytes.Equal(first.Certificate, again.Certificate) || !first.RenewFrom.Equal(again.RenewFrom) {
		t.Errorf("repeated %v, same certificate %v", again.Repeated, bytes.Equal(first.Certificate, again.Certificate))
	}
	if got := len(w.events(store.CertificateRepeated)); got != 1 {
		t.Errorf("%d events certificate.repeated, want 1", got)
	}
	if got := len(w.events(store.TokenRedeemed)); got != 1 {
		t.Errorf("token redeemed %d times", got)
	}
	labelled := r
	labelled.Label = "sensor" // another request
	w.refuses(labelled, v1.CredentialRejected)
	other := r
	other.CSR = csr(t, newKey(t), subject("SN-1"))
	w.refuses(other, v1.CredentialRejected)
	w.clock.advance(23 * time.Hour)
	w.refuses(r, v1.CredentialRejected)
}

func TestEST048NoRepeatOfWhatIsNoLongerGood(t *testing.T) {
	w := newWorld(t)
	r := withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-1")))
	w.answers(r)
	id := store.DeviceID{Product: "sensor", Serial: "SN-1"}
	_, err := w.store.Hold(w.ctx(), store.Hold{Device: id, By: w.by("operator:mira")})
	must(t, err)
	w.refuses(r, v1.CredentialRejected) // a spent token hears nothing of the device
	_, err = w.store.Revoke(w.ctx(), store.Revoke{Device: id, Reason: 1, By: w.by("operator:mira")})
	must(t, err)
	w.refuses(r, v1.CredentialRejected)
}

func TestEST048RepeatOfARenewal(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	r := d.renews(csr(t, newKey(t)))
	first := w.answers(r)
	w.clock.advance(time.Hour)
	again := w.answers(r)
	if !again.Repeated || !bytes.Equal(first.Certificate, again.Certificate) {
		t.Error("the repeat got another certificate")
	}
	w.clock.advance(24 * time.Hour)
	if later := w.answers(r); later.Repeated || bytes.Equal(first.Certificate, later.Certificate) {
		t.Error("after a day the request is a new one")
	}
}

// The principal of a renewal is the certificate: the same octets sent with the
// new one are a new request.
func TestRepeatIsBoundToTheCertificate(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	request := csr(t, d.key)
	first := w.answers(d.renews(request))
	newer := &device{id: d.id, key: d.key, cert: parse(t, first.Certificate)}
	if second := w.answers(newer.renews(request)); second.Repeated {
		t.Error("a renewal by another certificate is called a repeat")
	}
}

// A client in a loop does not fill the log.
func TestRepeatsAreCounted(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	r := d.renews(csr(t, newKey(t)))
	for range 20 {
		w.answers(r)
	}
	w.clock.advance(2 * time.Second)
	w.answers(r)
	events := w.events(store.CertificateRepeated)
	if len(events) != 2 || events[1].Count != 19 {
		t.Errorf("%d events, the last counts %d; want 2, 19", len(events), events[len(events)-1].Count)
	}
}

// The same key in another request: the newest good certificate, and the token is
// not consumed.
func TestSameKeyAnotherCSR(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	first := w.answers(withToken(w.token("sensor", "", 1), csr(t, key, subject("SN-1"))))
	token := w.token("sensor", "", 1)
	again := w.answers(withToken(token, csr(t, key, subject("SN-1"))))
	if !again.Repeated || !bytes.Equal(first.Certificate, again.Certificate) {
		t.Error("the same key got a second certificate")
	}
	w.gives(withToken(token, csr(t, newKey(t), subject("SN-2"))))
}

func TestSerialHasIdentity(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	w.refuses(withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-1"))), v1.SerialHasIdentity)
	// A token made for the serial recovers it: the older one is revoked.
	key := newKey(t)
	c := w.gives(withToken(w.token("sensor", "SN-1", 1), csr(t, key, subject("SN-1"))))
	if r := w.record(d.cert); r.Status != store.Revoked || r.Reason != store.ReasonSuperseded {
		t.Errorf("the replaced certificate: status %d, reason %d", r.Status, r.Reason)
	}
	w.refuses(d.renews(csr(t, d.key)), v1.CertificateRevoked)
	w.renewed(&device{id: d.id, key: key, cert: c})
}

// After expiry nothing is left to protect: an unbound token may enrol anew.
func TestExpiredIdentityDoesNotBlock(t *testing.T) {
	w := newWorld(t)
	w.enrolled("sensor", "SN-1")
	w.clock.advance(91 * day)
	w.gives(withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-1"))))
}

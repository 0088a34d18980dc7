package enroll_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"testing"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// racing lets something happen after all checks, just before an act.
type racing struct {
	store.Store
	beforeIssue, beforePresent func()
}

func (r racing) Issue(ctx context.Context, i store.Issuance) (store.Issued, error) {
	if r.beforeIssue != nil {
		r.beforeIssue()
	}
	return r.Store.Issue(ctx, i)
}

func (r racing) Present(ctx context.Context, p store.Presentation) error {
	if r.beforePresent != nil {
		r.beforePresent()
	}
	return r.Store.Present(ctx, p)
}

// What the store finds inside its transaction is said as if it had been found
// before.
func TestChangedBetweenCheckAndCommit(t *testing.T) {
	mira := "operator:mira"
	hold := func(w *world, id store.DeviceID) {
		_, err := w.store.Hold(w.ctx(), store.Hold{Device: id, By: w.by(mira)})
		must(w, err)
	}
	revoke := func(w *world, r store.Revoke) {
		r.By = w.by(mira)
		_, err := w.store.Revoke(w.ctx(), r)
		must(w, err)
	}
	sn1 := store.DeviceID{Product: "sensor", Serial: "SN-1"}
	renew := func(w *world, d *device) enroll.Request { return d.renews(csr(w, newKey(w))) }
	recovers := func(w *world, _ *device) enroll.Request {
		return withToken(w.token("sensor", "SN-1", 1), csr(w, newKey(w)))
	}
	for _, tt := range []struct {
		name    string
		request func(*world, *device) enroll.Request
		happens func(*world, *device, enroll.Request)
		want    v1.Reason
	}{
		{"held, renewal", renew, func(w *world, _ *device, _ enroll.Request) { hold(w, sn1) }, v1.DeviceHeld},
		{"held, token", recovers, func(w *world, _ *device, _ enroll.Request) { hold(w, sn1) }, v1.DeviceHeld},
		{"decommissioned", renew, func(w *world, _ *device, _ enroll.Request) { revoke(w, store.Revoke{Device: sn1, Reason: 5}) }, v1.DeviceDecommissioned},
		{"certificate revoked", renew, func(w *world, d *device, _ enroll.Request) {
			revoke(w, store.Revoke{Ref: w.record(d.cert).Ref, Reason: 4})
		}, v1.CertificateRevoked},
		{"token voided", recovers, func(w *world, _ *device, r enroll.Request) {
			_, err := w.store.VoidToken(w.ctx(), sha256.Sum256([]byte(r.Password)), w.by(mira))
			must(w, err)
		}, v1.CredentialRejected},
		{"key taken", recovers, func(w *world, _ *device, r enroll.Request) {
			w.issueDirectly("sensor", "SN-7", r.CSR)
		}, v1.KeyOfAnotherDevice},
		{"key blocked", recovers, func(w *world, _ *device, r enroll.Request) {
			c := w.issueDirectly("sensor", "SN-7", r.CSR)
			revoke(w, store.Revoke{Ref: c, Reason: 1})
		}, v1.KeyBlocked},
		{"first key taken", func(w *world, _ *device) enroll.Request {
			return withToken(w.token("sensor", "", 1), csr(w, newKey(w), subject("SN-2")))
		}, func(w *world, _ *device, _ enroll.Request) {
			w.issueDirectly("sensor", "SN-2", csr(w, newKey(w), subject("SN-2")))
		}, v1.SerialHasIdentity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			d := w.enrolled("sensor", "SN-1")
			r := tt.request(w, d)
			w.serve(racing{Store: w.store, beforeIssue: func() { tt.happens(w, d, r) }})
			_, err := w.service.Enroll(w.ctx(), r)
			wantReason(t, err, tt.want)
		})
	}
}

// issueDirectly stores a certificate for the key of a CSR, beside the service.
func (w *world) issueDirectly(product, serial string, request []byte) store.Ref {
	w.Helper()
	parsed, err := wire.ParseCSR(request)
	must(w, err)
	key, err := parsed.PublicKey()
	must(w, err)
	m, err := w.devices.make(&x509.Certificate{
		NotAfter: w.clock.now().Add(day), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key)
	must(w, err)
	id := store.DeviceID{Product: product, Serial: serial}
	i, err := w.store.Issue(w.ctx(), store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: 2, Index: m.Index}, DER: m.DER, Serial: m.Serial, NotBefore: m.NotBefore,
			NotAfter: m.NotAfter, SPKI: parsed.SPKI, Holder: store.Holder{Kind: store.HolderDevice, Name: id.String()},
			Profile: store.ProfileOperational, Operation: store.OpAdmin, IssuedAt: w.clock.now(),
		},
		Device: id, By: w.by("node"),
	})
	must(w, err)
	return i.Certificate.Ref
}

// A newer certificate is presented while an older one renews: whichever comes
// first, the older one never gets past it.
func TestPresentedWhileAnOlderOneRenews(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	newer := w.renewed(d)
	overtake := func() {
		must(t, w.store.Present(w.ctx(), store.Presentation{Ref: w.record(newer.cert).Ref, By: w.by("device:sensor/SN-1")}))
	}
	w.serve(racing{Store: w.store, beforeIssue: overtake})
	_, err := w.service.Enroll(w.ctx(), d.renews(csr(t, newKey(t))))
	wantReason(t, err, v1.RenewalFork)
	if n := len(w.events(store.IncidentOpened)); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
}

func TestClosedBeforeItIsPresented(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	lost, kept := w.renewed(d), w.renewed(d)
	w.serve(racing{Store: w.store, beforePresent: func() {
		must(t, w.store.Present(w.ctx(), store.Presentation{Ref: w.record(kept.cert).Ref, By: w.by("device:sensor/SN-1")}))
	}})
	_, err := w.service.Enroll(w.ctx(), lost.renews(csr(t, newKey(t))))
	wantReason(t, err, v1.RenewalFork)
}

// altered shows records as no act of this version makes them.
type altered struct {
	store.Store
	device      func(*store.Device)
	certificate func(*store.Certificate)
}

func (a altered) Device(ctx context.Context, id store.DeviceID) (store.Device, error) {
	d, err := a.Store.Device(ctx, id)
	if a.device != nil && err == nil {
		a.device(&d)
	}
	return d, err
}

func (a altered) Certificate(ctx context.Context, ref store.Ref) (store.Certificate, error) {
	c, err := a.Store.Certificate(ctx, ref)
	if a.certificate != nil && err == nil {
		a.certificate(&c)
	}
	return c, err
}

func TestRecordsOfLaterStages(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	whole := w.store
	enrolling := d.renews(csr(t, newKey(t)))
	enrolling.Operation = wire.OpSimpleEnroll
	labelled := enrolling
	labelled.Label = "sensor.birth"
	for _, tt := range []struct {
		name string
		s    altered
		r    enroll.Request
		want v1.Reason
	}{
		{"scrapped", altered{device: func(d *store.Device) { d.State = store.DeviceScrapped }}, d.renews(csr(t, newKey(t))), v1.DeviceScrapped},
		{"no state", altered{device: func(d *store.Device) { d.State = 99 }}, d.renews(csr(t, newKey(t))), v1.StoreUnavailable},
		{"certificate alone held", altered{certificate: func(c *store.Certificate) { c.Status = store.Held }}, d.renews(csr(t, newKey(t))), v1.CertificateHeld},
		{"birth renews", altered{certificate: func(c *store.Certificate) { c.Profile = store.ProfileBirth }}, d.renews(csr(t, newKey(t))), v1.UseSimpleenroll},
		{"birth enrols a birth", altered{certificate: func(c *store.Certificate) { c.Profile = store.ProfileBirth }}, labelled, v1.AdmissionNotAllowed},
		{"holder of no kind", altered{certificate: func(c *store.Certificate) { c.Holder.Kind = "edge" }}, enrolling, v1.CertificateWrongUse},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.Store = whole
			w := *w
			w.TB = t
			w.serve(tt.s)
			w.refuses(tt.r, tt.want)
		})
	}
}

// A spent token hears one answer, whatever its request is.
func TestSpentTokenLearnsNothing(t *testing.T) {
	w := newWorld(t)
	w.enrolled("sensor", "SN-2")
	token := w.token("sensor", "", 1)
	first := withToken(token, csr(t, newKey(t), subject("SN-1")))
	w.gives(first)
	otherUser := first
	otherUser.User = "SN-2"
	for i, r := range []enroll.Request{
		withToken(token, []byte("no CSR")), withToken(token, csr(t, newKey(t))), otherUser,
		withToken(token, csr(t, newKey(t), subject("SN-2"))), withToken(token, csr(t, newKey(t), subject("SN-3"))),
	} {
		r.Source = home.Next()
		t.Log(i)
		w.refuses(r, v1.CredentialRejected)
	}
}

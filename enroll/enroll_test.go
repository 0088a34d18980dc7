package enroll_test

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

func TestNewNamesEveryMissingField(t *testing.T) {
	_, err := enroll.New(enroll.Config{})
	for _, field := range []string{"Store", "Issuer", "Issuers", "Now", "Log"} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte("Config."+field+" ")) {
			t.Errorf("got %v, want Config.%s named", err, field)
		}
	}
}

func TestEST044EnrolByToken(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	token := w.token("sensor", "SN-1", 1)
	a, err := w.service.Enroll(w.ctx(), withToken(token, csr(t, key, subject("SN-1"))))
	must(t, err)
	c := parse(t, a.Certificate)
	if !key.PublicKey.Equal(c.PublicKey) || c.Subject.SerialNumber != "SN-1" {
		t.Errorf("got a certificate of %s, or with another key", c.Subject)
	}
	if a.Repeated {
		t.Error("the first certificate is called a repeat")
	}
	life := c.NotAfter.Sub(c.NotBefore)
	if from, want := a.RenewFrom.Sub(c.NotBefore), life/2; from < want-time.Second || from > want {
		t.Errorf("advice begins after %s of %s", from, life)
	}
	if until, want := a.RenewUntil.Sub(c.NotBefore), life*3/4; until < want-time.Second || until > want {
		t.Errorf("advice ends after %s of %s", until, life)
	}
	r := w.record(c)
	if r.Principal == "" || r.Operation != wire.OpSimpleEnroll || r.Revision != 1 || r.Holder.Name != "sensor/SN-1" {
		t.Errorf("record %+v", r)
	}
	if got := len(w.events(store.TokenRedeemed)); got != 1 {
		t.Errorf("%d events token.redeemed, want 1", got)
	}
}

// Every reason of this stage that a request alone can bring about.
func TestReasonsOfARequest(t *testing.T) {
	w := newWorld(t)
	w.product("closed", `{"operational":{"admit":["station"]}}`)
	w.product("pattern", `{"serial_pattern":"SN-[0-9]{4}"}`)
	key := newKey(t)
	good := func() []byte { return csr(t, key, subject("SN-1")) }
	tok := func(serial string) string { return w.token("sensor", serial, 1) }
	type row struct {
		name string
		r    enroll.Request
		want v1.Reason
	}
	with := func(r enroll.Request, change func(*enroll.Request)) enroll.Request { change(&r); return r }
	for _, tt := range []row{
		{"no credential", enroll.Request{Operation: wire.OpSimpleEnroll, CSR: good(), Source: home}, v1.CredentialMissing},
		{"unknown operation", with(withToken(tok(""), good()), func(r *enroll.Request) { r.Operation = "fullcmc" }), v1.NotFound},
		{"EST-006 unknown label", with(withToken(tok(""), good()), func(r *enroll.Request) { r.Label = "nosuch" }), v1.NotFound},
		{"birth label", with(withToken(tok(""), good()), func(r *enroll.Request) { r.Label = "sensor.birth" }), v1.NotFound},
		{"label of another product", with(withToken(tok(""), good()), func(r *enroll.Request) { r.Label = "pattern" }), v1.CredentialRejected},
		{"token not admitted", withToken(w.token("closed", "", 1), good()), v1.AdmissionNotAllowed},
		{"token renews", with(withToken(tok(""), good()), func(r *enroll.Request) { r.Operation = wire.OpSimpleReenroll }), v1.UseSimpleenroll},
		{"bad token renews", with(withToken("assay_x", good()), func(r *enroll.Request) { r.Operation = wire.OpSimpleReenroll }), v1.CredentialRejected},
		{"EST-035 edge could not decode", with(withToken(tok(""), nil), func(r *enroll.Request) { r.Fault = v1.Refuse(v1.BadBase64, "") }), v1.BadBase64},
		{"EST-035 trailing octet", withToken(tok(""), append(good(), 0)), v1.BadCSR},
		{"empty", withToken(tok(""), nil), v1.BadCSR},
		{"control character", withToken(tok(""), csr(t, key, name(pkix.Name{CommonName: "SN-1\x1b[2J"}))), v1.BadCSR},
		{"no serial", withToken(tok(""), csr(t, key)), v1.SerialMissing},
		{"serial breaks pattern", withToken(w.token("pattern", "", 1), csr(t, key, subject("SN-1"))), v1.SerialMalformed},
		{"serial too long", withToken(tok(""), csr(t, key, name(pkix.Name{CommonName: string(bytes.Repeat([]byte("x"), 65))}))), v1.SerialMalformed},
		{"two serials", withToken(tok(""), csr(t, key, name(pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: wire.OIDSerialNumber, Value: "SN-1"}, {Type: wire.OIDSerialNumber, Value: "SN-2"},
		}}))), v1.SerialMalformed},
		{"Threat04 serial of another", withToken(tok("SN-2"), good()), v1.ClaimedSerialMismatch},
		{"EST-017 user is another serial", with(withToken(tok(""), good()), func(r *enroll.Request) { r.User = "SN-2" }), v1.ClaimedSerialMismatch},
		{"linking without a binding", withToken(tok(""), challenged(t, key, "SN-1", "Zm9v")), v1.LinkingFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			w.refuses(tt.r, tt.want)
		})
	}
}

func TestEST005WithAndWithoutLabel(t *testing.T) {
	w := newWorld(t)
	for i, label := range []string{"", "sensor"} {
		serial := serials(2, "SN-%d")[i]
		r := withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject(serial)))
		r.Label = label
		if c := w.gives(r); c.Subject.SerialNumber != serial {
			t.Errorf("label %q: got %s", label, c.Subject)
		}
	}
}

func TestBoundTokenNeedsNoSerialInTheCSR(t *testing.T) {
	w := newWorld(t)
	c := w.gives(withToken(w.token("sensor", "SN-9", 1), csr(t, newKey(t))))
	if c.Subject.SerialNumber != "SN-9" {
		t.Errorf("got %s", c.Subject)
	}
}

func TestEST017UserIsTheSerialOrEmpty(t *testing.T) {
	w := newWorld(t)
	for i, user := range []string{"", "SN-1"} {
		r := withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject(serials(2, "SN-%d")[i])))
		r.User = user
		w.gives(r)
	}
}

func TestClockInDoubtIssuesNothing(t *testing.T) {
	w := newWorld(t)
	doubt := errors.New("stepped by 2h")
	w.doubt.Store(&doubt)
	token := w.token("sensor", "", 1)
	r := w.refuses(withToken(token, csr(t, newKey(t), subject("SN-1"))), v1.Clock)
	if r.RetryAfter == 0 {
		t.Error("no advice when to try again")
	}
	w.doubt.Store(nil)
	w.gives(withToken(token, csr(t, newKey(t), subject("SN-1"))))
}

func TestSignerTrouble(t *testing.T) {
	w := newWorld(t)
	token := w.token("sensor", "", 1)
	request := csr(t, newKey(t), subject("SN-1"))
	for _, tt := range []struct {
		err  error
		want v1.Reason
	}{
		{errors.New("token pulled"), v1.SignerUnavailable},
		{store.ErrIndexExhausted, v1.IndexExhausted},
		{store.ErrUnavailable, v1.StoreUnavailable},
		{context.Canceled, v1.Overloaded},
		{v1.Refuse(v1.Starting, ""), v1.Starting},
	} {
		w.devices.fail.Store(&tt.err)
		_, err := w.service.Enroll(w.ctx(), withToken(token, request))
		wantReason(t, err, tt.want)
	}
	w.devices.fail.Store(nil)
	w.gives(withToken(token, request)) // the token was not consumed by any of them
}

// broken is a store whose Issue fails: before, or after it has stored.
type broken struct {
	store.Store
	stored bool
}

func (b broken) Issue(ctx context.Context, i store.Issuance) (store.Issued, error) {
	if b.stored {
		if _, err := b.Store.Issue(ctx, i); err != nil {
			return store.Issued{}, err
		}
	}
	return store.Issued{}, store.ErrUnavailable
}

func TestEST100StoreTroubleReleasesNothing(t *testing.T) {
	w := newWorld(t)
	whole := w.store
	for i, stored := range []bool{false, true} {
		serial := serials(2, "SN-%d")[i]
		r := withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject(serial)))
		w.serve(broken{whole, stored})
		_, err := w.service.Enroll(w.ctx(), r)
		if got := wantReason(t, err, v1.StoreUnavailable); got.RetryAfter == 0 {
			t.Error("no advice when to try again")
		}
		w.serve(whole)
		a, err := w.service.Enroll(w.ctx(), r) // the same again: the device gets its certificate
		must(t, err)
		if a.Repeated != stored {
			t.Errorf("stored %v: repeated %v", stored, a.Repeated)
		}
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	w := newWorld(t)
	w.serve(closedStore{w.store})
	_, err := w.service.Enroll(w.ctx(), withToken("assay_x", nil))
	wantReason(t, err, v1.StoreUnavailable)
	_, err = w.service.CACerts(w.ctx(), "sensor")
	wantReason(t, err, v1.StoreUnavailable)
}

type closedStore struct{ store.Store }

func (closedStore) Token(context.Context, [32]byte) (store.Token, error) {
	return store.Token{}, store.ErrUnavailable
}

func (closedStore) Document(context.Context, store.DocumentKind, string) (store.Document, error) {
	return store.Document{}, store.ErrCorrupt
}

func TestDeviceState(t *testing.T) {
	w := newWorld(t)
	d := w.enrolled("sensor", "SN-1")
	again := func() enroll.Request {
		return withToken(w.token("sensor", "SN-1", 1), csr(t, newKey(t), subject("SN-1")))
	}
	_, err := w.store.Hold(w.ctx(), store.Hold{Device: d.id, By: w.by("operator:mira")})
	must(t, err)
	if r := w.refuses(again(), v1.DeviceHeld); r.RetryAfter == 0 {
		t.Error("no Retry-After with device-held")
	}
	if r := w.refuses(d.renews(csr(t, d.key)), v1.DeviceHeld); r.RetryAfter == 0 {
		t.Error("no Retry-After with device-held")
	}
	_, err = w.store.Release(w.ctx(), store.Hold{Device: d.id, By: w.by("operator:mira")})
	must(t, err)
	w.renewed(d)
	_, err = w.store.Revoke(w.ctx(), store.Revoke{Device: d.id, Reason: 5, By: w.by("operator:mira")})
	must(t, err)
	w.refuses(again(), v1.DeviceDecommissioned)
	w.refuses(d.renews(csr(t, d.key)), v1.CertificateRevoked)
}

func TestObserverCounts(t *testing.T) {
	w := newWorld(t)
	w.enrolled("sensor", "SN-1")
	w.refuses(enroll.Request{Operation: wire.OpSimpleEnroll}, v1.CredentialMissing)
	for _, reason := range []v1.Reason{"", v1.CredentialMissing} {
		n, ok := w.outcomes.Load(reason)
		if !ok || n.(interface{ Load() int64 }).Load() != 1 {
			t.Errorf("outcome %q was not counted once", reason)
		}
	}
}

func TestCatalogue(t *testing.T) {
	w := newWorld(t)
	w.product("rsa", `{"keys":{"allow":["rsa-3072","ec-p384","ed25519"]}}`)
	all, err := w.service.CACerts(w.ctx(), "sensor")
	must(t, err)
	if len(all) != 2 || !bytes.Equal(all[0], w.root.cert.Raw) || !bytes.Equal(all[1], w.devices.cert.Raw) {
		t.Errorf("EST-038: got %d certificates, want root and devices-1", len(all))
	}
	_, err = w.service.CACerts(w.ctx(), "nosuch")
	wantReason(t, err, v1.NotFound)
	_, err = w.service.CSRAttrs(w.ctx(), "nosuch")
	wantReason(t, err, v1.NotFound)
	none, err := w.service.CSRAttrs(w.ctx(), "")
	if err != nil || none != nil {
		t.Errorf("csrattrs without a label: %x, %v", none, err)
	}
	der, err := w.service.CSRAttrs(w.ctx(), "rsa")
	must(t, err)
	attrs, err := wire.ParseCSRAttrs(der)
	must(t, err)
	if len(attrs) != 5 || !attrs[0].ID.Equal(wire.OIDRSAEncryption) || !attrs[1].ID.Equal(wire.OIDECPublicKey) {
		t.Errorf("EST-072: got %v", attrs)
	}
}

func TestProductRevisionCountsAtOnce(t *testing.T) {
	w := newWorld(t)
	w.gives(withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-1"))))
	w.product("sensor", `{"keys":{"allow":["ec-p384"]}}`)
	w.refuses(withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-2"))), v1.KeyTypeNotAllowed)
}

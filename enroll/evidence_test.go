package enroll_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// attestedWorld wants `self` evidence and knows firmware 1.0, svn 1.
func attestedWorld(t testing.TB) *world {
	w := newWorld(t)
	w.attested("self", `,"renewal_tier":"T1"`)
	w.firmware("1.0", 1)
	return w
}

// evidently is a first enrolment by token with fresh evidence.
func (w *world) evidently(serial string, key crypto.Signer, change ...claim) enroll.Request {
	w.Helper()
	r := withToken(w.token("sensor", serial, 1), nil)
	r.CSR = evident(w, key, serial, w.self(serial, key, append([]claim{nonceOf(w.nonce(r))}, change...)...))
	return r
}

// renewsEvidently renews with evidence signed by the key that is good now.
func (w *world) renewsEvidently(d *device, key crypto.Signer, change ...claim) enroll.Request {
	w.Helper()
	r := d.renews(nil)
	change = append([]claim{nonceOf(w.nonce(r)), signedBy(d.key)}, change...)
	r.CSR = evident(w, key, "", w.self(d.id.Serial, key, change...))
	return r
}

func TestSelfEvidenceGates(t *testing.T) {
	w := attestedWorld(t)
	key := newKey(t)
	c := w.gives(w.evidently("SN-1", key))
	want := store.Appraised{Format: "self", Tier: "T0", Fresh: "yes", Components: []store.Measured{
		{Component: "firmware", Version: "1.0", SVN: 1, Mark: 1},
	}}
	if diff := cmp.Diff(want, w.deviceOf("SN-1").Evidence); diff != "" {
		t.Error(diff)
	}
	e := w.events(store.CertificateIssued)[0]
	if digest, err := base64.RawURLEncoding.DecodeString(e.Detail["evidence"]); err != nil || len(digest) != 32 || e.Detail["tier"] != "T0" {
		t.Errorf("event %v", e.Detail)
	}
	// EST-060: a renewal is appraised again, T1 by the key that is good now.
	d := &device{id: store.DeviceID{Product: "sensor", Serial: "SN-1"}, key: key, cert: c}
	w.refuses(d.renews(csr(t, newKey(t))), v1.EvidenceMissing)
	w.refuses(w.renewsEvidently(d, newKey(t), running("0.9")), v1.FirmwareUnknown)
	w.firmware("1.1", 2)
	next := newKey(t)
	d = &device{id: d.id, key: next, cert: w.gives(w.renewsEvidently(d, next, running("1.1")))}
	if got := w.deviceOf("SN-1").Evidence; got.Tier != "T1" || got.Components[0].Mark != 2 {
		t.Errorf("after renewal: %+v", got)
	}
	// Anti-rollback: the mark is the device's own.
	w.refuses(w.renewsEvidently(d, newKey(t)), v1.FirmwareRollback)
}

// The operator learns what differed, the client the code alone.
func TestRefusedEvidenceTellsTheOperator(t *testing.T) {
	w := attestedWorld(t)
	r := w.evidently("SN-1", newKey(t), running("0.9"))
	why := w.refuses(r, v1.FirmwareUnknown)
	if why.Detail != "" {
		t.Errorf("the client learns %q", why.Detail)
	}
	e := w.events(store.EnrolmentRefused)[0]
	if e.Detail["component"] != "firmware" || !strings.HasPrefix(e.Detail["got"], "sha256:") ||
		!strings.Contains(e.Detail["nearest"], "sensor/1.0") || e.Detail["expected"] == "" {
		t.Errorf("event %v", e.Detail)
	}
}

func TestThreat17Evidence(t *testing.T) {
	w := attestedWorld(t)
	w.firmware("draft", 1, func(r *attest.Release) { r.State = attest.StateDraft })
	w.firmware("recalled", 1, func(r *attest.Release) {
		must(t, r.Recall(w.clock.now(), 0, false))
	})
	stranger := newKey(t)
	n := 0
	fresh := func(change ...claim) enroll.Request {
		n++
		return w.evidently(serials(100, "SN-%d")[n], newKey(t), change...)
	}
	raw := func(value ...[]byte) enroll.Request {
		n++
		serial := serials(100, "SN-%d")[n]
		return withToken(w.token("sensor", serial, 1), csrWith(t, newKey(t), serial, wire.OIDAttestation, value...))
	}
	for _, tt := range []struct {
		name string
		r    enroll.Request
		want v1.Reason
	}{
		{"none", withToken(w.token("sensor", "SN-0", 1), csr(t, newKey(t), subject("SN-0"))), v1.EvidenceMissing},
		{"not a bundle", raw([]byte{0x05, 0x00}), v1.BadEvidence},
		{"two values", raw([]byte{0x05, 0x00}, []byte{0x05, 0x00}), v1.BadEvidence},
		{"other signer", fresh(signedBy(stranger)), v1.EvidenceUntrusted},
		{"other device", fresh(func(c *claims) { c.serial = "SN-99" }), v1.EvidenceDeviceMismatch},
		{"other product", fresh(func(c *claims) { c.product = "other" }), v1.EvidenceDeviceMismatch},
		{"other key", fresh(func(c *claims) { c.spki = spkiOf(t, stranger.Public()) }), v1.EvidenceKeyMismatch},
		{"debug port open", fresh(func(c *claims) { c.debug = 0 }), v1.DebugEnabled},
		{"unknown firmware", fresh(running("0.9")), v1.FirmwareUnknown},
		{"draft", fresh(running("draft")), v1.FirmwareNotApproved},
		{"recalled", fresh(running("recalled")), v1.FirmwareRecalled},
		{"other component", fresh(func(c *claims) { c.component = "loader" }), v1.ComponentMissing},
		{"EST-089 no nonce", fresh(nonceOf(nil)), v1.EvidenceStale},
		{"EST-089 made-up nonce", fresh(nonceOf(bytes.Repeat([]byte{7}, 32))), v1.NonceInvalid},
		{"field by a token", with(fresh(), func(r *enroll.Request) { r.StationEvidence = []byte{1} }), v1.BadEvidence},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			w.refuses(tt.r, tt.want)
		})
	}
	// Renewal wants T1: the key that vouches for itself is not enough.
	key := newKey(t)
	d := &device{id: store.DeviceID{Product: "sensor", Serial: "SN-90"}, key: key, cert: w.gives(w.evidently("SN-90", key))}
	next := newKey(t)
	w.refuses(w.renewsEvidently(d, next, signedBy(next)), v1.EvidenceUntrusted)
	w.attested("self", `,"min_svn":{"firmware":2}`)
	w.refuses(w.renewsEvidently(d, newKey(t)), v1.FirmwareRollback)
}

func TestTierTooLow(t *testing.T) {
	w := newWorld(t)
	w.firmware("1.0", 1)
	w.attested("self", `,"tier":"T1"`)
	w.refuses(w.evidently("SN-1", newKey(t)), v1.TierTooLow)
}

func TestReleaseStatesCutTheLife(t *testing.T) {
	w := attestedWorld(t)
	deadline := w.clock.now().Add(10 * day)
	w.firmware("old", 1, func(r *attest.Release) { must(t, r.Deprecate(deadline)) })
	w.firmware("recalled", 1, func(r *attest.Release) { must(t, r.Recall(w.clock.now(), 5*day, false)) })
	for version, want := range map[string]time.Time{"old": deadline, "recalled": w.clock.now().Add(5 * day)} {
		c := w.gives(w.evidently("SN-"+version, newKey(t), running(version)))
		if !c.NotAfter.Equal(want) {
			t.Errorf("%s: notAfter %s, want %s", version, c.NotAfter, want)
		}
	}
	e := w.events(store.CertificateIssued)
	if e[len(e)-1].Detail["deprecated"] != "true" {
		t.Errorf("event %v", e[len(e)-1].Detail)
	}
	w.clock.advance(5 * day)
	w.refuses(w.evidently("SN-1", newKey(t), running("recalled")), v1.FirmwareRecalled)
}

func TestStationEvidence(t *testing.T) {
	w := newWorld(t)
	w.attested("station", `,"tier":"T1s","renewal_tier":"T1s"`)
	w.firmware("1.0", 1)
	w.batch("b1", 100, nil)
	st, other := w.station("l3-1"), w.station("l3-2")
	n := 0
	// inside makes a CSR with the statement in it, field one beside it.
	inside := func(c *crew, change ...claim) enroll.Request {
		n++
		key, serial := newKey(t), serials(100, "SN-%d")[n]
		r := st.enrols(nil)
		r.CSR = evident(t, key, serial, c.readBack(w, serial, key, nil, append([]claim{nonceOf(w.nonce(r))}, change...)...))
		return r
	}
	field := func(change ...claim) enroll.Request {
		n++
		key, serial := newKey(t), serials(100, "SN-%d")[n]
		r := st.enrols(csr(t, key, subject(serial)))
		r.StationEvidence = st.readBack(w, serial, key, r.CSR, append([]claim{nonceOf(w.nonce(r))}, change...)...)
		return r
	}
	for _, tt := range []struct {
		name string
		r    enroll.Request
		want v1.Reason
	}{
		{"in the CSR", inside(st), ""},
		{"in the field", field(), ""},
		{"by another station", inside(other), v1.EvidenceUntrusted},
		{"by another key", inside(st, signedBy(other.key)), v1.EvidenceUntrusted},
		{"an hour old", inside(st, func(c *claims) { c.issued = c.issued.Add(-time.Hour) }), v1.EvidenceStale},
		{"of another CSR", with(field(), func(r *enroll.Request) { r.CSR = csr(t, newKey(t), subject("SN-77")) }), v1.EvidenceDeviceMismatch},
		{"no statement", with(field(), func(r *enroll.Request) { r.StationEvidence = []byte("x") }), v1.BadEvidence},
		{"format not wanted", st.enrols(evident(t, other.key, "SN-78", w.self("SN-78", other.key, nonceOf(bytes.Repeat([]byte{1}, 32))))), v1.KeyOfAnotherDevice},
		{"self", func() enroll.Request {
			key := newKey(t)
			return st.enrols(evident(t, key, "SN-79", w.self("SN-79", key, nonceOf(bytes.Repeat([]byte{1}, 32)))))
		}(), v1.EvidenceFormat},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			if tt.want == "" {
				w.gives(tt.r)
				return
			}
			w.refuses(tt.r, tt.want)
		})
	}
	if got := w.deviceOf("SN-1").Evidence; got.Tier != "T1s" || got.Format != "station" {
		t.Errorf("appraised %+v", got)
	}
}

// What a station says beside the CSR does not hide what the device says in it.
func TestStationEvidenceBesideTheDevices(t *testing.T) {
	for _, tt := range []struct{ formats, format string }{{"self", "self"}, {`self","station`, "station"}} {
		w := newWorld(t)
		w.attested(tt.formats, "")
		w.firmware("1.0", 1)
		w.batch("b1", 100, nil)
		st := w.station("l3-1")
		key := newKey(t)
		r := st.enrols(nil)
		r.CSR = evident(t, key, "SN-1", w.self("SN-1", key, nonceOf(w.nonce(r))))
		r.StationEvidence = st.readBack(w, "SN-1", key, r.CSR, nonceOf(w.nonce(r)))
		w.gives(r)
		if got := w.deviceOf("SN-1").Evidence.Format; got != tt.format {
			t.Errorf("formats %q: judged by format %s, want %s", tt.formats, got, tt.format)
		}
	}
}

// 200 parallel redemptions of one nonce with different CSRs: one certificate.
func TestThreat16ParallelRedemptionsOfANonce(t *testing.T) {
	w := attestedWorld(t)
	w.batch("b1", 1000, nil)
	st := w.station("l3-1")
	nonce := w.nonce(st.enrols(nil))
	const n = 200
	requests := make([]enroll.Request, n)
	for i, serial := range serials(n, "SN-%d") {
		key := newKey(t)
		requests[i] = st.enrols(evident(t, key, serial, w.self(serial, key, nonceOf(nonce))))
	}
	var given, reused atomic.Int64
	var all sync.WaitGroup
	for _, r := range requests {
		all.Go(func() {
			_, err := w.service.Enroll(w.ctx(), r)
			switch {
			case err == nil:
				given.Add(1)
			case wantedReason(err) == v1.NonceReused:
				reused.Add(1)
			default:
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if given.Load() != 1 || reused.Load() != n-1 || len(w.events(store.CertificateIssued)) != 2 { // the station's too
		t.Errorf("%d certificates, %d reused; want 1, %d", given.Load(), reused.Load(), n-1)
	}
	if e := w.events(store.IncidentOpened); len(e) == 0 || e[0].Detail["kind"] != "nonce-reused" {
		t.Errorf("incidents %+v", e)
	}
}

func TestEST086NonceIsBound(t *testing.T) {
	w := attestedWorld(t)
	w.batch("b1", 1000, nil)
	st, other := w.station("l3-1"), w.station("l3-2")
	n := 0
	using := func(r enroll.Request, nonce []byte) enroll.Request {
		n++
		key, serial := newKey(t), serials(100, "SN-%d")[n]
		r.CSR = evident(t, key, serial, w.self(serial, key, nonceOf(nonce)))
		return r
	}
	unlabelled := with(st.enrols(nil), func(r *enroll.Request) { r.Label = "" })
	nobody := enroll.Request{Label: "sensor", Source: home}
	w.refuses(using(other.enrols(nil), w.nonce(st.enrols(nil))), v1.NonceInvalid)
	w.refuses(using(unlabelled, w.nonce(st.enrols(nil))), v1.NonceInvalid)
	w.refuses(using(withToken(w.token("sensor", "", 1), nil), w.nonce(st.enrols(nil))), v1.NonceInvalid)
	w.gives(using(unlabelled, w.nonce(unlabelled)))
	// Nobody's nonce is good for whoever is admitted, once.
	nonce := w.nonce(nobody)
	w.gives(using(other.enrols(nil), nonce))
	w.refuses(using(st.enrols(nil), nonce), v1.NonceReused)
	// In time, and over a change of keys.
	nonce = w.nonce(st.enrols(nil))
	w.clock.advance(10 * time.Minute)
	w.gives(using(st.enrols(nil), nonce))
	late := w.nonce(st.enrols(nil))
	w.clock.advance(10*time.Minute + time.Second)
	w.refuses(using(st.enrols(nil), late), v1.NonceInvalid)
	w.clock.advance(39 * time.Minute)
	before := w.nonce(st.enrols(nil))
	w.clock.advance(5 * time.Minute)
	w.nonce(st.enrols(nil)) // makes the next key
	w.serve(w.store)        // another node
	w.gives(using(st.enrols(nil), before))
}

// A repeat is answered before its nonce is looked at.
func TestRepeatBeforeNonce(t *testing.T) {
	w := attestedWorld(t)
	w.batch("b1", 1000, nil)
	st := w.station("l3-1")
	r := st.enrols(nil)
	key := newKey(t)
	r.CSR = evident(t, key, "SN-1", w.self("SN-1", key, nonceOf(w.nonce(r))))
	first := w.answers(r)
	w.clock.advance(time.Hour)
	if again := w.answers(r); !again.Repeated || !bytes.Equal(first.Certificate, again.Certificate) {
		t.Error("the repeat was judged anew")
	}
	// The same key in another CSR is appraised in full, and answered.
	bad := st.enrols(evident(t, key, "SN-1", w.self("SN-1", key, nonceOf(w.nonce(r)), running("0.9"))))
	w.refuses(bad, v1.FirmwareUnknown)
	good := st.enrols(evident(t, key, "SN-1", w.self("SN-1", key, nonceOf(w.nonce(r)))))
	if again := w.answers(good); !again.Repeated || !bytes.Equal(first.Certificate, again.Certificate) {
		t.Error("the same key got a second certificate")
	}
}

func TestBatchNonce(t *testing.T) {
	w := newWorld(t)
	w.firmware("1.0", 1)
	w.attested("station", `,"tier":"T1s","freshness":"batch"`)
	w.batch("b1", 1000, nil, func(b *store.Batch) { b.Until = w.clock.now().Add(10 * day) })
	nonce := bytes.Repeat([]byte{9}, 32)
	w.changeBatch("b1", func(c *store.ChangeBatch) { c.Nonce = nonce })
	st := w.station("l3-1")
	offline := func(serial string, key crypto.Signer) enroll.Request {
		r := st.enrols(csr(t, key, subject(serial)))
		r.StationEvidence = st.readBack(w, serial, key, r.CSR, nonceOf(nonce))
		return r
	}
	early := offline("SN-1", newKey(t))
	w.clock.advance(5 * day)
	w.gives(early)
	w.gives(offline("SN-2", newKey(t)))
	if got := w.deviceOf("SN-1").Evidence.Fresh; got != "batch" {
		t.Errorf("fresh: %s, want batch", got)
	}
	w.refuses(offline("SN-1", newKey(t)), v1.NonceReused)
	w.attested("station", `,"tier":"T1s"`)
	w.refuses(offline("SN-3", newKey(t)), v1.EvidenceStale) // a nonce each
}

func TestFreshnessNone(t *testing.T) {
	w := newWorld(t)
	w.firmware("1.0", 1)
	w.attested("self", `,"freshness":"none"`)
	key := newKey(t)
	c := w.gives(w.evidently("SN-1", key, nonceOf(nil)))
	if got := w.deviceOf("SN-1").Evidence.Fresh; got != "no" {
		t.Errorf("fresh: %s, want no", got)
	}
	d := &device{id: store.DeviceID{Product: "sensor", Serial: "SN-1"}, key: key, cert: c}
	w.refuses(w.renewsEvidently(d, newKey(t), nonceOf(nil)), v1.EvidenceStale) // a renewal always wants one
}

// A release that is recalled decides at the next request.
func TestRecallCountsAtOnce(t *testing.T) {
	w := attestedWorld(t)
	w.gives(w.evidently("SN-1", newKey(t)))
	w.firmware("1.0", 1, func(r *attest.Release) { must(t, r.Recall(w.clock.now(), 0, true)) })
	w.refuses(w.evidently("SN-2", newKey(t)), v1.FirmwareRecalled)
}

func TestCSRAttrsNameTheEvidence(t *testing.T) {
	w := attestedWorld(t)
	for label, want := range map[string]bool{"sensor": true, "plain": false} {
		w.product("plain", `{}`)
		der, err := w.service.CSRAttrs(w.ctx(), label)
		must(t, err)
		attrs, err := wire.ParseCSRAttrs(der)
		must(t, err)
		if got := attrs[len(attrs)-1].ID.Equal(wire.OIDAttestation); got != want {
			t.Errorf("%s: attestation named %v, want %v", label, got, want)
		}
	}
}

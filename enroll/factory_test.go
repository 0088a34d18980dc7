package enroll_test

import (
	"crypto/x509"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/store"
)

func TestEST052StationEnrolsByManifest(t *testing.T) {
	w := newWorld(t)
	w.batch("w47", 0, expect("SN-1", "SN-2"))
	st := w.station("l3-1")
	a := w.answers(st.enrols(csr(t, newKey(t), subject("SN-1"))))
	if a.Batch != "w47" || a.Left != 1 {
		t.Errorf("Assay-Batch %q left %d, want w47 left 1", a.Batch, a.Left)
	}
	w.refuses(st.enrols(csr(t, newKey(t), subject("SN-3"))), v1.SerialNotInManifest)
	d := w.deviceOf("SN-1")
	got := []string{d.Batch, d.Site, d.Line, d.Station, d.State.String()}
	if diff := cmp.Diff([]string{"w47", site, line, "l3-1", "active"}, got); diff != "" {
		t.Error(diff)
	}
	e := w.events(store.CertificateIssued)
	if last := e[len(e)-1]; last.Actor != "station:l3-1" || last.Object != "sensor/SN-1" {
		t.Errorf("EST-053: event by %s about %s", last.Actor, last.Object)
	}
}

func TestStationEnrolsByQuota(t *testing.T) {
	w := newWorld(t)
	w.product("sensor", `{"operational":{"san":{"uri":["urn:{site}:{batch}:{serial}"]}}}`)
	w.batch("b1", 2, nil)
	st := w.station("l3-1")
	c := w.gives(st.enrols(csr(t, newKey(t), subject("SN-1"))))
	if len(c.URIs) != 1 || c.URIs[0].String() != "urn:leipzig:b1:SN-1" {
		t.Errorf("names of site and batch: %v", c.URIs)
	}
	r := st.enrols(csr(t, newKey(t), subject("SN-2")))
	first, again := w.answers(r), w.answers(r)
	if first.Left != 0 || !again.Repeated || again.Batch != "b1" || again.Left != 0 {
		t.Errorf("got %+v, then %+v", first, again)
	}
	for _, serial := range []string{"SN-3", "SN-4"} {
		w.clock.advance(2 * time.Second)
		w.refuses(st.enrols(csr(t, newKey(t), subject(serial))), v1.QuotaExhausted)
	}
	list, err := w.store.Incidents(w.ctx(), 0, 10)
	must(t, err)
	if len(list) != 1 || list[0].Kind != "over-quota" || list[0].Object != "batch b1" || list[0].Count != 2 {
		t.Errorf("incidents: %+v", list)
	}
	// A raised quota counts at once; a repeat is never one over.
	w.changeBatch("b1", func(c *store.ChangeBatch) { c.Quota = 3 })
	w.gives(st.enrols(csr(t, newKey(t), subject("SN-3"))))
	if a := w.answers(r); !a.Repeated {
		t.Error("the repeat was taken for a new device")
	}
}

// P10: as many as were ordered, whoever races.
func TestThreat21QuotaUnderRaces(t *testing.T) {
	w := newWorld(t)
	const ordered, asked = 24, 32
	w.batch("b1", ordered, nil)
	st := w.station("l3-1")
	var given, refused atomic.Int64
	var all sync.WaitGroup
	for _, serial := range serials(asked, "SN-%d") {
		r := st.enrols(csr(t, newKey(t), subject(serial)))
		all.Go(func() {
			_, err := w.service.Enroll(w.ctx(), r)
			switch {
			case err == nil:
				given.Add(1)
			case wantedReason(err) == v1.QuotaExhausted:
				refused.Add(1)
			default:
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	b, err := w.store.Batch(w.ctx(), "b1")
	must(t, err)
	if given.Load() != ordered || refused.Load() != asked-ordered || b.Used != ordered {
		t.Errorf("%d given, %d refused, %d counted; want %d, %d", given.Load(), refused.Load(), b.Used, ordered, asked-ordered)
	}
}

func TestThreat20StationScope(t *testing.T) {
	w := newWorld(t)
	w.product("other", `{}`)
	w.batch("b1", 100, nil)
	w.batch("elsewhere", 0, []store.Expectation{{Serial: "SN-9", Line: "l4"}}, func(b *store.Batch) { b.Line = "" })
	w.batch("hamburg", 0, expect("SN-8"), func(b *store.Batch) { b.Site = "hamburg" })
	w.enrolled("sensor", "SN-7")
	scoped := w.station("scoped", func(s *store.StationSpec) { s.Products = []string{"sensor"} })
	addressed := w.station("addressed", func(s *store.StationSpec) { s.From = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	ending := w.station("ending", func(s *store.StationSpec) { s.Until = w.clock.now().Add(time.Hour) })
	several := w.station("several", func(s *store.StationSpec) { s.Products = []string{"other", "sensor"} })
	every := w.station("every")
	gone := w.station("gone")
	_, err := w.store.RevokeStation(w.ctx(), "gone", 5, w.by("operator:mira"))
	must(t, err)
	w.clock.advance(30 * time.Minute)
	n := 0
	next := func(c *crew) enroll.Request {
		n++
		return c.enrols(csr(t, newKey(t), subject(serials(100, "SN-1%d")[n])))
	}
	label := func(l string) func(*enroll.Request) { return func(r *enroll.Request) { r.Label = l } }
	for _, tt := range []struct {
		name string
		r    enroll.Request
		want v1.Reason // empty: a certificate
	}{
		{"its product", next(scoped), ""},
		{"without a label", with(next(scoped), label("")), ""},
		{"another product", with(next(scoped), label("other")), v1.StationOutOfScope},
		{"no such product", with(next(scoped), label("nosuch")), v1.NotFound},
		{"no births", with(next(scoped), label("sensor.birth")), v1.NotFound},
		{"EST-005 several products", with(next(several), label("")), v1.ProductAmbiguous},
		{"EST-005 all products", with(next(every), label("")), v1.ProductAmbiguous},
		{"several, labelled", next(several), ""},
		{"address", next(addressed), v1.StationOutOfScope},
		{"its address", with(next(addressed), func(r *enroll.Request) { r.Source = netip.MustParseAddr("::ffff:10.1.2.3") }), ""},
		{"in time", next(ending), ""},
		{"revoked", next(gone), v1.CertificateRevoked},
		{"renews", with(next(every), func(r *enroll.Request) { r.Operation = "simplereenroll" }), v1.UseSimpleenroll},
		{"line of the manifest's row", every.enrols(csr(t, newKey(t), subject("SN-9"))), v1.StationOutOfScope},
		{"site of the batch", every.enrols(csr(t, newKey(t), subject("SN-8"))), v1.StationOutOfScope},
		{"device of no batch, same key type", every.enrols(csr(t, newKey(t), subject("SN-7"))), v1.SerialHasIdentity},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := *w
			w.TB = t
			if tt.want == "" {
				w.gives(tt.r)
				return
			}
			if r := w.refuses(tt.r, tt.want); tt.want == v1.ProductAmbiguous && !strings.Contains(r.Detail, "other, sensor") {
				t.Errorf("does not name the products: %q", r.Detail)
			}
		})
	}
	w.clock.advance(30 * time.Minute)
	w.refuses(next(ending), v1.StationOutOfScope)
}

func TestThreat20StationRate(t *testing.T) {
	w := newWorld(t)
	w.batch("b1", 100, nil)
	st := w.station("l3-1", func(s *store.StationSpec) { s.Rate = 60 })
	r := st.enrols(csr(t, newKey(t), subject("SN-1")))
	for range 60 {
		w.answers(r)
	}
	if why := w.refuses(r, v1.RateLimited); why.RetryAfter != time.Minute {
		t.Errorf("Retry-After %s, want 1m", why.RetryAfter)
	}
	w.clock.advance(time.Minute)
	w.answers(r)
	w.refuses(r, v1.RateLimited)
	w.putStation("l3-1", store.StationSpec{Site: site, Line: line, Rate: 3600})
	if why := w.refuses(r, v1.RateLimited); why.RetryAfter != time.Second {
		t.Errorf("Retry-After %s, want 1s", why.RetryAfter)
	}
	w.clock.advance(time.Second)
	w.answers(r)
}

func TestStationQuota(t *testing.T) {
	w := newWorld(t)
	w.batch("b1", 100, nil)
	st := w.station("l3-1", func(s *store.StationSpec) { s.Quota = 1 })
	w.gives(st.enrols(csr(t, newKey(t), subject("SN-1"))))
	_, err := w.service.Enroll(w.ctx(), st.enrols(csr(t, newKey(t), subject("SN-2"))))
	wantReason(t, err, v1.QuotaExhausted)
	w.refuses(st.enrols(csr(t, newKey(t), subject("SN-2"))), v1.QuotaExhausted) // nothing is signed any more
	if e := w.events(store.IncidentOpened); len(e) == 0 || e[0].Object != "station l3-1" {
		t.Errorf("incidents %+v", e)
	}
}

func TestBatchStates(t *testing.T) {
	w := newWorld(t)
	w.batch("listed", 0, expect("SN-1", "SN-2"))
	w.batch("quota", 10, nil)
	st := w.station("l3-1")
	state := func(name string, s store.BatchState) {
		w.changeBatch(name, func(c *store.ChangeBatch) { c.State = s })
	}
	listed := func() enroll.Request { return st.enrols(csr(t, newKey(t), subject("SN-1"))) }
	other := func() enroll.Request { return st.enrols(csr(t, newKey(t), subject("SN-9"))) }
	state("listed", store.BatchHasPaused)
	w.refuses(listed(), v1.BatchPaused)
	state("quota", store.BatchHasPaused)
	w.refuses(other(), v1.BatchPaused)
	state("listed", store.BatchOpen)
	w.refuses(other(), v1.SerialNotInManifest)
	state("quota", store.BatchHasClosed)
	w.refuses(other(), v1.SerialNotInManifest)
	state("listed", store.BatchHasClosed)
	w.refuses(other(), v1.NoOpenBatch)
	w.refuses(listed(), v1.BatchClosed)
	// What is expected is so whoever pays.
	w.refuses(withToken(w.token("sensor", "SN-2", 1), csr(t, newKey(t))), v1.BatchClosed)
}

// What a device had gives a station no more for having ended: the operator opens
// rework, or the device has a credential of its own.
func TestStationAfterTheIdentityEnded(t *testing.T) {
	for _, end := range []string{"expired", "revoked"} {
		w := newWorld(t)
		w.batch("b1", 10, nil)
		st := w.station("l3-1", func(s *store.StationSpec) { s.Products = []string{"sensor"} })
		w.product("sensor", `{"operational":{"validity":"1d"}}`)
		key := newKey(t)
		cert := w.gives(st.enrols(csr(t, key, subject("SN-1"))))
		d := &device{id: store.DeviceID{Product: "sensor", Serial: "SN-1"}, key: key, cert: cert}
		d = w.renewed(d) // presents the first
		if end == "expired" {
			w.clock.advance(3 * day)
		} else {
			for _, c := range []*x509.Certificate{cert, d.cert} {
				_, err := w.store.Revoke(w.ctx(), store.Revoke{Ref: w.record(c).Ref, Reason: store.ReasonSuperseded, By: w.by("operator:mira")})
				must(t, err)
			}
		}
		again := st.enrols(csr(t, newKey(t), subject("SN-1")))
		w.refuses(again, v1.SerialHasIdentity)
		_, err := w.store.Rework(w.ctx(), store.DeviceAct{Device: d.id, By: w.by("operator:mira")})
		must(t, err)
		w.gives(again)
	}
}

// A station's batch is the one of the smallest place that it stands in, whatever
// the names.
func TestNearestQuotaBatch(t *testing.T) {
	w := newWorld(t)
	place := func(site, line string) func(*store.Batch) {
		return func(b *store.Batch) { b.Site, b.Line = site, line }
	}
	w.batch("a-anywhere", 10, nil, place("", ""))
	w.batch("b-site", 10, nil, place(site, ""))
	st := w.station("l3-1")
	enrolled := func(serial, want string) {
		t.Helper()
		if a := w.answers(st.enrols(csr(t, newKey(t), subject(serial)))); a.Batch != want {
			t.Errorf("%s went into batch %s, want %s", serial, a.Batch, want)
		}
	}
	enrolled("SN-1", "b-site")
	w.batch("c-line", 10, nil, place(site, line))
	w.batch("d-line-anywhere", 10, nil, place("", line))
	enrolled("SN-2", "c-line")
}

func TestBatchWindow(t *testing.T) {
	w := newWorld(t)
	w.batch("b1", 10, nil, func(b *store.Batch) {
		b.From, b.Until = w.clock.now().Add(day), w.clock.now().Add(2*day)
	})
	w.batch("listed", 0, expect("SN-1"), func(b *store.Batch) { b.Until = w.clock.now().Add(day) })
	st := w.station("l3-1")
	w.gives(st.enrols(csr(t, newKey(t), subject("SN-1"))))
	w.refuses(st.enrols(csr(t, newKey(t), subject("SN-2"))), v1.SerialNotInManifest)
	w.clock.advance(day)
	w.gives(st.enrols(csr(t, newKey(t), subject("SN-2"))))
	w.clock.advance(day)
	if why := w.refuses(st.enrols(csr(t, newKey(t), subject("SN-3"))), v1.NoOpenBatch); !strings.Contains(why.Detail, "ended") {
		t.Errorf("told %q, want when it ended", why.Detail)
	}
}

func TestManifestNamesTheKey(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	w.batch("b1", 0, []store.Expectation{{Serial: "SN-1", Identity: store.Identity{KeySHA256: digestOf(spkiOf(t, key.Public()))}}})
	st := w.station("l3-1")
	w.refuses(st.enrols(csr(t, newKey(t), subject("SN-1"))), v1.SerialNotInManifest)
	w.refuses(withToken(w.token("sensor", "SN-1", 1), csr(t, newKey(t))), v1.SerialNotInManifest)
	w.gives(st.enrols(csr(t, key, subject("SN-1"))))
}

// A line may give a device another key twice, as long as nothing of it was used.
func TestLineRekeys(t *testing.T) {
	w := newWorld(t)
	w.batch("b1", 2, nil)
	st, far := w.station("l3-1"), w.station("l4-1", func(s *store.StationSpec) { s.Line = "l4" })
	again := func(c *crew) enroll.Request { return c.enrols(csr(t, newKey(t), subject("SN-1"))) }
	first := w.gives(again(st))
	w.refuses(again(far), v1.SerialHasIdentity)
	w.gives(again(st))
	if r := w.record(first); r.Status != store.Revoked || r.Reason != store.ReasonSuperseded {
		t.Errorf("the replaced certificate: %d, reason %d", r.Status, r.Reason)
	}
	key := newKey(t)
	c := w.gives(st.enrols(csr(t, key, subject("SN-1"))))
	w.refuses(again(st), v1.SerialHasIdentity) // line_rekeys are used up
	b, err := w.store.Batch(w.ctx(), "b1")
	must(t, err)
	if b.Used != 1 {
		t.Errorf("rekeys took quota: %d used", b.Used)
	}
	// The same key in another CSR is answered, and takes nothing.
	if a := w.answers(st.enrols(csr(t, key, subject("SN-1")))); !a.Repeated || a.Left != 1 {
		t.Errorf("got %+v", a)
	}
	// Rework lets it bring a new one, once, on any line of the site.
	_, err = w.store.Rework(w.ctx(), store.DeviceAct{Device: store.DeviceID{Product: "sensor", Serial: "SN-1"}, By: w.by("operator:mira")})
	must(t, err)
	w.changeBatch("b1", func(c *store.ChangeBatch) { c.State = store.BatchHasClosed })
	w.gives(again(far))
	w.refuses(again(far), v1.SerialHasIdentity)
	w.refuses((&device{cert: c}).renews(csr(t, newKey(t))), v1.CertificateRevoked)
}

// A device that was used has left the line.
func TestNoLineRekeyOfWhatWasPresented(t *testing.T) {
	w := newWorld(t)
	w.batch("b1", 2, nil)
	st := w.station("l3-1")
	key := newKey(t)
	c := w.gives(st.enrols(csr(t, key, subject("SN-1"))))
	w.renewed(&device{key: key, cert: c})
	w.refuses(st.enrols(csr(t, newKey(t), subject("SN-1"))), v1.SerialHasIdentity)
}

func TestStationNeedsNothingOfADevice(t *testing.T) {
	w := newWorld(t)
	w.batch("b1", 2, nil)
	w.product("sensor", `{"operational":{"admit":["token"]}}`)
	st := w.station("l3-1")
	w.refuses(st.enrols(csr(t, newKey(t), subject("SN-1"))), v1.AdmissionNotAllowed)
	// A token beside it decides then (EST-018).
	w.gives(with(withToken(w.token("sensor", "", 1), csr(t, newKey(t), subject("SN-1"))), func(r *enroll.Request) { r.Peer = nil }))
}

// What changes between check and commit is said as if it had been found before.
func TestFactoryChangesBetweenCheckAndCommit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		happens func(*world)
		want    v1.Reason
	}{
		{"station revoked", func(w *world) {
			_, err := w.store.RevokeStation(w.ctx(), "l3-1", 5, w.by("operator:mira"))
			must(w, err)
		}, v1.CertificateRevoked},
		{"station ended", func(w *world) {
			w.putStation("l3-1", store.StationSpec{Site: site, Line: line, Until: w.clock.now().Add(-time.Minute)})
		}, v1.StationOutOfScope},
		{"batch paused", func(w *world) {
			w.changeBatch("b1", func(c *store.ChangeBatch) { c.State = store.BatchHasPaused })
		}, v1.BatchPaused},
		{"batch closed", func(w *world) {
			w.changeBatch("b1", func(c *store.ChangeBatch) { c.State = store.BatchHasClosed })
		}, v1.BatchClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.batch("b1", 2, nil)
			st := w.station("l3-1")
			w.serve(racing{Store: w.store, beforeIssue: func() { tt.happens(w) }})
			_, err := w.service.Enroll(w.ctx(), st.enrols(csr(t, newKey(t), subject("SN-1"))))
			wantReason(t, err, tt.want)
		})
	}
}

// Nothing that seldom changes is read again while the store's version stands.
func TestHotPathReads(t *testing.T) {
	w := newWorld(t)
	w.batch("b1", 100, nil)
	st := w.station("l3-1")
	c := &counting{Store: w.store}
	w.serve(c)
	for _, serial := range serials(5, "SN-%d") {
		w.gives(st.enrols(csr(t, newKey(t), subject(serial))))
	}
	if got := [3]int64{c.documents.Load(), c.stations.Load(), c.batches.Load()}; got != [3]int64{1, 1, 1} {
		t.Errorf("documents, stations, lists of batches read %v times, want once each", got)
	}
}

func wantedReason(err error) v1.Reason {
	r, ok := err.(*v1.Refusal)
	if !ok {
		return ""
	}
	return r.Reason
}

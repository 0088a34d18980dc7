package storetest

import (
	"net/netip"
	"time"

	"github.com/assay-pki/assay/store"
)

func (w *world) putStation(name string, spec store.StationSpec) store.Station {
	w.Helper()
	st, err := w.PutStation(w.Context(), store.PutStation{Name: name, Spec: spec, Expect: store.AnyRevision, By: w.actor()})
	w.must(err)
	return st
}

func (w *world) station(name string) store.Station {
	w.Helper()
	st, err := w.Station(w.Context(), name)
	w.must(err)
	return st
}

func stationPromises() []promise {
	return []promise{
		{"is read back", func(w *world) { w.testStation() }},
		{"quota", func(w *world) {
			w.putStation("s1", store.StationSpec{Site: site, Line: line, Quota: 1})
			w.issue(order{serial: "A1", station: "s1"})
			w.issue(order{serial: "A1", station: "s1", recovery: store.Renew})
			w.refuse(store.ErrQuota, order{serial: "A2", station: "s1"})
			w.equal(w.station("s1").Used, uint64(1), "used")
			d := w.device("A1")
			w.equal([]string{d.Station, d.Site, d.Line}, []string{"s1", site, line}, "where it was made")
		}},
		{"a refused batch takes no unit of the station", func(w *world) {
			w.putStation("s1", store.StationSpec{Site: site, Quota: 5})
			w.createBatch(w.newBatch("w47", 1))
			w.issue(order{serial: "A1", station: "s1", batch: "w47"})
			w.refuse(store.ErrQuota, order{serial: "A2", station: "s1", batch: "w47"})
			w.equal(w.station("s1").Used, uint64(1), "used")
		}},
		{"unknown, over, revoked", func(w *world) {
			w.refuse(store.ErrCredential, order{serial: "A1", station: "s1"})
			w.putStation("s1", store.StationSpec{Site: site, Until: w.now.Add(time.Hour)})
			w.issue(order{serial: "A1", station: "s1"})
			w.pass(time.Hour)
			w.refuse(store.ErrCredential, order{serial: "A2", station: "s1"})
			w.putStation("s2", store.StationSpec{Site: site})
			_, err := w.RevokeStation(w.Context(), "s2", store.ReasonPrivilegeWithdrawn, w.actor())
			w.must(err)
			w.refuse(store.ErrCredential, order{serial: "A2", station: "s2"})
		}},
		{"revoking it revokes its certificates", func(w *world) { w.testRevokeStation() }},
		{"certificates need a station", func(w *world) {
			holder := store.Holder{Kind: store.HolderStation, Name: "s1"}
			_, err := w.Issue(w.Context(), w.issuanceTo(operations, holder, store.ProfileStation))
			w.is(err, store.ErrNotFound)
		}},
	}
}

func (w *world) testStation() {
	spec := store.StationSpec{
		Site: site, Line: line, Products: []string{product}, Quota: 7, Rate: 1200,
		From:  []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("2001:db8::/32")},
		Until: w.now.Add(time.Hour), ClientAuth: true,
	}
	var st store.Station
	w.tells(func() { st = w.putStation("s1", spec) }, store.StationCreated)
	want := store.Station{Name: "s1", Revision: 1, StationSpec: spec, CreatedAt: w.now, CreatedBy: "operator:alice"}
	w.same(st, want)
	w.same(w.station("s1"), want)
	w.unchanged(func() {
		w.same(w.putStation("s1", spec), want)
		_, err := w.PutStation(w.Context(), store.PutStation{Name: "s1", Spec: spec, Expect: 7, By: w.actor()})
		w.is(err, store.ErrChanged)
		moved := spec
		moved.Site = "halle"
		_, err = w.PutStation(w.Context(), store.PutStation{Name: "s1", Spec: moved, Expect: 1, By: w.actor()})
		w.is(err, store.ErrConflict)
		_, err = w.Station(w.Context(), "none")
		w.is(err, store.ErrNotFound)
	})
	spec.Line, spec.From = "l4", spec.From[:1]
	w.tells(func() { st = w.putStation("s1", spec) }, store.StationChanged)
	w.equal([]any{st.Revision, st.Line, len(w.station("s1").From)}, []any{uint32(2), "l4", 1}, "changed station")
}

// same compares stations; networks have their own equality.
func (w *world) same(got, want store.Station) {
	w.Helper()
	if !got.StationSpec.Equal(&want.StationSpec) {
		w.Fatalf("station is %+v, want %+v", got, want)
	}
	got.StationSpec, want.StationSpec = store.StationSpec{}, store.StationSpec{}
	w.equal(got, want, "station")
}

func (w *world) testRevokeStation() {
	w.putStation("s1", store.StationSpec{Site: site})
	holder := store.Holder{Kind: store.HolderStation, Name: "s1"}
	first := w.issueTo(operations, holder, store.ProfileStation)
	w.pass(48 * time.Hour) // the first one is over
	second := w.issueTo(operations, holder, store.ProfileStation)
	w.equal(w.station("s1").Certificates, []store.Ref{first.Ref, second.Ref}, "certificates")
	var change store.StatusChange
	w.tells(func() {
		var err error
		change, err = w.RevokeStation(w.Context(), "s1", store.ReasonKeyCompromise, w.actor())
		w.must(err)
	}, store.StationRevoked, store.CertificateRevoked)
	w.equal([]any{len(change.Changed), change.Feed}, []any{1, w.feedHead()}, "changed, feed")
	w.equal(w.certificate(second.Ref).Reason, store.ReasonKeyCompromise, "reason")
	w.equal(w.station("s1").Revoked, true, "revoked")
	w.unchanged(func() {
		again, err := w.RevokeStation(w.Context(), "s1", store.ReasonKeyCompromise, w.actor())
		w.must(err)
		w.equal(len(again.Changed), 0, "changed again")
		_, err = w.PutStation(w.Context(), store.PutStation{Name: "s1", Spec: store.StationSpec{Site: site}, Expect: store.AnyRevision, By: w.actor()})
		w.is(err, store.ErrConflict)
		_, err = w.RevokeStation(w.Context(), "none", store.ReasonKeyCompromise, w.actor())
		w.is(err, store.ErrNotFound)
		_, err = w.RevokeStation(w.Context(), "s1", store.ReasonCertificateHold, w.actor())
		w.is(err, store.ErrConflict)
		_, err = w.Issue(w.Context(), w.issuanceTo(operations, holder, store.ProfileStation))
		w.is(err, store.ErrConflict)
	})
	w.refuse(store.ErrKeyBlocked, order{serial: "A1", spki: second.SPKI})
}

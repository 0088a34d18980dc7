package storetest

import (
	"fmt"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/store"
)

func listPromises() []promise {
	return []promise{
		{"every list goes on after its cursor", func(w *world) { w.testCursors() }},
		{"limits are kept", func(w *world) { w.testLimits() }},
		{"revocations of a range", func(w *world) {
			var want []store.Revocation
			for i := range 6 {
				c := w.issue(order{serial: fmt.Sprint(i)})
				if i%2 == 0 {
					w.hold(fmt.Sprint(i))
					got := w.certificate(c.Ref)
					want = append(want, got.Revocation())
				}
			}
			got, err := w.Revocations(w.Context(), devices, 2, 5, 10)
			w.must(err)
			w.equal(got, want[1:2], "revocations with index 2 to 4")
			got, err = w.Revocations(w.Context(), devices, 0, store.MaxIndex+1, 2)
			w.must(err)
			w.equal(got, want[:2], "first two")
			got, err = w.Revocations(w.Context(), operations, 0, store.MaxIndex+1, 10)
			w.must(err)
			w.equal(len(got), 0, "of another issuer")
		}},
		{"calendar of expiries", func(w *world) {
			late := w.issue(order{serial: "A1", lasting: 48 * time.Hour})
			early := w.issue(order{serial: "A2", lasting: 24 * time.Hour})
			w.issue(order{serial: "A3", lasting: 72 * time.Hour})
			got, err := w.ExpiringBefore(w.Context(), store.Expiry{}, store.DayOf(w.now)+3, 10)
			w.must(err)
			w.equal(got, []store.Expiry{
				{Day: store.DayOf(w.now) + 1, Ref: early.Ref}, {Day: store.DayOf(w.now) + 2, Ref: late.Ref},
			}, "expiries")
		}},
		{"documents of one kind", func(w *world) {
			_, err := w.putProduct("a", "{}", 0)
			w.must(err)
			_, err = w.putProduct("b", "{}", 0)
			w.must(err)
			newest, err := w.putProduct("a", "[]", 1)
			w.must(err)
			_, err = w.PutDocument(w.Context(), store.PutDocument{Kind: store.KindPolicy, Name: "p", By: w.actor()})
			w.must(err)
			got, err := w.Documents(w.Context(), store.KindProduct, "", 10)
			w.must(err)
			w.equal([]string{got[0].Name, got[1].Name}, []string{"a", "b"}, "names")
			w.equal(got[0], newest, "newest revision")
			w.equal(len(got), 2, "documents")
		}},
		{"names that begin alike", func(w *world) {
			// With a careless separator "a" + "b" and "ab" collide or sort apart.
			for _, name := range []string{"ab", "a", "a-b", "a.b"} {
				_, err := w.putProduct(name, "{}", 0)
				w.must(err)
			}
			got, err := w.Documents(w.Context(), store.KindProduct, "a", 10)
			w.must(err)
			w.equal([]string{got[0].Name, got[1].Name, got[2].Name}, []string{"a-b", "a.b", "ab"}, "names after a")
		}},
	}
}

// fill makes three of everything that is listed.
func (w *world) fill() {
	w.Helper()
	for _, name := range []string{"a", "b", "c"} {
		w.issue(order{serial: name})
		w.hold(name)
		w.token(name, name, 1)
		_, err := w.putProduct(name, "{}", 0)
		w.must(err)
		w.putOperator(name, store.RoleAdmin)
		n := w.newBatch(name, 5)
		n.Batch.Line = name
		w.createBatch(n)
		w.putStation(name, store.StationSpec{Site: site})
		w.must(w.Record(w.Context(), w.opened("clock", name, "")))
	}
}

// lister is one list of the contract: all in pages of limit, as keys.
type lister struct {
	name string
	keys func(w *world, limit int) ([]string, error)
}

// paged reads a list to its end.
func paged[T, C any](limit int, cursor C, next func(T) C, list func(C, int) ([]T, error)) (keys []string, err error) {
	for {
		got, err := list(cursor, limit)
		if err != nil || len(got) == 0 {
			return keys, err
		}
		if len(got) > limit {
			return nil, fmt.Errorf("%d records, limit %d", len(got), limit)
		}
		for _, v := range got {
			cursor = next(v)
			keys = append(keys, fmt.Sprint(cursor))
		}
	}
}

func listers() []lister {
	return []lister{
		{"Certificates", func(w *world, limit int) ([]string, error) {
			return paged(limit, store.Ref{}, func(c store.Certificate) store.Ref { return c.Ref },
				func(after store.Ref, limit int) ([]store.Certificate, error) {
					return w.Certificates(w.Context(), after, limit)
				})
		}},
		{"ExpiringBefore", func(w *world, limit int) ([]string, error) {
			return paged(limit, store.Expiry{}, func(e store.Expiry) store.Expiry { return e },
				func(after store.Expiry, limit int) ([]store.Expiry, error) {
					return w.ExpiringBefore(w.Context(), after, ^store.Day(0), limit)
				})
		}},
		{"Devices", func(w *world, limit int) ([]string, error) {
			return paged(limit, store.DeviceID{}, func(d store.Device) store.DeviceID { return d.DeviceID },
				func(after store.DeviceID, limit int) ([]store.Device, error) {
					return w.Devices(w.Context(), after, limit)
				})
		}},
		{"Tokens", func(w *world, limit int) ([]string, error) {
			return paged(limit, [32]byte{}, func(t store.Token) [32]byte { return t.Hash },
				func(after [32]byte, limit int) ([]store.Token, error) { return w.Tokens(w.Context(), after, limit) })
		}},
		{"Documents", func(w *world, limit int) ([]string, error) {
			return paged(limit, "", func(d store.Document) string { return d.Name },
				func(after string, limit int) ([]store.Document, error) {
					return w.Documents(w.Context(), store.KindProduct, after, limit)
				})
		}},
		{"Batches", func(w *world, limit int) ([]string, error) {
			return paged(limit, "", func(b store.Batch) string { return b.Name },
				func(after string, limit int) ([]store.Batch, error) { return w.Batches(w.Context(), after, limit) })
		}},
		{"Stations", func(w *world, limit int) ([]string, error) {
			return paged(limit, "", func(s store.Station) string { return s.Name },
				func(after string, limit int) ([]store.Station, error) { return w.Stations(w.Context(), after, limit) })
		}},
		{"Incidents", func(w *world, limit int) ([]string, error) {
			return paged(limit, 0, func(i store.Incident) uint64 { return i.ID },
				func(before uint64, limit int) ([]store.Incident, error) {
					return w.Incidents(w.Context(), before, limit)
				})
		}},
		{"Operators", func(w *world, limit int) ([]string, error) {
			return paged(limit, "", func(o store.Operator) string { return o.Name },
				func(after string, limit int) ([]store.Operator, error) {
					return w.Operators(w.Context(), after, limit)
				})
		}},
		{"Revocations", func(w *world, limit int) ([]string, error) {
			return paged(limit, uint64(0), func(r store.Revocation) uint64 { return r.Index + 1 },
				func(from uint64, limit int) ([]store.Revocation, error) {
					return w.Revocations(w.Context(), devices, from, store.MaxIndex+1, limit)
				})
		}},
		{"RevokedSince", func(w *world, limit int) ([]string, error) {
			return paged(limit, uint64(0), func(e store.FeedEntry) uint64 { return e.Seq },
				func(after uint64, limit int) ([]store.FeedEntry, error) {
					return w.RevokedSince(w.Context(), after, limit)
				})
		}},
		{"Events", func(w *world, limit int) ([]string, error) {
			return paged(limit, uint64(0), func(e store.Event) uint64 { return e.Seq },
				func(after uint64, limit int) ([]store.Event, error) { return w.Events(w.Context(), after, limit) })
		}},
	}
}

func (w *world) testCursors() {
	w.fill()
	for _, l := range listers() {
		whole, err := l.keys(w, store.MaxPage)
		w.must(err)
		if len(whole) < 3 {
			w.Errorf("%s: %d records, want 3 or more", l.name, len(whole))
		}
		byTwo, err := l.keys(w, 2)
		w.must(err)
		if diff := cmp.Diff(whole, byTwo); diff != "" {
			w.Errorf("%s in pages of 2 (-whole +paged):\n%s", l.name, diff)
		}
	}
}

func (w *world) testLimits() {
	for _, l := range listers() {
		for _, limit := range []int{0, -1, store.MaxPage + 1} {
			_, err := l.keys(w, limit)
			w.is(err, store.ErrLimit)
		}
	}
}

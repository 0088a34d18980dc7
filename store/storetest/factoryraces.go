package storetest

import (
	"errors"
	"fmt"

	"github.com/assay-pki/assay/store"
)

func factoryRacePromises() []promise {
	return []promise{
		{"a quota is never exceeded", func(w *world) {
			w.createBatch(w.newBatch("w47", issuers))
			w.putStation("s1", store.StationSpec{Site: site, Quota: writers})
			w.equal(w.race(w.firsts("s1", "w47"), store.ErrQuota), issuers, "devices of the batch")
			w.equal([]uint64{w.batch("w47").Used, w.station("s1").Used}, []uint64{issuers, issuers}, "used of batch and station")
		}},
		{"nor that of a station", func(w *world) {
			w.putStation("s1", store.StationSpec{Site: site, Quota: 7})
			w.equal(w.race(w.firsts("s1", ""), store.ErrQuota), 7, "devices of the station")
		}},
		{"one serial takes one unit", func(w *world) {
			w.createBatch(w.newBatch("w47", issuers))
			var orders []store.Issuance
			for range writers {
				orders = append(orders, w.issuance(order{serial: "A1", batch: "w47"}))
			}
			w.equal(w.race(orders, store.ErrHasIdentity), 1, "certificates")
			w.equal(w.batch("w47").Used, uint64(1), "used")
		}},
		{"one nonce, many requests", func(w *world) {
			var orders []store.Issuance
			for i := range writers {
				orders = append(orders, w.issuance(order{serial: fmt.Sprint(i), csr: fmt.Sprint(i), nonce: "n1"}))
			}
			w.equal(w.race(orders, store.ErrNonceReused), 1, "requests with one nonce")
		}},
		{"a batch is closed while a line enrols", func(w *world) { w.testCloseRace() }},
		{"one serial in two manifests", func(w *world) {
			won := 0
			w.together(issuers, func(i int) error {
				_, err := w.CreateBatch(w.Context(), w.manifest(fmt.Sprintf("w%d", i), "A1"))
				return err
			}, func(err error) {
				if err == nil {
					won++
				} else if !errors.Is(err, store.ErrConflict) {
					w.Errorf("create batch: %v", err)
				}
			})
			w.equal(won, 1, "batches with the serial")
		}},
		{"one incident, many events", func(w *world) {
			w.issue(order{serial: "A1"})
			w.together(writers, func(int) error { return w.Record(w.Context(), w.opened("renewal-fork", "sensor/A1", "")) }, w.must)
			list := w.incidents()
			w.equal([]any{len(list), list[0].Count}, []any{1, uint64(writers)}, "incidents, count")
		}},
	}
}

// firsts are first certificates of as many devices as there are writers.
func (w *world) firsts(station, batch string) []store.Issuance {
	var orders []store.Issuance
	for i := range writers {
		orders = append(orders, w.issuance(order{serial: fmt.Sprint(i), station: station, batch: batch}))
	}
	return orders
}

// testCloseRace: what was given before the batch closed counts, and nothing is
// given after.
func (w *world) testCloseRace() {
	w.createBatch(w.newBatch("w47", writers))
	orders := w.firsts("", "w47")
	var closed store.Batch
	won := 0
	w.together(writers+1, func(i int) error {
		if i < writers {
			_, err := w.Issue(w.Context(), orders[i])
			return err
		}
		var err error
		closed, err = w.ChangeBatch(w.Context(), store.ChangeBatch{
			Name: "w47", Quota: writers, State: store.BatchHasClosed, Expect: 1, By: w.actor(),
		})
		return err
	}, func(err error) {
		if err == nil {
			won++ // the closing as well
		} else if !errors.Is(err, store.ErrBatch) {
			w.Errorf("issue or close: %v", err)
		}
	})
	given := uint64(won) - 1
	w.equal([]uint64{closed.Used, w.batch("w47").Used}, []uint64{given, given}, "used when it closed, and after")
}

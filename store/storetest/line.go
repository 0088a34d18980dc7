package storetest

import (
	"errors"
	"time"

	"github.com/assay-pki/assay/store"
)

func linePromises() []promise {
	onLine := func(serial string) order { return order{serial: serial, recovery: store.OnLine, rekeys: 2} }
	return []promise{
		{"a few new keys while nothing was presented", func(w *world) {
			first := w.issue(onLine("A1"))
			w.issue(order{serial: "A1", spki: first.SPKI, recovery: store.OnLine, rekeys: 2}) // no new key
			w.equal(w.device("A1").Rekeys, uint8(0), "rekeys")
			w.tells(func() { w.issue(onLine("A1")) }, store.CertificateIssued, store.CertificateRevoked, store.CertificateRevoked)
			w.issue(onLine("A1"))
			w.equal(w.device("A1").Rekeys, uint8(2), "rekeys")
			w.equal(w.certificate(first.Ref).Reason, store.ReasonSuperseded, "reason")
			w.refuse(store.ErrHasIdentity, onLine("A1"))
		}},
		{"none after one was presented", func(w *world) {
			c := w.issue(onLine("A1"))
			w.present(c.Ref)
			w.refuse(store.ErrHasIdentity, onLine("A1"))
			w.issue(order{serial: "A1", spki: c.SPKI, recovery: store.OnLine, rekeys: 2})
		}},
		{"what is over needs leave as well", func(w *world) {
			c := w.issue(order{serial: "A1", lasting: time.Hour, recovery: store.OnLine})
			w.pass(2 * time.Hour)
			w.refuse(store.ErrHasIdentity, order{serial: "A1", recovery: store.OnLine})
			w.issue(order{serial: "A1", spki: c.SPKI, lasting: time.Hour, recovery: store.OnLine}) // no new key
			w.pass(2 * time.Hour)
			next := w.issue(onLine("A1"))
			w.equal(w.device("A1").Rekeys, uint8(1), "rekeys")
			w.present(next.Ref)
			w.revokeOne(next.Ref, store.ReasonSuperseded)
			w.refuse(store.ErrHasIdentity, onLine("A1"))
		}},
		{"rework allows one", func(w *world) {
			c := w.issue(onLine("A1"))
			w.present(c.Ref)
			w.rework("A1")
			w.issue(order{serial: "A1", spki: c.SPKI, recovery: store.OnLine}) // no new key
			w.equal(w.device("A1").Rework, true, "rework after the same key")
			w.issue(order{serial: "A1", recovery: store.OnLine})
			d := w.device("A1")
			w.equal([]any{d.Rework, d.Rekeys}, []any{false, uint8(0)}, "rework, rekeys")
			w.equal(w.certificate(c.Ref).Status, store.Revoked, "status of the old key")
			w.refuse(store.ErrHasIdentity, order{serial: "A1", recovery: store.OnLine})
		}},
		{"rework after all was revoked ends with the new key", func(w *world) {
			c := w.issue(onLine("A1"))
			w.revokeOne(c.Ref, store.ReasonSuperseded)
			w.rework("A1")
			w.issue(order{serial: "A1", recovery: store.OnLine})
			w.equal(w.device("A1").Rework, false, "rework")
		}},
	}
}

func (w *world) rework(serial string) {
	w.Helper()
	w.tells(func() {
		out, err := w.Rework(w.Context(), store.DeviceAct{Device: device(serial), By: w.actor()})
		w.must(err)
		w.equal(out.Device, w.device(serial), "device in the answer")
	}, store.DeviceReworkOpened)
}

func factoryPromises() []promise {
	return []promise{
		{"rework twice is once", func(w *world) {
			w.issue(order{serial: "A1"})
			w.rework("A1")
			w.unchanged(func() {
				_, err := w.Rework(w.Context(), store.DeviceAct{Device: device("A1"), By: w.actor()})
				w.must(err)
			})
		}},
		{"rework needs an active device", func(w *world) {
			w.issue(order{serial: "H1"})
			w.hold("H1")
			w.issue(order{serial: "D1"})
			w.revoke("D1", store.ReasonUnspecified)
			w.createBatch(w.manifest("w47", "E1"))
			w.unchanged(func() {
				for serial, want := range map[string]error{"H1": store.ErrConflict, "D1": store.ErrConflict, "E1": store.ErrConflict, "none": store.ErrNotFound} {
					if _, err := w.Rework(w.Context(), store.DeviceAct{Device: device(serial), By: w.actor()}); !errors.Is(err, want) {
						w.Errorf("rework of %s: %v, want %v", serial, err, want)
					}
				}
			})
		}},
		{"a dry run changes nothing", func(w *world) {
			w.createBatch(w.newBatch("w47", 2))
			w.issue(order{serial: "A1", batch: "w47"})
			w.unchanged(func() {
				a := store.DeviceAct{Device: device("A1"), By: w.actor(), DryRun: true}
				out, err := w.Rework(w.Context(), a)
				w.must(err)
				w.equal(out.Device.Rework, true, "rework in the answer")
				out, err = w.Scrap(w.Context(), a)
				w.must(err)
				w.equal(len(out.Changed), 1, "changed")
			})
			d := w.device("A1")
			w.equal([]any{d.Rework, d.State}, []any{false, store.DeviceActive}, "rework, state")
		}},
		{"scrap revokes and counts", func(w *world) { w.testScrap() }},
		{"scrap of what never got a certificate", func(w *world) {
			w.createBatch(w.manifest("w47", "A1", "A2"))
			w.tells(func() { w.scrap("A1") }, store.DeviceWasScrapped)
			b := w.batch("w47")
			w.equal([]uint64{b.Used, b.Scrapped}, []uint64{0, 1}, "used, scrapped")
			w.refuse(store.ErrDecommissioned, order{serial: "A1", batch: "w47"})
		}},
	}
}

func (w *world) scrap(serial string) store.StatusChange {
	w.Helper()
	out, err := w.Scrap(w.Context(), store.DeviceAct{Device: device(serial), Comment: "bent", By: w.actor()})
	w.must(err)
	return out
}

func (w *world) testScrap() {
	w.createBatch(w.newBatch("w47", 2))
	first := w.issue(order{serial: "A1", batch: "w47"})
	w.rework("A1")
	var out store.StatusChange
	w.tells(func() { out = w.scrap("A1") }, store.DeviceWasScrapped, store.CertificateRevoked)
	d := w.device("A1")
	w.equal(out.Device, d, "device in the answer")
	w.equal([]any{d.State, d.Reason, d.Rework}, []any{store.DeviceScrapped, store.ReasonCessationOfOperation, false}, "state, reason, rework")
	w.equal(w.certificate(first.Ref).Reason, store.ReasonCessationOfOperation, "reason")
	b := w.batch("w47")
	w.equal([]uint64{b.Used, b.Scrapped, b.Left()}, []uint64{1, 1, 1}, "used, scrapped, left")
	w.unchanged(func() { w.scrap("A1") })
	w.refuse(store.ErrDecommissioned, order{serial: "A1"})
	w.issue(order{serial: "B1"})
	w.revoke("B1", store.ReasonUnspecified)
	_, err := w.Scrap(w.Context(), store.DeviceAct{Device: device("B1"), By: w.actor()})
	w.is(err, store.ErrConflict)
	_, err = w.Scrap(w.Context(), store.DeviceAct{Device: device("none"), By: w.actor()})
	w.is(err, store.ErrNotFound)
}

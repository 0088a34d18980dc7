package storetest

import (
	"time"

	"github.com/assay-pki/assay/store"
)

func (w *world) revoke(serial string, reason uint8) store.StatusChange {
	w.Helper()
	change, err := w.Revoke(w.Context(), store.Revoke{Device: device(serial), Reason: reason, By: w.actor()})
	w.must(err)
	return change
}

func (w *world) revokeOne(ref store.Ref, reason uint8) store.StatusChange {
	w.Helper()
	change, err := w.Revoke(w.Context(), store.Revoke{Ref: ref, Reason: reason, By: w.actor()})
	w.must(err)
	return change
}

func (w *world) hold(serial string) store.StatusChange {
	w.Helper()
	change, err := w.Hold(w.Context(), store.Hold{Device: device(serial), Comment: "lost", Ticket: "SEC-1", By: w.actor()})
	w.must(err)
	return change
}

func (w *world) release(serial string) store.StatusChange {
	w.Helper()
	change, err := w.Release(w.Context(), store.Hold{Device: device(serial), By: w.actor()})
	w.must(err)
	return change
}

func revokePromises() []promise {
	return []promise{
		{"a device and all that live", func(w *world) { w.testRevokeDevice() }},
		{"one certificate leaves its device alone", func(w *world) {
			first := w.issue(order{serial: "A1"})
			second := w.issue(order{serial: "A1", recovery: store.Renew})
			var change store.StatusChange
			w.tells(func() { change = w.revokeOne(first.Ref, store.ReasonSuperseded) }, store.CertificateRevoked)
			w.equal(change.Device, store.Device{}, "device of the change")
			w.equal(change.Feed, w.feedHead(), "feed")
			w.equal(w.certificate(second.Ref).Status, store.Good, "the other one")
			w.equal(w.device("A1").State, store.DeviceActive, "device")
		}},
		{"what is revoked stays as it is", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.revoke("A1", store.ReasonSuperseded)
			before := w.certificate(c.Ref)
			w.pass(time.Hour)
			w.unchanged(func() {
				change := w.revoke("A1", store.ReasonKeyCompromise)
				w.equal(len(change.Changed), 0, "changed")
				w.equal(change.Feed, uint64(0), "feed")
				w.equal(len(w.revokeOne(c.Ref, store.ReasonKeyCompromise).Changed), 0, "changed")
			})
			w.equal(w.certificate(c.Ref), before, "certificate")
		}},
		{"a hold becomes a revocation of the same date", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.hold("A1")
			held := w.now
			w.pass(time.Hour)
			w.revoke("A1", store.ReasonKeyCompromise)
			got := w.certificate(c.Ref)
			w.equal(got.Status, store.Revoked, "status")
			w.equal(got.Reason, store.ReasonKeyCompromise, "reason")
			w.equal(got.RevokedAt, held, "revoked at")
			w.equal(w.device("A1").State, store.DeviceDecommissioned, "device")
		}},
		{"invalidity date", func(w *world) { w.testInvalidity() }},
		{"reasons that do not revoke", func(w *world) {
			c := w.issue(order{serial: "A1"})
			for _, reason := range []uint8{store.ReasonCertificateHold, 7, store.ReasonRemoveFromCRL, 11, 255} {
				_, err := w.Revoke(w.Context(), store.Revoke{Ref: c.Ref, Reason: reason, By: w.actor()})
				w.is(err, store.ErrConflict)
			}
		}},
		{"unknown device or certificate", func(w *world) {
			_, err := w.Revoke(w.Context(), store.Revoke{Device: device("A9"), By: w.actor()})
			w.is(err, store.ErrNotFound)
			_, err = w.Revoke(w.Context(), store.Revoke{Ref: store.Ref{Issuer: devices, Index: 77}, By: w.actor()})
			w.is(err, store.ErrNotFound)
		}},
		{"dry run", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.unchanged(func() {
				r := store.Revoke{Device: device("A1"), Reason: store.ReasonKeyCompromise, By: w.actor(), DryRun: true}
				change, err := w.Revoke(w.Context(), r)
				w.must(err)
				w.equal(change.Device.State, store.DeviceDecommissioned, "device as it would be")
				w.equal(change.Changed[0].Status, store.Revoked, "certificate as it would be")
				w.equal(change.Feed, uint64(0), "feed")
			})
			w.equal(w.certificate(c.Ref).Status, store.Good, "status")
		}},
		{"compromise blocks every key of the lineage", func(w *world) {
			first := w.issue(order{serial: "A1", lasting: time.Hour})
			w.pass(2 * time.Hour)
			w.issue(order{serial: "A1"})
			w.revoke("A1", store.ReasonKeyCompromise)
			blocked, err := w.KeyBlocked(w.Context(), first.SPKI)
			w.must(err)
			w.equal(blocked, true, "key of the expired certificate blocked")
		}},
	}
}

func (w *world) testInvalidity() {
	c := w.issue(order{serial: "A1"})
	since := w.now.Add(-time.Minute)
	r := store.Revoke{Ref: c.Ref, Reason: store.ReasonKeyCompromise, InvalidAt: since, By: w.actor()}
	_, err := w.Revoke(w.Context(), r)
	w.must(err)
	w.equal(w.certificate(c.Ref).InvalidAt, since, "invalid at")
	r.InvalidAt = w.now.Add(time.Minute)
	_, err = w.Revoke(w.Context(), r)
	w.is(err, store.ErrConflict)
}

func (w *world) testRevokeDevice() {
	expired := w.issue(order{serial: "A1", lasting: time.Hour})
	w.pass(2 * time.Hour)
	first := w.issue(order{serial: "A1"})
	second := w.issue(order{serial: "A1", recovery: store.Renew})
	w.present(second.Ref) // first is closed, and still good for others
	other := w.issue(order{serial: "A2"})
	var change store.StatusChange
	w.tells(func() { change = w.revoke("A1", store.ReasonKeyCompromise) },
		store.DeviceWasDecommissioned, store.CertificateRevoked, store.CertificateRevoked)
	w.equal(change.Device, w.device("A1"), "device of the change")
	w.equal(change.Device.State, store.DeviceDecommissioned, "state")
	w.equal(change.Device.Reason, store.ReasonKeyCompromise, "reason")
	w.equal(change.Feed, w.feedHead(), "feed")
	w.equal(change.Changed, []store.Certificate{w.certificate(first.Ref), w.certificate(second.Ref)}, "changed")
	w.equal(w.certificate(first.Ref).RevokedAt, w.now, "revoked at")
	w.equal(w.certificate(expired.Ref).Status, store.Good, "status of the expired one")
	w.equal(w.certificate(other.Ref).Status, store.Good, "status of another device's")
}

func holdPromises() []promise {
	return []promise{
		{"hold and release", func(w *world) {
			c := w.issue(order{serial: "A1"})
			before := w.certificate(c.Ref)
			w.tells(func() { w.hold("A1") }, store.DeviceWasHeld, store.CertificateHeld)
			held := w.certificate(c.Ref)
			w.equal(held.Status, store.Held, "status")
			w.equal(held.Reason, store.ReasonCertificateHold, "reason")
			w.equal(held.RevokedAt, w.now, "held at")
			w.pass(time.Hour)
			var change store.StatusChange
			w.tells(func() { change = w.release("A1") }, store.DeviceWasReleased, store.CertificateReleased)
			w.equal(w.certificate(c.Ref), before, "certificate after release")
			w.equal(change.Feed, w.feedHead(), "feed")
			w.equal(w.device("A1").State, store.DeviceActive, "state")
		}},
		{"twice changes nothing", func(w *world) {
			w.issue(order{serial: "A1"})
			w.unchanged(func() { w.equal(len(w.release("A1").Changed), 0, "changed") })
			w.hold("A1")
			w.unchanged(func() { w.equal(len(w.hold("A1").Changed), 0, "changed") })
		}},
		{"release restores only what the hold took", func(w *world) {
			revoked := w.issue(order{serial: "A1"})
			w.revokeOne(revoked.Ref, store.ReasonSuperseded)
			good := w.issue(order{serial: "A1"})
			w.hold("A1")
			w.release("A1")
			w.equal(w.certificate(revoked.Ref).Status, store.Revoked, "revoked before the hold")
			w.equal(w.certificate(good.Ref).Status, store.Good, "held")
		}},
		{"a hold takes what lives", func(w *world) {
			expired := w.issue(order{serial: "A1", lasting: time.Hour})
			w.pass(2 * time.Hour)
			live := w.issue(order{serial: "A1"})
			early := w.issue(order{serial: "A1", spki: live.SPKI, from: time.Hour})
			w.equal(len(w.hold("A1").Changed), 2, "changed")
			w.equal(w.certificate(expired.Ref).Status, store.Good, "status of the expired one")
			w.equal(w.certificate(early.Ref).Status, store.Held, "status of the one that is not valid yet")
		}},
		{"a hold that outlasts the certificate", func(w *world) {
			c := w.issue(order{serial: "A1", lasting: time.Hour})
			w.hold("A1")
			w.pass(2 * time.Hour)
			w.release("A1")
			w.equal(w.certificate(c.Ref).Status, store.Good, "status")
		}},
		{"a decommissioned device is a conflict", func(w *world) {
			w.issue(order{serial: "A1"})
			w.revoke("A1", store.ReasonCessationOfOperation)
			h := store.Hold{Device: device("A1"), By: w.actor()}
			w.unchanged(func() {
				_, err := w.Hold(w.Context(), h)
				w.is(err, store.ErrConflict)
				_, err = w.Release(w.Context(), h)
				w.is(err, store.ErrConflict)
			})
		}},
		{"unknown device", func(w *world) {
			_, err := w.Hold(w.Context(), store.Hold{Device: device("A9"), By: w.actor()})
			w.is(err, store.ErrNotFound)
			_, err = w.Release(w.Context(), store.Hold{Device: device("A9"), By: w.actor()})
			w.is(err, store.ErrNotFound)
		}},
		{"dry run", func(w *world) {
			w.issue(order{serial: "A1"})
			w.unchanged(func() {
				change, err := w.Hold(w.Context(), store.Hold{Device: device("A1"), By: w.actor(), DryRun: true})
				w.must(err)
				w.equal(change.Device.State, store.DeviceHeld, "device as it would be")
				w.equal(len(change.Changed), 1, "changed")
			})
			w.equal(w.device("A1").State, store.DeviceActive, "state")
		}},
	}
}

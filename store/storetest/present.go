package storetest

import (
	"time"

	"github.com/assay-pki/assay/store"
)

func presentPromises() []promise {
	return []promise{
		{"closes the older ones of the profile", func(w *world) {
			birth := w.issue(order{serial: "A1", profile: store.ProfileBirth})
			first := w.issue(order{serial: "A1"})
			second := w.issue(order{serial: "A1", recovery: store.Renew})
			third := w.issue(order{serial: "A1", recovery: store.Renew})
			w.tells(func() { w.present(second.Ref) }, store.CertificatePresented, store.CertificateClosed)
			for ref, want := range map[store.Ref]bool{birth.Ref: false, first.Ref: true, second.Ref: false, third.Ref: false} {
				w.equal(w.certificate(ref).Closed, want, "closed")
			}
			w.equal(w.certificate(second.Ref).Presented, true, "presented")
			w.equal(w.certificate(first.Ref).Status, store.Good, "status of the closed one")
		}},
		{"twice is once", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.present(c.Ref)
			w.unchanged(func() { w.present(c.Ref) })
		}},
		{"closed, held or revoked is a conflict", func(w *world) {
			first := w.issue(order{serial: "A1"})
			second := w.issue(order{serial: "A1", recovery: store.Renew})
			w.present(second.Ref)
			w.presentFails(first.Ref, store.ErrConflict)
			w.hold("A1")
			w.presentFails(second.Ref, store.ErrConflict)
			w.revoke("A1", store.ReasonUnspecified)
			w.presentFails(second.Ref, store.ErrConflict)
			w.presentFails(store.Ref{Issuer: devices, Index: 999}, store.ErrNotFound)
		}},
		{"RevokeOld also revokes what is closed", func(w *world) { w.testRevokeOld() }},
		{"an operator's certificate closes nothing", func(w *world) {
			w.putOperator("alice", store.RoleAdmin)
			holder := store.Holder{Kind: store.HolderOperator, Name: "alice"}
			first := w.issueTo(operations, holder, store.ProfileOperator)
			second := w.issueTo(operations, holder, store.ProfileOperator)
			w.tells(func() { w.present(second.Ref) }, store.CertificatePresented)
			w.equal(w.certificate(first.Ref).Closed, false, "closed")
		}},
	}
}

func (w *world) testRevokeOld() {
	birth := w.issue(order{serial: "A1", profile: store.ProfileBirth})
	expired := w.issue(order{serial: "A1", lasting: time.Hour})
	closed := w.issue(order{serial: "A1", recovery: store.Renew})
	second := w.issue(order{serial: "A1", recovery: store.Renew})
	w.present(second.Ref)
	w.pass(2 * time.Hour)
	third := w.issue(order{serial: "A1", recovery: store.Renew})
	w.tells(func() {
		w.must(w.Present(w.Context(), store.Presentation{Ref: third.Ref, RevokeOld: true, By: w.actor()}))
	}, store.CertificatePresented, store.CertificateClosed, store.CertificateRevoked, store.CertificateRevoked)
	for ref, want := range map[store.Ref]store.Status{
		birth.Ref: store.Good, expired.Ref: store.Good, closed.Ref: store.Revoked, second.Ref: store.Revoked, third.Ref: store.Good,
	} {
		w.equal(w.certificate(ref).Status, want, "status")
	}
	w.equal(w.certificate(second.Ref).Reason, store.ReasonSuperseded, "reason")
	w.equal(w.device("A1").SeenAt, w.now, "seen at")
}

func (w *world) presentFails(ref store.Ref, want error) {
	w.Helper()
	w.unchanged(func() {
		w.is(w.Present(w.Context(), store.Presentation{Ref: ref, By: w.actor()}), want)
	})
}

package storetest

import (
	"time"

	"github.com/assay-pki/assay/store"
)

func repeatPromises() []promise {
	const day = 24 * time.Hour
	return []promise{
		{"the same request gets the same certificate", func(w *world) {
			hash := w.token("t", "A1", 1)
			o := order{serial: "A1", csr: "x", token: hash, repeat: day}
			first := w.issue(o)
			w.pass(time.Hour)
			w.tells(func() {
				out, err := w.Issue(w.Context(), w.issuance(o))
				w.must(err)
				w.equal(out.Repeated, true, "repeated")
				w.equal(out.Certificate, first, "certificate")
			}, store.CertificateRepeated)
			token, err := w.Token(w.Context(), hash)
			w.must(err)
			w.equal(token.Used, uint32(1), "uses of the token")
		}},
		{"another request does not", func(w *world) {
			first := w.issue(order{serial: "A1", csr: "x", repeat: day})
			again := order{serial: "A1", csr: "y", spki: first.SPKI, repeat: day}
			w.issue(again)
			i := w.issuance(order{serial: "A1", csr: "x", spki: first.SPKI, repeat: day})
			i.Certificate.Principal = "token:ffff"
			out, err := w.Issue(w.Context(), i)
			w.must(err)
			w.equal(out.Repeated, false, "repeated for another principal")
		}},
		{"nor after the time is over", func(w *world) {
			o := order{serial: "A1", csr: "x", spki: MakeSPKI(), repeat: time.Hour}
			w.issue(o)
			w.pass(2 * time.Hour)
			w.issue(o)
		}},
		{"nor when it is switched off", func(w *world) {
			o := order{serial: "A1", csr: "x", spki: MakeSPKI()}
			w.issue(o)
			w.issue(o)
		}},
		{"nor when the certificate is no longer good", func(w *world) {
			o := order{serial: "A1", csr: "x", repeat: day}
			first := w.issue(o)
			w.revokeOne(first.Ref, store.ReasonSuperseded)
			w.issue(o)
		}},
		{"nor when it was closed", func(w *world) {
			o := order{serial: "A1", csr: "x", repeat: day, recovery: store.Renew}
			w.issue(o)
			second := w.issue(order{serial: "A1", csr: "y", recovery: store.Renew})
			w.present(second.Ref)
			w.issue(o)
		}},
		{"a repeat of a held device is refused", func(w *world) {
			o := order{serial: "A1", csr: "x", repeat: day}
			w.issue(o)
			w.hold("A1")
			w.refuse(store.ErrHeld, o)
		}},
	}
}

func identityPromises() []promise {
	return []promise{
		{"FirstOnly refuses another key", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.refuse(store.ErrHasIdentity, order{serial: "A1"})
			w.issue(order{serial: "A1", spki: c.SPKI})
			w.issue(order{serial: "A1", profile: store.ProfileBirth})
		}},
		{"FirstOnly allows it when the old one is over", func(w *world) {
			c := w.issue(order{serial: "A1", lasting: time.Hour})
			w.pass(2 * time.Hour)
			second := w.issue(order{serial: "A1"})
			w.revokeOne(second.Ref, store.ReasonUnspecified)
			w.issue(order{serial: "A1"})
			w.equal(w.certificate(c.Ref).Status, store.Good, "status of the expired one")
		}},
		{"Replace revokes those with another key", func(w *world) { w.testReplace() }},
		{"Renew keeps three live ones", func(w *world) { w.testThreeLive() }},
		{"Renew closes none that was presented", func(w *world) {
			first := w.issue(order{serial: "A1", recovery: store.Renew})
			w.present(first.Ref)
			second := w.issue(order{serial: "A1", recovery: store.Renew})
			w.issue(order{serial: "A1", recovery: store.Renew})
			w.issue(order{serial: "A1", recovery: store.Renew})
			w.equal(w.certificate(first.Ref).Closed, false, "presented one closed")
			w.equal(w.certificate(second.Ref).Closed, true, "oldest never presented closed")
		}},
		{"Renew does not count other profiles", func(w *world) {
			birth := w.issue(order{serial: "A1", profile: store.ProfileBirth})
			for range 4 {
				w.issue(order{serial: "A1", recovery: store.Renew})
			}
			w.equal(w.certificate(birth.Ref).Closed, false, "birth certificate closed")
		}},
	}
}

func (w *world) testReplace() {
	first := w.issue(order{serial: "A1"})
	birth := w.issue(order{serial: "A1", profile: store.ProfileBirth})
	early := w.issue(order{serial: "A1", spki: first.SPKI, from: time.Hour})
	var second store.Certificate
	w.tells(func() { second = w.issue(order{serial: "A1", recovery: store.Replace}) },
		store.CertificateIssued, store.CertificateRevoked, store.CertificateRevoked)
	for _, ref := range []store.Ref{first.Ref, early.Ref} {
		c := w.certificate(ref)
		w.equal(c.Status, store.Revoked, "status of the replaced one")
		w.equal(c.Reason, store.ReasonSuperseded, "reason")
		w.equal(c.RevokedAt, w.now, "revoked at")
	}
	w.equal(w.certificate(birth.Ref).Status, store.Good, "status of the birth certificate")
	w.equal(w.certificate(second.Ref).Status, store.Good, "status of the new one")
	third := w.issue(order{serial: "A1", spki: second.SPKI, recovery: store.Replace})
	w.equal(w.certificate(second.Ref).Status, store.Good, "status of one with the same key")
	w.equal(w.device("A1").Lineage, []store.Ref{first.Ref, birth.Ref, early.Ref, second.Ref, third.Ref}, "lineage")
}

func (w *world) testThreeLive() {
	var made []store.Certificate
	for range store.MaxLivePerProfile {
		made = append(made, w.issue(order{serial: "A1", recovery: store.Renew}))
	}
	w.tells(func() {
		made = append(made, w.issue(order{serial: "A1", presented: made[2].Ref, recovery: store.Renew}))
	}, store.CertificateIssued, store.CertificateClosed)
	for i, want := range []bool{true, false, false, false} {
		c := w.certificate(made[i].Ref)
		if c.Closed != want || c.Status != store.Good {
			w.Errorf("certificate %d: closed %t, status %d, want closed %t and good", i, c.Closed, c.Status, want)
		}
	}
}

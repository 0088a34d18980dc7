package storetest

import (
	"crypto/sha256"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-pki/assay/store"
)

func issuePromises() []promise {
	return []promise{
		{"everything is read back", func(w *world) { w.testReadBack() }},
		{"the first certificate activates the device", func(w *world) {
			hash := w.token("t", "A1", 1)
			w.tells(func() { w.issue(order{serial: "A1", token: hash}) },
				store.CertificateIssued, store.TokenRedeemed, store.DeviceWasActivated)
			d := w.device("A1")
			w.equal(d.State, store.DeviceActive, "state")
			w.equal(d.ActivatedAt, w.now, "activated at")
		}},
		{"index is given once", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.next[devices]--
			w.refuse(store.ErrExists, order{serial: "A2"})
			w.equal(w.certificate(c.Ref).Holder.Name, "sensor/A1", "holder")
		}},
		{"unknown issuer", func(w *world) {
			i := w.issuance(order{serial: "A1"})
			i.Certificate.Issuer = 9
			_, err := w.Issue(w.Context(), i)
			w.is(err, store.ErrNotFound)
		}},
		{"serial and index agree", func(w *world) {
			i := w.issuance(order{serial: "A1"})
			i.Certificate.Index++
			_, err := w.Issue(w.Context(), i)
			w.is(err, store.ErrConflict)
		}},
		{"held device", func(w *world) {
			w.issue(order{serial: "A1"})
			w.hold("A1")
			w.refuse(store.ErrHeld, order{serial: "A1", recovery: store.Renew})
		}},
		{"decommissioned device", func(w *world) {
			w.issue(order{serial: "A1"})
			w.revoke("A1", store.ReasonCessationOfOperation)
			w.refuse(store.ErrDecommissioned, order{serial: "A1", recovery: store.Replace})
		}},
		{"presented certificate", func(w *world) { w.testPresented() }},
		{"key of another device", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.refuse(store.ErrKeyOfAnother, order{serial: "A2", spki: c.SPKI})
			w.pass(100 * 24 * time.Hour) // also after it expired
			w.refuse(store.ErrKeyOfAnother, order{serial: "A2", spki: c.SPKI})
			w.issue(order{serial: "A1", spki: c.SPKI})
		}},
		{"key that was compromised once", func(w *world) {
			c := w.issue(order{serial: "A1"})
			w.revoke("A1", store.ReasonKeyCompromise)
			w.refuse(store.ErrKeyBlocked, order{serial: "A2", spki: c.SPKI})
			blocked, err := w.KeyBlocked(w.Context(), c.SPKI)
			w.must(err)
			w.equal(blocked, true, "blocked")
			blocked, err = w.KeyBlocked(w.Context(), MakeSPKI())
			w.must(err)
			w.equal(blocked, false, "another key blocked")
		}},
		{"checks come in order", func(w *world) { w.testOrder() }},
		{"newest certificate of a key", func(w *world) {
			c := w.issue(order{serial: "A1"})
			renewed := w.issue(order{serial: "A1", spki: c.SPKI, recovery: store.Renew})
			found, err := w.CertificateBySPKI(w.Context(), c.SPKI)
			w.must(err)
			w.equal(found.Ref, renewed.Ref, "newest")
			_, err = w.CertificateBySPKI(w.Context(), MakeSPKI())
			w.is(err, store.ErrNotFound)
		}},
		{"server credentials have no device", func(w *world) {
			c := w.issueTo(operations, store.Holder{Kind: store.HolderServer, Name: "tls"}, store.ProfileServer)
			w.equal(w.certificate(c.Ref).Holder.Kind, store.HolderServer, "holder")
		}},
	}
}

func (w *world) issueTo(issuer store.IssuerID, holder store.Holder, profile string) store.Certificate {
	w.Helper()
	out, err := w.Issue(w.Context(), w.issuanceTo(issuer, holder, profile))
	w.must(err)
	return out.Certificate
}

func (w *world) issuanceTo(issuer store.IssuerID, holder store.Holder, profile string) store.Issuance {
	c := MakeCertificate(Spec{
		Ref: w.ref(issuer), Holder: holder, Profile: profile,
		NotBefore: w.now.Add(-time.Minute), NotAfter: w.now.Add(24 * time.Hour),
	})
	c.Operation, c.IssuedAt = store.OpAdmin, w.now
	return store.Issuance{Certificate: c, By: w.actor()}
}

func (w *world) testReadBack() {
	i := w.issuance(order{serial: "A1", csr: "x"})
	out, err := w.Issue(w.Context(), i)
	w.must(err)
	seconds := cmpopts.EquateApproxTime(time.Second) // dates in DER are whole seconds
	if diff := cmp.Diff(i.Certificate, out.Certificate, seconds); diff != "" {
		w.Errorf("answer (-want +got):\n%s", diff)
	}
	w.equal(w.certificate(i.Certificate.Ref), out.Certificate, "certificate read back")
	w.equal(w.device("A1").Lineage, []store.Ref{i.Certificate.Ref}, "lineage")
	_, err = w.Certificate(w.Context(), store.Ref{Issuer: devices, Index: 999})
	w.is(err, store.ErrNotFound)
	_, err = w.Device(w.Context(), device("A2"))
	w.is(err, store.ErrNotFound)
}

func (w *world) testPresented() {
	first := w.issue(order{serial: "A1"})
	other := w.issue(order{serial: "A2"})
	second := w.issue(order{serial: "A1", presented: first.Ref, recovery: store.Renew})
	w.refuse(store.ErrCredential, order{serial: "A1", presented: other.Ref, recovery: store.Renew})
	w.refuse(store.ErrCredential, order{serial: "A1", presented: store.Ref{Issuer: devices, Index: 999}, recovery: store.Renew})
	w.present(second.Ref)
	w.refuse(store.ErrSuperseded, order{serial: "A1", presented: first.Ref, recovery: store.Renew})
	w.revokeOne(second.Ref, store.ReasonSuperseded)
	w.refuse(store.ErrCredential, order{serial: "A1", presented: second.Ref, recovery: store.Renew})
}

// testOrder breaks two rules at a time: the earlier one answers.
func (w *world) testOrder() {
	c := w.issue(order{serial: "A1"})
	w.issue(order{serial: "H1"})
	w.hold("H1")
	w.issue(order{serial: "B1"})
	w.revoke("B1", store.ReasonKeyCompromise)
	unknown := sha256.Sum256([]byte("no such token"))
	missing := store.Ref{Issuer: devices, Index: 999}

	w.next[devices] = 0 // index 1 is taken
	w.refuse(store.ErrExists, order{serial: "H1", presented: missing})
	w.next[devices] = 100
	w.refuse(store.ErrHeld, order{serial: "H1", presented: missing})
	w.refuse(store.ErrDecommissioned, order{serial: "B1", presented: missing})
	w.refuse(store.ErrCredential, order{serial: "A1", token: unknown, spki: w.device1Key("B1")})
	w.refuse(store.ErrKeyBlocked, order{serial: "A1", spki: w.device1Key("B1")})
	w.refuse(store.ErrKeyOfAnother, order{serial: "A1", spki: w.device1Key("H1")})
	w.refuse(store.ErrHasIdentity, order{serial: "A1"})
	w.equal(w.certificate(c.Ref).Status, store.Good, "status")

	newer := w.issue(order{serial: "A1", recovery: store.Renew})
	w.present(newer.Ref)
	w.refuse(store.ErrSuperseded, order{serial: "A1", presented: c.Ref, token: unknown})
}

// device1Key is the key of the device's first certificate.
func (w *world) device1Key(serial string) []byte {
	w.Helper()
	return w.certificate(w.device(serial).Lineage[0]).SPKI
}

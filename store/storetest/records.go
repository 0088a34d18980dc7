package storetest

import (
	"crypto/sha256"
	"time"

	"github.com/assay-pki/assay/store"
)

func tokenPromises() []promise {
	return []promise{
		{"is read back", func(w *world) {
			t := store.Token{
				Hash: sha256.Sum256([]byte("t")), Product: product, Serial: "A1", Uses: 2,
				CreatedAt: w.now, ExpiresAt: w.now.Add(time.Hour), CreatedBy: "operator:alice",
			}
			w.tells(func() { w.must(w.CreateToken(w.Context(), t, w.actor())) }, store.TokenCreated)
			got, err := w.Token(w.Context(), t.Hash)
			w.must(err)
			w.equal(got, t, "token")
			w.unchanged(func() { w.is(w.CreateToken(w.Context(), t, w.actor()), store.ErrExists) })
			_, err = w.Token(w.Context(), [32]byte{1})
			w.is(err, store.ErrNotFound)
		}},
		{"pays for as many as it has uses", func(w *world) {
			hash := w.token("t", "", 2)
			w.issue(order{serial: "A1", token: hash})
			w.issue(order{serial: "A2", token: hash})
			w.refuse(store.ErrCredential, order{serial: "A3", token: hash})
		}},
		{"a refused issuance takes no use", func(w *world) {
			hash := w.token("t", "", 1)
			c := w.issue(order{serial: "A1"})
			w.refuse(store.ErrKeyOfAnother, order{serial: "A2", token: hash, spki: c.SPKI})
			w.issue(order{serial: "A2", token: hash})
		}},
		{"unknown, expired, of another product or serial", func(w *world) {
			w.refuse(store.ErrCredential, order{serial: "A1", token: [32]byte{1}})
			hash := w.token("t", "A1", 9)
			w.refuse(store.ErrCredential, order{serial: "A2", token: hash})
			i := w.issuance(order{serial: "A1", token: hash})
			i.Device.Product = "gateway"
			i.Certificate.Holder.Name = "gateway/A1"
			_, err := w.Issue(w.Context(), i)
			w.is(err, store.ErrCredential)
			w.pass(time.Hour)
			w.refuse(store.ErrCredential, order{serial: "A1", token: hash})
		}},
		{"voided", func(w *world) {
			hash := w.token("t", "", 9)
			w.tells(func() { w.void(hash) }, store.TokenVoided)
			w.refuse(store.ErrCredential, order{serial: "A1", token: hash})
			w.unchanged(func() { w.void(hash) })
			_, err := w.VoidToken(w.Context(), [32]byte{1}, w.actor())
			w.is(err, store.ErrNotFound)
		}},
	}
}

func (w *world) void(hash [32]byte) {
	w.Helper()
	t, err := w.VoidToken(w.Context(), hash, w.actor())
	w.must(err)
	w.equal(t.Voided, true, "voided")
}

func (w *world) putProduct(name, body string, expect uint32) (store.Document, error) {
	return w.PutDocument(w.Context(), store.PutDocument{
		Kind: store.KindProduct, Name: name, Body: []byte(body), Expect: expect, By: w.actor(),
	})
}

func documentPromises() []promise {
	return []promise{
		{"revisions", func(w *world) {
			var first, second store.Document
			w.tells(func() {
				var err error
				first, err = w.putProduct(product, "{}", 0)
				w.must(err)
				second, err = w.putProduct(product, `{"a":1}`, 1)
				w.must(err)
			}, store.ProductChanged, store.ProductChanged)
			w.equal([]uint32{first.Revision, second.Revision}, []uint32{1, 2}, "revisions")
			newest, err := w.Document(w.Context(), store.KindProduct, product)
			w.must(err)
			w.equal(newest, second, "newest")
			old, err := w.DocumentRevision(w.Context(), store.KindProduct, product, 1)
			w.must(err)
			w.equal(old, first, "first")
			w.equal(old.By, "operator:alice", "by")
		}},
		{"the same bytes make no revision", func(w *world) {
			first, err := w.putProduct(product, "{}", 0)
			w.must(err)
			w.pass(time.Hour)
			w.unchanged(func() {
				again, err := w.putProduct(product, "{}", store.AnyRevision)
				w.must(err)
				w.equal(again, first, "document")
			})
		}},
		{"expected revision", func(w *world) {
			_, err := w.putProduct(product, "{}", 1)
			w.is(err, store.ErrChanged)
			_, err = w.putProduct(product, "{}", store.AnyRevision)
			w.must(err)
			w.unchanged(func() {
				_, err = w.putProduct(product, `{"a":1}`, 0)
				w.is(err, store.ErrChanged)
			})
		}},
		{"kinds are apart", func(w *world) {
			_, err := w.putProduct("default", "{}", 0)
			w.must(err)
			p := store.PutDocument{Kind: store.KindPolicy, Name: "default", Body: []byte("[]"), By: w.actor()}
			w.tells(func() {
				_, err := w.PutDocument(w.Context(), p)
				w.must(err)
			}, store.PolicyChanged)
			d, err := w.Document(w.Context(), store.KindPolicy, "default")
			w.must(err)
			w.equal(string(d.Body), "[]", "body")
		}},
		{"firmware tells what happened to it", func(w *world) { w.testFirmware() }},
		{"unknown, too big", func(w *world) {
			_, err := w.Document(w.Context(), store.KindProduct, "none")
			w.is(err, store.ErrNotFound)
			_, err = w.DocumentRevision(w.Context(), store.KindProduct, "none", 1)
			w.is(err, store.ErrNotFound)
			_, err = w.putProduct(product, string(make([]byte, store.MaxDocumentBytes+1)), 0)
			w.is(err, store.ErrLimit)
		}},
	}
}

func (w *world) testFirmware() {
	p := store.PutDocument{
		Kind: store.KindFirmware, Name: product + "/1.4", Body: []byte("{}"), Event: store.FirmwareAdded,
		Facts: map[string]string{"comment": "first", "revision": "mine"}, By: w.actor(),
	}
	put := func(body string, event store.EventName, expect uint32) {
		p.Body, p.Event, p.Expect = []byte(body), event, expect
		_, err := w.PutDocument(w.Context(), p)
		w.must(err)
	}
	w.tells(func() {
		put("{}", store.FirmwareAdded, 0)
		put(`{"state":"approved"}`, store.FirmwareApproved, 1)
		put(`{"state":"recalled"}`, store.FirmwareRecalled, 2)
		put(`{"state":"approved"}`, store.FirmwareRecallUndone, 3)
		put(`{"state":"deprecated"}`, store.FirmwareDeprecated, 4)
	}, store.FirmwareAdded, store.FirmwareApproved, store.FirmwareRecalled, store.FirmwareRecallUndone, store.FirmwareDeprecated)
	events, err := w.Events(w.Context(), uint64(w.logHead().Size)-5, 1)
	w.must(err)
	body := sha256.Sum256([]byte("{}"))
	w.equal([]any{events[0].Object, events[0].Detail, [32]byte(events[0].Digest)},
		[]any{p.Name, map[string]string{"comment": "first", "revision": "1"}, body}, "firmware.added")
	w.unchanged(func() {
		for _, event := range []store.EventName{"", store.ProductChanged} {
			p.Event, p.Body = event, []byte("[]")
			_, err := w.PutDocument(w.Context(), p)
			w.is(err, store.ErrConflict)
		}
		p.Kind, p.Event = store.KindProduct, store.FirmwareAdded
		_, err := w.PutDocument(w.Context(), p)
		w.is(err, store.ErrConflict)
	})
}

func (w *world) putOperator(name, role string) store.Operator {
	w.Helper()
	o, err := w.PutOperator(w.Context(), store.PutOperator{
		Name: name, Role: role, Products: []string{product}, Expect: store.AnyRevision, By: w.actor(),
	})
	w.must(err)
	return o
}

func operatorPromises() []promise {
	return []promise{
		{"grants", func(w *world) {
			w.tells(func() {
				w.putOperator("alice", store.RoleAdmin)
				w.putOperator("bob", "security")
				w.putOperator("bob", "auditor")
			}, store.OperatorAdded, store.OperatorAdded, store.OperatorAdded)
			o, err := w.Operator(w.Context(), "bob")
			w.must(err)
			w.equal(o, store.Operator{
				Name: "bob", Revision: 2, Role: "auditor", Products: []string{product}, At: w.now, By: "operator:alice",
			}, "operator")
			w.unchanged(func() { w.equal(w.putOperator("bob", "auditor"), o, "same grant again") })
			_, err = w.Operator(w.Context(), "carol")
			w.is(err, store.ErrNotFound)
		}},
		{"expected revision", func(w *world) {
			w.putOperator("alice", store.RoleAdmin)
			_, err := w.PutOperator(w.Context(), store.PutOperator{Name: "alice", Role: "auditor", Expect: 7, By: w.actor()})
			w.is(err, store.ErrChanged)
			_, err = w.RemoveOperator(w.Context(), "alice", 7, w.actor())
			w.is(err, store.ErrChanged)
		}},
		{"the last admin stays", func(w *world) {
			w.putOperator("alice", store.RoleAdmin)
			w.putOperator("bob", "auditor")
			w.unchanged(func() {
				_, err := w.RemoveOperator(w.Context(), "alice", store.AnyRevision, w.actor())
				w.is(err, store.ErrLastAdmin)
				_, err = w.PutOperator(w.Context(), store.PutOperator{Name: "alice", Role: "auditor", Expect: store.AnyRevision, By: w.actor()})
				w.is(err, store.ErrLastAdmin)
			})
			w.putOperator("bob", store.RoleAdmin)
			_, err := w.RemoveOperator(w.Context(), "alice", store.AnyRevision, w.actor())
			w.must(err)
			w.unchanged(func() { // one that was removed is no admin
				_, err := w.RemoveOperator(w.Context(), "bob", store.AnyRevision, w.actor())
				w.is(err, store.ErrLastAdmin)
			})
		}},
		{"removal revokes, and can be undone", func(w *world) { w.testRemoveOperator() }},
		{"certificates need an operator", func(w *world) {
			holder := store.Holder{Kind: store.HolderOperator, Name: "mallory"}
			_, err := w.Issue(w.Context(), w.issuanceTo(operations, holder, store.ProfileOperator))
			w.is(err, store.ErrNotFound)
		}},
	}
}

func (w *world) testRemoveOperator() {
	w.putOperator("alice", store.RoleAdmin)
	w.putOperator("bob", "security")
	holder := store.Holder{Kind: store.HolderOperator, Name: "bob"}
	first := w.issueTo(operations, holder, store.ProfileOperator)
	second := w.issueTo(operations, holder, store.ProfileOperator)
	o, err := w.Operator(w.Context(), "bob")
	w.must(err)
	w.equal(o.Certificates, []store.Ref{first.Ref, second.Ref}, "certificates")

	var change store.StatusChange
	w.tells(func() {
		change, err = w.RemoveOperator(w.Context(), "bob", o.Revision, w.actor())
		w.must(err)
	}, store.OperatorRemoved, store.CertificateRevoked, store.CertificateRevoked)
	w.equal(len(change.Changed), 2, "changed")
	w.equal(change.Feed, w.feedHead(), "feed")
	w.equal(w.certificate(first.Ref).Reason, store.ReasonPrivilegeWithdrawn, "reason")
	w.unchanged(func() {
		_, err := w.RemoveOperator(w.Context(), "bob", store.AnyRevision, w.actor())
		w.must(err)
	})
	_, err = w.Issue(w.Context(), w.issuanceTo(operations, holder, store.ProfileOperator))
	w.is(err, store.ErrConflict)

	back := w.putOperator("bob", "security")
	w.equal(back.Removed, false, "removed")
	w.equal(back.Certificates, []store.Ref{first.Ref, second.Ref}, "certificates of the operator that came back")
	_, err = w.RemoveOperator(w.Context(), "nobody", store.AnyRevision, w.actor())
	w.is(err, store.ErrNotFound)
}

package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/assay-pki/assay/store"
)

// Where the batches of these tests are made.
const (
	site = "leipzig"
	line = "l3"
)

func (w *world) newBatch(name string, quota uint64) store.NewBatch {
	return store.NewBatch{
		Batch: store.Batch{Name: name, Product: product, Site: site, Line: line, Quota: quota},
		By:    w.actor(),
	}
}

func (w *world) createBatch(n store.NewBatch) store.Batch {
	w.Helper()
	b, err := w.CreateBatch(w.Context(), n)
	w.must(err)
	return b
}

func (w *world) batch(name string) store.Batch {
	w.Helper()
	b, err := w.Batch(w.Context(), name)
	w.must(err)
	return b
}

// move changes the state of a batch and nothing else.
func (w *world) move(name string, state store.BatchState) (store.Batch, error) {
	w.Helper()
	b := w.batch(name)
	return w.ChangeBatch(w.Context(), store.ChangeBatch{
		Name: name, From: b.From, Until: b.Until, Quota: b.Quota, State: state, Expect: store.AnyRevision, By: w.actor(),
	})
}

func batchPromises() []promise {
	return []promise{
		{"is read back", func(w *world) {
			n := w.newBatch("w47", 5)
			n.Batch.From, n.Batch.Until = w.now, w.now.Add(time.Hour)
			var made store.Batch
			w.tells(func() { made = w.createBatch(n) }, store.BatchCreated)
			w.equal(made, store.Batch{
				Name: "w47", Revision: 1, Product: product, Site: site, Line: line, From: n.Batch.From, Until: n.Batch.Until,
				Quota: 5, State: store.BatchOpen, CreatedAt: w.now, CreatedBy: "operator:alice",
			}, "batch")
			w.equal(w.batch("w47"), made, "batch read back")
			w.unchanged(func() {
				_, err := w.CreateBatch(w.Context(), n)
				w.is(err, store.ErrExists)
				_, err = w.Batch(w.Context(), "none")
				w.is(err, store.ErrNotFound)
			})
		}},
		{"a quota or a manifest bounds it", func(w *world) {
			_, err := w.CreateBatch(w.Context(), w.newBatch("w47", 0))
			w.is(err, store.ErrConflict)
			n := w.newBatch("w47", 5)
			n.Batch.From, n.Batch.Until = w.now, w.now
			_, err = w.CreateBatch(w.Context(), n)
			w.is(err, store.ErrConflict)
		}},
		{"one open quota for product, site and line", func(w *world) {
			w.createBatch(w.newBatch("w47", 5))
			_, err := w.CreateBatch(w.Context(), w.newBatch("w48", 5))
			w.is(err, store.ErrConflict)
			other := w.newBatch("w48", 5)
			other.Batch.Line = "l4"
			w.createBatch(other)
			_, err = w.move("w47", store.BatchHasClosed)
			w.must(err)
			w.createBatch(w.newBatch("w49", 5))
		}},
		{"states", func(w *world) { w.testBatchStates() }},
		{"changes of the order", func(w *world) { w.testChangeBatch() }},
		{"a quota counts devices", func(w *world) { w.testQuota() }},
		{"window", func(w *world) {
			n := w.newBatch("w47", 5)
			n.Batch.From, n.Batch.Until = w.now.Add(time.Hour), w.now.Add(2*time.Hour)
			w.createBatch(n)
			w.refuse(store.ErrBatch, order{serial: "A1", batch: "w47"})
			w.pass(time.Hour)
			w.issue(order{serial: "A1", batch: "w47"})
			w.pass(time.Hour)
			w.refuse(store.ErrBatch, order{serial: "A2", batch: "w47"})
			w.issue(order{serial: "A1", batch: "w47", recovery: store.Renew}) // has one already
		}},
		{"checks come in order", func(w *world) { w.testFactoryOrder() }},
		{"unknown, and of another product", func(w *world) {
			w.refuse(store.ErrNotFound, order{serial: "A1", batch: "w47"})
			n := w.newBatch("w47", 5)
			n.Batch.Product = "gateway"
			w.createBatch(n)
			w.refuse(store.ErrConflict, order{serial: "A1", batch: "w47"})
		}},
	}
}

// testFactoryOrder breaks two rules at a time: the earlier one answers.
func (w *world) testFactoryOrder() {
	taken := w.issue(order{serial: "A1", csr: "x", nonce: "n1", evidence: appraised("1.4", 7)})
	w.createBatch(w.newBatch("w47", 1))
	w.issue(order{serial: "A2", batch: "w47"})
	w.putStation("s1", store.StationSpec{Site: site, Quota: 1})
	w.issue(order{serial: "A3", station: "s1"})
	w.refuse(store.ErrCredential, order{serial: "B1", token: [32]byte{1}, csr: "y", nonce: "n1"})
	w.refuse(store.ErrNonceReused, order{serial: "B1", csr: "y", nonce: "n1", station: "none"})
	w.refuse(store.ErrCredential, order{serial: "B1", station: "none", batch: "none"})
	w.refuse(store.ErrNotFound, order{serial: "B1", station: "s1", batch: "none"})
	w.refuse(store.ErrQuota, order{serial: "B1", batch: "w47", spki: taken.SPKI})
	w.refuse(store.ErrQuota, order{serial: "B1", station: "s1", spki: taken.SPKI})
	_, err := w.move("w47", store.BatchHasPaused)
	w.must(err)
	w.refuse(store.ErrBatch, order{serial: "B1", batch: "w47"})
	w.refuse(store.ErrHasIdentity, order{serial: "A1", evidence: appraised("1.3", 6)})
}

func (w *world) testBatchStates() {
	w.createBatch(w.newBatch("w47", 5))
	w.tells(func() { _, err := w.move("w47", store.BatchHasPaused); w.must(err) }, store.BatchPaused)
	w.refuse(store.ErrBatch, order{serial: "A1", batch: "w47"})
	w.unchanged(func() { _, err := w.move("w47", store.BatchHasPaused); w.must(err) })
	w.tells(func() { _, err := w.move("w47", store.BatchOpen); w.must(err) }, store.BatchResumed)
	w.issue(order{serial: "A1", batch: "w47"})
	var closed store.Batch
	w.tells(func() {
		var err error
		closed, err = w.move("w47", store.BatchHasClosed)
		w.must(err)
	}, store.BatchClosed)
	w.equal([]any{closed.ClosedAt, closed.Used, closed.Revision}, []any{w.now, uint64(1), uint32(4)}, "closed batch")
	w.refuse(store.ErrBatch, order{serial: "A2", batch: "w47"})
	w.unchanged(func() {
		for _, state := range []store.BatchState{store.BatchOpen, store.BatchHasPaused, 0, 4} {
			_, err := w.move("w47", state)
			w.is(err, store.ErrConflict)
		}
		_, err := w.move("w47", store.BatchHasClosed)
		w.must(err)
	})
	w.issue(order{serial: "A1", recovery: store.Renew}) // a closed batch stops no renewal
}

func (w *world) testChangeBatch() {
	w.createBatch(w.newBatch("w47", 5))
	w.issue(order{serial: "A1", batch: "w47"})
	w.issue(order{serial: "A2", batch: "w47"})
	c := store.ChangeBatch{Name: "w47", Quota: 2, Until: w.now.Add(time.Hour), State: store.BatchOpen, Nonce: []byte("nonce"), Expect: 1, By: w.actor()}
	var b store.Batch
	w.tells(func() {
		var err error
		b, err = w.ChangeBatch(w.Context(), c)
		w.must(err)
	}, store.BatchChanged)
	w.equal([]any{b.Revision, b.Quota, b.Until, string(b.Nonce), b.Left()}, []any{uint32(2), uint64(2), c.Until, "nonce", uint64(0)}, "changed batch")
	w.equal(w.batch("w47"), b, "batch read back")
	w.unchanged(func() {
		_, err := w.ChangeBatch(w.Context(), c)
		w.is(err, store.ErrChanged)
		c.Expect, c.Nonce = 2, []byte("other") // the first nonce stays
		again, err := w.ChangeBatch(w.Context(), c)
		w.must(err)
		w.equal(again, b, "batch that nothing changed")
		c.Quota = 1
		_, err = w.ChangeBatch(w.Context(), c)
		w.is(err, store.ErrQuota)
		c.Quota = 0
		_, err = w.ChangeBatch(w.Context(), c)
		w.is(err, store.ErrConflict)
		c.Name = "none"
		_, err = w.ChangeBatch(w.Context(), c)
		w.is(err, store.ErrNotFound)
	})
	w.tells(func() {
		c.Name, c.Quota, c.State = "w47", 3, store.BatchHasPaused
		_, err := w.ChangeBatch(w.Context(), c)
		w.must(err)
	}, store.BatchChanged, store.BatchPaused)
}

func (w *world) testQuota() {
	w.createBatch(w.newBatch("w47", 2))
	o := order{serial: "A1", batch: "w47", csr: "x", spki: MakeSPKI(), repeat: time.Hour}
	out, err := w.Issue(w.Context(), w.issuance(o))
	w.must(err)
	w.equal(out.Batch, w.batch("w47"), "batch in the answer")
	w.equal(out.Batch.Left(), uint64(1), "left")
	again, err := w.Issue(w.Context(), w.issuance(o))
	w.must(err)
	w.equal([]any{again.Repeated, again.Batch}, []any{true, out.Batch}, "repeated, batch")
	w.issue(order{serial: "A1", batch: "w47", profile: store.ProfileBirth}) // the same device
	taken := w.issue(order{serial: "B1"})
	w.refuse(store.ErrKeyOfAnother, order{serial: "A2", batch: "w47", spki: taken.SPKI})
	w.equal(w.batch("w47").Used, uint64(1), "used")
	w.issue(order{serial: "A2", batch: "w47"})
	w.refuse(store.ErrQuota, order{serial: "A3", batch: "w47"})
	w.issue(order{serial: "A3"}) // outside of the batch
	d := w.device("A2")
	w.equal([]string{d.Batch, d.Site, d.Line, d.Station}, []string{"w47", site, line, ""}, "where it was made")
	w.equal(w.device("A3").Batch, "", "batch of the device outside")
}

// manifest is a batch of rows with these serials.
func (w *world) manifest(name string, serials ...string) store.NewBatch {
	n := w.newBatch(name, 0)
	n.Batch.Manifest = store.Manifest{SHA256: sha256.Sum256([]byte(name)), Rows: uint64(len(serials)), Format: "csv"}
	for _, serial := range serials {
		n.Devices = append(n.Devices, store.Expectation{Serial: serial})
	}
	return n
}

func manifestPromises() []promise {
	return []promise{
		{"rows become expected devices", func(w *world) { w.testManifest() }},
		{"only its devices, and they count whoever pays", func(w *world) {
			w.createBatch(w.manifest("w47", "A1", "A2"))
			w.refuse(store.ErrNotExpected, order{serial: "B1", batch: "w47"})
			hash := w.token("t", "", 5)
			out, err := w.Issue(w.Context(), w.issuance(order{serial: "A1", token: hash}))
			w.must(err)
			w.equal(out.Batch.Used, uint64(1), "used")
			w.equal(w.device("A1").State, store.DeviceActive, "state")
			w.issue(order{serial: "B1", token: hash})
			b := w.batch("w47")
			w.equal(b.Left(), uint64(1), "left")
		}},
		{"the key that it names", func(w *world) {
			n := w.manifest("w47", "A1")
			spki := MakeSPKI()
			sum := sha256.Sum256(spki)
			n.Devices[0].KeySHA256 = sum[:]
			w.createBatch(n)
			w.refuse(store.ErrNotExpected, order{serial: "A1", batch: "w47"})
			w.issue(order{serial: "A1", batch: "w47", spki: spki})
			w.issue(order{serial: "A1", recovery: store.Renew}) // only the first
		}},
		{"all rows or none", func(w *world) { w.testManifestFaults() }},
		{"rows that do not fit", func(w *world) {
			for name, spoil := range map[string]func(*store.NewBatch){
				"no serial":    func(n *store.NewBatch) { n.Devices[0].Serial = "" },
				"short digest": func(n *store.NewBatch) { n.Devices[0].KeySHA256 = []byte{1} },
				"row count":    func(n *store.NewBatch) { n.Batch.Manifest.Rows++ },
				"quota too":    func(n *store.NewBatch) { n.Batch.Quota = 4 },
				"attributes":   func(n *store.NewBatch) { n.Devices[0].Attributes = make([]store.Attribute, store.MaxAttributes+1) },
			} {
				n := w.manifest("w47", "A1")
				spoil(&n)
				if _, err := w.CreateBatch(w.Context(), n); !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrLimit) {
					w.Errorf("%s: %v", name, err)
				}
			}
		}},
		{"many rows", func(w *world) {
			var serials []string
			for i := range 5000 {
				serials = append(serials, fmt.Sprintf("SN-%08d", 5000-i))
			}
			w.createBatch(w.manifest("w47", serials...))
			list, err := w.Devices(w.Context(), store.DeviceID{}, store.MaxPage)
			w.must(err)
			w.equal([]any{len(list), list[0].Serial}, []any{store.MaxPage, "SN-00000001"}, "expected devices")
		}},
	}
}

func (w *world) testManifest() {
	n := w.manifest("w47", "A2", "A1")
	n.Devices[0].Site, n.Devices[0].Line = "halle", "l1"
	n.Devices[0].Identity = store.Identity{
		VendorID: "V2", KeySHA256: make([]byte, 32), AKName: []byte{0, 11}, DICEKeySHA256: make([]byte, 32), EATID: []byte{7},
	}
	n.Devices[0].Attributes = []store.Attribute{{Name: "customer", Value: "ACME"}}
	var b store.Batch
	w.tells(func() { b = w.createBatch(n) }, store.BatchCreated, store.DeviceWasExpected)
	w.equal([]any{b.Limit(), b.Manifest}, []any{uint64(2), n.Batch.Manifest}, "limit, manifest")
	w.equal(w.batch("w47"), b, "batch read back")
	w.equal(w.device("A2"), store.Device{
		DeviceID: device("A2"), State: store.DeviceExpected, ChangedAt: w.now, Batch: "w47", Site: "halle", Line: "l1",
		Identity: n.Devices[0].Identity, Attributes: n.Devices[0].Attributes,
	}, "expected device")
	events, err := w.Events(w.Context(), uint64(w.logHead().Size)-1, 1)
	w.must(err)
	w.equal([]any{events[0].Object, events[0].Count, [32]byte(events[0].Digest), events[0].Detail["format"]},
		[]any{"w47", uint64(2), b.Manifest.SHA256, "csv"}, "device.expected")
}

func (w *world) testManifestFaults() {
	first := w.manifest("w47", "A1", "A2", "A3")
	first.Devices[2].VendorID = "V3"
	w.createBatch(first)
	w.issue(order{serial: "A1", batch: "w47"})
	w.issue(order{serial: "B1"})
	n := w.manifest("w48", "C1", "C1", "A1", "A2", "B1", "C2", "C3", "C4")
	n.Devices[5].VendorID = "V3"
	n.Devices[6].VendorID, n.Devices[7].VendorID = "V4", "V4"
	w.unchanged(func() {
		_, err := w.CreateBatch(w.Context(), n)
		var faults *store.ManifestError
		if !errors.As(err, &faults) || !errors.Is(err, store.ErrConflict) {
			w.Fatalf("error is %v, want the faults of the rows", err)
		}
		var rows []int
		for _, f := range faults.Faults {
			rows = append(rows, f.Row)
		}
		w.equal(rows, []int{1, 2, 3, 4, 5, 7}, "rows at fault")
		w.equal(faults.Total, 6, "number of faults")
	})
	_, err := w.Device(w.Context(), device("C1"))
	w.is(err, store.ErrNotFound)
	// What a closed batch did not make may be expected anew.
	_, err = w.move("w47", store.BatchHasClosed)
	w.must(err)
	w.refuse(store.ErrBatch, order{serial: "A2"})
	again := w.manifest("w48", "A2", "A3")
	again.Devices[0].VendorID = "V2"
	w.createBatch(again)
	out, err := w.Issue(w.Context(), w.issuance(order{serial: "A2", batch: "w48"}))
	w.must(err)
	w.equal([]any{out.Batch.Name, out.Batch.Used}, []any{"w48", uint64(1)}, "batch that counts it")
}

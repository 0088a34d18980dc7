package storetest

import (
	"crypto/sha256"
	"encoding/hex"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/assay-pki/assay/store"
)

// told is what the events say: the state that they lead to, to be compared with
// the records.
type told struct {
	issued    map[[16]byte]string // serial → digest
	status    []store.Status      // in the order of the feed
	serials   [][16]byte          // the same
	closed    map[[16]byte]int
	presented map[[16]byte]int
	device    map[string]store.DeviceState
	count     map[store.EventName]map[string]int
}

func (c *checker) tell() *told {
	c.Helper()
	t := &told{
		issued: map[[16]byte]string{}, closed: map[[16]byte]int{}, presented: map[[16]byte]int{},
		device: map[string]store.DeviceState{}, count: map[store.EventName]map[string]int{},
	}
	for i, e := range c.events {
		c.same(e.Seq, uint64(i+1), "sequence of events")
		if t.count[e.Name] == nil {
			t.count[e.Name] = map[string]int{}
		}
		t.count[e.Name][e.Object]++
		t.one(c, &e)
	}
	return t
}

func (t *told) one(c *checker, e *store.Event) {
	var serial [16]byte
	copy(serial[:], e.Serial)
	change := func(status store.Status) {
		t.status, t.serials = append(t.status, status), append(t.serials, serial)
	}
	switch e.Name {
	case store.CertificateIssued:
		if t.issued[serial] != "" {
			c.Errorf("invariant: serial %x was issued twice", serial)
		}
		t.issued[serial] = hex.EncodeToString(e.Digest)
	case store.CertificateRevoked:
		change(store.Revoked)
	case store.CertificateHeld:
		change(store.Held)
	case store.CertificateReleased:
		change(store.Good)
	case store.CertificateClosed:
		t.closed[serial]++
	case store.CertificatePresented:
		t.presented[serial]++
	case store.DeviceWasActivated:
		t.device[e.Object] = store.DeviceActive
	case store.DeviceWasReleased:
		t.device[e.Object] = store.DeviceExpected
		if t.count[store.DeviceWasActivated][e.Object] > 0 {
			t.device[e.Object] = store.DeviceActive
		}
	case store.DeviceWasHeld:
		t.device[e.Object] = store.DeviceHeld
	case store.DeviceWasDecommissioned:
		t.device[e.Object] = store.DeviceDecommissioned
	case store.DeviceWasScrapped:
		t.device[e.Object] = store.DeviceScrapped
	}
}

// checkEvents: each change of state has one event, and no event is without.
func (c *checker) checkEvents() {
	c.Helper()
	t := c.tell()
	for ref, v := range c.certificates {
		digest := sha256.Sum256(v.DER)
		c.same(t.issued[v.Serial], hex.EncodeToString(digest[:]), "digest in certificate.issued of %v", ref)
		c.same(t.closed[v.Serial], bit(v.Closed), "certificate.closed of %v", ref)
		c.same(t.presented[v.Serial], bit(v.Presented), "certificate.presented of %v", ref)
	}
	c.same(len(t.issued), len(c.certificates), "number of certificate.issued")
	c.checkStatusEvents(t)
	silent := 0
	for _, d := range c.devices {
		state, told := t.device[d.String()]
		if !told && t.count[store.DeviceWasExpected][d.Batch] > 0 {
			state = store.DeviceExpected // told by the event of its batch
			silent++
		}
		c.same(d.State, state, "state of device %s by its events", d.DeviceID)
		c.same(t.count[store.DeviceWasActivated][d.String()], bit(!d.ActivatedAt.IsZero()), "device.activated of %s", d.DeviceID)
	}
	c.same(len(t.device)+silent, len(c.devices), "devices in events")
	for _, token := range c.tokens {
		c.same(t.count[store.TokenCreated][token.ID()], 1, "token.created of %s", token.ID())
		c.same(t.count[store.TokenRedeemed][token.ID()], int(token.Used), "token.redeemed of %s", token.ID())
		c.same(t.count[store.TokenVoided][token.ID()], bit(token.Voided), "token.voided of %s", token.ID())
	}
	for _, o := range c.operators {
		changes := t.count[store.OperatorAdded][o.Name] + t.count[store.OperatorRemoved][o.Name]
		c.same(changes, int(o.Revision), "revisions of operator %s by events", o.Name)
	}
	c.checkDocumentEvents(t)
}

// checkStatusEvents: the feed and the events tell the same story.
func (c *checker) checkStatusEvents(t *told) {
	c.Helper()
	var status []store.Status
	var serials [][16]byte
	for _, e := range c.feed {
		status = append(status, e.Status)
		serials = append(serials, c.certificates[e.Ref].Serial)
	}
	c.same(t.status, status, "changes of status in events")
	c.same(t.serials, serials, "certificates whose status changed in events")
	for _, e := range c.events {
		if e.Name != store.CertificateRevoked || e.Reason != store.ReasonName(store.ReasonKeyCompromise) {
			continue
		}
		for _, v := range c.certificates {
			if string(v.Serial[:]) != string(e.Serial) {
				continue
			}
			blocked, err := c.s.KeyBlocked(c.Context(), v.SPKI)
			if err != nil || !blocked {
				c.Errorf("invariant: key of %v was compromised and is not blocked (%v)", v.Ref, err)
			}
		}
	}
}

func (c *checker) checkDocumentEvents(t *told) {
	c.Helper()
	for kind, names := range map[store.DocumentKind][]store.EventName{
		store.KindProduct: {store.ProductChanged}, store.KindPolicy: {store.PolicyChanged},
		store.KindFirmware: {
			store.FirmwareAdded, store.FirmwareApproved, store.FirmwareDeprecated, store.FirmwareRecalled, store.FirmwareRecallUndone,
		},
	} {
		for _, d := range pages(c, "documents", "", func(d store.Document) string { return d.Name },
			func(after string, n int) ([]store.Document, error) { return c.s.Documents(c.Context(), kind, after, n) }) {
			revisions := 0
			for _, name := range names {
				revisions += t.count[name][d.Name]
			}
			c.same(revisions, int(d.Revision), "events of %s %s", kind, d.Name)
		}
	}
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}

// checkLog recomputes the Merkle tree from the bytes of the events, and compares
// its root and every stored hash.
func (c *checker) checkLog() {
	c.Helper()
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = hashes[index]
		}
		return out, nil
	})
	for n, e := range c.events {
		more, err := tlog.StoredHashes(int64(n), e.Bytes, reader)
		if err != nil {
			c.Fatalf("hash event %d: %v", e.Seq, err)
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(int64(len(c.events)), reader)
	if err != nil {
		c.Fatalf("root hash: %v", err)
	}
	head, err := c.s.Log(c.Context())
	if err != nil || head != (store.LogHead{Size: int64(len(c.events)), Root: root}) {
		c.Errorf("invariant: log is %d, %x (%v), its events make %d, %x", head.Size, head.Root, err, len(c.events), root)
	}
	for start := 0; start < len(hashes); start += page {
		end := min(start+page, len(hashes))
		var indexes []int64
		for i := start; i < end; i++ {
			indexes = append(indexes, int64(i))
		}
		got, err := c.s.LogHashes(c.Context(), indexes)
		if err != nil {
			c.Fatalf("log hashes: %v", err)
		}
		for i := range got {
			if got[i] != hashes[start+i] {
				c.Errorf("invariant: stored hash %d differs", start+i)
			}
		}
	}
}

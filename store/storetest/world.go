package storetest

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/store"
)

// The issuers of the founded authority.
const (
	root       store.IssuerID = 1
	devices    store.IssuerID = 2
	operations store.IssuerID = 3
)

const product = "sensor"

// world is one store with a founded authority, and a clock.
type world struct {
	*testing.T
	store.Store
	now  time.Time
	next map[store.IssuerID]uint64
}

func newWorld(t *testing.T, s store.Store) *world {
	w := &world{T: t, Store: s, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), next: map[store.IssuerID]uint64{}}
	w.must(s.Found(t.Context(), w.founding()))
	return w
}

func (w *world) founding() store.Founding {
	f := store.Founding{
		Authority: store.Authority{
			ID: "0123456789abcdef", Name: "Acme", BaseURL: "http://pki.example.com",
			CreatedAt: w.now, LogKey: "acme+1+key", Hosts: []string{"localhost", "127.0.0.1"},
		},
		By: w.actor(),
	}
	for id, kind := range []string{store.KindRoot, store.KindDevices, store.KindOperations} {
		f.Issuers = append(f.Issuers, store.Issuer{
			ID: store.IssuerID(id + 1), Kind: kind, Generation: 1, Certificate: []byte{0x30, byte(id)},
			Key: kind, MaxValidity: 1000 * time.Hour, CreatedAt: w.now,
		})
	}
	return f
}

func (w *world) actor() store.Actor {
	return store.Actor{Principal: "operator:alice", At: w.now, Source: "192.0.2.7"}
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

func device(serial string) store.DeviceID { return store.DeviceID{Product: product, Serial: serial} }

// order is an issuance as most tests want it: a new device's first certificate.
type order struct {
	serial    string
	spki      []byte
	profile   string
	csr       string // repeats are told by it
	lasting   time.Duration
	from      time.Duration
	token     [32]byte
	presented store.Ref
	recovery  store.Recovery
	repeat    time.Duration // repeats this far back
	station   string
	batch     string
	nonce     string
	rekeys    int
	evidence  *store.Appraised
}

func (w *world) issuance(o order) store.Issuance {
	if o.profile == "" {
		o.profile = store.ProfileOperational
	}
	if o.lasting == 0 {
		o.lasting = 90 * 24 * time.Hour
	}
	id := device(o.serial)
	c := MakeCertificate(Spec{
		Ref: w.ref(devices), Holder: store.Holder{Kind: store.HolderDevice, Name: id.String()},
		Profile: o.profile, SPKI: o.spki, NotBefore: w.now.Add(o.from - 10*time.Minute), NotAfter: w.now.Add(o.lasting),
	})
	c.Label, c.Principal, c.Revision = product, "token:0011223344556677", 3
	c.CSRHash, c.IssuedAt = sha256.Sum256([]byte(o.csr)), w.now
	i := store.Issuance{
		Certificate: c, Device: id, Token: o.token, Presented: o.presented, Recovery: o.recovery,
		Station: o.station, Batch: o.batch, LineRekeys: o.rekeys, Evidence: o.evidence, By: w.actor(),
	}
	if o.nonce != "" {
		i.Nonce = &store.Redemption{Nonce: []byte(o.nonce), Expires: w.now.Add(nonceLife)}
	}
	if o.repeat > 0 {
		i.RepeatSince = w.now.Add(-o.repeat)
	}
	return i
}

func (w *world) ref(issuer store.IssuerID) store.Ref {
	w.next[issuer]++
	return store.Ref{Issuer: issuer, Index: w.next[issuer]}
}

// issue must succeed, with a new certificate.
func (w *world) issue(o order) store.Certificate {
	w.Helper()
	out, err := w.Issue(w.Context(), w.issuance(o))
	w.must(err)
	if out.Repeated {
		w.Fatalf("issue: repeated %v, want a new certificate", out.Certificate.Ref)
	}
	return out.Certificate
}

// refuse must fail with a sentinel, and change nothing.
func (w *world) refuse(want error, o order) {
	w.Helper()
	w.unchanged(func() {
		_, err := w.Issue(w.Context(), w.issuance(o))
		w.is(err, want)
	})
}

// unchanged fails if fn appends an event or changes a status.
func (w *world) unchanged(fn func()) {
	w.Helper()
	log, feed := w.logHead(), w.feedHead()
	fn()
	if got := w.logHead(); got != log {
		w.Errorf("log is %d events long, want %d as before", got.Size, log.Size)
	}
	if got := w.feedHead(); got != feed {
		w.Errorf("feed is at %d, want %d as before", got, feed)
	}
}

func (w *world) logHead() store.LogHead {
	w.Helper()
	h, err := w.Log(w.Context())
	w.must(err)
	return h
}

func (w *world) feedHead() uint64 {
	w.Helper()
	head, err := w.FeedHead(w.Context())
	w.must(err)
	return head
}

func (w *world) certificate(ref store.Ref) store.Certificate {
	w.Helper()
	c, err := w.Certificate(w.Context(), ref)
	w.must(err)
	return c
}

func (w *world) device(serial string) store.Device {
	w.Helper()
	d, err := w.Device(w.Context(), device(serial))
	w.must(err)
	return d
}

// token creates one and returns its hash.
func (w *world) token(text, serial string, uses uint32) [32]byte {
	w.Helper()
	t := store.Token{
		Hash: sha256.Sum256([]byte(text)), Product: product, Serial: serial, Uses: uses,
		CreatedAt: w.now, ExpiresAt: w.now.Add(time.Hour), CreatedBy: "operator:alice",
	}
	w.must(w.CreateToken(w.Context(), t, w.actor()))
	return t.Hash
}

func (w *world) present(ref store.Ref) {
	w.Helper()
	w.must(w.Present(w.Context(), store.Presentation{Ref: ref, By: w.actor()}))
}

// events are the names of the events after a sequence.
func (w *world) eventsAfter(after uint64) []store.EventName {
	w.Helper()
	events, err := w.Events(w.Context(), after, store.MaxPage)
	w.must(err)
	var names []store.EventName
	for _, e := range events {
		names = append(names, e.Name)
	}
	return names
}

// tells fails unless fn appends exactly these events.
func (w *world) tells(fn func(), want ...store.EventName) {
	w.Helper()
	before := uint64(w.logHead().Size)
	fn()
	w.equal(w.eventsAfter(before), want, "events")
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("error is %v, want %v", err, want)
	}
}

func (w *world) equal(got, want any, what string) {
	w.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		w.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

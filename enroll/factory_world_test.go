package enroll_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/enroll/evidence"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The factory of the tests: station l3-1 at leipzig, line l3.
const (
	site = "leipzig"
	line = "l3"
)

func (w *world) putStation(name string, spec store.StationSpec) {
	w.Helper()
	_, err := w.store.PutStation(w.ctx(), store.PutStation{Name: name, Spec: spec, Expect: store.AnyRevision, By: w.by("operator:mira")})
	must(w, err)
}

// crew is the client's side of a station.
type crew struct {
	name string
	key  crypto.Signer
	cert *x509.Certificate
}

// station is one at site and line, changed by what is given.
func (w *world) station(name string, change ...func(*store.StationSpec)) *crew {
	w.Helper()
	spec := store.StationSpec{Site: site, Line: line}
	for _, c := range change {
		c(&spec)
	}
	w.putStation(name, spec)
	cert := w.holder(store.HolderStation, name, store.ProfileStation, &x509.Certificate{
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 28}},
	})
	return &crew{name: name, key: w.lastKey, cert: cert}
}

func (c *crew) enrols(csr []byte) enroll.Request {
	return enroll.Request{
		Operation: wire.OpSimpleEnroll, Label: "sensor", Peer: []*x509.Certificate{c.cert}, CSR: csr, Source: home,
	}
}

// with changes a request.
func with(r enroll.Request, change func(*enroll.Request)) enroll.Request {
	change(&r)
	return r
}

// batch makes one of sensor at site and line; with rows it has a manifest, else
// a quota.
func (w *world) batch(name string, quota uint64, rows []store.Expectation, change ...func(*store.Batch)) {
	w.Helper()
	b := store.Batch{Name: name, Product: "sensor", Site: site, Line: line, Quota: quota}
	if len(rows) > 0 {
		b.Manifest = store.Manifest{SHA256: sha256.Sum256([]byte(name)), Rows: uint64(len(rows)), Format: "csv"}
	}
	for _, c := range change {
		c(&b)
	}
	_, err := w.store.CreateBatch(w.ctx(), store.NewBatch{Batch: b, Devices: rows, By: w.by("operator:mira")})
	must(w, err)
}

// changeBatch changes one as `assay batch` does.
func (w *world) changeBatch(name string, change func(*store.ChangeBatch)) {
	w.Helper()
	b, err := w.store.Batch(w.ctx(), name)
	must(w, err)
	c := store.ChangeBatch{
		Name: name, From: b.From, Until: b.Until, Quota: b.Quota, State: b.State,
		Expect: store.AnyRevision, By: w.by("operator:mira"),
	}
	change(&c)
	_, err = w.store.ChangeBatch(w.ctx(), c)
	must(w, err)
}

func expect(serials ...string) []store.Expectation {
	rows := make([]store.Expectation, len(serials))
	for i, s := range serials {
		rows[i].Serial = s
	}
	return rows
}

// image is the contents of a firmware.
func image(version string) []byte { return []byte("firmware " + version) }

func digestOf(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

// firmware puts a release of sensor, in a state.
func (w *world) firmware(version string, svn uint64, change ...func(*attest.Release)) {
	w.Helper()
	r := &attest.Release{
		Product: "sensor", Version: version, State: attest.StateApproved,
		Components: []attest.Component{{
			Component: "firmware", SVN: svn, Digests: []string{"sha256:" + hex.EncodeToString(digestOf(image(version)))},
		}},
	}
	for _, c := range change {
		c(r)
	}
	body, err := r.CanonicalJSON()
	must(w, err)
	_, err = w.store.PutDocument(w.ctx(), store.PutDocument{
		Kind: store.KindFirmware, Name: r.Name(), Body: body, Expect: store.AnyRevision,
		Event: store.FirmwareApproved, By: w.by("operator:mira"),
	})
	must(w, err)
}

// claims are what a device says of itself: by default what is true.
type claims struct {
	product, serial string
	version         string
	component       string
	debug           uint64
	nonce           []byte
	spki            []byte
	signer          crypto.Signer
	station         string
	issued          time.Time
}

// claim changes what is said.
type claim func(*claims)

func running(version string) claim     { return func(c *claims) { c.version = version } }
func signedBy(key crypto.Signer) claim { return func(c *claims) { c.signer = key } }
func nonceOf(n []byte) claim           { return func(c *claims) { c.nonce = n } }
func (c *claims) measurements() []evidence.Measurement {
	return []evidence.Measurement{{Component: c.component, Digest: digestOf(image(c.version)), Version: c.version}}
}

func (w *world) claims(serial string, key crypto.Signer, change []claim) *claims {
	w.Helper()
	c := &claims{
		product: "sensor", serial: serial, version: "1.0", component: "firmware", debug: 1,
		spki: spkiOf(w, key.Public()), signer: key, issued: w.clock.now(),
	}
	for _, f := range change {
		f(c)
	}
	return c
}

// self is a `self` statement.
func (w *world) self(serial string, key crypto.Signer, change ...claim) []byte {
	w.Helper()
	c := w.claims(serial, key, change)
	s, err := evidence.Self(c.signer, evidence.Statement{
		Product: c.product, Serial: c.serial, Nonce: c.nonce, SPKI: c.spki, Measurements: c.measurements(), Debug: c.debug,
	})
	must(w, err)
	return s
}

// readBack is a `station` statement; request is the finished CSR for the field.
func (c *crew) readBack(w *world, serial string, key crypto.Signer, request []byte, change ...claim) []byte {
	w.Helper()
	said := w.claims(serial, key, append([]claim{signedBy(c.key)}, change...))
	if said.station == "" {
		said.station = c.name
	}
	s, err := evidence.Station(said.signer, evidence.Statement{
		Product: said.product, Serial: said.serial, Nonce: said.nonce, SPKI: said.spki,
		Measurements: said.measurements(), Debug: said.debug,
		Station: said.station, Method: evidence.MethodProgrammer, IssuedAt: said.issued, CSR: request,
	})
	must(w, err)
	return s
}

// evident is a CSR with evidence in it.
func evident(t testing.TB, key crypto.Signer, serial string, statements ...[]byte) []byte {
	t.Helper()
	value, err := evidence.Attribute(statements...)
	must(t, err)
	return csrWith(t, key, serial, wire.OIDAttestation, value)
}

// csrWith is a CSR with an attribute of these values.
func csrWith(t testing.TB, key crypto.Signer, serial string, id asn1.ObjectIdentifier, values ...[]byte) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
			for _, v := range values {
				b.AddBytes(v)
			}
		})
	})
	return rawRequest{serial: serial, spki: spkiOf(t, key.Public()), attributes: b.BytesOrPanic(), sign: by(t, key)}.der(t)
}

// nonce asks for one, as whom the request is.
func (w *world) nonce(r enroll.Request) []byte {
	w.Helper()
	a, err := w.service.Nonce(w.ctx(), enroll.NonceRequest{
		Label: r.Label, Peer: r.Peer, HasBasic: r.HasBasic, User: r.User, Password: r.Password, Source: r.Source,
	})
	must(w, err)
	return a.Nonce
}

// attested is the product sensor that wants evidence of a format.
func (w *world) attested(format, more string) {
	w.Helper()
	w.product("sensor", fmt.Sprintf(`{"firmware":{"formats":["%s"]%s}}`, format, more))
}

// deviceOf reads a record.
func (w *world) deviceOf(serial string) store.Device {
	w.Helper()
	d, err := w.store.Device(w.ctx(), store.DeviceID{Product: "sensor", Serial: serial})
	must(w, err)
	return d
}

// counting counts reads of what should be remembered.
type counting struct {
	store.Store
	documents, stations, batches atomic.Int64
}

func (c *counting) Document(ctx context.Context, kind store.DocumentKind, name string) (store.Document, error) {
	c.documents.Add(1)
	return c.Store.Document(ctx, kind, name)
}

func (c *counting) Station(ctx context.Context, name string) (store.Station, error) {
	c.stations.Add(1)
	return c.Store.Station(ctx, name)
}

func (c *counting) Batches(ctx context.Context, after string, limit int) ([]store.Batch, error) {
	c.batches.Add(1)
	return c.Store.Batches(ctx, after, limit)
}

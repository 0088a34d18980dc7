package enroll_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

// clock is set by tests only.
type clock struct{ unix atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(c.unix.Load(), 0).UTC() }
func (c *clock) advance(d time.Duration) { c.unix.Add(int64(d / time.Second)) }

const day = 24 * time.Hour

// issuer is a CA of the test's own, by crypto/x509. It can fail.
type issuer struct {
	id    store.IssuerID
	kind  string
	key   crypto.Signer
	cert  *x509.Certificate
	clock *clock
	next  atomic.Uint64
	// births signs for birth profiles.
	births *issuer
	fail   atomic.Pointer[error]

	mu     sync.Mutex
	orders []profile.Order
}

func newIssuer(t testing.TB, id store.IssuerID, kind, cn string, parent *issuer, c *clock) *issuer {
	t.Helper()
	key := newKey(t)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(int64(id)), Subject: pkix.Name{CommonName: cn, Organization: []string{"Testers"}},
		NotBefore: c.now().Add(-day), NotAfter: c.now().Add(3650 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	signer, up := crypto.Signer(key), tmpl
	if parent != nil {
		signer, up = parent.key, parent.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, up, key.Public(), signer)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &issuer{id: id, kind: kind, key: key, cert: cert, clock: c}
}

// Sign implements enroll.Issuer.
func (i *issuer) Sign(_ context.Context, o profile.Order) (profile.Made, error) {
	if err := i.fail.Load(); err != nil && *err != nil {
		return profile.Made{}, *err
	}
	i.mu.Lock()
	i.orders = append(i.orders, o)
	i.mu.Unlock()
	subject, err := o.Profile.Subject(o.Names)
	if err != nil {
		return profile.Made{}, err
	}
	signer, end := i, i.clock.now().Add(o.Profile.Validity)
	if o.Profile.Kind == profile.KindBirth {
		signer, end = i.births, i.births.cert.NotAfter
	}
	if !o.NotAfter.IsZero() && o.NotAfter.Before(end) {
		end = o.NotAfter
	}
	tmpl := &x509.Certificate{
		RawSubject: subject, NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if san, err := o.Profile.SAN(o.Names); err != nil {
		return profile.Made{}, err
	} else if san != nil {
		tmpl.ExtraExtensions = []pkix.Extension{{Id: wire.OIDSubjectAltName, Value: san}}
	}
	key, err := x509.ParsePKIXPublicKey(o.SPKI)
	if err != nil {
		return profile.Made{}, err
	}
	return signer.make(tmpl, key)
}

func (i *issuer) make(tmpl *x509.Certificate, key crypto.PublicKey) (profile.Made, error) {
	index := i.next.Add(1) - 1
	serial, err := profile.NewSerial(rand.Reader, index)
	if err != nil {
		return profile.Made{}, err
	}
	tmpl.SerialNumber = new(big.Int).SetBytes(serial[:])
	if tmpl.NotBefore.IsZero() {
		tmpl.NotBefore = i.clock.now().Add(-10 * time.Minute)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, i.cert, key, i.key)
	return profile.Made{
		IssuerID: uint16(i.id), Index: index, Serial: serial, DER: der,
		NotBefore: tmpl.NotBefore, NotAfter: tmpl.NotAfter,
	}, err
}

func (i *issuer) ordered() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.orders)
}

// world is an authority with a product "sensor", a store and a clock.
type world struct {
	testing.TB
	clock                     *clock
	store                     store.Store
	root, devices, operations *issuer
	births                    *issuer
	service                   *enroll.Service
	lastKey                   crypto.Signer // of the newest certificate of operations-1
	log                       *bytes.Buffer
	doubt                     *atomic.Pointer[error]
	outcomes                  *sync.Map // v1.Reason -> *atomic.Int64
}

// Enrolled implements enroll.Observer.
func (w *world) Enrolled(_ string, r v1.Reason) {
	n, _ := w.outcomes.LoadOrStore(r, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, clock: &clock{}, log: &bytes.Buffer{}, doubt: &atomic.Pointer[error]{}, outcomes: &sync.Map{}}
	w.clock.unix.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix())
	w.root = newIssuer(t, 1, store.KindRoot, "root", nil, w.clock)
	w.devices = newIssuer(t, 2, store.KindDevices, "devices-1", w.root, w.clock)
	w.operations = newIssuer(t, 3, store.KindOperations, "operations-1", w.root, w.clock)
	w.births = newIssuer(t, 4, store.KindBirths, "births-1", w.root, w.clock)
	w.devices.births = w.births
	s, err := bolt.Create(bolt.Config{Path: filepath.Join(t.TempDir(), "assay.db"), InitialMmapSize: 1 << 24})
	must(t, err)
	t.Cleanup(func() {
		if err := s.Verify(context.Background()); err != nil {
			t.Errorf("verify the store: %v", err)
		}
		must(t, s.Close())
	})
	w.store = s
	founding := store.Founding{
		Authority: store.Authority{ID: "0123456789abcdef", Name: "Testers", BaseURL: "http://pki.test", CreatedAt: w.clock.now()},
		By:        w.by("node"),
	}
	for _, i := range w.issuers() {
		founding.Issuers = append(founding.Issuers, store.Issuer{
			ID: i.id, Kind: i.kind, Generation: 1, Certificate: i.cert.Raw, Key: i.kind, CreatedAt: w.clock.now(),
		})
	}
	must(t, s.Found(w.ctx(), founding))
	w.product("sensor", `{}`)
	w.serve(s)
	return w
}

// serve makes the service over a store, which may be the world's in disguise.
func (w *world) serve(s store.Store) {
	issuers, err := s.Issuers(w.ctx())
	must(w, err)
	certs, err := enroll.IssuerCerts(issuers)
	must(w, err)
	w.service, err = enroll.New(enroll.Config{
		Store: s, Issuer: w.devices, Issuers: certs, Now: w.clock.now,
		Clock: func() error {
			if d := w.doubt.Load(); d != nil {
				return *d
			}
			return nil
		},
		Log: slog.New(slog.NewTextHandler(&lockedWriter{w: w.log}, nil)), Observer: w,
	})
	must(w, err)
}

type lockedWriter struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (w *world) issuers() []*issuer   { return []*issuer{w.root, w.devices, w.operations, w.births} }
func (w *world) ctx() context.Context { return context.Background() }
func (w *world) by(principal string) store.Actor {
	return store.Actor{Principal: principal, At: w.clock.now()}
}

func (w *world) product(name, spec string) {
	w.Helper()
	p, err := profile.ParseProduct(name, []byte(spec))
	must(w, err)
	body, err := p.CanonicalJSON()
	must(w, err)
	_, err = w.store.PutDocument(w.ctx(), store.PutDocument{
		Kind: store.KindProduct, Name: name, Body: body, Expect: store.AnyRevision, By: w.by("operator:mira"),
	})
	must(w, err)
}

// token makes a token and returns its text.
func (w *world) token(product, serial string, uses uint32) string {
	w.Helper()
	text, hash, err := enroll.NewToken(rand.Reader)
	must(w, err)
	must(w, w.store.CreateToken(w.ctx(), store.Token{
		Hash: hash, Product: product, Serial: serial, Uses: uses,
		CreatedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(time.Hour), CreatedBy: "operator:mira",
	}, w.by("operator:mira")))
	return text
}

// device is the client's side of a device.
type device struct {
	id   store.DeviceID
	key  crypto.Signer
	cert *x509.Certificate
}

// enrolled is a device that has its first certificate.
func (w *world) enrolled(product, serial string) *device {
	w.Helper()
	d := &device{id: store.DeviceID{Product: product, Serial: serial}, key: newKey(w)}
	a, err := w.service.Enroll(w.ctx(), withToken(w.token(product, serial, 1), csr(w, d.key, subject(serial))))
	must(w, err)
	d.cert = parse(w, a.Certificate)
	return d
}

// renews posts to simplereenroll with the device's certificate.
func (d *device) renews(csr []byte) enroll.Request {
	return enroll.Request{
		Operation: wire.OpSimpleReenroll, Peer: []*x509.Certificate{d.cert}, CSR: csr, Source: home,
	}
}

// renewed is the device with the certificate that renewing gave it.
func (w *world) renewed(d *device) *device {
	w.Helper()
	key := newKey(w)
	a, err := w.service.Enroll(w.ctx(), d.renews(csr(w, key, nil)))
	must(w, err)
	return &device{id: d.id, key: key, cert: parse(w, a.Certificate)}
}

func (w *world) record(c *x509.Certificate) store.Certificate {
	w.Helper()
	var serial [16]byte
	c.SerialNumber.FillBytes(serial[:])
	index, _ := profile.IndexOf(serial[:])
	issuer := w.devices.id
	if c.Issuer.CommonName == "births-1" {
		issuer = w.births.id
	}
	r, err := w.store.Certificate(w.ctx(), store.Ref{Issuer: issuer, Index: index})
	must(w, err)
	return r
}

// events are those of a name, oldest first.
func (w *world) events(name store.EventName) []store.Event {
	w.Helper()
	var found []store.Event
	var after uint64
	for {
		page, err := w.store.Events(w.ctx(), after, store.MaxPage)
		must(w, err)
		for _, e := range page {
			if e.Name == name {
				found = append(found, e)
			}
		}
		if len(page) < store.MaxPage {
			return found
		}
		after = page[len(page)-1].Seq
	}
}

var home = netip.MustParseAddr("192.0.2.7")

func withToken(token string, csr []byte) enroll.Request {
	return enroll.Request{
		Operation: wire.OpSimpleEnroll, HasBasic: true, Password: token, CSR: csr, Source: home,
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return k
}

// option changes the template of a request.
type option func(*x509.CertificateRequest)

func subject(serial string) option {
	return func(r *x509.CertificateRequest) {
		r.Subject = pkix.Name{CommonName: serial, SerialNumber: serial}
	}
}

func name(n pkix.Name) option { return func(r *x509.CertificateRequest) { r.Subject = n } }

// as is the subject of a certificate, octet for octet.
func as(c *x509.Certificate) option {
	return func(r *x509.CertificateRequest) { r.RawSubject = c.RawSubject }
}

func extension(e ...pkix.Extension) option {
	return func(r *x509.CertificateRequest) { r.ExtraExtensions = append(r.ExtraExtensions, e...) }
}

func csr(t testing.TB, key crypto.Signer, options ...option) []byte {
	t.Helper()
	tmpl := &x509.CertificateRequest{}
	for _, o := range options {
		if o != nil {
			o(tmpl)
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, tmpl, key)
	must(t, err)
	return der
}

func parse(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantReason checks that a request was refused, and for which reason.
func wantReason(t testing.TB, err error, want v1.Reason) *v1.Refusal {
	t.Helper()
	r, ok := errors.AsType[*v1.Refusal](err)
	if !ok || r.Reason != want {
		t.Fatalf("got %v, want a refusal %s", err, want)
	}
	return r
}

func (w *world) refuses(r enroll.Request, want v1.Reason) *v1.Refusal {
	w.Helper()
	before := w.devices.ordered()
	a, err := w.service.Enroll(w.ctx(), r)
	if err == nil {
		w.Fatalf("got certificate %s, want a refusal %s", parse(w, a.Certificate).Subject, want)
	}
	refusal := wantReason(w, err, want)
	if now := w.devices.ordered(); now != before {
		w.Errorf("%s: something was signed for a refused request", want)
	}
	return refusal
}

func (w *world) gives(r enroll.Request) *x509.Certificate {
	w.Helper()
	a, err := w.service.Enroll(w.ctx(), r)
	must(w, err)
	return parse(w, a.Certificate)
}

func serials(n int, format string) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf(format, i)
	}
	return s
}

package ocsp

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	xocsp "golang.org/x/crypto/ocsp"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

const day = 24 * time.Hour

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

const (
	root       store.IssuerID = 1
	devices    store.IssuerID = 2
	operations store.IssuerID = 3
)

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// authority is a CA of the test's own over crypto/x509 and the real store. It is
// the Responders of a Responder.
type authority struct {
	t       testing.TB
	store   *faultyStore
	now     func() time.Time
	issuers map[store.IssuerID]*testIssuer
	index   uint64
}

type testIssuer struct {
	rec  store.Issuer
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// The delegated responder.
	responder []byte
	signer    *keys.Signer
	off       bool
}

// faultyStore counts reads and fails them on order.
type faultyStore struct {
	store.Store
	err error
}

func (s *faultyStore) Certificate(ctx context.Context, ref store.Ref) (store.Certificate, error) {
	if s.err != nil {
		return store.Certificate{}, s.err
	}
	return s.Store.Certificate(ctx, ref)
}

func newAuthority(t testing.TB, now func() time.Time) *authority {
	t.Helper()
	s, err := bolt.Create(bolt.Config{Path: filepath.Join(t.TempDir(), "assay.db"), InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &authority{t: t, store: &faultyStore{Store: s}, now: now, issuers: map[store.IssuerID]*testIssuer{}}
	a.addIssuer(root, store.KindRoot)
	a.addIssuer(devices, store.KindDevices)
	a.addIssuer(operations, store.KindOperations)
	err = s.Found(t.Context(), store.Founding{
		Authority: store.Authority{ID: "0123456789abcdef", Name: "test", CreatedAt: now()},
		Issuers:   []store.Issuer{a.issuers[root].rec, a.issuers[devices].rec, a.issuers[operations].rec},
		By:        a.by(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) by() store.Actor { return store.Actor{Principal: "operator:test", At: a.now()} }

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) addIssuer(id store.IssuerID, kind string) {
	a.t.Helper()
	i := &testIssuer{key: newKey(a.t), rec: store.Issuer{ID: id, Kind: kind, Generation: 1, Key: kind, CreatedAt: a.now()}}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(id)), Subject: pkix.Name{Organization: []string{"test"}, CommonName: i.rec.Name()},
		NotBefore: a.now().Add(-day), NotAfter: a.now().AddDate(30, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	parent, parentKey := template, i.key
	if id != root {
		parent, parentKey = a.issuers[root].cert, a.issuers[root].key
	}
	i.cert = a.create(template, parent, &i.key.PublicKey, parentKey)
	i.rec.Certificate = i.cert.Raw
	a.issuers[id] = i
	a.rotate(id, 14*day)
}

func (a *authority) create(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// rotate gives an issuer a new responder.
func (a *authority) rotate(id store.IssuerID, life time.Duration) {
	a.t.Helper()
	i, key := a.issuers[id], newKey(a.t)
	cert := a.create(&x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "OCSP " + i.rec.Name()},
		NotBefore: a.now().Add(-time.Hour), NotAfter: a.now().Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}},
	}, i.cert, &key.PublicKey, i.key)
	i.responder = cert.Raw
	a.useKey(id, key)
}

func (a *authority) useKey(id store.IssuerID, key crypto.Signer) {
	a.t.Helper()
	signer, err := keys.NewSigner(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.issuers[id].signer = signer
}

// Responder implements Responders.
func (a *authority) Responder(id store.IssuerID) ([]byte, *keys.Signer, bool) {
	i := a.issuers[id]
	return i.responder, i.signer, !i.off
}

// brokenKey fails.
type brokenKey struct{ crypto.Signer }

var errKey = errors.New("the token is not plugged in")

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errKey }

func (a *authority) responder() *Responder {
	a.t.Helper()
	r, err := New(a.t.Context(), Config{Store: a.store, Responders: a, Now: a.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

// issue makes and stores a device's certificate.
func (a *authority) issue(id store.IssuerID, serial string, life time.Duration) *x509.Certificate {
	a.t.Helper()
	number, err := profile.NewSerial(rand.Reader, a.index)
	if err != nil {
		a.t.Fatal(err)
	}
	cert := a.create(&x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number[:]), Subject: pkix.Name{CommonName: serial},
		NotBefore: a.now().Add(-time.Minute), NotAfter: a.now().Add(life), KeyUsage: x509.KeyUsageDigitalSignature,
	}, a.issuers[id].cert, &newKey(a.t).PublicKey, a.issuers[id].key)
	device := store.DeviceID{Product: "sensor", Serial: serial}
	_, err = a.store.Issue(a.t.Context(), store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: id, Index: a.index}, DER: cert.Raw,
			Holder:  store.Holder{Kind: store.HolderDevice, Name: device.String()},
			Profile: store.ProfileOperational, Operation: store.OpSimpleEnroll, IssuedAt: a.now(),
		},
		Device: device, By: a.by(),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.index++
	return cert
}

// neverIssued has a serial number of our form that is in no record, or whose
// record has other octets.
func (a *authority) neverIssued(id store.IssuerID, index uint64) *x509.Certificate {
	a.t.Helper()
	number, err := profile.NewSerial(rand.Reader, index)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.create(&x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number[:]), Subject: pkix.Name{CommonName: "forged"},
		NotBefore: a.now(), NotAfter: a.now().Add(day),
	}, a.issuers[id].cert, &newKey(a.t).PublicKey, a.issuers[id].key)
}

func (a *authority) revoke(serial string, reason uint8) {
	a.t.Helper()
	_, err := a.store.Revoke(a.t.Context(), store.Revoke{
		Device: store.DeviceID{Product: "sensor", Serial: serial}, Reason: reason, By: a.by(),
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) hold(serial string, release bool) {
	a.t.Helper()
	act := a.store.Hold
	if release {
		act = a.store.Release
	}
	if _, err := act(a.t.Context(), store.Hold{Device: store.DeviceID{Product: "sensor", Serial: serial}, By: a.by()}); err != nil {
		a.t.Fatal(err)
	}
}

// question is the oracle's request about a certificate.
func (a *authority) question(id store.IssuerID, cert *x509.Certificate, hash crypto.Hash) []byte {
	a.t.Helper()
	der, err := xocsp.CreateRequest(cert, a.issuers[id].cert, &xocsp.RequestOptions{Hash: hash})
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// ask posts a request and reads the answer with the oracle.
func (a *authority) ask(r *Responder, id store.IssuerID, cert *x509.Certificate) *xocsp.Response {
	a.t.Helper()
	w := post(r, a.question(id, cert, crypto.SHA256))
	return a.read(id, cert, w)
}

func (a *authority) read(id store.IssuerID, cert *x509.Certificate, w *httptest.ResponseRecorder) *xocsp.Response {
	a.t.Helper()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != typeResponse {
		a.t.Fatalf("%d %v", w.Code, w.Header())
	}
	resp, err := xocsp.ParseResponseForCert(w.Body.Bytes(), cert, a.issuers[id].cert)
	if err != nil {
		a.t.Fatalf("%v: %x", err, w.Body.Bytes())
	}
	return resp
}

func post(r *Responder, der []byte) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(der)))
	q.Header.Set("Content-Type", typeRequest)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	return w
}

func get(r *Responder, der []byte, header ...string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodGet, path+"/"+url.PathEscape(base64.StdEncoding.EncodeToString(der)), nil)
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	return w
}

func writePEM(t testing.TB, dir, name string, certs ...*x509.Certificate) string {
	t.Helper()
	var b []byte
	for _, c := range certs {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

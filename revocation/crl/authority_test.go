package crl

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

const baseURL = "http://pki.example.test"

// noon is when tests begin, unless they run in a bubble.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// ids of the test authority's issuers.
const (
	root       store.IssuerID = 1
	births     store.IssuerID = 2
	devices    store.IssuerID = 3
	operations store.IssuerID = 4
)

// clock is a settable one.
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

// authority is a CA of the test's own over crypto/x509 and the real store.
type authority struct {
	t       testing.TB
	dir     string
	store   *faultyStore
	now     func() time.Time
	issuers map[store.IssuerID]*testIssuer
	// signErr, when set, is what signing returns.
	mu      sync.Mutex
	signErr error
	signed  map[store.IssuerID]int
	next    map[store.IssuerID]uint64
}

type testIssuer struct {
	rec    store.Issuer
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	signer *keys.Signer
}

// faultyStore is the real store with hooks that a test sets.
type faultyStore struct {
	store.Store
	nextCRL     func(context.Context, store.CRL) (store.CRL, error)
	leaseBlock  func(context.Context, store.Lease) (store.Block, error)
	revocations func([]store.Revocation) []store.Revocation
}

func (s *faultyStore) NextCRL(ctx context.Context, c store.CRL) (store.CRL, error) {
	if s.nextCRL != nil {
		return s.nextCRL(ctx, c)
	}
	return s.Store.NextCRL(ctx, c)
}

func (s *faultyStore) LeaseBlock(ctx context.Context, l store.Lease) (store.Block, error) {
	if s.leaseBlock != nil {
		return s.leaseBlock(ctx, l)
	}
	return s.Store.LeaseBlock(ctx, l)
}

func (s *faultyStore) Revocations(ctx context.Context, id store.IssuerID, from, to uint64, limit int) ([]store.Revocation, error) {
	page, err := s.Store.Revocations(ctx, id, from, to, limit)
	if s.revocations != nil {
		page = s.revocations(page)
	}
	return page, err
}

func newAuthority(t testing.TB, now func() time.Time) *authority {
	t.Helper()
	dir := t.TempDir()
	s, err := bolt.Create(bolt.Config{Path: filepath.Join(dir, "assay.db"), InitialMmapSize: 1 << 24})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &authority{
		t: t, dir: dir, store: &faultyStore{Store: s}, now: now,
		issuers: map[store.IssuerID]*testIssuer{}, signed: map[store.IssuerID]int{}, next: map[store.IssuerID]uint64{},
	}
	a.addIssuer(root, store.KindRoot)
	a.addIssuer(births, store.KindBirths)
	a.addIssuer(devices, store.KindDevices)
	a.addIssuer(operations, store.KindOperations)
	f := store.Founding{
		Authority: store.Authority{ID: "0123456789abcdef", Name: "test", BaseURL: baseURL, CreatedAt: now()},
		By:        a.by(),
	}
	for id := root; id <= operations; id++ {
		f.Issuers = append(f.Issuers, a.issuers[id].rec)
	}
	if err := s.Found(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) by() store.Actor { return store.Actor{Principal: "operator:test", At: a.now()} }

func (a *authority) addIssuer(id store.IssuerID, kind string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	rec := store.Issuer{ID: id, Kind: kind, Generation: 1, Key: kind, MaxValidity: 825 * day, CreatedAt: a.now()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(id)), Subject: pkix.Name{Organization: []string{"test"}, CommonName: rec.Name()},
		NotBefore: a.now().Add(-day), NotAfter: a.now().AddDate(30, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId: keyID(&key.PublicKey),
	}
	parent, parentKey := template, key
	if id != root {
		template.CRLDistributionPoints = []string{profile.CompleteURL(baseURL, "root")}
		parent, parentKey = a.issuers[root].cert, a.issuers[root].key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	rec.Certificate = der
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	signer, err := keys.NewSigner(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.issuers[id] = &testIssuer{rec: rec, cert: cert, key: key, signer: signer}
}

// keyID is RFC 7093 method 1.
func keyID(key *ecdsa.PublicKey) []byte {
	bits, _ := key.Bytes()
	h := sha256.Sum256(bits)
	return h[:sha1.Size]
}

var errSigner = errors.New("the token is not plugged in")

// SignTBS implements Signer.
func (a *authority) SignTBS(_ context.Context, id store.IssuerID, tbs []byte) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.signErr != nil {
		return nil, a.signErr
	}
	a.signed[id]++
	return a.issuers[id].signer.Sign(tbs)
}

// SignatureAlgorithm implements Signer.
func (a *authority) SignatureAlgorithm(id store.IssuerID) []byte {
	if i := a.issuers[id]; i != nil {
		return i.signer.Algorithm
	}
	return nil
}

func (a *authority) failSigning(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signErr = err
}

func (a *authority) signatures(id store.IssuerID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.signed[id]
}

// publisher opens one on the authority's directory, as a start of the node does.
func (a *authority) publisher() *Publisher {
	a.t.Helper()
	p, err := New(a.t.Context(), Config{
		Store: a.store, Signer: a, BaseURL: baseURL, Dir: a.dir, Now: a.now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

// caughtUp opens a publisher and publishes what is missing.
func (a *authority) caughtUp() *Publisher {
	a.t.Helper()
	p := a.publisher()
	a.catchUp(p)
	return p
}

func (a *authority) catchUp(p *Publisher) {
	a.t.Helper()
	if err := p.CatchUp(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

// lease leases a block and issues from its start.
func (a *authority) lease(p *Publisher, id store.IssuerID) store.Block {
	a.t.Helper()
	block, err := p.Lease(a.t.Context(), id, store.ShortLived)
	if err != nil {
		a.t.Fatal(err)
	}
	a.next[id] = block.First
	return block
}

// issue makes and stores a device's certificate in the block leased last.
func (a *authority) issue(id store.IssuerID, serial string, life time.Duration) store.Certificate {
	a.t.Helper()
	i := a.issuers[id]
	index := a.next[id]
	a.next[id]++
	number, err := profile.NewSerial(rand.Reader, index)
	if err != nil {
		a.t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	cdp := profile.CRLDistributionPoints(profile.ShardURL(baseURL, i.rec.Name(), profile.Shard(index)))
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number[:]), Subject: pkix.Name{CommonName: serial},
		NotBefore: a.now().Add(-backdate), NotAfter: a.now().Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: cdp}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, &key.PublicKey, i.key)
	if err != nil {
		a.t.Fatal(err)
	}
	device := store.DeviceID{Product: "sensor", Serial: serial}
	issued, err := a.store.Issue(a.t.Context(), store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: id, Index: index}, DER: der,
			Holder:  store.Holder{Kind: store.HolderDevice, Name: device.String()},
			Profile: store.ProfileOperational, Operation: store.OpSimpleEnroll, IssuedAt: a.now(),
		},
		Device: device, By: a.by(),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return issued.Certificate
}

func (a *authority) revoke(cert store.Certificate, reason uint8) {
	a.t.Helper()
	_, err := a.store.Revoke(a.t.Context(), store.Revoke{Ref: cert.Ref, Reason: reason, By: a.by()})
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) hold(serial string) {
	a.t.Helper()
	_, err := a.store.Hold(a.t.Context(), store.Hold{Device: store.DeviceID{Product: "sensor", Serial: serial}, By: a.by()})
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) release(serial string) {
	a.t.Helper()
	_, err := a.store.Release(a.t.Context(), store.Hold{Device: store.DeviceID{Product: "sensor", Serial: serial}, By: a.by()})
	if err != nil {
		a.t.Fatal(err)
	}
}

// get asks the publisher's handler.
func get(p *Publisher, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// fetch parses a published list with the oracle and verifies it.
func (a *authority) fetch(p *Publisher, id store.IssuerID, path string) *x509.RevocationList {
	a.t.Helper()
	w := get(p, path)
	if w.Code != http.StatusOK {
		a.t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	l, err := x509.ParseRevocationList(w.Body.Bytes())
	if err != nil {
		a.t.Fatalf("GET %s: %v", path, err)
	}
	if err := l.CheckSignatureFrom(a.issuers[id].cert); err != nil {
		a.t.Fatalf("GET %s: %v", path, err)
	}
	return l
}

// entry finds a certificate on a list; nil if it is not there.
func entry(l *x509.RevocationList, cert store.Certificate) *x509.RevocationListEntry {
	for i := range l.RevokedCertificateEntries {
		if l.RevokedCertificateEntries[i].SerialNumber.Cmp(new(big.Int).SetBytes(cert.Serial[:])) == 0 {
			return &l.RevokedCertificateEntries[i]
		}
	}
	return nil
}

func writePEM(t testing.TB, file, kind string, ders ...[]byte) string {
	t.Helper()
	var b []byte
	for _, der := range ders {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func shardPath(shard uint64) string { return fmt.Sprintf("/crl/devices-1/%d.crl", shard) }

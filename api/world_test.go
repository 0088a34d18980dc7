package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/assay-pki/assay/api"
	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/revocation"
	"github.com/assay-pki/assay/revocation/crl"
	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/bolt"
)

// world is a node: store, authority, publisher, enrolment and the admin API on a
// TLS port of the loopback, with one admin named root.
type world struct {
	testing.TB
	ahead     atomic.Int64 // how far the clock is ahead, ns
	store     *switchable
	authority *ca.Authority
	enroll    *enroll.Service
	api       *api.API
	log       *lockedBuffer
	findings  []v1.Finding

	noteSigner   note.Signer
	noteVerifier note.Verifier
	unsigned     atomic.Bool // the log's key is away
	host         string
	roots        *x509.CertPool
	root         *client.Client
}

// switchable is a store that can be out of order.
type switchable struct {
	store.Store
	broken atomic.Bool
}

var errBroken = errors.New("bucket is nil")

// Documents fails in a way that nobody knows, Tokens as an engine that is away.
func (s *switchable) Documents(ctx context.Context, kind store.DocumentKind, after string, limit int) ([]store.Document, error) {
	if s.broken.Load() {
		return nil, errBroken
	}
	return s.Store.Documents(ctx, kind, after, limit)
}

func (s *switchable) Tokens(ctx context.Context, after [32]byte, limit int) ([]store.Token, error) {
	if s.broken.Load() {
		return nil, store.ErrUnavailable
	}
	return s.Store.Tokens(ctx, after, limit)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// founded is an authority that every world begins with: deriving the keys'
// encryption anew for each would take most of the time, minutes under -race.
type founded struct {
	ring     *keys.Ring
	founding store.Founding
}

// found and foundLocal make theirs once for all tests; a local authority has no
// public URL, and so no births.
var (
	found      = sync.OnceValues(func() (founded, error) { return foundAs("http://pki.example.com", "") })
	foundLocal = sync.OnceValues(func() (founded, error) { return foundAs("", "http://127.0.0.1:8080") })
)

func foundAs(publicURL, baseURL string) (founded, error) {
	dir, err := os.MkdirTemp("", "assay-api-")
	if err != nil {
		return founded{}, err
	}
	defer os.RemoveAll(dir) // the keys stay in the ring once they have signed
	ctx := context.Background()
	ring, err := keys.Open(ctx, keys.Config{Dir: filepath.Join(dir, "keys"), Passphrase: []byte("correct horse")})
	if err != nil {
		return founded{}, err
	}
	f, err := ca.Found(ctx, ca.FoundConfig{
		Name: "Testers", PublicURL: publicURL, BaseURL: baseURL, Hosts: []string{"127.0.0.1"},
		LogKey: "assay/0/0+00000000+key", Keys: ring, Now: time.Now,
	})
	if err != nil {
		return founded{}, err
	}
	names, err := ring.Names()
	if err == nil {
		err = ring.Warm(ctx, names...)
	}
	return founded{ring, f}, err
}

// newWorld serves the API of a new store.
func newWorld(t testing.TB) *world { return newWorldOf(t, found) }

func newWorldOf(t testing.TB, found func() (founded, error)) *world {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	w := &world{TB: t, log: &lockedBuffer{}}
	skey, vkey, err := note.GenerateKey(rand.Reader, "assay/test")
	must(t, err)
	w.noteSigner, err = note.NewSigner(skey)
	must(t, err)
	w.noteVerifier, err = note.NewVerifier(vkey)
	must(t, err)
	log := slog.New(slog.NewJSONHandler(w.log, nil))

	begun, err := found()
	must(t, err)
	ring, founding := begun.ring, begun.founding
	s, err := bolt.Create(bolt.Config{Path: filepath.Join(dir, "assay.db"), InitialMmapSize: 1 << 24})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	must(t, s.Found(ctx, founding))
	w.store = &switchable{Store: s}

	w.authority, err = ca.New(ctx, ca.Config{Store: s, Keys: ring, Now: w.now, Log: log})
	must(t, err)
	publisher, err := crl.New(ctx, crl.Config{
		Store: s, Signer: w.authority, BaseURL: founding.Authority.BaseURL, Dir: dir, Now: w.now, Log: log,
	})
	must(t, err)
	w.authority.LeaseFrom(publisher)
	issuers, err := enroll.IssuerCerts(founding.Issuers)
	must(t, err)
	w.enroll, err = enroll.New(enroll.Config{Store: w.store, Issuer: w.authority, Issuers: issuers, Now: w.now, Log: log})
	must(t, err)
	w.api, err = api.New(api.Config{
		Store: w.store, Authenticator: w.enroll, CA: w.authority, Revocation: revocation.New(w.store, w.now),
		CRL: publisher, SignNote: w.sign, ESTURL: func() string { return "https://est.example.com:8443" }, Doctor: func(context.Context) []v1.Finding { return w.findings },
		Now: w.now, Log: log, Version: v1.Version{Version: "1.2.3"},
		Healthz: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "ok\n") }),
	})
	must(t, err)
	w.serve(issuers[0].Certificate)
	w.root = w.client(w.operator("root", "admin", nil, nil))
	return w
}

// serve listens until the test ends.
func (w *world) serve(root *x509.Certificate) {
	w.Helper()
	key := newKey(w)
	made, err := w.authority.Server(w.Context(), ca.ServerRequest{Hosts: []string{"127.0.0.1"}, SPKI: spki(w, key)})
	must(w, err)
	chain := [][]byte{made.DER}
	for _, i := range w.authority.Issuers() {
		if i.ID == store.IssuerID(made.IssuerID) {
			chain = append(chain, i.Certificate.Raw)
		}
	}
	cert := &tls.Certificate{Certificate: chain, PrivateKey: key}
	w.roots = x509.NewCertPool()
	w.roots.AddCert(root)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(w, err)
	server := w.api.Server(api.TLSConfig(func() *tls.Certificate { return cert }))
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(l, "", "") }()
	w.Cleanup(func() {
		must(w, server.Close())
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			w.Errorf("serve: %v", err)
		}
	})
	w.host = l.Addr().String()
}

// sign makes a note as the log's key does.
func (w *world) sign(text string) ([]byte, error) {
	if w.unsigned.Load() {
		return nil, errors.New("key is away")
	}
	return note.Sign(&note.Note{Text: text}, w.noteSigner)
}

// opened verifies a note and returns its text.
func (w *world) opened(signed string) string {
	w.Helper()
	n, err := note.Open([]byte(signed), note.VerifierList(w.noteVerifier))
	must(w, err)
	return n.Text
}

func (w *world) by() store.Actor { return store.Actor{Principal: "node", At: w.now()} }

// operator makes an operator and a certificate for it, past the API.
func (w *world) operator(name, role string, products, sites []string) tls.Certificate {
	w.Helper()
	_, err := w.store.PutOperator(w.Context(), store.PutOperator{
		Name: name, Role: role, Products: products, Sites: sites, Expect: store.AnyRevision, By: w.by(),
	})
	must(w, err)
	key := newKey(w)
	made, err := w.authority.Operator(w.Context(), ca.OperatorRequest{Name: name, SPKI: spki(w, key)})
	must(w, err)
	_, err = w.store.Issue(w.Context(), store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: store.IssuerID(made.IssuerID), Index: made.Index}, DER: made.DER,
			Holder:  store.Holder{Kind: store.HolderOperator, Name: name},
			Profile: store.ProfileOperator, Operation: store.OpNode, IssuedAt: w.now(),
		},
		By: w.by(),
	})
	must(w, err)
	return tls.Certificate{Certificate: [][]byte{made.DER}, PrivateKey: key}
}

// client is a caller with a certificate; the zero one is none.
func (w *world) client(cert tls.Certificate) *client.Client {
	w.Helper()
	c, err := client.New(client.Config{URL: "https://" + w.host, Credential: client.Credential{Certificate: cert, Roots: w.roots}})
	must(w, err)
	w.Cleanup(c.Close)
	return c
}

// raw is a caller that can send anything.
type raw struct {
	testing.TB
	host string
	http *http.Client
}

// with reports to another test.
func (r raw) with(t testing.TB) raw {
	r.TB = t
	return r
}

func (w *world) raw(cert tls.Certificate) raw {
	config := &tls.Config{RootCAs: w.roots}
	if cert.PrivateKey != nil {
		config.Certificates = []tls.Certificate{cert}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	w.Cleanup(transport.CloseIdleConnections)
	return raw{w.TB, w.host, &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) problem(t testing.TB) v1.Problem {
	t.Helper()
	var p v1.Problem
	if got := a.header.Get("Content-Type"); got != v1.ProblemType {
		t.Fatalf("status %d, content type %q, want %q; body %s", a.status, got, v1.ProblemType, a.body)
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("problem %s: %v", a.body, err)
	}
	return p
}

// do sends a request; header is pairs of name and value.
func (r raw) do(method, path, body string, header ...string) answer {
	r.Helper()
	req, err := http.NewRequest(method, "https://"+r.host+path, strings.NewReader(body))
	must(r, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := r.http.Do(req)
	must(r, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(r, err)
	return answer{res.StatusCode, res.Header, b}
}

// device enrols a device with a token and a new key.
func (w *world) device(product, serial string) *x509.Certificate {
	w.Helper()
	return w.deviceWithKey(product, serial, newKey(w))
}

// product declares a product past the API.
func (w *world) product(name string) {
	w.Helper()
	p, err := profile.ParseProduct(name, []byte("{}"))
	must(w, err)
	body, err := p.CanonicalJSON()
	must(w, err)
	_, err = w.store.PutDocument(w.Context(), store.PutDocument{
		Kind: store.KindProduct, Name: name, Body: body, Expect: store.AnyRevision, By: w.by(),
	})
	must(w, err)
}

// events are the audit events of a name.
func (w *world) events(name store.EventName) []store.Event {
	w.Helper()
	all, err := w.store.Events(w.Context(), 0, store.MaxPage)
	must(w, err)
	return slices.DeleteFunc(all, func(e store.Event) bool { return e.Name != name })
}

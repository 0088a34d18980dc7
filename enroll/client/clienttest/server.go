// Package clienttest is a small real EST server for tests of what uses
// enroll/client: a root, an issuer, TLS on a loopback port, the wire format of
// RFC 7030, the rule that a repeated request is answered again, and failures
// on order. It decides nothing that a CA must decide, and makes no promise.
package clienttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

// CA is a certificate and its key.
type CA struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// Server is a running EST server; it stops with the test. The fields may be
// changed before the request that they shall govern.
type Server struct {
	*httptest.Server
	Root, Issuer CA
	// Token admits to simpleenroll; empty: anybody.
	Token string
	// Validity of issued certificates; 0: 90 days.
	Validity time.Duration
	// Renew is the field Assay-Renew; empty: none.
	Renew string
	// CSRAttrs is the answer; nil: 404.
	CSRAttrs []byte
	// Extra certificates stand in /cacerts before the issuer.
	Extra []*x509.Certificate
	// Nonces: the nonce operation is there. Evidence: a CSR must carry
	// evidence with a nonce that is known and was not redeemed by another.
	Nonces, Evidence bool
	// Batch and Left are the field Assay-Batch; empty: none.
	Batch string
	Left  uint64
	// Gate is asked about each request, Decide about each CSR that is not a
	// repetition; nil lets pass.
	Gate   func(r *http.Request, operation string) http.HandlerFunc
	Decide func(csr *wire.CSR) http.HandlerFunc
	// Now is the clock of issued certificates; nil: time.Now.
	Now func() time.Time

	mu      sync.Mutex
	next    []http.HandlerFunc
	lose    int
	issued  []*x509.Certificate
	byCSR   map[[sha256.Size]byte]*x509.Certificate
	nonces  map[string][sha256.Size]byte // to the CSR that redeemed it
	seen    []*http.Request
	dialled int
}

// New starts a server for 127.0.0.1.
func New(t testing.TB) *Server {
	t.Helper()
	root := NewCA(t, "test root", nil)
	s := &Server{Root: root, Issuer: NewCA(t, "test devices-1", &root), byCSR: map[[sha256.Size]byte]*x509.Certificate{}, nonces: map[string][sha256.Size]byte{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Server.TLS = &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert,
		Certificates: []tls.Certificate{s.ServerCertificate(t, x509.ExtKeyUsageServerAuth)},
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			s.dialled++
			s.mu.Unlock()
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// NewCA makes a CA, a root when parent is nil.
func NewCA(t testing.TB, name string, parent *CA) CA {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: newSerial(t), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if parent == nil {
		parent = &CA{template, key}
	}
	return CA{parent.Issue(t, template, key.Public()), key}
}

// Issue signs a certificate.
func (ca CA) Issue(t testing.TB, template *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	t.Helper()
	cert, err := ca.issue(template, key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (ca CA) issue(template *x509.Certificate, key crypto.PublicKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, key, ca.Key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// ServerCertificate is a credential for 127.0.0.1 under the root.
func (s *Server) ServerCertificate(t testing.TB, usage ...x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key := newKey(t)
	cert := s.Root.Issue(t, &x509.Certificate{
		SerialNumber: newSerial(t), Subject: pkix.Name{CommonName: "server"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: usage,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}, key.Public())
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newSerial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Roots is a pool of the root.
func (s *Server) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Root.Certificate)
	return pool
}

// RootPEM is the root for a --ca file.
func (s *Server) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Root.Certificate.Raw})
}

// Fingerprint is that of the root.
func (s *Server) Fingerprint() string {
	sum := sha256.Sum256(s.Root.Certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// Next lets h answer the next request in the server's place; several queue.
func (s *Server) Next(h ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, h...)
}

// LoseAnswers issues n times and cuts the connection before the answer.
func (s *Server) LoseAnswers(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = n
}

// Change changes fields for requests of another process too, whose order no
// lock of this one makes.
func (s *Server) Change(change func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// DropNonces makes all nonces given out invalid, as time does.
func (s *Server) DropNonces() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.nonces)
}

// Refuse is a handler that refuses as an assay server does.
func Refuse(status int, reason, text string, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set(wire.HeaderReason, reason)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, reason+": "+text+"\n")
	}
}

// Issued are all certificates issued, oldest first.
func (s *Server) Issued() []*x509.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*x509.Certificate(nil), s.issued...)
}

// Requests are all requests seen, without bodies.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.seen...)
}

// Connections is how many were accepted.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialled
}

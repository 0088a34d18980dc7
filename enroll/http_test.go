package enroll_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/est"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// edge serves the world over real TLS on loopback and returns the base URL.
func (w *world) edge() string {
	w.Helper()
	cert := w.holder(store.HolderServer, "node", store.ProfileServer, &x509.Certificate{
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{{127, 0, 0, 1}},
	})
	pair := &tls.Certificate{Certificate: [][]byte{cert.Raw, w.operations.cert.Raw}, PrivateKey: w.lastKey}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(w, err)
	log := slog.New(slog.DiscardHandler)
	s := est.Server(est.Handler(est.Config{Service: w.service, Log: log}),
		est.TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair, nil }, false), log)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.ServeTLS(l, "", "") }()
	w.Cleanup(func() { _ = s.Close(); <-done })
	return "https://" + l.Addr().String() + wire.PathPrefix
}

// client trusts the root, and is a device when it has a certificate.
func (w *world) client(d *device) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(w.root.cert)
	c := &tls.Config{RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(4), Time: w.clock.now}
	if d != nil {
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{d.cert.Raw}, PrivateKey: d.key}}
	}
	t := &http.Transport{TLSClientConfig: c}
	w.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t, Timeout: 10 * time.Second}
}

// post sends a CSR and returns the certificate, or the code of the refusal.
func (w *world) post(c *http.Client, url, token string, csr []byte) (*x509.Certificate, v1.Reason) {
	w.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(base64.StdEncoding.EncodeToString(csr)))
	must(w, err)
	r.Header.Set("Content-Type", wire.TypePKCS10)
	if token != "" {
		r.SetBasicAuth("", token)
	}
	answer, err := c.Do(r)
	must(w, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(w, err)
	if answer.StatusCode != 200 {
		return nil, v1.Reason(answer.Header.Get(wire.HeaderReason))
	}
	der, err := wire.DecodeBody(body)
	must(w, err)
	certs, err := wire.ParseCertsOnly(der)
	must(w, err)
	return parse(w, certs[0]), ""
}

// A device's life over the wire: bootstrap, enrol, renew, renew again.
func TestEST002ADevicesLife(t *testing.T) {
	w := newWorld(t)
	base := w.edge()
	stranger := w.client(nil)
	r, err := stranger.Get(base + "/sensor/cacerts") // EST-015
	must(t, err)
	body, err := io.ReadAll(r.Body)
	must(t, err)
	must(t, r.Body.Close())
	der, err := wire.DecodeBody(body)
	must(t, err)
	certs, err := wire.ParseCertsOnly(der)
	must(t, err)
	if len(certs) != 2 || len(body) > 4<<10 {
		t.Errorf("/cacerts: %d certificates in %d octets", len(certs), len(body))
	}
	d := &device{key: newKey(t)}
	if _, why := w.post(stranger, base+"/simpleenroll", "", csr(t, d.key, subject("SN-1"))); why != v1.CredentialMissing {
		t.Errorf("without a credential: %s", why)
	}
	d.cert, _ = w.post(stranger, base+"/sensor/simpleenroll", w.token("sensor", "", 1), csr(t, d.key, subject("SN-1")))
	for range 2 {
		next := &device{key: newKey(t)}
		next.cert, _ = w.post(w.client(d), base+"/simplereenroll", "", csr(t, next.key, as(d.cert)))
		if next.cert == nil || next.cert.Subject.SerialNumber != "SN-1" {
			t.Fatalf("renewal: %v", next.cert)
		}
		d = next
	}
}

// A kept-alive or resumed connection outlives a revocation; what it may do does
// not.
func TestThreat18ConnectionsOutliveRevocation(t *testing.T) {
	w := newWorld(t)
	base := w.edge()
	d := w.enrolled("sensor", "SN-1")
	alive, resumed := w.client(d), w.client(d)
	for _, c := range []*http.Client{alive, resumed} {
		if cert, why := w.post(c, base+"/simplereenroll", "", csr(t, newKey(t))); cert == nil {
			t.Fatal(why)
		}
	}
	resumed.CloseIdleConnections()
	_, err := w.store.Revoke(w.ctx(), store.Revoke{Device: d.id, Reason: 5, By: w.by("operator:mira")})
	must(t, err)
	for _, c := range []*http.Client{alive, resumed} {
		if _, why := w.post(c, base+"/simplereenroll", "", csr(t, newKey(t))); why != v1.CertificateRevoked {
			t.Errorf("got %q, want certificate-revoked", why)
		}
	}
}

func TestEST062OverTLS(t *testing.T) {
	w := newWorld(t)
	base := w.edge()
	if _, why := w.post(w.client(nil), base+"/simpleenroll", w.token("sensor", "", 1), challenged(t, newKey(t), "SN-1", "bm90IHRoaXMgb25l")); why != v1.LinkingFailed {
		t.Errorf("got %q, want linking-failed", why)
	}
}

// Hostile bodies, by a stranger, a token's holder and a device: refused with a
// reason of the client's, whatever they are.
func FuzzEST(f *testing.F) {
	w := newWorld(f)
	d := w.enrolled("sensor", "SN-1")
	token := w.token("sensor", "", 1<<31)
	good := csr(f, newKey(f), subject("SN-2"))
	f.Add([]byte(base64.StdEncoding.EncodeToString(good)), uint8(0))
	f.Add([]byte(base64.StdEncoding.EncodeToString(good)), uint8(1))
	f.Add([]byte(base64.StdEncoding.EncodeToString(csr(f, d.key))), uint8(2))
	f.Add([]byte(base64.StdEncoding.EncodeToString(challenged(f, d.key, "SN-1", "x"))), uint8(2))
	f.Add(good, uint8(1))
	f.Add(bytes.Repeat([]byte("MIA"), 20000), uint8(1))
	for _, n := range []int{1, 10, 50, 100, len(good) - 1} {
		f.Add([]byte(base64.StdEncoding.EncodeToString(good[:n])), uint8(1))
		flipped := bytes.Clone(good)
		flipped[n] ^= 0x80
		f.Add([]byte(base64.StdEncoding.EncodeToString(flipped)), uint8(1))
	}
	h := est.Handler(est.Config{Service: w.service, Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, body []byte, who uint8) {
		for _, body := range [][]byte{body, []byte(base64.StdEncoding.EncodeToString(body))} {
			path := "/simpleenroll"
			if who%4 >= 2 {
				path = "/simplereenroll"
			}
			r := httptest.NewRequest(http.MethodPost, "https://est.test"+wire.PathPrefix+path, bytes.NewReader(body))
			r.Header.Set("Content-Type", wire.TypePKCS10)
			switch who % 4 {
			case 1:
				r.SetBasicAuth("", token)
			case 2:
				r.TLS.PeerCertificates = []*x509.Certificate{d.cert}
			case 3:
				r.SetBasicAuth(string(body[:min(len(body), 100)]), string(body[:min(len(body), 100)]))
			}
			answer := httptest.NewRecorder()
			start := time.Now()
			h.ServeHTTP(answer, r)
			if answer.Code >= 500 || answer.Code != 200 && answer.Header().Get(wire.HeaderReason) == "" {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		}
	})
}

// tracing tells the local address of the connection of each request.
func tracing(next http.RoundTripper, got func(local string)) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { got(i.Conn.LocalAddr().String()) }}
		return next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

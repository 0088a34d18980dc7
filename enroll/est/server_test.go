package est_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/est"
)

// listen serves over real TLS on loopback and returns its address.
func listen(t *testing.T, f *fake, tls13only bool, connections int) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "est"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{{127, 0, 0, 1}},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pair := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s := est.Server(handler(f), est.TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair, nil }, tls13only), log)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.ServeTLS(est.Listener(l, connections), "", "") }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return l.Addr().String()
}

func dial(addr string, c *tls.Config) (*tls.Conn, error) {
	c.InsecureSkipVerify = true
	return tls.Dial("tcp", addr, c)
}

func TestThreat23TLSVersionsAndSuites(t *testing.T) {
	both, only := listen(t, &fake{}, false, 100), listen(t, &fake{}, true, 100)
	for _, tt := range []struct {
		name   string
		addr   string
		config *tls.Config
		ok     bool
	}{
		{"EST-010 TLS 1.2", both, &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"EST-010 TLS 1.3", both, &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"EST-008 TLS 1.1", both, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"CBC", both, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"RSA key exchange", both, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		{"1.3 only: TLS 1.2", only, &tls.Config{MaxVersion: tls.VersionTLS12}, false},
		{"1.3 only: TLS 1.3", only, &tls.Config{}, true},
	} {
		c, err := dial(tt.addr, tt.config)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
}

func TestEST023ALPN(t *testing.T) {
	addr := listen(t, &fake{}, false, 100)
	for _, tt := range []struct {
		offer []string
		want  string
		ok    bool
	}{{nil, "", true}, {[]string{"h2", "http/1.1"}, "http/1.1", true}, {[]string{"h2"}, "", false}} {
		c, err := dial(addr, &tls.Config{NextProtos: tt.offer})
		if (err == nil) != tt.ok {
			t.Fatalf("%v: %v", tt.offer, err)
		}
		if err == nil {
			if got := c.ConnectionState().NegotiatedProtocol; got != tt.want {
				t.Errorf("%v: %q", tt.offer, got)
			}
			_ = c.Close()
		}
	}
}

// Any client certificate passes the handshake and reaches the service as it was
// sent, on a resumed session as well (EST-014).
func TestEST014ClientCertificateAsSent(t *testing.T) {
	f := &fake{}
	addr := listen(t, f, false, 100)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), NotAfter: time.Now().Add(-time.Hour), NotBefore: time.Now().Add(-2 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{
			InsecureSkipVerify: true, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1),
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		}
		for round := range 2 {
			c, err := tls.Dial("tcp", addr, config)
			if err != nil {
				t.Fatal(err)
			}
			r := roundTrip(t, c, "POST "+enrollPath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/pkcs10\r\nContent-Length: 4\r\nConnection: close\r\n\r\nMAA=")
			if r.StatusCode != 200 {
				t.Errorf("round %d: %d", round, r.StatusCode)
			}
			if peer := f.seen().Peer; len(peer) != 1 || !bytes.Equal(peer[0].Raw, der) {
				t.Errorf("round %d: %d certificates reached the service", round, len(peer))
			}
			_ = c.Close()
		}
	}
}

func roundTrip(t *testing.T, c net.Conn, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := read(t, r)
	r.Body = io.NopCloser(strings.NewReader(body))
	return r
}

// The server's channel binding is the client's.
func TestEST062And063ChannelBinding(t *testing.T) {
	f := &fake{}
	addr := listen(t, f, false, 100)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c, err := dial(addr, &tls.Config{MaxVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		state := c.ConnectionState()
		want := state.TLSUnique
		if version == tls.VersionTLS13 {
			if want, err = state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32); err != nil {
				t.Fatal(err)
			}
		}
		got := make(chan []byte, 1)
		f.enroll = func(_ context.Context, r enroll.Request) (enroll.Answer, error) {
			got <- r.Binding()
			return enroll.Answer{Certificate: certificate}, nil
		}
		roundTrip(t, c, "POST "+enrollPath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/pkcs10\r\nContent-Length: 4\r\n\r\nMAA=")
		if b := <-got; len(b) == 0 || !bytes.Equal(b, want) {
			t.Errorf("TLS %x: binding %x, want %x", version, b, want)
		}
		_ = c.Close()
	}
}

// Headers and body come in one TLS record.
func TestEST034OneRecord(t *testing.T) {
	addr := listen(t, &fake{}, false, 100)
	c, err := dial(addr, &tls.Config{MaxVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST "+enrollPath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/pkcs10\r\nContent-Length: 4\r\n\r\nMAA="); err != nil {
		t.Fatal(err)
	}
	// crypto/tls returns at most one record for each Read.
	b := make([]byte, 64<<10)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b[:n])), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body := read(t, r); int64(len(body)) != r.ContentLength || r.ContentLength < 700 || len(r.TransferEncoding) != 0 {
		t.Errorf("EST-032: %d octets in the first record, Content-Length %d, %v", len(body), r.ContentLength, r.TransferEncoding)
	}
}

func TestEST024And025KeepAliveCloseAndContinue(t *testing.T) {
	addr := listen(t, &fake{cacerts: [][]byte{certificate}}, false, 100)
	c, err := dial(addr, &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if r := roundTrip(t, c, "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\n\r\n"); r.StatusCode != 200 || r.Close {
			t.Fatalf("keep-alive: %d, close %v", r.StatusCode, r.Close)
		}
	}
	_, _ = io.WriteString(c, "POST "+enrollPath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/pkcs10\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("EST-025: %q, %v", line, err)
	}
	_, _ = in.ReadString('\n')
	_, _ = io.WriteString(c, "MAA=")
	r, err := http.ReadResponse(in, nil)
	if err != nil || r.StatusCode != 200 || !r.Close {
		t.Fatalf("got %v, %v", r, err)
	}
}

// A body that declares too much is refused while the client waits to send it.
func TestThreat08RefusedBeforeTheBody(t *testing.T) {
	addr := listen(t, &fake{}, false, 100)
	c, err := dial(addr, &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := roundTrip(t, c, "POST "+enrollPath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/pkcs10\r\nContent-Length: 67108864\r\nExpect: 100-continue\r\n\r\n")
	wantRefusal(t, r, v1.TooLarge)
}

func TestThreat24LargeHeader(t *testing.T) {
	addr := listen(t, &fake{}, false, 100)
	c, err := dial(addr, &tls.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := roundTrip(t, c, "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 32<<10)+"\r\n\r\n")
	if r.StatusCode != 431 {
		t.Errorf("got %d", r.StatusCode)
	}
}

func TestThreat24Timeouts(t *testing.T) {
	s := est.Server(handler(&fake{}), est.TLSConfig(nil, false), slog.New(slog.DiscardHandler))
	if s.ReadHeaderTimeout != 5*time.Second || s.ReadTimeout != 15*time.Second || s.IdleTimeout != 30*time.Second ||
		s.WriteTimeout == 0 || s.MaxHeaderBytes != 16<<10 {
		t.Errorf("got %+v", s)
	}
}

func TestThreat25Connections(t *testing.T) {
	addr := listen(t, &fake{cacerts: [][]byte{certificate}}, false, 2)
	var open []*tls.Conn
	for range 2 {
		c, err := dial(addr, &tls.Config{})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	if c, err := dial(addr, &tls.Config{}); err == nil {
		_ = c.Close()
		t.Fatal("a third connection was served")
	}
	// One of two leaves: its place is free again.
	r := roundTrip(t, open[0], "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if r.StatusCode != 200 {
		t.Fatal(r.Status)
	}
	_, _ = io.Copy(io.Discard, open[0])
	_ = open[0].Close()
	var err error
	for range 100 {
		var c *tls.Conn
		if c, err = dial(addr, &tls.Config{}); err == nil {
			_ = c.Close()
			break
		}
	}
	if err != nil {
		t.Error(err)
	}
}

package server_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

// TestThreat27Paths: a label is the key of a map and nothing else.
func TestThreat27Paths(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	var attacks []attack
	for _, path := range []string{
		"no-such-product/simpleenroll", strings.Repeat("a", 8<<10) + "/simpleenroll",
		sensor + "%00/simpleenroll", "%00/simpleenroll", sensor + "/%00simpleenroll",
		"../est/simpleenroll", "../../etc/passwd", "%2e%2e/%2e%2e/simpleenroll", "..%2f..%2fsimpleenroll", sensor + "%2fsimpleenroll",
		"./simpleenroll", "/simpleenroll", sensor + "//simpleenroll", sensor + "/simpleenroll/", strings.ToUpper(sensor) + "/simpleenroll",
		sensor + "/SimpleEnroll", sensor + ".birth/simpleenroll", "simpleenroll/simpleenroll", "\u00e4/simpleenroll",
		"fullcmc", "serverkeygen", sensor + "/serverkeygen", "crls", "simpleenroll.bak", "",
	} {
		attacks = append(attacks, attack{name: fmt.Sprintf("%.40q", path), path: path + "?", status: 404, reason: v1.NotFound})
	}
	s.withstand(t, attacks)
}

func TestEST099Methods(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	var attacks []attack
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"} {
		attacks = append(attacks, attack{name: method, method: method, status: 405, reason: v1.MethodNotAllowed})
	}
	for _, method := range []string{"POST", "HEAD", "DELETE"} {
		attacks = append(attacks, attack{name: method + " cacerts", method: method, path: sensor + "/cacerts", status: 405, reason: v1.MethodNotAllowed})
	}
	s.withstand(t, attacks)
}

// dial opens a connection to the EST edge to write octets on.
func (n *node) dial(t *testing.T) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", n.at.EST, &tls.Config{RootCAs: n.roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// answerTo reads one answer.
func answerTo(t *testing.T, from *bufio.Reader, method string) *reply {
	t.Helper()
	res, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReply(res)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const post = "POST /.well-known/est/sensor-s1/simpleenroll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n"

// TestThreat26RawRequests: what no HTTP library sends. net/http refuses these by
// itself, so that there is no reason in the answer.
func TestThreat26RawRequests(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	certificates, devices := s.certificates(t), s.devices(t)
	field := (&http.Request{Header: http.Header{}})
	field.SetBasicAuth("", s.secret)
	auth := "Authorization: " + field.Header.Get("Authorization") + "\r\n"
	for _, row := range []struct {
		name, octets string
		status       int
	}{
		{"two lengths", post + auth + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nAAAA", 400},
		{"two lengths in a field", post + auth + "Content-Length: 4, 5\r\n\r\nAAAA", 400},
		{"a negative length", post + auth + "Content-Length: -1\r\n\r\n", 400},
		{"a signed length", post + auth + "Content-Length: +4\r\n\r\nAAAA", 400},
		// RFC 9112 §6.1: 501 for a coding that is not understood.
		{"the identity coding", post + auth + "Transfer-Encoding: identity\r\n\r\nAAAA", 501},
		{"a hidden coding", post + auth + "Transfer-Encoding: chunked, identity\r\nContent-Length: 4\r\n\r\nAAAA", 501},
		{"a bare CR in a field", post + auth + "X: a\rContent-Length: 4\r\n\r\nAAAA", 400},
		{"a space before the colon", post + auth + "Content-Length : 4\r\n\r\nAAAA", 400},
		{"a NUL in a field", post + auth + "X: a\x00b\r\nContent-Length: 4\r\n\r\nAAAA", 400},
		{"no host", strings.Replace(post, "Host: localhost\r\n", "", 1) + auth + "Content-Length: 4\r\n\r\nAAAA", 400},
		{"no HTTP", "\x00\x01\x02\x03\r\n\r\n", 400},
		{"a header of 64 KiB", post + auth + "X: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431},
		{"ten thousand fields", post + auth + strings.Repeat("X: a\r\n", 10_000) + "\r\n", 431},
		{"a chunk without end", post + auth + "Transfer-Encoding: chunked\r\n\r\nZZ\r\n", 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := s.dial(t)
			_, _ = c.Write([]byte(row.octets)) // it may be refused before it is all sent
			if r := answerTo(t, bufio.NewReader(c), "POST"); r.status != row.status {
				t.Errorf("got %s, want %d", r, row.status)
			}
		})
	}
	t.Run("two requests in one write", func(t *testing.T) {
		c := s.dial(t)
		good := "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n"
		if _, err := c.Write([]byte(post + "Content-Length: 4\r\n\r\nAAAA" + good)); err != nil {
			t.Fatal(err)
		}
		from := bufio.NewReader(c)
		wantRefused(t, "the first", answerTo(t, from, "POST"), 401, v1.CredentialMissing)
		res, err := http.ReadResponse(from, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("the second: %v %v", res, err)
		}
		res.Body.Close()
	})
	t.Run("a body that ends early", func(t *testing.T) {
		c := s.dial(t)
		if _, err := c.Write([]byte(post + auth + "Content-Length: 400\r\n\r\nAAAA")); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, "it", answerTo(t, bufio.NewReader(c), "POST"), 400, v1.BadBase64)
	})
	t.Run("plain HTTP on the TLS port", func(t *testing.T) {
		res, err := http.Get("http://" + s.at.EST + "/.well-known/est/cacerts")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("got %s", res.Status)
		}
	})
	s.untouched(t, certificates, devices)
}

// TestThreat08LargeBodies: a length over the limit is refused before an octet of
// the body is read, and a body without a length as soon as it is over it.
func TestThreat08LargeBodies(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	certificates, devices := s.certificates(t), s.devices(t)
	const size = 64 << 20
	for _, row := range []struct{ name, fields string }{
		{"declared, and never sent", fmt.Sprintf("Content-Length: %d\r\n\r\n", size)},
		{"EST025 declared, and asked for first", fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", size)},
		{"declared as more than there is", "Content-Length: 9223372036854775807\r\n\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := s.dial(t)
			if _, err := c.Write([]byte(post + row.fields)); err != nil {
				t.Fatal(err)
			}
			r := answerTo(t, bufio.NewReader(c), "POST")
			wantRefused(t, row.name, r, 413, v1.TooLarge)
			wantForm(t, r)
		})
	}
	chunk := append([]byte("10000\r\n"), append(bytes.Repeat([]byte("A"), 64<<10), "\r\n"...)...)
	for _, row := range []struct {
		name, fields string
		block        []byte
	}{
		{"declared and sent", fmt.Sprintf("Content-Length: %d\r\n\r\n", size), chunk},
		{"in chunks without end", "Transfer-Encoding: chunked\r\n\r\n", chunk},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := s.dial(t)
			sent := make(chan int)
			go func() {
				n, err := c.Write([]byte(post + row.fields))
				for err == nil && n < size {
					var more int
					more, err = c.Write(row.block)
					n += more
				}
				sent <- n
			}()
			r := answerTo(t, bufio.NewReader(c), "POST")
			wantRefused(t, row.name, r, 413, v1.TooLarge)
			_ = c.Close()
			if n := <-sent; n >= size {
				t.Errorf("all of %d octets were taken", n)
			}
		})
	}
	s.untouched(t, certificates, devices)
}

// TestThreat24SlowHeader: a header that does not come ends the connection after
// 5 s; so does a handshake.
func TestThreat24SlowHeader(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 5 seconds of waiting")
	}
	t.Parallel()
	n := newAuthority(t).start(t)
	slow := n.dial(t)
	if _, err := slow.Write([]byte("POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: ")); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Dial("tcp", n.at.EST)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := silent.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]io.Reader{"half a header": slow, "no handshake": silent} {
		_, err := io.Copy(io.Discard, c)
		if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
			t.Errorf("%s: still open after %s", name, patience)
		}
	}
}

// TestThreat45DevicesAtTheAdminAPI: what devices have is good for nothing on the admin listener.
func TestThreat45DevicesAtTheAdminAPI(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	certificates, devices := s.certificates(t), s.devices(t)
	pair := tls.Certificate{Certificate: [][]byte{s.own.cert.Raw}, PrivateKey: s.own.key}
	for _, row := range []struct {
		name       string
		credential client.Credential
		reason     v1.Reason
	}{
		{"a device's certificate", client.Credential{Certificate: pair, Roots: s.roots}, v1.CertificateWrongUse},
		{"a self-made certificate", client.Credential{Certificate: forge(t, readCertificate(t, s.file("operators/admin/operator.crt")), s.issuer(t)), Roots: s.roots}, v1.CertificateUnknown},
		{"no certificate", client.Credential{Roots: s.roots}, v1.CredentialMissing},
	} {
		c, err := client.New(client.Config{URL: "https://" + s.at.Admin, Credential: row.credential})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.CreateToken(t.Context(), v1.TokenRequest{Product: sensor})
		wantReason(t, row.name+": make a token", err, row.reason)
		_, err = c.Revoke(t.Context(), v1.RevocationRequest{Device: s.victim.id(), Reason: "keyCompromise"})
		wantReason(t, row.name+": revoke", err, row.reason)
		_, err = c.Whoami(t.Context())
		wantReason(t, row.name+": ask who it is", err, row.reason)
	}
	res, err := s.anyone.Get("https://" + s.at.Admin + "/.well-known/est/cacerts")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode == http.StatusOK {
		t.Error("the admin listener serves EST")
	}
	s.untouched(t, certificates, devices)
}

// TestThreat28Listeners: each listener serves its own and nothing else.
func TestThreat28Listeners(t *testing.T) {
	t.Parallel()
	n := newAuthority(t).start(t)
	operator, err := tls.LoadX509KeyPair(n.file("operators/admin/operator.crt"), n.file("operators/admin/operator.key"))
	if err != nil {
		t.Fatal(err)
	}
	edges := map[string]string{
		"/.well-known/est/cacerts": "https://" + n.at.EST,
		"/v1/version":              "https://" + n.at.Admin,
		"/ca/roots.pem":            "http://" + n.at.HTTP,
		"/metrics":                 "http://" + n.at.Metrics,
	}
	c := n.web(t, operator)
	for path, home := range edges {
		for _, edge := range edges {
			res, err := c.Get(edge + path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			want := http.StatusNotFound
			if edge == home {
				want = http.StatusOK
			}
			if res.StatusCode != want {
				t.Errorf("%s%s: %d, want %d", edge, path, res.StatusCode, want)
			}
		}
	}
}

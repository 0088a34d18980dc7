package client_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/client/clienttest"
	"github.com/assay-pki/assay/enroll/wire"
)

func TestNonce(t *testing.T) {
	s := clienttest.New(t)
	c := newClient(t, s)
	_, _, err := c.Nonce(t.Context(), 0)
	if refusal, ok := errors.AsType[*client.Refusal](err); !ok || refusal.Status != http.StatusNotFound {
		t.Errorf("server without: got %v, want 404", err)
	}
	s.Nonces = true
	for length, want := range map[int]int{0: 32, 8: 8, 64: 64} {
		nonce, expires, err := c.Nonce(t.Context(), length)
		if err != nil || len(nonce) != want || expires != 10*time.Minute {
			t.Errorf("length %d: got %d octets for %v, %v; want %d for 10m", length, len(nonce), expires, err, want)
		}
		last := s.Requests()[len(s.Requests())-1]
		if method := last.Method; (length == 0) != (method == http.MethodGet) || last.URL.Path != "/.well-known/est/sensor/nonce" {
			t.Errorf("length %d: %s %s", length, method, last.URL.Path)
		}
	}
	for _, length := range []int{7, 65, -1} {
		if _, _, err := c.Nonce(t.Context(), length); !errors.Is(err, client.ErrConfig) {
			t.Errorf("length %d: got %v, want %v", length, err, client.ErrConfig)
		}
	}
}

func TestNonceAnswersThatAreRefused(t *testing.T) {
	const good = `{"nonce":"AAAAAAAAAAAAAAAAAAAAAA","expiry":600}`
	for name, row := range map[string]struct{ mediaType, body string }{
		"media type":   {"application/json", good},
		"not json":     {"", "nonce"},
		"no nonce":     {"", `{"expiry":600}`},
		"short":        {"", `{"nonce":"AAAA"}`},
		"padded":       {"", `{"nonce":"AAAAAAAAAAAAAAAAAAAAAA=="}`},
		"not base64":   {"", `{"nonce":"AAAAAAAAAAAAAAAAAAAAA+"}`},
		"expiry text":  {"", `{"nonce":"AAAAAAAAAAAAAAAAAAAAAA","expiry":"600"}`},
		"negative":     {"", `{"nonce":"AAAAAAAAAAAAAAAAAAAAAA","expiry":-1}`},
		"two values":   {"", good + good},
		"too long":     {"", good + strings.Repeat(" ", 5000)},
		"other length": {"", good},
	} {
		s := clienttest.New(t)
		s.Next(func(w http.ResponseWriter, _ *http.Request) {
			if row.mediaType == "" {
				row.mediaType = "application/est-attestation-freshness+json"
			}
			w.Header().Set("Content-Type", row.mediaType)
			_, _ = w.Write([]byte(row.body))
		})
		if _, _, err := newClient(t, s).Nonce(t.Context(), 32); !errors.Is(err, client.ErrAnswer) {
			t.Errorf("%s: got %v, want %v", name, err, client.ErrAnswer)
		}
	}
}

func TestBatchField(t *testing.T) {
	for field, want := range map[string]struct {
		batch string
		left  uint64
	}{
		`"2026-w47-a";left=17`:            {"2026-w47-a", 17},
		` "b" ; left=3 `:                  {"b", 3},
		`"b"`:                             {"b", 0},
		`"b";note="x";left=9;new`:         {"b", 9},
		`"a\"b\\c";left=1`:                {`a"b\c`, 1},
		`"b";left=-1`:                     {"b", 0},
		`b;left=1`:                        {},
		`"";left=1`:                       {},
		`"b`:                              {},
		`"b\`:                             {},
		`"b\x"`:                           {},
		"\"b\x1b[0m\"":                    {},
		`"` + strings.Repeat("b", 300):    {},
		`"b";left=18446744073709551616`:   {"b", 0},
		`"b";left=9223372036854775807;x=`: {"b", 9223372036854775807},
	} {
		if batch, left := client.ParseBatch(field); batch != want.batch || left != want.left {
			t.Errorf("%q: got %q, %d; want %q, %d", field, batch, left, want.batch, want.left)
		}
	}
	s := clienttest.New(t)
	s.Batch, s.Left = "w47", 99
	_, csr := newRequest(t, "SN-1")
	if a, err := newClient(t, s).Enroll(t.Context(), csr); err != nil || a.Batch != "w47" || a.Left != 99 {
		t.Errorf("answer: %+v, %v", a, err)
	}
}

// crypto/x509 is the oracle of requests written by hand.
func TestRequestsOfEveryKey(t *testing.T) {
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	_, edKey, err2 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"rsa": rsaKey, "ed25519": edKey}
	for name, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = key
	}
	subject := pkix.Name{CommonName: "SN-1", SerialNumber: "SN-1"}
	for name, key := range keys {
		plain, err := client.NewCSR(key, subject)
		if err != nil {
			t.Fatal(err)
		}
		got, err1 := x509.ParseCertificateRequest(plain)
		theirs, err2 := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
		if err := errors.Join(err1, err2, got.CheckSignature()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, err := x509.ParseCertificateRequest(theirs)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.RawTBSCertificateRequest, want.RawTBSCertificateRequest) || got.SignatureAlgorithm != want.SignatureAlgorithm {
			t.Errorf("%s: other octets than crypto/x509: %v, want %v", name, got.SignatureAlgorithm, want.SignatureAlgorithm)
		}
		value := []byte{0x30, 0x03, 0x04, 0x01, 0x07}
		with, err := client.NewCSR(key, subject, client.EvidenceAttribute(value))
		if err != nil {
			t.Fatal(err)
		}
		csr, err := wire.ParseCSR(with)
		if err != nil {
			t.Fatal(err)
		}
		if err := csr.Verify(key.Public()); err != nil || len(csr.Attributes) != 1 || !bytes.Equal(csr.Attributes[0].Values[0], value) {
			t.Errorf("%s: with evidence: %v, %v", name, csr.Attributes, err)
		}
	}
}

func TestRenewalRequestKeepsNamesAndTakesEvidence(t *testing.T) {
	s := clienttest.New(t)
	key, _ := newRequest(t, "SN-1")
	cert := s.Issuer.Issue(t, &x509.Certificate{
		SerialNumber: s.Issuer.Certificate.SerialNumber, Subject: pkix.Name{CommonName: "SN-1"}, DNSNames: []string{"a.example"},
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}, key.Public())
	der, err := client.NewRenewalCSR(key, cert, client.EvidenceAttribute([]byte{5, 0}))
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := csr.CheckSignature(); err != nil || !bytes.Equal(csr.RawSubject, cert.RawSubject) || len(csr.DNSNames) != 1 {
		t.Errorf("subject %v, names %v, %v", csr.Subject, csr.DNSNames, err)
	}
}

// obtaining is a request with evidence that holds the nonce and nothing else,
// and what was saved of it.
func obtaining(t *testing.T) (client.Request, *[][]byte) {
	key, _ := newRequest(t, "SN-1")
	saved := &[][]byte{}
	return client.Request{
		Key: key, Subject: pkix.Name{CommonName: "SN-1"},
		Evidence: func(_ context.Context, nonce, spki []byte) ([]byte, error) {
			if want, err := x509.MarshalPKIXPublicKey(key.Public()); err != nil || !bytes.Equal(spki, want) {
				t.Errorf("evidence is made about another key: %v", err)
			}
			return asn1.Marshal(nonce)
		},
		Save: func(csr []byte) error {
			*saved = append(*saved, csr)
			return nil
		},
	}, saved
}

func withEvidence(t *testing.T) *clienttest.Server {
	s := clienttest.New(t)
	s.Nonces, s.Evidence = true, true
	return s
}

func nonces(s *clienttest.Server) (n int) {
	for _, r := range s.Requests() {
		if strings.HasSuffix(r.URL.Path, "/nonce") {
			n++
		}
	}
	return n
}

func TestObtainWithEvidence(t *testing.T) {
	s := withEvidence(t)
	r, saved := obtaining(t)
	if _, err := newClient(t, s).Obtain(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if len(*saved) != 1 || nonces(s) != 1 || len(s.Issued()) != 1 {
		t.Errorf("saved %d, nonces %d, issued %d; want 1 of each", len(*saved), nonces(s), len(s.Issued()))
	}
	_, err := newClient(t, s).Obtain(t.Context(), client.Request{Key: r.Key})
	if refusal, ok := errors.AsType[*client.Refusal](err); !ok || refusal.Reason != "evidence-missing" {
		t.Errorf("without evidence: got %v", err)
	}
	if _, err := newClient(t, s).Obtain(t.Context(), client.Request{}); !errors.Is(err, client.ErrConfig) {
		t.Errorf("nothing to send: got %v, want %v", err, client.ErrConfig)
	}
}

func TestObtainTakesTheLostAnswerWithTheSameRequest(t *testing.T) {
	s := withEvidence(t)
	r, saved := obtaining(t)
	c := newClient(t, s)
	s.LoseAnswers(2)
	if _, err := c.Obtain(t.Context(), r); !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("got %v, want %v", err, client.ErrUnreachable)
	}
	s.DropNonces() // the answer is had without one
	r.CSR = (*saved)[0]
	if _, err := c.Obtain(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if len(*saved) != 1 || nonces(s) != 1 || len(s.Issued()) != 1 {
		t.Errorf("saved %d, nonces %d, issued %d; want 1 of each", len(*saved), nonces(s), len(s.Issued()))
	}
}

func TestObtainMakesAStaleRequestAnewOnce(t *testing.T) {
	s := withEvidence(t)
	r, saved := obtaining(t)
	c := newClient(t, s)
	s.LoseAnswers(2)
	s.Gate = func(_ *http.Request, operation string) http.HandlerFunc {
		if operation == wire.OpSimpleEnroll {
			panic(http.ErrAbortHandler) // never arrives
		}
		return nil
	}
	if _, err := c.Obtain(t.Context(), r); !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("got %v, want %v", err, client.ErrUnreachable)
	}
	s.DropNonces()
	s.Gate = nil
	s.LoseAnswers(0)
	r.CSR = (*saved)[0]
	if _, err := c.Obtain(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if len(*saved) != 2 || nonces(s) != 2 || len(s.Issued()) != 1 {
		t.Errorf("saved %d, nonces %d, issued %d; want 2, 2, 1", len(*saved), nonces(s), len(s.Issued()))
	}

	never := clienttest.Refuse(403, "evidence-stale", "too old.", "")
	r.CSR = nil
	s.Decide = func(*wire.CSR) http.HandlerFunc { return never }
	_, err := c.Obtain(t.Context(), r)
	if refusal, ok := errors.AsType[*client.Refusal](err); !ok || refusal.Reason != "evidence-stale" || len(*saved) != 4 {
		t.Errorf("always stale: got %v after %d requests, want the refusal after 4", err, len(*saved))
	}
	r.Nonce = bytes.Repeat([]byte{1}, 32)
	if _, err := c.Obtain(t.Context(), r); err == nil || len(*saved) != 5 {
		t.Errorf("a batch's nonce: got %v after %d requests, want a refusal after 5", err, len(*saved))
	}
}

func TestObtainStopsWhenNothingCanBeSaved(t *testing.T) {
	s := withEvidence(t)
	r, _ := obtaining(t)
	full := errors.New("disk full")
	r.Save = func([]byte) error { return full }
	if _, err := newClient(t, s).Obtain(t.Context(), r); !errors.Is(err, full) || len(s.Issued()) != 0 {
		t.Errorf("got %v, issued %d", err, len(s.Issued()))
	}
	r, _ = obtaining(t)
	r.Evidence = func(context.Context, []byte, []byte) ([]byte, error) { return nil, full }
	if _, err := newClient(t, s).Obtain(t.Context(), r); !errors.Is(err, full) || len(s.Issued()) != 0 {
		t.Errorf("got %v, issued %d", err, len(s.Issued()))
	}
}

func TestObtainRenews(t *testing.T) {
	s := withEvidence(t)
	r, _ := obtaining(t)
	first, err := newClient(t, s).Obtain(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, s, func(c *client.Config) {
		c.Certificate = &tls.Certificate{Certificate: [][]byte{first.Certificate.Raw}, PrivateKey: r.Key}
	})
	next, _ := obtaining(t)
	next.Renews = first.Certificate
	answer, err := c.Obtain(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.Certificate.RawSubject, answer.Certificate.RawSubject); diff != "" {
		t.Errorf("subject (-first +renewed):\n%s", diff)
	}
}

func TestStationStatementTravelsInTheHeader(t *testing.T) {
	s := clienttest.New(t)
	s.Nonces = true
	_, csr := newRequest(t, "SN-1")
	made := 0
	r := client.Request{CSR: csr, Statement: func(_ context.Context, nonce, about []byte) ([]byte, error) {
		made++
		if len(nonce) != 32 || !bytes.Equal(about, csr) {
			t.Errorf("statement about %d octets with a nonce of %d", len(about), len(nonce))
		}
		return []byte("statement"), nil
	}}
	c := newClient(t, s)
	s.Next(s.ServeNonce, s.ServeCACerts, clienttest.Refuse(403, "nonce-invalid", "expired.", ""))
	if _, err := c.Obtain(t.Context(), r); err != nil || made != 2 {
		t.Errorf("after %d statements: %v", made, err)
	}
	last := s.Requests()[len(s.Requests())-1]
	if got := last.Header.Get("Assay-Station-Evidence"); got != ":c3RhdGVtZW50:" {
		t.Errorf("field: %q", got)
	}
	r.Statement = func(context.Context, []byte, []byte) ([]byte, error) { return make([]byte, 8<<10), nil }
	if _, err := c.Obtain(t.Context(), r); err == nil {
		t.Error("a statement that no server takes was sent")
	}
}

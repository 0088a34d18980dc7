package client_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/client/clienttest"
	"github.com/assay-pki/assay/enroll/wire"
)

func newClient(t testing.TB, s *clienttest.Server, change ...func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{URL: s.URL, Label: "sensor", Roots: s.Roots(), Token: s.Token, Retries: -1}
	for _, f := range change {
		f(&config)
	}
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

func newRequest(t testing.TB, serial string) (crypto.Signer, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := client.NewCSR(key, pkix.Name{CommonName: serial, SerialNumber: serial})
	if err != nil {
		t.Fatal(err)
	}
	return key, csr
}

func TestEnrollAndReenroll(t *testing.T) {
	s := clienttest.New(t)
	s.Token = "assay_secret"
	key, csr := newRequest(t, "SN-1")
	answer, err := newClient(t, s).Enroll(t.Context(), csr)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Certificate.Subject.SerialNumber; got != "SN-1" {
		t.Errorf("serial: got %q, want SN-1", got)
	}
	if len(answer.Chain) != 1 || !answer.Chain[0].Equal(s.Issuer.Certificate) {
		t.Errorf("chain: got %d certificates, want the issuer", len(answer.Chain))
	}
	if roots := answer.CACerts.Roots; len(roots) != 1 || !roots[0].Equal(s.Root.Certificate) {
		t.Errorf("roots: got %d, want the root", len(roots))
	}
	life := answer.Certificate.NotAfter.Sub(answer.Certificate.NotBefore)
	if got := answer.RenewFrom.Sub(answer.Certificate.NotBefore); got != life/2 {
		t.Errorf("renewal without advice: from %v, want %v", got, life/2)
	}
	last := s.Requests()[len(s.Requests())-1]
	if last.URL.Path != "/.well-known/est/sensor/simpleenroll" || last.Header.Get("Content-Type") != wire.TypePKCS10 ||
		last.Proto != "HTTP/1.1" || last.Header.Get("Idempotency-Key") != "" {
		t.Errorf("request: %s %s %v", last.Proto, last.URL.Path, last.Header)
	}

	renewing := newClient(t, s, func(c *client.Config) {
		c.Token = ""
		c.Certificate = &tls.Certificate{Certificate: [][]byte{answer.Certificate.Raw}, PrivateKey: key}
	})
	newKey, _ := newRequest(t, "")
	csr, err = client.NewRenewalCSR(newKey, answer.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := renewing.Reenroll(t.Context(), csr)
	if err != nil {
		t.Fatal(err)
	}
	if !newKey.Public().(*ecdsa.PublicKey).Equal(renewed.Certificate.PublicKey) {
		t.Error("the renewed certificate has another key")
	}
}

func TestAnswerIsRepeatedForTheSameRequest(t *testing.T) {
	s := clienttest.New(t)
	c := newClient(t, s)
	_, csr := newRequest(t, "SN-1")
	s.LoseAnswers(2) // net/http itself repeats once, on a kept connection
	if _, err := c.Enroll(t.Context(), csr); !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("lost answer: got %v, want %v", err, client.ErrUnreachable)
	}
	answer, err := c.Enroll(t.Context(), csr)
	if err != nil {
		t.Fatal(err)
	}
	if issued := s.Issued(); len(issued) != 1 || !issued[0].Equal(answer.Certificate) {
		t.Errorf("issued %d certificates, want the one", len(issued))
	}
}

func TestConnectionsAreReused(t *testing.T) {
	s := clienttest.New(t)
	c := newClient(t, s)
	for range 10 {
		_, csr := newRequest(t, "SN-1")
		if _, err := c.Enroll(t.Context(), csr); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Connections(); got != 1 {
		t.Errorf("10 enrolments in turn used %d connections, want 1", got)
	}
	var wg sync.WaitGroup
	for range 8 {
		_, csr := newRequest(t, "SN-1")
		wg.Go(func() {
			if _, err := c.Enroll(t.Context(), csr); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := s.Connections(); got > 8 {
		t.Errorf("8 at once used %d connections, want at most 8", got)
	}
}

func TestRefusal(t *testing.T) {
	s := clienttest.New(t)
	c := newClient(t, s)
	_, csr := newRequest(t, "SN-1")
	for _, row := range []struct {
		name string
		h    http.HandlerFunc
		want client.Refusal
	}{
		{
			"with a reason",
			clienttest.Refuse(403, "device-held", "this device is held.\nAsk\x1b[31m security.", "3600"),
			client.Refusal{Status: 403, Reason: "device-held", Text: "device-held: this device is held. Ask[31m security.", RetryAfter: time.Hour},
		},
		{
			"reason that is no code",
			clienttest.Refuse(403, "Device Held", "x", "-5"),
			client.Refusal{Status: 403, Text: "Device Held: x"},
		},
		{
			"html",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				http.Error(w, "", 500)
				_, _ = w.Write([]byte("<html>"))
			},
			client.Refusal{Status: 500, Text: "<html>"},
		},
		{
			"redirect",
			func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://elsewhere.example/", http.StatusTemporaryRedirect)
			},
			client.Refusal{Status: 307},
		},
	} {
		if _, err := c.CACerts(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Next(row.h)
		_, err := c.Enroll(t.Context(), csr)
		refusal, ok := errors.AsType[*client.Refusal](err)
		if !ok || *refusal != row.want {
			t.Errorf("%s: got %#v (%v), want %#v", row.name, refusal, err, row.want)
		}
	}
}

func TestPending(t *testing.T) {
	s := clienttest.New(t)
	c := newClient(t, s)
	_, csr := newRequest(t, "SN-1")
	if _, err := c.CACerts(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Next(clienttest.Refuse(202, "approval-pending", "an operator has to approve.", "120"))
	_, err := c.Enroll(t.Context(), csr)
	pending, ok := errors.AsType[*client.Pending](err)
	if !ok || pending.RetryAfter != 2*time.Minute || !strings.Contains(pending.Text, "approve") {
		t.Errorf("EST-047: got %#v (%v)", pending, err)
	}
}

func TestBusyServerIsAskedAgain(t *testing.T) {
	busy := clienttest.Refuse(503, "overloaded", "later.", "7")
	date := clienttest.Refuse(429, "rate-limited", "later.", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))
	forbidden := clienttest.Refuse(403, "device-held", "held.", "7")
	long := clienttest.Refuse(503, "clock", "later.", "9000")
	bare := clienttest.Refuse(503, "nonce-length", "no.", "")
	for _, row := range []struct {
		name    string
		answers []http.HandlerFunc
		retries int
		waits   int
		status  int // 0: enrolled
	}{
		{"twice busy", []http.HandlerFunc{busy, date}, 0, 2, 0},
		{"always busy", []http.HandlerFunc{busy, busy, busy}, 2, 2, 503},
		{"never retried", []http.HandlerFunc{busy}, -1, 0, 503},
		{"another status", []http.HandlerFunc{forbidden}, 0, 0, 403},
		{"too long to wait", []http.HandlerFunc{long}, 0, 0, 503},
		{"no advice", []http.HandlerFunc{bare}, 0, 0, 503},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := clienttest.New(t)
			c := newClient(t, s, func(c *client.Config) { c.Retries = row.retries })
			var waits []time.Duration
			c.SetWait(func(_ context.Context, d time.Duration) error {
				waits = append(waits, d)
				return nil
			})
			if _, err := c.CACerts(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.Next(row.answers...)
			_, csr := newRequest(t, "SN-1")
			_, err := c.Enroll(t.Context(), csr)
			status := 0
			if refusal, ok := errors.AsType[*client.Refusal](err); ok {
				status = refusal.Status
			}
			if status != row.status || len(waits) != row.waits {
				t.Errorf("got status %d after %d waits (%v), want %d after %d", status, len(waits), err, row.status, row.waits)
			}
			for _, d := range waits {
				if d < 7*time.Second || d > 31*time.Second {
					t.Errorf("waited %v", d)
				}
			}
		})
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := client.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		start := time.Now()
		if err := client.Sleep(t.Context(), time.Minute); err != nil || time.Since(start) != time.Minute {
			t.Errorf("slept %v, %v", time.Since(start), err)
		}
	})
	for range 1000 {
		if d := client.Jitter(10 * time.Second); d < 10*time.Second || d > 15*time.Second {
			t.Fatalf("jitter %v, want 10 s to 15 s", d)
		}
	}
}

func TestRenewAdvice(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	good := wire.FormatRenew(now.Add(time.Hour), now.Add(2*time.Hour))
	for advice, advised := range map[string]bool{
		good:   true,
		"soon": false,
		wire.FormatRenew(now.Add(time.Hour), now.Add(1000*24*time.Hour)): false,
		wire.FormatRenew(now.Add(-24*time.Hour), now.Add(time.Hour)):     false,
	} {
		s := clienttest.New(t)
		s.Renew = advice
		_, csr := newRequest(t, "SN-1")
		a, err := newClient(t, s).Enroll(t.Context(), csr)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.RenewFrom.Equal(now.Add(time.Hour)) && a.RenewUntil.Equal(now.Add(2*time.Hour)); got != advised {
			t.Errorf("advice %q: taken %v, want %v (%v to %v)", advice, got, advised, a.RenewFrom, a.RenewUntil)
		}
	}
}

func TestCSRAttrs(t *testing.T) {
	s := clienttest.New(t)
	c := newClient(t, s)
	if attrs, err := c.CSRAttrs(t.Context()); err != nil || attrs != nil {
		t.Errorf("EST-068 none: got %v, %v", attrs, err)
	}
	key, _ := wire.KeyAttr("ec-p256")
	der, err := wire.CSRAttrs(key)
	if err != nil {
		t.Fatal(err)
	}
	s.CSRAttrs = der
	attrs, err := c.CSRAttrs(t.Context())
	if err != nil || len(attrs) != 1 || !attrs[0].ID.Equal(wire.OIDECPublicKey) {
		t.Errorf("got %v, %v", attrs, err)
	}
	s.Next(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	if attrs, err := c.CSRAttrs(t.Context()); err != nil || attrs != nil {
		t.Errorf("204: got %v, %v", attrs, err)
	}
}

func TestConfigRefuses(t *testing.T) {
	roots := x509.NewCertPool()
	const pin = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
	for name, c := range map[string]client.Config{
		"nothing":           {},
		"http":              {URL: "http://est.example", Roots: roots},
		"no host":           {URL: "https://", Roots: roots},
		"query":             {URL: "https://est.example/?a", Roots: roots},
		"user":              {URL: "https://a:b@est.example", Roots: roots},
		"path":              {URL: "https://est.example/est", Roots: roots},
		"label in the path": {URL: "https://est.example/.well-known/est/sensor", Roots: roots},
		"no trust":          {URL: "https://est.example"},
		"both trusts":       {URL: "https://est.example", Roots: roots, Fingerprint: pin},
		"short fingerprint": {URL: "https://est.example", Fingerprint: pin[2:]},
		"EST-004 label":     {URL: "https://est.example", Roots: roots, Label: "cacerts"},
		"label with slash":  {URL: "https://est.example", Roots: roots, Label: "a/b"},
		"dots":              {URL: "https://est.example", Roots: roots, Label: ".."},
		"user with colon":   {URL: "https://est.example", Roots: roots, User: "a:b"},
		"two certificates": {
			URL: "https://est.example", Roots: roots, Certificate: &tls.Certificate{},
			GetCertificate: func() (*tls.Certificate, error) { return nil, nil },
		},
	} {
		if _, err := client.New(c); !errors.Is(err, client.ErrConfig) {
			t.Errorf("%s: got %v, want %v", name, err, client.ErrConfig)
		} else if strings.Contains(err.Error(), "a:b@") {
			t.Errorf("%s: the error shows a password: %v", name, err)
		}
	}
	colons := "SHA256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:" + pin[32:]
	for _, good := range []client.Config{
		{URL: "https://est.example/", Roots: roots},
		{URL: "https://est.example:8443/.well-known/est/", Fingerprint: pin, Label: "sensor.birth"},
		{URL: "https://[::1]:8443", Fingerprint: colons},
	} {
		if _, err := client.New(good); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}

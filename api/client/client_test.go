package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
)

// against is a client of a handler over TLS.
func against(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c, err := New(Config{URL: server.URL, Credential: Credential{Roots: roots}, Timeout: 5 * time.Second, UserAgent: "test/1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestRefusals(t *testing.T) {
	rows := []struct {
		name        string
		status      int
		contentType string
		body        string
		retry       string
		want        v1.Refusal
	}{
		{
			"a problem", 422, v1.ProblemType,
			`{"reason":"bad-document","detail":"d","next":"n","faults":[{"at":"spec.x","reason":"r"}]}`, "",
			v1.Refusal{Reason: v1.BadDocument, Detail: "d", Next: "n", Faults: []v1.Fault{{At: "spec.x", Reason: "r"}}},
		},
		{"by its type alone", 403, v1.ProblemType + "; charset=utf-8", `{"type":"urn:assay:reason:role-denied","title":"t"}`, "", v1.Refusal{Reason: v1.RoleDenied, Detail: "t"}},
		{"of a newer server", 409, v1.ProblemType, `{"reason":"not-yet-known","detail":"d"}`, "", v1.Refusal{Reason: "not-yet-known", Detail: "d"}},
		{"overload", 503, v1.ProblemType, `{"reason":"overloaded","detail":"d"}`, "7", v1.Refusal{Reason: v1.Overloaded, Detail: "d", RetryAfter: 7 * time.Second}},
		{"a proxy's page", 502, "text/html", `<html>`, "soon", v1.Refusal{Reason: v1.Overloaded, Detail: "bad gateway"}},
		{"net/http's own", 431, "text/plain", `431`, "", v1.Refusal{Reason: v1.HeaderTooLarge, Detail: "request header fields too large"}},
		{"a broken problem", 404, v1.ProblemType, `{`, "", v1.Refusal{Reason: v1.NotFound, Detail: "not found"}},
		{"a redirect is not followed", 302, "text/plain", ``, "", v1.Refusal{Reason: v1.Internal, Detail: "found"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c := against(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", row.contentType)
				w.Header().Set("Location", "/elsewhere")
				if row.retry != "" {
					w.Header().Set("Retry-After", row.retry)
				}
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			})
			_, err := c.Whoami(t.Context())
			r, ok := errors.AsType[*v1.Refusal](err)
			if !ok {
				t.Fatalf("error %v is no refusal", err)
			}
			if diff := cmp.Diff(row.want, *r); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
			if with, ok := errors.AsType[*Refused](err); !ok || with.Status != row.status {
				t.Errorf("status of %v, want %d", err, row.status)
			}
			if errors.Is(err, ErrUnavailable) {
				t.Error("a refusal is taken for no answer")
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	c := against(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := c.Whoami(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a cut connection: %v", err)
	}
	c = against(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"name":`)) })
	if _, err := c.Whoami(t.Context()); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("an answer that is not JSON: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Whoami(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("given up: %v", err)
	}
}

func TestUnknownServer(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL, Credential: Credential{Roots: x509.NewCertPool()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Whoami(t.Context()); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server of another authority: %v", err)
	}
}

func TestAnswerOverLimit(t *testing.T) {
	c := against(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for range maxAnswerBytes>>20 + 1 {
			_, _ = w.Write(chunk)
		}
	})
	if _, err := c.Whoami(t.Context()); err == nil || !strings.Contains(err.Error(), "MiB") {
		t.Errorf("error %v", err)
	}
}

func TestPages(t *testing.T) {
	asked := []string{}
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("cursor"))
		page := v1.Page[v1.Product]{Items: []v1.Product{}}
		switch r.URL.Query().Get("cursor") {
		case "":
			page.Items, page.Next = []v1.Product{{Declared: v1.Declared{Name: "a"}}}, "one"
		case "one": // a filter that found nothing yet
			page.Next = "two"
		case "two":
			page.Items = []v1.Product{{Declared: v1.Declared{Name: "b"}}}
		}
		_ = json.NewEncoder(w).Encode(page)
	})
	var names []string
	for p, err := range c.Products(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" {
		t.Error(diff)
	}
	asked = nil
	for range c.Products(t.Context()) {
		break
	}
	if len(asked) != 1 {
		t.Errorf("asked %v after a break, want the first page alone", asked)
	}
	stuck := against(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"items":[],"next":"same"}`))
	})
	for range stuck.Products(t.Context()) {
		t.Error("an item of nothing")
	}
}

// TestRequests is what goes out.
func TestRequests(t *testing.T) {
	var got *http.Request
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = w.Write([]byte(`{}`))
	})
	_, err := c.Hold(t.Context(), "sensor", "SN/1 %", v1.Act{Comment: "c"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.URL.EscapedPath() != "/v1/devices/sensor/SN%2F1%20%25/hold" || got.URL.RawQuery != "dry_run=true" ||
		got.Header.Get("Idempotency-Key") == "" || got.Header.Get("Content-Type") != "application/json" || got.UserAgent() != "test/1" {
		t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
	}
	first := got.Header.Get("Idempotency-Key")
	if _, err = c.PublishCRLs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if k := got.Header.Get("Idempotency-Key"); k == first || got.Header.Get("Content-Type") != "" {
		t.Errorf("key %q again, or a type without a body", k)
	}
	doc := v1.Document{APIVersion: v1.APIVersion, Kind: v1.KindOperator, Name: "mira", Spec: json.RawMessage(`{}`)}
	if _, err = c.Apply(t.Context(), doc, Expect{Revision: 4}); err != nil {
		t.Fatal(err)
	}
	if got.Method != "PUT" || got.URL.Path != "/v1/operators/mira" || got.Header.Get("If-Match") != `"4"` {
		t.Errorf("%s %s %v", got.Method, got.URL, got.Header)
	}
	if _, err = c.Apply(t.Context(), doc, Expect{New: true}); err != nil || got.Header.Get("If-None-Match") != "*" {
		t.Errorf("%v %v", err, got.Header)
	}
	doc.Kind, doc.Name = v1.KindFirmware, "sensor/1.2+3"
	if _, err = c.Apply(t.Context(), doc, Expect{}); err != nil || got.URL.EscapedPath() != "/v1/firmware/sensor/1.2+3" {
		t.Errorf("%v %v", err, got.URL)
	}
	doc.Name = "sensor"
	if _, err = c.Apply(t.Context(), doc, Expect{}); err == nil {
		t.Error("a release without a version was sent")
	}
	doc.Kind = "Approval"
	if _, err = c.Apply(t.Context(), doc, Expect{}); err == nil {
		t.Error("an unknown kind was sent")
	}
}

// TestRecallCountsToItsEnd: a dry run is as many requests as it takes.
func TestRecallCountsToItsEnd(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 12, d, 0, 0, 0, 0, time.UTC) }
	answers := map[string]v1.RecallImpact{
		"": {Devices: 3, Next: "one", Groups: []v1.RecallGroup{
			{Site: "leipzig", Batch: "a", Devices: 2, FirstEnd: day(4), LastEnd: day(5)}, {Devices: 1, FirstEnd: day(2), LastEnd: day(2)},
		}},
		"one": {Next: "two", Groups: []v1.RecallGroup{}},
		"two": {Devices: 2, Groups: []v1.RecallGroup{
			{Site: "leipzig", Batch: "a", Devices: 1, FirstEnd: day(1), LastEnd: day(9)}, {Site: "leipzig", Batch: "b", Devices: 1, FirstEnd: day(7), LastEnd: day(7)},
		}},
	}
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		var in v1.FirmwareAct
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !in.DryRun {
			t.Errorf("asked %+v: %v", in, err)
		}
		impact := answers[in.Cursor]
		_ = json.NewEncoder(w).Encode(v1.FirmwareChange{DryRun: true, Impact: &impact})
	})
	got, err := c.RecallFirmware(t.Context(), "sensor", "1.0", v1.FirmwareAct{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	want := &v1.RecallImpact{Devices: 5, Groups: []v1.RecallGroup{
		{Site: "leipzig", Batch: "a", Devices: 3, FirstEnd: day(1), LastEnd: day(9)},
		{Devices: 1, FirstEnd: day(2), LastEnd: day(2)},
		{Site: "leipzig", Batch: "b", Devices: 1, FirstEnd: day(7), LastEnd: day(7)},
	}}
	if diff := cmp.Diff(want, got.Impact); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	refusal := against(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) })
	if _, err := refusal.RecallFirmware(t.Context(), "sensor", "1.0", v1.FirmwareAct{}); err == nil {
		t.Error("a refusal was swallowed")
	}
}

func TestLoadCredential(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadCredential(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	write(CertificateFile, "CERTIFICATE", der)
	write(KeyFile, "PRIVATE KEY", pkcs8)
	write(RootsFile, "NONSENSE", der)
	if _, err := LoadCredential(dir); err == nil || !strings.Contains(err.Error(), RootsFile) {
		t.Errorf("no root: %v", err)
	}
	write(RootsFile, "CERTIFICATE", der)
	c, err := LoadCredential(dir)
	if err != nil || len(c.Certificate.Certificate) != 1 || c.Roots == nil {
		t.Errorf("credential %+v: %v", c, err)
	}
	if err := os.WriteFile(filepath.Join(dir, KeyFile), make([]byte, maxCredentialBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCredential(dir); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a large key: %v", err)
	}
}

package est_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/est"
	"github.com/assay-pki/assay/enroll/wire"
)

// fake is a Service that answers as it is told.
type fake struct {
	enroll   func(context.Context, enroll.Request) (enroll.Answer, error)
	cacerts  [][]byte
	csrattrs []byte
	err      error

	mu      sync.Mutex
	last    enroll.Request
	asked   enroll.NonceRequest
	refused []v1.Reason
}

func (f *fake) Enroll(ctx context.Context, r enroll.Request) (enroll.Answer, error) {
	f.mu.Lock()
	f.last = r
	f.mu.Unlock()
	if f.enroll != nil {
		return f.enroll(ctx, r)
	}
	if f.err != nil {
		return enroll.Answer{}, f.err
	}
	if r.Fault != nil {
		return enroll.Answer{}, r.Fault
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return enroll.Answer{Certificate: certificate, RenewFrom: at, RenewUntil: at.Add(time.Hour)}, nil
}

func (f *fake) Nonce(_ context.Context, r enroll.NonceRequest) (enroll.NonceAnswer, error) {
	f.mu.Lock()
	f.asked = r
	f.mu.Unlock()
	return enroll.NonceAnswer{Nonce: bytes.Repeat([]byte{0xfb}, 32), Expires: 10 * time.Minute}, f.err
}

func (f *fake) CACerts(context.Context, string) ([][]byte, error) { return f.cacerts, f.err }
func (f *fake) CSRAttrs(context.Context, string) ([]byte, error)  { return f.csrattrs, f.err }
func (f *fake) Refused(_ string, r v1.Reason, _ netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = append(f.refused, r)
}

func (f *fake) seen() enroll.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// certificate stands for one: the handler does not look into it.
var certificate = append([]byte{0x30, 0x82, 0x02, 0x00}, bytes.Repeat([]byte{0x04, 0x00}, 256)...)

func handler(f *fake) http.Handler {
	return est.Handler(est.Config{Service: f, Log: slog.New(slog.DiscardHandler)})
}

func request(method, path, contentType, body string) *http.Request {
	r := httptest.NewRequest(method, "https://est.test"+path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func read(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantRefusal checks status, code and form of a refusal.
func wantRefusal(t testing.TB, r *http.Response, want v1.Reason) string {
	t.Helper()
	body := read(t, r)
	if got := v1.Reason(r.Header.Get("Assay-Reason")); got != want || r.StatusCode != want.About().Status {
		t.Fatalf("got %d %s, want %d %s (%q)", r.StatusCode, got, want.About().Status, want, body)
	}
	if ct := r.Header.Get("Content-Type"); ct != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type %q", ct)
	}
	if !strings.HasPrefix(body, string(want)+": ") || !strings.HasSuffix(body, ".\n") || len(body) > 1024 ||
		strings.ContainsFunc(strings.TrimSuffix(body, "\n"), unicode.IsControl) {
		t.Errorf("body %q", body)
	}
	if got := r.Header.Get("Content-Length"); got != strconv.Itoa(len(body)) {
		t.Errorf("Content-Length %s of %d", got, len(body))
	}
	return body
}

const (
	enrollPath = "/.well-known/est/simpleenroll"
	pkcs10     = "application/pkcs10"
)

func TestEST044EnrolAnswer(t *testing.T) {
	f := &fake{}
	r := serve(handler(f), request("POST", enrollPath, pkcs10, "MAA="))
	body := read(t, r)
	for field, want := range map[string]string{
		"Content-Type":              "application/pkcs7-mime; smime-type=certs-only",
		"Content-Transfer-Encoding": "base64",
		"Content-Length":            strconv.Itoa(len(body)),
		"Assay-Renew":               "2026-03-01T12:00:00Z/2026-03-01T13:00:00Z",
		"Assay-Reason":              "",
	} {
		if got := r.Header.Get(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	if r.StatusCode != 200 || strings.Count(body, "\n") != 1 || !strings.HasSuffix(body, "\n") {
		t.Errorf("EST-033: %d %q", r.StatusCode, body)
	}
	der, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(body, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	certs, err := wire.ParseCertsOnly(der)
	if err != nil || len(certs) != 1 || !bytes.Equal(certs[0], certificate) {
		t.Errorf("EST-045: %d certificates, %v", len(certs), err)
	}
	if got := f.seen(); !bytes.Equal(got.CSR, []byte{0x30, 0}) || got.Operation != "simpleenroll" || got.Label != "" || got.HasBasic {
		t.Errorf("the service got %+v", got)
	}
}

func TestEST033LibestGetsLines(t *testing.T) {
	r := request("POST", enrollPath, pkcs10, "MAA=")
	r.Header.Set("User-Agent", "libest 3.2.0")
	for line := range strings.Lines(read(t, serve(handler(&fake{}), r))) {
		if len(line) > 65 {
			t.Errorf("line of %d", len(line))
		}
	}
}

func TestEST099MethodsAndPaths(t *testing.T) {
	f := &fake{}
	h := handler(f)
	for _, tt := range []struct {
		method, path string
		want         v1.Reason
		allow        string
	}{
		{"GET", enrollPath, v1.MethodNotAllowed, "POST"},
		{"PUT", enrollPath, v1.MethodNotAllowed, "POST"},
		{"OPTIONS", enrollPath, v1.MethodNotAllowed, "POST"},
		{"GET", "/.well-known/est/p/simplereenroll", v1.MethodNotAllowed, "POST"},
		{"HEAD", "/.well-known/est/cacerts", v1.MethodNotAllowed, "GET"},
		{"POST", "/.well-known/est/cacerts", v1.MethodNotAllowed, "GET"},
		{"DELETE", "/.well-known/est/csrattrs", v1.MethodNotAllowed, "GET"},
		{"POST", "/.well-known/est/serverkeygen", v1.NotFound, ""}, // EST-003
		{"POST", "/.well-known/est/fullcmc", v1.NotFound, ""},
		{"DELETE", "/.well-known/est/nonce", v1.MethodNotAllowed, "GET, POST"},
		{"GET", "/.well-known/est/crls", v1.NotFound, ""}, // EST-084
		{"GET", "/.well-known/est/", v1.NotFound, ""},
		{"GET", "/.well-known/est", v1.NotFound, ""},
		{"GET", "/", v1.NotFound, ""},
		{"GET", "/cacerts", v1.NotFound, ""},
		{"GET", "/.well-known/est/cacerts/", v1.NotFound, ""},
		{"GET", "/.well-known/est/CACERTS", v1.NotFound, ""},
		{"GET", "//.well-known/est/cacerts", v1.NotFound, ""},
		{"GET", "/.well-known/../.well-known/est/cacerts", v1.NotFound, ""},
	} {
		r := serve(h, request(tt.method, tt.path, pkcs10, ""))
		wantRefusal(t, r, tt.want)
		if got := r.Header.Get("Allow"); got != tt.allow {
			t.Errorf("%s %s: Allow %q, want %q", tt.method, tt.path, got, tt.allow)
		}
	}
	if len(f.refused) != 19 {
		t.Errorf("%d refusals were counted, want 19", len(f.refused))
	}
}

func TestThreat27Labels(t *testing.T) {
	h := handler(&fake{cacerts: [][]byte{certificate}})
	for label, ok := range map[string]bool{
		"sensor": true, "sensor-s1": true, "sensor.birth": true, strings.Repeat("a", 32): true,
		strings.Repeat("a", 32) + ".birth": true,
		strings.Repeat("a", 33):            false, strings.Repeat("a", 8192): false, "": false, ".birth": false,
		"..": false, "..%2f..%2fetc": false, "%2e%2e": false, "a%00": false, "Sensor": false, "sensor.death": false,
		"a_b": false, "a.b.birth": false, "caf%C3%A9": false, "a/b": false,
	} {
		r := serve(h, request("GET", "/.well-known/est/"+label+"/cacerts", "", ""))
		if want := map[bool]int{true: 200, false: 404}[ok]; r.StatusCode != want {
			t.Errorf("label %.40q: %d, want %d", label, r.StatusCode, want)
		}
	}
}

func TestEST041MediaTypes(t *testing.T) {
	h := handler(&fake{})
	for ct, ok := range map[string]bool{
		"application/pkcs10": true, "application/pkcs10; charset=utf-8": true, "Application/PKCS10": true,
		"application/pkcs10;x": true,
		"":                     false, "text/plain": false, "application/pkcs7-mime": false, "application/pkcs101": false, ";": false,
	} {
		r := serve(h, request("POST", enrollPath, ct, "MAA="))
		if ok && r.StatusCode != 200 {
			t.Errorf("%q: %d", ct, r.StatusCode)
		}
		if !ok {
			wantRefusal(t, r, v1.MediaType)
		}
	}
}

func TestEST027TransferEncodingIsIgnored(t *testing.T) {
	for _, cte := range []string{"base64", "binary", "8bit", ""} {
		r := request("POST", enrollPath, pkcs10, "MA A=\r\n")
		r.Header.Set("Content-Transfer-Encoding", cte)
		if got := serve(handler(&fake{}), r); got.StatusCode != 200 {
			t.Errorf("%q: %d", cte, got.StatusCode)
		}
	}
}

func TestEST030And035Bodies(t *testing.T) {
	f := &fake{}
	h := handler(f)
	for body, want := range map[string]v1.Reason{
		"":                 v1.BadBase64,
		"!!!":              v1.BadBase64,
		"MAA":              v1.BadBase64,
		"\x30\x82\x01\x00": v1.SendBase64,
		"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n": v1.BadBase64,
	} {
		wantRefusal(t, serve(h, request("POST", enrollPath, pkcs10, body)), want)
		if f.seen().Fault == nil {
			t.Errorf("%q: the service must judge the credential first", body)
		}
	}
	pem := "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
	if r := serve(h, request("POST", enrollPath, pkcs10, pem)); r.StatusCode != 200 {
		t.Errorf("EST-029: %d", r.StatusCode)
	}
}

// unread fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("a body that declares too much was read")
	return 0, io.EOF
}

func TestThreat08BodyLimits(t *testing.T) {
	f := &fake{}
	h := handler(f)
	r := httptest.NewRequest("POST", "https://est.test"+enrollPath, unread{t})
	r.ContentLength = 64 << 20
	r.Header.Set("Content-Type", pkcs10)
	wantRefusal(t, serve(h, r), v1.TooLarge)

	endless := httptest.NewRequest("POST", "https://est.test"+enrollPath, io.LimitReader(zeros{}, 1<<30))
	endless.ContentLength = -1
	endless.Header.Set("Content-Type", pkcs10)
	wantRefusal(t, serve(h, endless), v1.TooLarge)

	r = request("POST", enrollPath, pkcs10, strings.Repeat(" ", 64<<10-4)+"MAA=")
	if got := serve(h, r); got.StatusCode != 200 {
		t.Errorf("64 KiB exactly: %d", got.StatusCode)
	}
	short := request("POST", enrollPath, pkcs10, "MAA=")
	short.ContentLength = 10
	wantRefusal(t, serve(h, short), v1.BadBase64)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Every reason is written as the table says.
func TestReasonsOnTheWire(t *testing.T) {
	f := &fake{}
	h := handler(f)
	for reason, about := range v1.Reasons() {
		if about.Status < 400 {
			continue
		}
		f.err = v1.Refuse(reason, "")
		r := serve(h, request("POST", enrollPath, pkcs10, "MAA="))
		body := wantRefusal(t, r, reason)
		if !strings.Contains(body, about.Title) {
			t.Errorf("%s: %q does not say %q", reason, body, about.Title)
		}
		if got, want := r.Header.Get("Www-Authenticate") != "", about.Status == 401; got != want {
			t.Errorf("%s: WWW-Authenticate %v", reason, got)
		}
		if got, want := r.Header.Get("Retry-After") != "", about.Status == 503 && reason != v1.NonceLength; got != want {
			t.Errorf("%s: Retry-After %v, want %v", reason, got, want)
		}
	}
	f.err = v1.Refuse(v1.CredentialMissing, "")
	if got := serve(h, request("POST", enrollPath, pkcs10, "MAA=")).Header.Get("WWW-Authenticate"); got != `Basic realm="assay"` {
		t.Errorf("EST-017: %q", got)
	}
}

func TestRefusalText(t *testing.T) {
	f := &fake{err: &v1.Refusal{
		Reason: v1.DeviceHeld, Detail: "evil\r\nSet-Cookie: x \x1b[2J \u202e" + strings.Repeat("ä", 900),
		RetryAfter: 1500 * time.Millisecond, Err: errors.New("secret cause"),
	}}
	r := serve(handler(f), request("POST", enrollPath, pkcs10, "MAA="))
	if got := r.Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q", got)
	}
	body := read(t, r)
	if len(body) > 1024 || strings.Count(body, "\n") != 1 || strings.ContainsAny(body, "\r\x1b\u202e") || strings.Contains(body, "secret") {
		t.Errorf("body of %d: %q", len(body), body)
	}
	f.err = &v1.Refusal{Reason: v1.WeakKey, Detail: "the modulus has 1024 bits", Next: "make a longer one"}
	want := "weak-key: the key is weak. The modulus has 1024 bits. Make a longer one.\n"
	if got := read(t, serve(handler(f), request("POST", enrollPath, pkcs10, "MAA="))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFaultsAreNeverTorn(t *testing.T) {
	var log bytes.Buffer
	f := &fake{enroll: func(context.Context, enroll.Request) (enroll.Answer, error) { panic("boom") }}
	h := est.Handler(est.Config{Service: f, Log: slog.New(slog.NewTextHandler(&log, nil))})
	wantRefusal(t, serve(h, request("POST", enrollPath, pkcs10, "MAA=")), v1.Internal)
	if !strings.Contains(log.String(), "boom") {
		t.Error("the panic was not logged")
	}
	f.enroll = nil
	f.err = errors.New("not a refusal")
	body := wantRefusal(t, serve(h, request("POST", enrollPath, pkcs10, "MAA=")), v1.Internal)
	if strings.Contains(body, "not a refusal") || !strings.Contains(log.String(), "not a refusal") {
		t.Errorf("told outside, or not logged: %q", body)
	}
}

func TestEST100Overload(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	f := &fake{enroll: func(context.Context, enroll.Request) (enroll.Answer, error) {
		close(inside)
		<-leave
		return enroll.Answer{Certificate: certificate}, nil
	}}
	h := est.Handler(est.Config{Service: f, Log: slog.New(slog.DiscardHandler), Limits: est.Limits{InFlight: 1}})
	done := make(chan *http.Response)
	go func() { done <- serve(h, request("POST", enrollPath, pkcs10, "MAA=")) }()
	<-inside
	r := serve(h, request("POST", enrollPath, pkcs10, "MAA="))
	wantRefusal(t, r, v1.Overloaded)
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	close(leave)
	if r := <-done; r.StatusCode != 200 {
		t.Errorf("the first one: %d", r.StatusCode)
	}
}

func TestEST007PlainHTTP(t *testing.T) {
	r := httptest.NewRequest("GET", "http://est.test/.well-known/est/cacerts", nil)
	wantRefusal(t, serve(handler(&fake{cacerts: [][]byte{certificate}}), r), v1.NotFound)
}

func TestEST036To040CACerts(t *testing.T) {
	h := handler(&fake{cacerts: [][]byte{certificate, certificate}})
	r := serve(h, request("GET", "/.well-known/est/cacerts", "", ""))
	body := read(t, r)
	etag := r.Header.Get("Etag")
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/pkcs7-mime" || etag == "" ||
		r.Header.Get("Cache-Control") == "" || r.Header.Get("Content-Transfer-Encoding") != "base64" {
		t.Errorf("got %d %v", r.StatusCode, r.Header)
	}
	der, err := wire.DecodeBody([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if certs, err := wire.ParseCertsOnly(der); err != nil || len(certs) != 2 {
		t.Errorf("%d certificates, %v", len(certs), err)
	}
	for field, want := range map[string]int{etag: 304, "W/" + etag: 304, `"x", ` + etag: 304, "*": 304, `"x"`: 200, "": 200} {
		q := request("GET", "/.well-known/est/cacerts", "", "")
		q.Header.Set("If-None-Match", field)
		if got := serve(h, q); got.StatusCode != want || got.Header.Get("Etag") != etag {
			t.Errorf("If-None-Match %s: %d, want %d", field, got.StatusCode, want)
		}
	}
}

func TestEST068CSRAttrs(t *testing.T) {
	f := &fake{}
	r := serve(handler(f), request("GET", "/.well-known/est/csrattrs", "", ""))
	if r.StatusCode != 204 || read(t, r) != "" {
		t.Errorf("none: %d", r.StatusCode)
	}
	f.csrattrs = []byte{0x30, 0}
	r = serve(handler(f), request("GET", "/.well-known/est/p/csrattrs", "", ""))
	if r.Header.Get("Content-Type") != "application/csrattrs" || read(t, r) != "MAA=\n" {
		t.Errorf("got %d %v", r.StatusCode, r.Header)
	}
}

func TestHandlerNeedsAService(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	est.Handler(est.Config{})
}

// Whatever comes, the answer is whole and of the table.
func FuzzHandler(f *testing.F) {
	f.Add("POST", enrollPath, pkcs10, []byte("MAA="))
	f.Add("GET", "/.well-known/est/p/cacerts", "", []byte(nil))
	f.Add("POST", "/.well-known/est/../../x/simpleenroll", "application/pkcs10; a=\x00", []byte{0x30, 0x80})
	h := handler(&fake{cacerts: [][]byte{certificate}})
	f.Fuzz(func(t *testing.T, method, path, contentType string, body []byte) {
		r := httptest.NewRequest("POST", "https://est.test/", bytes.NewReader(body))
		r.Method, r.URL.Path = method, path
		r.Header.Set("Content-Type", contentType)
		got := serve(h, r)
		text := read(t, got)
		if got.StatusCode >= 500 || got.StatusCode >= 400 && got.Header.Get("Assay-Reason") == "" ||
			got.Header.Get("Content-Length") != fmt.Sprint(len(text)) {
			t.Errorf("%s %q: %d %v", method, path, got.StatusCode, got.Header)
		}
	})
}

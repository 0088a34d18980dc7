package api_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

func TestSession(t *testing.T) {
	w := newWorld(t)
	me, err := w.root.Whoami(t.Context())
	must(t, err)
	if me.Name != "root" || me.Role != "admin" || !slices.Contains(me.Actions, "operator.add") || !me.NotAfter.After(time.Now()) {
		t.Errorf("whoami %+v", me)
	}
	version, err := w.root.Version(t.Context())
	must(t, err)
	if version.Version != "1.2.3" || version.Go == "" {
		t.Errorf("version %+v", version)
	}
	authority, err := w.root.Authority(t.Context())
	must(t, err)
	if authority.Name != "Testers" || authority.BaseURL != "http://pki.example.com" || authority.Local {
		t.Errorf("authority %+v", authority)
	}
	w.findings = []v1.Finding{{Code: "clock", Severity: v1.SeverityOK, What: "fine"}, {Code: "disk", Severity: v1.SeverityError, What: "full"}}
	d, err := w.root.Doctor(t.Context())
	must(t, err)
	if len(d.Findings) != 3 || d.Findings[0].Code != "disk" || !strings.Contains(d.Findings[1].What, "four eyes is off") {
		t.Errorf("doctor %+v", d.Findings)
	}
	w.operator("second", "admin", nil, nil)
	d, err = w.root.Doctor(t.Context())
	must(t, err)
	if f := d.Findings[1]; f.Severity != v1.SeverityWarning || !strings.Contains(f.What, "four eyes is not available in this version") {
		t.Errorf("with two admins doctor says %+v", f)
	}
	if a := w.raw(tls.Certificate{}).do(http.MethodGet, "/healthz", ""); a.status != 200 {
		t.Errorf("healthz %d", a.status)
	}
}

// TestCredentials is who gets in, and that an end holds at once.
func TestCredentials(t *testing.T) {
	w := newWorld(t)
	w.product("sensor")
	_, err := w.client(tls.Certificate{}).Whoami(t.Context())
	refused(t, err, v1.CredentialMissing)

	key := newKey(t)
	_, err = w.client(selfSigned(t, key)).Whoami(t.Context())
	refused(t, err, v1.CertificateUnknown)

	device := w.device("sensor", "SN-1")
	// The key is not the device's: TLS must not let it through.
	if _, err = w.client(tls.Certificate{Certificate: [][]byte{device.Raw}, PrivateKey: key}).Whoami(t.Context()); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("a stolen certificate without its key: %v", err)
	}

	mira := w.operator("mira", "security", nil, nil)
	c := w.client(mira)
	if _, err := c.Whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = w.store.RemoveOperator(t.Context(), "mira", store.AnyRevision, w.by())
	must(t, err)
	_, err = c.Whoami(t.Context())
	refused(t, err, v1.CertificateRevoked)

	late := w.client(w.operator("late", "auditor", nil, nil))
	w.ahead.Store(int64(2 * 365 * 24 * time.Hour))
	_, err = late.Whoami(t.Context())
	refused(t, err, v1.CertificateExpired)
}

// TestThreat45DeviceIsNoOperator: a device's own certificate opens nothing here.
func TestThreat45DeviceIsNoOperator(t *testing.T) {
	w := newWorld(t)
	w.product("sensor")
	key := newKey(t)
	cert := w.deviceWithKey("sensor", "SN-1", key)
	_, err := w.client(tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}).Whoami(t.Context())
	refused(t, err, v1.CertificateWrongUse)
}

// TestRecordDecides: a right that was taken ends with the record, whatever the
// certificate says; refusals are counted in the audit log.
func TestRecordDecides(t *testing.T) {
	w := newWorld(t)
	cert := w.operator("mira", "security", nil, nil)
	c := w.client(cert)
	_, err := w.store.PutOperator(t.Context(), store.PutOperator{Name: "mira", Role: "auditor", Expect: store.AnyRevision, By: w.by()})
	must(t, err)
	_, err = c.Hold(t.Context(), "sensor", "SN-1", v1.Act{}, false)
	refused(t, err, v1.RoleDenied)
	if n := len(w.events(store.OperatorDenied)); n != 1 {
		t.Errorf("%d operator.denied events, want 1", n)
	}
	for range 5 {
		_, err = c.Hold(t.Context(), "sensor", "SN-1", v1.Act{}, false)
		refused(t, err, v1.RoleDenied)
	}
	w.ahead.Store(int64(2 * time.Minute))
	_, err = c.Hold(t.Context(), "sensor", "SN-1", v1.Act{}, false)
	refused(t, err, v1.RoleDenied)
	events := w.events(store.OperatorDenied)
	if len(events) != 2 || events[1].Count != 6 || events[1].Actor != "operator:mira" || events[1].Object != "device.hold" {
		t.Errorf("operator.denied events %+v, want a second one with count 6", events)
	}
}

func TestUnavailable(t *testing.T) {
	w := newWorld(t)
	c, err := client.New(client.Config{URL: "https://127.0.0.1:1", Credential: client.Credential{Roots: w.roots}})
	must(t, err)
	if _, err := c.Whoami(t.Context()); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("nobody listens: %v, want ErrUnavailable", err)
	}
	for _, url := range []string{"http://127.0.0.1:1", "127.0.0.1:1", "", "https://u:p@h"} {
		if _, err := client.New(client.Config{URL: url, Credential: client.Credential{Roots: w.roots}}); err == nil {
			t.Errorf("URL %q was accepted", url)
		}
	}
}

func TestStoreTrouble(t *testing.T) {
	w := newWorld(t)
	root := w.raw(w.operator("r2", "admin", nil, nil))
	w.store.broken.Store(true)
	a := root.do(http.MethodGet, "/v1/products", "")
	if p := a.problem(t); a.status != 500 || p.Reason != v1.Internal || strings.Contains(string(a.body), "bucket") {
		t.Errorf("unknown error: %d %s", a.status, a.body)
	}
	if !strings.Contains(w.log.String(), "bucket is nil") {
		t.Error("the cause is not in the log")
	}
	a = root.do(http.MethodGet, "/v1/tokens", "")
	if p := a.problem(t); a.status != 503 || p.Reason != v1.StoreUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("store unavailable: %d %s %v", a.status, a.body, a.header)
	}
}

func TestOpenAPIIs31(t *testing.T) {
	w := newWorld(t)
	b, err := w.root.OpenAPI(t.Context())
	must(t, err)
	var d struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Action string `json:"x-assay-action"`
		}
		Components struct{ Schemas map[string]any }
	}
	must(t, json.Unmarshal(b, &d))
	if !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Errorf("openapi %q, want 3.1", d.OpenAPI)
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op.Action == "" {
				t.Errorf("%s %s names no action", method, path)
			}
		}
	}
	if d.Components.Schemas["Problem"] == nil || d.Components.Schemas["ErrorModel"] != nil {
		t.Error("problems are described by another schema")
	}
}

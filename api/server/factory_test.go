package server_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	estclient "github.com/assay-pki/assay/enroll/client"
	"github.com/assay-pki/assay/enroll/evidence"
	"github.com/assay-pki/assay/store"
)

// The factory: stations, batches and firmware, over the wire.

// apply declares a document whose spec is a value of v1.
func (n *node) apply(t *testing.T, kind, name string, spec any) {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	doc := v1.Document{APIVersion: v1.APIVersion, Kind: kind, Name: name, Spec: text}
	if _, err := n.api.Apply(t.Context(), doc, client.Expect{}); err != nil {
		t.Fatalf("%s %s: %v", kind, name, err)
	}
}

// station declares one and gives it a certificate.
func (n *node) station(t *testing.T, name string, spec v1.StationSpec) *device {
	t.Helper()
	n.apply(t, v1.KindStation, name, spec)
	d := &device{serial: name, key: newKey(t)}
	csr, err := estclient.NewCSR(d.key, pkix.Name{CommonName: name})
	if err != nil {
		t.Fatal(err)
	}
	made, err := n.api.CertifyStation(t.Context(), name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}), false)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(made.Certificate.PEM))
	if d.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	return d
}

// manifest is the CSV of serials.
func manifest(serials ...string) string { return "serial\n" + strings.Join(serials, "\n") + "\n" }

// typed gives the desk a credential's files: NAME.crt and NAME.key.
func (d *desk) typed(t *testing.T, name string, who *device) {
	t.Helper()
	writePEM(t, filepath.Join(d.dir, name+".crt"), "CERTIFICATE", who.cert.Raw)
	der, err := x509.MarshalPKCS8PrivateKey(who.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(d.dir, name+".key"), "PRIVATE KEY", der)
}

// TestEST044StationByCurl: a factory line that has nothing but openssl and curl
// enrols devices of a manifest, and no others. (strongSwan's pki shows a client
// certificate only to renew it.)
func TestEST044StationByCurl(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "curl", "openssl")
	d.apply(t, v1.KindBatch, "w47", v1.BatchSpec{
		Product: sensor, Site: "leipzig", Line: "l3", Manifest: "w47.csv",
		ManifestData: manifest("SN-00000001", "SN-00000002", "SN-00000003"),
	})
	d.typed(t, "station", d.station(t, "leipzig-l3-1", v1.StationSpec{Site: "leipzig", Line: "l3"}))
	const credential = "--cert station.crt --key station.key"

	d.request(t, "first", "/serialNumber=SN-00000001")
	got := d.curl(t, "first", d.url("simpleenroll", sensor), credential+" -D header.txt")
	if got != issued {
		t.Fatalf("got %s\n%s", got, d.must(t, "cat first.p7"))
	}
	if header := strings.ToLower(d.must(t, "cat header.txt")); !strings.Contains(header, `assay-batch: "w47";left=2`) {
		t.Errorf("no Assay-Batch with 2 left in\n%s", header)
	}
	if first := d.certificate(t, "first"); first.cert.Subject.SerialNumber != "SN-00000001" {
		t.Errorf("the certificate is of %s", first.cert.Subject)
	}
	t.Run("not in the manifest", func(t *testing.T) {
		d.request(t, "other", "/serialNumber=SN-00000009")
		got := d.curl(t, "other", d.url("simpleenroll", sensor), credential+" -D header.txt")
		if said := d.must(t, "cat other.p7"); !strings.HasPrefix(got, "403 ") || !strings.HasPrefix(said, "serial-not-in-manifest: ") {
			t.Errorf("got %s %s", got, said)
		}
	})
}

// TestFirmwareGates: a device whose firmware was not approved gets no
// certificate, and the operator learns which it had.
func TestFirmwareGates(t *testing.T) {
	t.Parallel()
	n := newAuthority(t).start(t)
	n.product(t, sensor, `{"serial_pattern":"^SN-[0-9]{8}$","firmware":{"formats":["station"],"tier":"T1s","renewal_tier":"T0"}}`)
	good, bad := sha256.Sum256([]byte("good")), sha256.Sum256([]byte("bad"))
	n.apply(t, v1.KindFirmware, sensor+"/1.4.2", map[string]any{
		"state": "approved", "components": []any{map[string]any{"component": "firmware", "svn": 7, "digests": []string{fmt.Sprintf("sha256:%x", good)}}},
	})
	n.apply(t, v1.KindBatch, "w47", v1.BatchSpec{Product: sensor, Site: "leipzig", Line: "l3", Quota: 2})
	station := n.station(t, "leipzig-l3-1", v1.StationSpec{Site: "leipzig", Line: "l3"})

	line := &factoryLine{node: n, station: station, name: "leipzig-l3-1"}
	for _, unit := range []struct {
		serial string
		digest [32]byte
		want   v1.Reason
	}{
		{"SN-00000001", good, ""},
		{"SN-00000002", bad, v1.FirmwareUnknown},
		{"SN-00000003", good, ""},
		{"SN-00000004", good, v1.QuotaExhausted},
	} {
		if got := line.enrol(t, unit.serial, unit.digest); got != unit.want {
			t.Errorf("%s: refused with %q, want %q", unit.serial, got, unit.want)
		}
	}
	refused := n.event(t, store.EnrolmentRefused, sensor+"/SN-00000002")
	for fact, want := range map[string]string{"component": "firmware", "expected": fmt.Sprintf("sha256:%x", good), "got": fmt.Sprintf("sha256:%x", bad), "nearest": "1.4.2"} {
		if !strings.Contains(refused.Detail[fact], want) {
			t.Errorf("the operator reads %s %q, want %q", fact, refused.Detail[fact], want)
		}
	}
	for incident, err := range n.api.Incidents(t.Context(), client.IncidentFilter{}) {
		if err != nil || incident.Kind != "over-quota" || incident.Object != "batch w47" {
			t.Errorf("incident %+v %v, want over-quota of the batch", incident, err)
		}
	}
	if b, err := n.api.Batch(t.Context(), "w47"); err != nil || b.Used != 2 || b.Left != 0 {
		t.Errorf("batch %+v %v, want 2 used and none left", b, err)
	}
	if _, err := n.api.RecallFirmware(t.Context(), sensor, "1.4.2", v1.FirmwareAct{Comment: "opens the door"}); err != nil {
		t.Fatal(err)
	}
	n.apply(t, v1.KindBatch, "w47", v1.BatchSpec{Product: sensor, Site: "leipzig", Line: "l3", Quota: 3})
	if got := line.enrol(t, "SN-00000004", good); got != v1.FirmwareRecalled {
		t.Errorf("recalled firmware: refused with %q", got)
	}
}

// factoryLine enrols with a station's own read-back.
type factoryLine struct {
	*node
	station *device
	name    string
}

// enrol returns the reason of a refusal, or nothing.
func (l *factoryLine) enrol(t *testing.T, serial string, digest [32]byte) v1.Reason {
	t.Helper()
	c, err := estclient.New(estclient.Config{URL: "https://" + l.at.EST, Label: sensor, Roots: l.roots, Certificate: new(l.station.pair()), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdle()
	_, err = c.Obtain(t.Context(), estclient.Request{
		Key: newKey(t), Subject: pkix.Name{SerialNumber: serial},
		Evidence: func(_ context.Context, nonce, spki []byte) ([]byte, error) {
			statement, err := evidence.Station(l.station.key, evidence.Statement{
				Product: sensor, Serial: serial, Nonce: nonce, SPKI: spki,
				Station: l.name, Method: evidence.MethodDebugPort, IssuedAt: time.Now(),
				Measurements: []evidence.Measurement{{Component: "firmware", Digest: digest[:]}},
			})
			if err != nil {
				return nil, err
			}
			return evidence.Attribute(statement)
		},
	})
	if refusal, ok := errors.AsType[*estclient.Refusal](err); ok {
		return v1.Reason(refusal.Reason)
	}
	if err != nil {
		t.Fatalf("enrol %s: %v", serial, err)
	}
	return ""
}

// event finds the newest of a name about an object.
func (n *node) event(t *testing.T, name store.EventName, object string) v1.Event {
	t.Helper()
	var found v1.Event
	for e, err := range n.api.Events(t.Context(), client.EventFilter{Name: string(name), Object: object}) {
		if err != nil {
			t.Fatal(err)
		}
		found = e
	}
	return found
}

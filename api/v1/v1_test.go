package v1

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestProblemRoundTrip: what a client reads is what the server refused with.
func TestProblemRoundTrip(t *testing.T) {
	want := &Refusal{
		Reason: DeviceHeld, Detail: "since yesterday", Next: "wait", RetryAfter: time.Minute,
		Faults: []Fault{{At: "a", Reason: "b"}},
	}
	b, err := json.Marshal(ProblemOf(want))
	if err != nil {
		t.Fatal(err)
	}
	var p Problem
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	if p.Type != "urn:assay:reason:device-held" || p.Status != 403 || p.Title == "" {
		t.Errorf("problem %+v", p)
	}
	if diff := cmp.Diff(want, p.Refusal(time.Minute)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCauseStaysInside(t *testing.T) {
	b, err := json.Marshal(ProblemOf(&Refusal{Reason: Internal, Err: errors.New("bucket is nil")}))
	if err != nil || strings.Contains(string(b), "bucket") {
		t.Errorf("%s %v", b, err)
	}
}

// TestWire holds the JSON of documents: names are a promise.
func TestWire(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	rows := []struct {
		value any
		want  string
	}{
		{
			Product{Declared{APIVersion, KindProduct, "p", json.RawMessage(`{"a":1}`), 2, at, "operator:root"}},
			`{"apiVersion":"assay/v1","kind":"Product","name":"p","spec":{"a":1},"revision":2,"changed_at":"2026-11-24T12:00:00Z","changed_by":"operator:root"}`,
		},
		{
			Certificate{Serial: "01", Issuer: "devices-1", Status: StatusGood, NotBefore: at, NotAfter: at},
			`{"serial":"01","issuer":"devices-1","subject":"","holder":"","holder_kind":"","profile":"","status":"good","not_before":"2026-11-24T12:00:00Z","not_after":"2026-11-24T12:00:00Z","sha256":""}`,
		},
		{Device{ID: "p/s", Product: "p", Serial: "s", State: "active"}, `{"id":"p/s","product":"p","serial":"s","state":"active","certificate_count":0}`},
		{
			Device{
				ID: "p/s", Product: "p", Serial: "s", State: "active", SeenAt: at, Batch: "b", Site: "x", Line: "l", Station: "st",
				VendorID: "v", Attributes: map[string]string{"a": "b"}, Rework: true, Tier: "T1s", Format: "station", Fresh: "yes",
				Firmware: []DeviceComponent{{"firmware", "1.4.2", 7, 8}},
			},
			`{"id":"p/s","product":"p","serial":"s","state":"active","seen_at":"2026-11-24T12:00:00Z","batch":"b","site":"x","line":"l","station":"st",` +
				`"vendor_id":"v","attributes":{"a":"b"},"rework":true,"tier":"T1s","format":"station","fresh":"yes",` +
				`"firmware":[{"component":"firmware","version":"1.4.2","svn":7,"mark":8}],"certificate_count":0}`,
		},
		{
			BatchSpec{Product: "p", Site: "x", Line: "l", Manifest: "m.csv", ManifestData: "serial", From: at},
			`{"product":"p","site":"x","line":"l","manifest":"m.csv","manifest_data":"serial","from":"2026-11-24T12:00:00Z"}`,
		},
		{
			StationSpec{Site: "x", Line: "l", Products: []string{"p"}, Quota: 1, Rate: "5/h", FromIP: []string{"10.0.0.0/8"}, Until: at, ClientAuth: true},
			`{"site":"x","line":"l","products":["p"],"quota":1,"rate":"5/h","from_ip":["10.0.0.0/8"],"until":"2026-11-24T12:00:00Z","client_auth":true}`,
		},
		{
			FirmwareSpec{State: FirmwareDraft, Components: []FirmwareComponent{{"firmware", 7, []string{"sha256:00"}}}},
			`{"state":"draft","components":[{"component":"firmware","svn":7,"digests":["sha256:00"]}]}`,
		},
		{FirmwareAct{Grace: "14d", DryRun: true}, `{"grace":"14d","dry_run":true}`},
		{
			StationInfo{EST: "https://e", Authority: "a", Station: "st", Site: "x", Products: []string{}, Batches: []string{"b"}},
			`{"est":"https://e","authority":"a","station":"st","site":"x","products":[],"batches":["b"]}`,
		},
		{BatchNonce{Batch: "b", Nonce: "AA", Signed: "note"}, `{"batch":"b","nonce":"AA","signed":"note"}`},
		{
			Incident{ID: 7, Kind: "clock", State: IncidentOpen, OpenedAt: at, Count: 1},
			`{"id":7,"kind":"clock","state":"open","opened_at":"2026-11-24T12:00:00Z","count":1}`,
		},
		{Timeline{ID: "p/s", Events: []Event{}}, `{"id":"p/s","events":[]}`},
		{StatusChange{Changed: []Certificate{}}, `{"changed":[]}`},
		{Page[Token]{Items: []Token{}}, `{"items":[]}`},
		{Leaf{Seq: 1, Bytes: []byte{1}, Hash: []byte{2}}, `{"seq":1,"bytes":"AQ==","hash":"Ag=="}`},
		{RevocationRequest{Device: "p/s", Reason: "superseded"}, `{"device":"p/s","reason":"superseded"}`},
	}
	for _, row := range rows {
		b, err := json.Marshal(row.value)
		if err != nil || string(b) != row.want {
			t.Errorf("%T: %s %v, want %s", row.value, b, err, row.want)
		}
	}
}

// TestReasons: every row says what is wrong and what to do.
func TestReasons(t *testing.T) {
	for code, about := range Reasons() {
		if about.Title == "" || about.Next == "" || about.Status < 200 || about.Status > 599 {
			t.Errorf("%s: %+v", code, about)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/assay-pki/assay/api/v1"
)

// The table at the end of documents: what product create --evidence writes.
func TestProductCreateSpec(t *testing.T) {
	firmware := func(tier, renewal string, formats ...any) map[string]any {
		return map[string]any{"formats": formats, "tier": tier, "renewal_tier": renewal}
	}
	for _, row := range []struct {
		name  string
		flags productFlags
		want  map[string]any
	}{
		{"none", productFlags{evidence: "none"}, map[string]any{}},
		{"self", productFlags{evidence: "self"}, map[string]any{"firmware": firmware("T0", "T1", "self")}},
		{"station, then self", productFlags{evidence: "station"}, map[string]any{"firmware": firmware("T1s", "T1", "station", "self")}},
		{"dice", productFlags{evidence: "dice"}, map[string]any{"firmware": firmware("T3", "T3", "dice")}},
		{"tpm", productFlags{evidence: "tpm"}, map[string]any{"firmware": firmware("T3", "T3", "tpm")}},
		{"eat", productFlags{evidence: "eat"}, map[string]any{"firmware": firmware("T3", "T3", "eat")}},
		{"birth", productFlags{evidence: "none", birth: true}, map[string]any{"birth": map[string]any{}}},
		{"keys, roles, lifetime", productFlags{evidence: "none", keys: []string{"ec-p384"}, roles: []string{"meter"}, validity: "30d"}, map[string]any{
			"keys": map[string]any{"allow": []any{"ec-p384"}}, "roles": []any{"meter"}, "operational": map[string]any{"validity": "30d"},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			body, err := row.flags.spec()
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(row.want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
	if _, err := (productFlags{evidence: "trust"}).spec(); err == nil {
		t.Error("evidence of another name: accepted")
	}
}

// A batch's manifest is a file beside its document, and goes with it.
func TestAttachManifests(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.csv"), []byte("serial\nA-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "f.yaml")
	head := "apiVersion: assay/v1\nkind: Batch\nname: b\nspec:\n  product: p\n"
	for _, row := range []struct{ name, spec, want, fault string }{
		{"beside the document", "  manifest: m.csv\n", `{"manifest":"m.csv","manifest_data":"serial\nA-1\n","product":"p"}`, ""},
		{"by its whole path", "  manifest: " + dir + "/m.csv\n", `{"manifest":"` + dir + `/m.csv","manifest_data":"serial\nA-1\n","product":"p"}`, ""},
		{"none", "  quota: 5\n", `{"product":"p","quota":5}`, ""},
		{"the one it has, by its hash", "  manifest: sha256:00\n", `{"manifest":"sha256:00","product":"p"}`, ""},
		{"no text", "  manifest: [1]\n", `{"manifest":[1],"product":"p"}`, ""},
		{"not there", "  manifest: other.csv\n", "", "f.yaml:6"},
	} {
		t.Run(row.name, func(t *testing.T) {
			docs, faults := readDocuments(file, []byte(head+row.spec))
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			faults = (&app{}).attachManifests(docs)
			if row.fault != "" {
				if len(faults) != 1 || !strings.HasSuffix(faults[0].At, row.fault) {
					t.Fatalf("got faults %v, want one at %s", faults, row.fault)
				}
				return
			}
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			var got, want any
			if json.Unmarshal(docs[0].Spec, &got) != nil || json.Unmarshal([]byte(row.want), &want) != nil {
				t.Fatal("no JSON")
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// What rests on a document of the same files can't be tried before it is there.
func TestDocumentRests(t *testing.T) {
	for _, row := range []struct {
		kind, name, spec string
		want             []string
	}{
		{v1.KindFirmware, "p/1", `{}`, []string{"Product p"}},
		{v1.KindBatch, "b", `{"product":"p"}`, []string{"Product p"}},
		{v1.KindStation, "s", `{"products":["p","q"]}`, []string{"Product p", "Product q"}},
		{v1.KindStation, "s", `{"products":7}`, nil},
		{v1.KindOperator, "o", `{"products":["p"]}`, nil},
		{v1.KindProduct, "p", `{}`, nil},
	} {
		d := document{Document: v1.Document{Kind: row.kind, Name: row.name, Spec: json.RawMessage(row.spec)}}
		if diff := cmp.Diff(row.want, d.rests()); diff != "" {
			t.Errorf("%s %s: -want +got\n%s", row.kind, row.spec, diff)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-11-16":                time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC),
		"2026-11-16T08:00:00+02:00": time.Date(2026, 11, 16, 6, 0, 0, 0, time.UTC),
	} {
		if got, err := parseTime("--from", text); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"tomorrow", "2026-13-01", "16.11.2026"} {
		if _, err := parseTime("--from", text); err == nil {
			t.Errorf("%q: accepted", text)
		}
	}
}

// What the factory's commands say, word by word.
func TestFactoryWords(t *testing.T) {
	var out bytes.Buffer
	s := newSay(strings.NewReader(""), &out, true)
	after := v1.Declared{Name: "sensor-s1/1.4.2"}
	release := v1.Firmware{Declared: after, State: v1.FirmwareIsRecalled}
	batch := v1.Batch{Declared: v1.Declared{Name: "b1"}, State: v1.BatchIsClosed, Used: 3, Limit: 5}
	s.releaseAdded(v1.Applied{After: after}, "sensor-s1", "1.4.2")
	s.releaseAdded(v1.Applied{After: after, DryRun: true}, "sensor-s1", "1.4.2")
	s.releaseChanged(v1.FirmwareChange{Changed: true, Firmware: release})
	s.releaseChanged(v1.FirmwareChange{Firmware: release})
	s.releaseChanged(v1.FirmwareChange{Changed: true, DryRun: true, Firmware: release, Impact: &v1.RecallImpact{Devices: 7}})
	s.batchMade(v1.Applied{After: v1.Declared{Name: "b1"}}, v1.BatchSpec{Product: "sensor-s1", Site: "leipzig"})
	s.batchIs(batch)
	s.stationMade(v1.StationInfo{Station: "st-1", Batches: []string{"b1"}}, "cred")
	s.stationIsClient()
	s.olderEvents("sensor-s1/A")
	s.benchWhole()
	for _, f := range []*failure{failNotClosed("b1"), failIncident("x"), failNoStationCertificate("st-1", v1.Refuse(v1.Internal, ""))} {
		s.failed(f)
	}
	for _, ask := range []string{
		askRecall("p", "1", v1.FirmwareAct{}), askRecall("p", "1", v1.FirmwareAct{Grace: "14d"}), askRecall("p", "1", v1.FirmwareAct{Critical: true}),
		askCloseBatch("b1"), askRevokeStation("st-1"), askEnd("decommission", "p/A"), askEnd("scrap", "p/A"),
	} {
		s.note("%s", ask)
	}
	want, err := os.ReadFile("testdata/factory-words.golden")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

func manifestSpec(text string) string {
	return fmt.Sprintf(`{"product":"sensor","site":"leipzig","line":"l3","manifest":"m.csv","manifest_data":%q}`, text)
}

func TestBatchWithAManifest(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	text := "serial,attr.customer\nSN-1,\"ACME, Inc.\"\nSN-2,\n"
	doc := document(v1.KindBatch, "w47", manifestSpec(text))
	dry, err := c.Apply(ctx, doc, client.Expect{DryRun: true})
	must(t, err)
	if dry.Result != v1.Created || !dry.DryRun || strings.Contains(string(dry.After.Spec), "SN-1") {
		t.Errorf("dry run %s", dry.After.Spec)
	}
	_, err = c.Batch(ctx, "w47")
	refused(t, err, v1.NotFound)
	made, err := c.Apply(ctx, doc, client.Expect{New: true})
	must(t, err)
	if diff := cmp.Diff(dry.After.Spec, made.After.Spec); diff != "" || made.After.Revision != 1 {
		t.Errorf("created %+v; the dry run said (-):\n%s", made, diff)
	}
	_, err = c.Apply(ctx, doc, client.Expect{New: true})
	refused(t, err, v1.Exists)
	if again := apply(t, c, v1.KindBatch, "w47", manifestSpec(text)); again.Result != v1.Unchanged {
		t.Errorf("again %+v", again)
	}
	if told := apply(t, c, v1.KindBatch, "w47", string(made.After.Spec)); told.Result != v1.Unchanged {
		t.Errorf("its own spec: %+v", told)
	}
	b, err := c.Batch(ctx, "w47")
	must(t, err)
	if b.State != "open" || b.Limit != 2 || b.Left != 2 || b.Manifest == nil || b.Manifest.Rows != 2 || b.Manifest.Format != "csv" ||
		b.CreatedBy != "operator:root" || b.Certificate != "" {
		t.Errorf("batch %+v", b)
	}
	d, err := c.Device(ctx, "sensor", "SN-1")
	must(t, err)
	if d.State != "expected" || d.Batch != "w47" || d.Site != "leipzig" || d.Line != "l3" || d.Attributes["customer"] != "ACME, Inc." {
		t.Errorf("device %+v", d)
	}
	changed := apply(t, c, v1.KindBatch, "w47", strings.Replace(string(made.After.Spec), "{", `{"until":"2030-01-01T00:00:00Z",`, 1))
	if changed.Result != v1.Changed || changed.After.Revision != 2 || strings.Contains(string(changed.Before), "until") {
		t.Errorf("changed %+v", changed)
	}
}

func TestBatchFaults(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	apply(t, c, v1.KindProduct, "sensor", `{"serial_pattern":"^SN-[0-9]+$"}`)
	w.batchOf("other", "sensor", "leipzig", "l3", "SN-1")
	w.device("sensor", "SN-9")
	w.unit(unit{product: "sensor", serial: "SN-1", batch: "other"})
	apply(t, c, v1.KindBatch, "quota", `{"product":"sensor","site":"leipzig","quota":10}`)
	rows := []struct {
		name, spec string
		want       v1.Reason
		at         string
	}{
		{"column, row and reason", manifestSpec("serial,site\nSN-2,leipzig\nXX-3,\nSN-2,\n"), v1.BadDocument, "manifest:3:1"},
		{"the same serial twice", manifestSpec("serial\nSN-2\nSN-2\n"), v1.BadDocument, "manifest:3:1"},
		{"unknown column", manifestSpec("serial,colour\nSN-2,red\n"), v1.BadDocument, "manifest:1:2"},
		{"in another open batch", manifestSpec("serial\nSN-2\nSN-1\n"), v1.BadDocument, "manifest:3"},
		{"a device that is active", manifestSpec("serial\nSN-2\nSN-9\n"), v1.BadDocument, "manifest:3"},
		{"another site", manifestSpec("serial,site\nSN-2,dresden\n"), v1.BadDocument, "manifest:2:2"},
		{"empty", manifestSpec(""), v1.BadDocument, "spec.manifest_data"},
		{"the name of a file alone", `{"product":"sensor","manifest":"m.csv"}`, v1.BadDocument, "spec.manifest_data"},
		{"another digest", `{"product":"sensor","manifest":"sha256:00","manifest_data":"serial\nSN-2\n"}`, v1.BadDocument, "spec.manifest"},
		{"neither manifest nor quota", `{"product":"sensor"}`, v1.BadDocument, "spec.quota"},
		{"both", `{"product":"sensor","quota":1,"manifest":"m.csv"}`, v1.BadDocument, "spec.quota"},
		{"unknown field", `{"product":"sensor","quota":1,"colour":"red"}`, v1.BadDocument, "spec.colour"},
		{"no product", `{"quota":1}`, v1.BadDocument, "spec.product"},
		{"a line without a site", `{"product":"sensor","line":"l3","quota":1}`, v1.BadDocument, "spec.site"},
		{"ends before it begins", `{"product":"sensor","quota":1,"from":"2027-01-01T00:00:00Z","until":"2026-01-01T00:00:00Z"}`, v1.BadDocument, "spec.until"},
		{"a star for a site", `{"product":"sensor","site":"*","quota":1}`, v1.BadDocument, "spec.site"},
		{"no such product", `{"product":"alarm","quota":1}`, v1.NotFound, ""},
		{"a second open quota", `{"product":"sensor","site":"leipzig","quota":5}`, v1.WrongState, ""},
	}
	for _, row := range rows {
		for _, dry := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, dry %v", row.name, dry), func(t *testing.T) {
				_, err := c.Apply(ctx, document(v1.KindBatch, "w47", row.spec), client.Expect{DryRun: dry})
				r := refused(t, err, row.want)
				if row.at != "" && (len(r.Faults) == 0 || r.Faults[0].At != row.at) {
					t.Errorf("faults %+v, want the first at %s", r.Faults, row.at)
				}
				if row.at == "manifest:3" && !strings.HasPrefix(r.Faults[0].Reason, "SN-") {
					t.Errorf("the fault does not name the serial: %+v", r.Faults)
				}
				if r.Detail == "" {
					t.Error("no detail")
				}
			})
		}
	}
	_, err := c.Batch(ctx, "w47")
	refused(t, err, v1.NotFound)
	_, err = c.Device(ctx, "sensor", "SN-2")
	refused(t, err, v1.NotFound)
}

func TestBatchFieldsThatAreFixed(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	w.batchOf("w47", "sensor", "leipzig", "l3", "SN-1")
	apply(t, c, v1.KindBatch, "quota", `{"product":"sensor","site":"leipzig","quota":10}`)
	rows := []struct{ name, batch, spec, at string }{
		{"product", "quota", `{"product":"alarm","site":"leipzig","quota":10}`, "spec.product"},
		{"site", "quota", `{"product":"sensor","site":"dresden","quota":10}`, "spec.site"},
		{"line", "quota", `{"product":"sensor","site":"leipzig","line":"l1","quota":10}`, "spec.line"},
		{"a manifest instead of the quota", "quota", `{"product":"sensor","site":"leipzig","manifest":"m.csv"}`, "spec.manifest"},
		{"another manifest", "w47", manifestSpec("serial\nSN-2\n"), "spec.manifest"},
		{"a quota instead of the manifest", "w47", `{"product":"sensor","site":"leipzig","line":"l3","quota":1}`, "spec.quota"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := c.Apply(ctx, document(v1.KindBatch, row.batch, row.spec), client.Expect{})
			if r := refused(t, err, v1.ImmutableField); len(r.Faults) != 1 || r.Faults[0].At != row.at {
				t.Errorf("faults %+v, want one at %s", r.Faults, row.at)
			}
		})
	}
	raised := apply(t, c, v1.KindBatch, "quota", `{"product":"sensor","site":"leipzig","quota":11}`)
	if raised.Result != v1.Changed {
		t.Errorf("raised %+v", raised)
	}
	w.stationAt("l3-1", "leipzig", "l3")
	for i := range 2 {
		w.unit(unit{product: "sensor", serial: fmt.Sprintf("Q-%d", i), batch: "quota", station: "l3-1"})
	}
	for _, dry := range []bool{true, false} {
		_, err := c.Apply(ctx, document(v1.KindBatch, "quota", `{"product":"sensor","site":"leipzig","quota":1}`), client.Expect{DryRun: dry})
		refused(t, err, v1.WrongState)
	}
}

// TestBatchEnds: pause, resume, close, and the certificate that says how it went.
func TestBatchEnds(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	w.stationAt("l3-1", "leipzig", "l3")
	w.batchOf("w47", "sensor", "leipzig", "l3", "SN-1", "SN-2", "SN-3")
	w.unit(unit{product: "sensor", serial: "SN-1", batch: "w47", station: "l3-1"})
	w.unit(unit{product: "sensor", serial: "SN-2", batch: "w47", station: "l3-1"})
	_, err := c.Scrap(ctx, "sensor", "SN-2", v1.Act{}, false)
	must(t, err)
	b, err := c.PauseBatch(ctx, "w47", true)
	must(t, err)
	if b.State != "paused" || !b.DryRun {
		t.Errorf("dry pause %+v", b)
	}
	b, err = c.ResumeBatch(ctx, "w47", false)
	must(t, err)
	if b.State != "open" || b.Revision != 1 {
		t.Errorf("resume of an open one %+v", b)
	}
	for range 2 { // twice is once
		b, err = c.PauseBatch(ctx, "w47", false)
		must(t, err)
		if b.State != "paused" || b.Revision != 2 {
			t.Errorf("pause %+v", b)
		}
	}
	b, err = c.ResumeBatch(ctx, "w47", false)
	must(t, err)
	if b.State != "open" {
		t.Errorf("resume %+v", b)
	}
	b, err = c.CloseBatch(ctx, "w47", true)
	must(t, err)
	if b.State != "closed" || b.Certificate != "" {
		t.Errorf("dry close %+v", b)
	}

	w.unsigned.Store(true)
	_, err = c.CloseBatch(ctx, "w47", false)
	refused(t, err, v1.SignerUnavailable) // closed, and not yet told
	w.unsigned.Store(false)
	closed, err := c.CloseBatch(ctx, "w47", false)
	must(t, err)
	got, err := c.Batch(ctx, "w47")
	must(t, err)
	if closed.State != "closed" || closed.ClosedAt.IsZero() || closed.Certificate == "" || got.Certificate != closed.Certificate {
		t.Errorf("closed %+v, read back %+v", closed, got)
	}
	text := w.opened(closed.Certificate)
	for _, line := range []string{
		"assay end-of-batch certificate v1", "batch: w47", "product: sensor", "site: leipzig", "line: l3",
		"manifest: sha256:" + got.Manifest.SHA256 + " csv 3", "limit: 3", "used: 2", "scrapped: 1", "missing: 1",
		"opened: " + got.CreatedAt.Format("2006-01-02T15:04:05Z") + " operator:root",
		"closed: " + got.ClosedAt.Format("2006-01-02T15:04:05Z"),
	} {
		if !strings.Contains("\n"+text, "\n"+line) {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	if n := len(w.events(store.BatchClosed)); n != 1 {
		t.Errorf("%d batch.closed events, want 1", n)
	}
	_, err = c.ResumeBatch(ctx, "w47", false)
	refused(t, err, v1.WrongState)
	_, err = c.PauseBatch(ctx, "w47", true)
	refused(t, err, v1.WrongState)
	_, err = c.NonceBatch(ctx, "w47", false)
	refused(t, err, v1.WrongState)
	_, err = c.Apply(ctx, document(v1.KindBatch, "w47", strings.Replace(string(got.Spec), "{", `{"until":"2030-01-01T00:00:00Z",`, 1)), client.Expect{})
	refused(t, err, v1.WrongState)
	if same := apply(t, c, v1.KindBatch, "w47", string(got.Spec)); same.Result != v1.Unchanged {
		t.Errorf("the same document on a closed batch: %+v", same)
	}
}

func TestBatchNonce(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	w.batchOf("w47", "sensor", "leipzig", "l3", "SN-1")
	dry, err := c.NonceBatch(ctx, "w47", true)
	must(t, err)
	if !dry.DryRun || dry.Nonce != "" {
		t.Errorf("dry run %+v", dry)
	}
	first, err := c.NonceBatch(ctx, "w47", false)
	must(t, err)
	again, err := c.NonceBatch(ctx, "w47", false)
	must(t, err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the second time (-first +again):\n%s", diff)
	}
	octets, err := base64.RawURLEncoding.DecodeString(first.Nonce)
	if err != nil || len(octets) != 32 {
		t.Errorf("nonce %q: %v", first.Nonce, err)
	}
	var signed map[string]string
	must(t, json.Unmarshal([]byte(w.opened(first.Signed)), &signed))
	if signed["nonce"] != first.Nonce || signed["batch"] != "w47" || signed["line"] != "l3" || signed["type"] != "assay-batch-nonce/v1" {
		t.Errorf("signed %v", signed)
	}
	if b, err := c.Batch(ctx, "w47"); err != nil || !b.HasNonce {
		t.Errorf("batch %+v %v", b, err)
	}
}

func TestBatchScope(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.product("sensor")
	w.product("alarm")
	w.batchOf("here", "sensor", "leipzig", "l3", "SN-1")
	w.batchOf("there", "sensor", "dresden", "l1", "SN-2")
	apply(t, w.root, v1.KindBatch, "other", `{"product":"alarm","site":"leipzig","quota":3}`)
	mira := w.as("mira", "factory", []string{"sensor"}, []string{"leipzig"})
	all := collect(t, mira.Batches(ctx, client.BatchFilter{}))
	if len(all) != 1 || all[0].Name != "here" {
		t.Errorf("mira sees %+v", all)
	}
	if n := len(collect(t, w.root.Batches(ctx, client.BatchFilter{Site: "leipzig", Product: "alarm", State: "open"}))); n != 1 {
		t.Errorf("filtered: %d", n)
	}
	for _, foreign := range []string{"there", "other"} {
		_, err := mira.Batch(ctx, foreign)
		refused(t, err, v1.NotFound)
		_, err = mira.CloseBatch(ctx, foreign, false)
		refused(t, err, v1.NotFound)
		_, err = mira.NonceBatch(ctx, foreign, false)
		refused(t, err, v1.NotFound)
	}
	put := func(name, spec string) error {
		_, err := mira.Apply(ctx, document(v1.KindBatch, name, spec), client.Expect{})
		return err
	}
	refused(t, put("new", `{"product":"sensor","site":"dresden","quota":3}`), v1.ScopeDenied)
	refused(t, put("new", `{"product":"sensor","quota":3}`), v1.ScopeDenied)
	refused(t, put("new", `{"product":"alarm","site":"leipzig","quota":3}`), v1.ScopeDenied)
	refused(t, put("there", `{"product":"sensor","site":"leipzig","quota":3}`), v1.Exists)
	must(t, put("new", `{"product":"sensor","site":"leipzig","quota":3}`))
	_, err := mira.PauseBatch(ctx, "here", false)
	must(t, err)
}

// TestLargeBodies: the manifest's route takes them, and no other.
func TestLargeBodies(t *testing.T) {
	w := newWorld(t)
	w.product("sensor")
	var text strings.Builder
	text.WriteString("serial,attr.note\n")
	for i := range 20_000 {
		fmt.Fprintf(&text, "SN-%08d,%s\n", i, strings.Repeat("x", 80))
	}
	made := apply(t, w.root, v1.KindBatch, "large", fmt.Sprintf(`{"product":"sensor","manifest":"m.csv","manifest_data":%q}`, text.String()))
	if text.Len() < 1<<20 || made.Result != v1.Created {
		t.Errorf("%d octets: %+v", text.Len(), made)
	}
	r := w.raw(w.operator("r2", "admin", nil, nil))
	body := `{"apiVersion":"assay/v1","kind":"Station","name":"x","spec":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`
	for path, want := range map[string]v1.Reason{
		"/v1/stations/x": v1.TooLarge, "/v1/firmware/sensor/1": v1.TooLarge, "/v1/products/x": v1.TooLarge, "/v1/batches/x": v1.BadDocument,
	} {
		if p := r.do(http.MethodPut, path, body).problem(t); p.Reason != want {
			t.Errorf("%s: %s, want %s", path, p.Reason, want)
		}
	}
}

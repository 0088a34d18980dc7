package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

func firmwareSpec(state, digest string) string {
	return fmt.Sprintf(`{"state":%q,"components":[{"component":"firmware","svn":7,"digests":[%q]}]}`, state, digest)
}

func TestFirmwareLifecycle(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	draft := document(v1.KindFirmware, "sensor/1.4.2", `{"components":[{"component":"firmware","digests":["`+strings.ToUpper(digestA[7:])+`"]}]}`)
	draft.Spec = []byte(strings.Replace(string(draft.Spec), `["`, `["sha256:`, 1))
	dry, err := c.Apply(ctx, draft, client.Expect{DryRun: true})
	must(t, err)
	if dry.Result != v1.Created || !strings.Contains(string(dry.After.Spec), `"state":"draft"`) || !strings.Contains(string(dry.After.Spec), digestA) {
		t.Errorf("dry run %s", dry.After.Spec)
	}
	_, err = c.Firmware(ctx, "sensor", "1.4.2")
	refused(t, err, v1.NotFound)
	made, err := c.Apply(ctx, draft, client.Expect{New: true})
	must(t, err)
	if made.Result != v1.Created || made.After.Revision != 1 {
		t.Errorf("created %+v", made)
	}
	_, err = c.Apply(ctx, draft, client.Expect{New: true})
	refused(t, err, v1.Exists)
	if again := apply(t, c, v1.KindFirmware, "sensor/1.4.2", string(draft.Spec)); again.Result != v1.Unchanged {
		t.Errorf("again %+v", again)
	}
	stale := draft
	stale.Spec = []byte(firmwareSpec("approved", digestA))
	_, err = c.Apply(ctx, stale, client.Expect{Revision: 9})
	refused(t, err, v1.ChangedMeanwhile)

	steps := []struct {
		name    string
		do      func(v1.FirmwareAct) (v1.FirmwareChange, error)
		in      v1.FirmwareAct
		state   string
		changed bool
		want    v1.Reason
	}{
		{"a draft is not deprecated", bind(w, c.DeprecateFirmware), v1.FirmwareAct{}, "", false, v1.WrongState},
		{"a draft is not recalled", bind(w, c.RecallFirmware), v1.FirmwareAct{}, "", false, v1.WrongState},
		{"approve, dry", bind(w, c.ApproveFirmware), v1.FirmwareAct{DryRun: true}, "approved", true, ""},
		{"approve", bind(w, c.ApproveFirmware), v1.FirmwareAct{Comment: "tested"}, "approved", true, ""},
		{"approve again", bind(w, c.ApproveFirmware), v1.FirmwareAct{}, "approved", false, ""},
		{"approve with a grace", bind(w, c.ApproveFirmware), v1.FirmwareAct{Grace: "1d"}, "", false, v1.BadDocument},
		{"nothing to undo", bind(w, c.UndoRecall), v1.FirmwareAct{}, "", false, v1.WrongState},
		{"deprecate", bind(w, c.DeprecateFirmware), v1.FirmwareAct{Deadline: time.Now().Add(time.Hour)}, "deprecated", true, ""},
		{"recall with grace and critical", bind(w, c.RecallFirmware), v1.FirmwareAct{Grace: "1d", Critical: true}, "", false, v1.BadDocument},
		{"recall with no duration", bind(w, c.RecallFirmware), v1.FirmwareAct{Grace: "soon"}, "", false, v1.BadDocument},
		{"recall for years", bind(w, c.RecallFirmware), v1.FirmwareAct{Grace: "5y"}, "", false, v1.BadDocument},
		{"recall", bind(w, c.RecallFirmware), v1.FirmwareAct{Grace: "14d"}, "recalled", true, ""},
		{"recall again", bind(w, c.RecallFirmware), v1.FirmwareAct{Grace: "14d"}, "recalled", false, ""},
		{"recall harder", bind(w, c.RecallFirmware), v1.FirmwareAct{Critical: true}, "recalled", true, ""},
		{"approve a recalled one", bind(w, c.ApproveFirmware), v1.FirmwareAct{}, "", false, v1.WrongState},
		{"deprecate a recalled one", bind(w, c.DeprecateFirmware), v1.FirmwareAct{}, "", false, v1.WrongState},
		{"undo", bind(w, c.UndoRecall), v1.FirmwareAct{}, "deprecated", true, ""},
		{"approve once more", bind(w, c.ApproveFirmware), v1.FirmwareAct{}, "approved", true, ""},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			got, err := step.do(step.in)
			if step.want != "" {
				refused(t, err, step.want)
				return
			}
			must(t, err)
			if got.Firmware.State != step.state || got.Changed != step.changed || got.DryRun != step.in.DryRun {
				t.Errorf("%+v, want state %s, changed %v", got, step.state, step.changed)
			}
		})
	}
	got, err := c.Firmware(ctx, "sensor", "1.4.2")
	must(t, err)
	if got.State != "approved" || got.AddedBy != "operator:root" || got.Revision != 7 || len(got.Components) != 1 || got.Critical {
		t.Errorf("read back %+v", got)
	}
	var events []string
	all, err := w.store.Events(ctx, 0, store.MaxPage)
	must(t, err)
	for _, e := range all {
		if strings.HasPrefix(string(e.Name), "firmware.") {
			events = append(events, string(e.Name))
		}
	}
	if diff := cmp.Diff([]string{
		"firmware.added", "firmware.approved", "firmware.deprecated", "firmware.recalled", "firmware.recalled",
		"firmware.recall-undone", "firmware.approved",
	}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// bind is an act on the one release of a test.
func bind(
	w *world, do func(ctx context.Context, product, version string, a v1.FirmwareAct) (v1.FirmwareChange, error),
) func(v1.FirmwareAct) (v1.FirmwareChange, error) {
	return func(a v1.FirmwareAct) (v1.FirmwareChange, error) { return do(w.Context(), "sensor", "1.4.2", a) }
}

func TestFirmwareDocumentFaults(t *testing.T) {
	w := newWorld(t)
	w.product("sensor")
	rows := []struct {
		name, doc, spec string
		want            v1.Reason
		at              string
	}{
		{"recall is a command", "sensor/1", firmwareSpec("recalled", digestA), v1.BadDocument, "spec.state"},
		{"what a recall stores", "sensor/1", `{"state":"recalled","recalled":{"at":"2026-01-01T00:00:00Z"}}`, v1.BadDocument, "spec.recalled"},
		{"unknown field", "sensor/1", `{"colour":"red"}`, v1.BadDocument, "spec.colour"},
		{"bad digest", "sensor/1", firmwareSpec("draft", "sha256:00"), v1.BadDocument, "spec.components[0].digests[0]"},
		{"doubled key", "sensor/1", `{"state":"draft","state":"draft"}`, v1.BadDocument, ""},
		{"bad version", "sensor/-1", firmwareSpec("draft", digestA), v1.BadDocument, "name"},
		{"no such product", "alarm/1", firmwareSpec("draft", digestA), v1.NotFound, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := w.root.Apply(t.Context(), document(v1.KindFirmware, row.doc, row.spec), client.Expect{})
			r := refused(t, err, row.want)
			var at []string
			for _, f := range r.Faults {
				at = append(at, f.At)
			}
			if row.at != "" && !strings.Contains(strings.Join(at, " ")+" ", row.at+" ") {
				t.Errorf("faults %+v, want one at %s", r.Faults, row.at)
			}
		})
	}
}

// TestApprovedDigestsAreFixed: devices were judged by them.
func TestApprovedDigestsAreFixed(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	other := strings.Replace(digestA, "9f", "00", 1)
	put := func(state, digest string) error {
		_, err := c.Apply(ctx, document(v1.KindFirmware, "sensor/1.4.2", firmwareSpec(state, digest)), client.Expect{})
		return err
	}
	must(t, put("draft", other))
	must(t, put("draft", digestA)) // a draft may change
	must(t, put("approved", digestA))
	refused(t, put("approved", other), v1.ImmutableField)
	refused(t, put("deprecated", other), v1.ImmutableField)
	refused(t, put("draft", digestA), v1.WrongState)
	must(t, put("deprecated", digestA))
	_, err := c.RecallFirmware(ctx, "sensor", "1.4.2", v1.FirmwareAct{})
	must(t, err)
	refused(t, put("approved", other), v1.ImmutableField)
	// A recall is never undone by a document, nor does the document fail.
	must(t, put("approved", digestA))
	got, err := c.Firmware(ctx, "sensor", "1.4.2")
	must(t, err)
	if got.State != v1.FirmwareIsRecalled {
		t.Errorf("state %s after a document, want recalled", got.State)
	}
}

// TestFirmwareApprovalByTwo: neither who added nor who changed a release lets it
// out of its draft, by command or by document.
func TestFirmwareApprovalByTwo(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.product("sensor")
	apply(t, w.root, v1.KindPolicy, "default", `{"firmware_approval":"two"}`)
	mira, noor := w.as("mira", "security", nil, nil), w.as("noor", "security", nil, nil)
	put := func(c *client.Client, state, digest string) error {
		_, err := c.Apply(ctx, document(v1.KindFirmware, "sensor/1.4.2", firmwareSpec(state, digest)), client.Expect{})
		return err
	}
	act := func(c *client.Client) error {
		_, err := c.ApproveFirmware(ctx, "sensor", "1.4.2", v1.FirmwareAct{})
		return err
	}
	r := refused(t, put(mira, "approved", digestA), v1.RoleDenied)
	if !strings.Contains(r.Detail, "firmware_approval") {
		t.Errorf("detail %q", r.Detail)
	}
	refused(t, put(mira, "deprecated", digestA), v1.RoleDenied)
	must(t, put(mira, "draft", strings.Replace(digestA, "9f", "00", 1)))
	refused(t, act(mira), v1.RoleDenied)
	must(t, put(noor, "draft", digestA))
	refused(t, act(noor), v1.RoleDenied)
	refused(t, act(mira), v1.RoleDenied)
	refused(t, put(noor, "approved", digestA), v1.RoleDenied)
	refused(t, put(w.root, "approved", strings.Replace(digestA, "9f", "11", 1)), v1.RoleDenied) // what nobody else has seen
	must(t, act(w.root))
	// Once approved, one person is enough to take it back and forth.
	_, err := mira.DeprecateFirmware(ctx, "sensor", "1.4.2", v1.FirmwareAct{})
	must(t, err)
	must(t, act(mira))
}

func TestFirmwareScope(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, p := range []string{"a", "b"} {
		w.product(p)
		apply(t, w.root, v1.KindFirmware, p+"/1.0", firmwareSpec("approved", digestA))
		apply(t, w.root, v1.KindFirmware, p+"/2.0", firmwareSpec("draft", digestA))
	}
	names := func(c *client.Client, f client.FirmwareFilter) []string {
		var all []string
		for _, r := range collect(t, c.Firmwares(ctx, f)) {
			all = append(all, r.Name)
		}
		return all
	}
	ofB := w.as("mira", "factory", []string{"b"}, []string{"*"})
	rows := []struct {
		c    *client.Client
		f    client.FirmwareFilter
		want []string
	}{
		{w.root, client.FirmwareFilter{}, []string{"a/1.0", "a/2.0", "b/1.0", "b/2.0"}},
		{w.root, client.FirmwareFilter{Product: "a"}, []string{"a/1.0", "a/2.0"}},
		{w.root, client.FirmwareFilter{State: "draft"}, []string{"a/2.0", "b/2.0"}},
		{ofB, client.FirmwareFilter{}, []string{"b/1.0", "b/2.0"}},
		{ofB, client.FirmwareFilter{Product: "a"}, nil},
	}
	for _, row := range rows {
		if diff := cmp.Diff(row.want, names(row.c, row.f)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", row.f, diff)
		}
	}
	_, err := ofB.Firmware(ctx, "a", "1.0")
	refused(t, err, v1.NotFound)
	secure := w.as("noor", "security", []string{"b"}, nil)
	_, err = secure.ApproveFirmware(ctx, "a", "2.0", v1.FirmwareAct{})
	refused(t, err, v1.NotFound)
	_, err = secure.Apply(ctx, document(v1.KindFirmware, "a/3.0", firmwareSpec("draft", digestA)), client.Expect{})
	refused(t, err, v1.ScopeDenied)
}

// TestRecallImpact: who runs it, by site and batch, and when each is cut off.
func TestRecallImpact(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	apply(t, c, v1.KindFirmware, "sensor/1.4.2", firmwareSpec("approved", digestA))
	w.stationAt("l3-1", "leipzig", "l3")
	w.batchOf("w47", "sensor", "leipzig", "l3", "SN-1", "SN-2", "SN-3", "SN-4")
	day := 24 * time.Hour
	w.unit(unit{product: "sensor", serial: "SN-1", batch: "w47", station: "l3-1", version: "1.4.2", validFor: 10 * day})
	w.unit(unit{product: "sensor", serial: "SN-2", batch: "w47", station: "l3-1", version: "1.4.2", validFor: 30 * day})
	w.unit(unit{product: "sensor", serial: "SN-3", batch: "w47", station: "l3-1", version: "1.4.1"})
	w.unit(unit{product: "sensor", serial: "SN-5", version: "1.4.2", validFor: 20 * day})
	w.unit(unit{product: "sensor", serial: "SN-6", version: "1.4.2"})
	_, err := c.Decommission(ctx, "sensor", "SN-6", v1.Act{}, false)
	must(t, err)

	got, err := c.RecallFirmware(ctx, "sensor", "1.4.2", v1.FirmwareAct{Grace: "14d", DryRun: true})
	must(t, err)
	now := w.now()
	want := &v1.RecallImpact{Devices: 3, RenewUntil: now.Add(14 * day), Groups: []v1.RecallGroup{
		{Devices: 1, FirstEnd: now.Add(20 * day), LastEnd: now.Add(20 * day)},
		{Site: "leipzig", Batch: "w47", Devices: 2, FirstEnd: now.Add(14 * day), LastEnd: now.Add(30 * day)},
	}}
	if diff := cmp.Diff(want, got.Impact, cmpopts.EquateApproxTime(time.Minute)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f, err := c.Firmware(ctx, "sensor", "1.4.2"); err != nil || f.State != "approved" {
		t.Errorf("after a dry run: %+v %v", f, err)
	}
	now2, err := c.RecallFirmware(ctx, "sensor", "1.4.2", v1.FirmwareAct{Critical: true, DryRun: true})
	must(t, err)
	if !now2.Impact.RenewUntil.IsZero() || now2.Impact.Groups[1].FirstEnd.After(now.Add(11*day)) {
		t.Errorf("critical: %+v", now2.Impact)
	}
	// A recall never holds.
	done, err := c.RecallFirmware(ctx, "sensor", "1.4.2", v1.FirmwareAct{})
	must(t, err)
	d, err := c.Device(ctx, "sensor", "SN-1")
	must(t, err)
	if done.Impact != nil || d.State != "active" || d.Certificates[0].Status != v1.StatusGood {
		t.Errorf("recalled %+v, device %+v", done, d)
	}
}

// TestManyDevices: one request reads so many, and the rest comes with a cursor.
func TestManyDevices(t *testing.T) {
	w := newWorld(t)
	ctx, c := t.Context(), w.root
	w.product("sensor")
	apply(t, c, v1.KindFirmware, "sensor/1.4.2", firmwareSpec("approved", digestA))
	serials := make([]string, 10_600)
	for i := range serials {
		serials[i] = fmt.Sprintf("SN-%05d", i)
	}
	w.batchOf("w47", "sensor", "leipzig", "l3", serials...)
	w.unit(unit{product: "sensor", serial: serials[0], batch: "w47", version: "1.4.2"})
	w.unit(unit{product: "sensor", serial: serials[10_599], batch: "w47", version: "1.4.2"})

	r := w.raw(w.operator("r2", "admin", nil, nil))
	var first v1.FirmwareChange
	decode(t, r.do(http.MethodPost, "/v1/firmware/sensor/1.4.2/recall", `{"dry_run":true}`), &first)
	if first.Impact == nil || first.Impact.Devices != 1 || first.Impact.Next == "" {
		t.Errorf("the first request: %+v", first.Impact)
	}
	all, err := c.RecallFirmware(ctx, "sensor", "1.4.2", v1.FirmwareAct{DryRun: true})
	must(t, err)
	if all.Impact.Devices != 2 || all.Impact.Next != "" || len(all.Impact.Groups) != 1 {
		t.Errorf("all: %+v", all.Impact)
	}
	var page v1.Page[v1.Device]
	decode(t, r.do(http.MethodGet, "/v1/devices?query=serial%3DSN-10599", ""), &page)
	if len(page.Items) != 0 || page.Next == "" {
		t.Errorf("the first page %+v", page)
	}
	if found := collect(t, c.Devices(ctx, client.DeviceFilter{Query: "serial=SN-10599"})); len(found) != 1 {
		t.Errorf("found %+v", found)
	}
}

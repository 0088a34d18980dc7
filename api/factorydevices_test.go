package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// line is a world with a batch half made: SN-1 and SN-2 of three.
func line(t testing.TB) *world {
	w := newWorld(t)
	w.product("sensor")
	apply(t, w.root, v1.KindFirmware, "sensor/1.4.2", firmwareSpec("approved", digestA))
	w.stationAt("l3-1", "leipzig", "l3")
	w.batchOf("w47", "sensor", "leipzig", "l3", "SN-1", "SN-2", "SN-3")
	w.unit(unit{product: "sensor", serial: "SN-1", batch: "w47", station: "l3-1", version: "1.4.2"})
	w.unit(unit{product: "sensor", serial: "SN-2", batch: "w47", station: "l3-1", version: "1.4.1"})
	w.device("sensor", "SN-9")
	return w
}

func TestDeviceOfABatch(t *testing.T) {
	w := line(t)
	d, err := w.root.Device(t.Context(), "sensor", "SN-1")
	must(t, err)
	want := v1.Device{
		ID: "sensor/SN-1", Product: "sensor", Serial: "SN-1", State: "active", Batch: "w47", Site: "leipzig", Line: "l3", Station: "l3-1",
		Tier: "T1s", Format: "station", Fresh: "yes",
		Firmware:         []v1.DeviceComponent{{Component: "firmware", Version: "1.4.2", SVN: 7, Mark: 7}},
		CertificateCount: 1,
	}
	if d.ActivatedAt.IsZero() || d.SeenAt.IsZero() || len(d.Certificates) != 1 {
		t.Errorf("device %+v", d)
	}
	d.ActivatedAt, d.ChangedAt, d.SeenAt, d.Certificates = time.Time{}, time.Time{}, time.Time{}, nil
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDeviceQuery(t *testing.T) {
	w := line(t)
	ctx, c := t.Context(), w.root
	w.product("alarm")
	w.device("alarm", "SN-1")
	must(t, w.store.Record(ctx, store.Event{
		Name: store.IncidentOpened, Time: w.now(), Object: "sensor/SN-9",
		Detail: map[string]string{"kind": "renewal-fork", "other": "device sensor/SN-2"},
	}))
	rows := []struct {
		f    client.DeviceFilter
		want string
	}{
		{client.DeviceFilter{Query: "product=sensor"}, "sensor/SN-1 sensor/SN-2 sensor/SN-3 sensor/SN-9"},
		{client.DeviceFilter{Query: "product=sensor", Product: "alarm"}, ""},
		{client.DeviceFilter{Query: "state=active", Product: "alarm"}, "alarm/SN-1"},
		{client.DeviceFilter{Query: "batch~w4* not state=expected"}, "sensor/SN-1 sensor/SN-2"},
		{client.DeviceFilter{Query: "firmware=sensor/1.4.2"}, "sensor/SN-1"},
		{client.DeviceFilter{Query: "firmware=" + digestA[:20]}, "sensor/SN-1"},
		{client.DeviceFilter{Query: "release=approved"}, "sensor/SN-1"},
		{client.DeviceFilter{Query: "tier>=T1s svn.firmware=7"}, "sensor/SN-1 sensor/SN-2"},
		{client.DeviceFilter{Query: "issuer=devices-1 not site=leipzig"}, "alarm/SN-1 sensor/SN-9"},
		{client.DeviceFilter{Query: "not_after<+1h"}, ""},
		{client.DeviceFilter{Query: "created>-1d batch=w47", State: "expected"}, "sensor/SN-3"},
		{client.DeviceFilter{Query: "incident=renewal-fork"}, "sensor/SN-2 sensor/SN-9"},
		{client.DeviceFilter{Query: "product=sensor incident=none state=active"}, "sensor/SN-1"},
	}
	for _, row := range rows {
		t.Run(row.f.Query, func(t *testing.T) {
			var ids []string
			for _, d := range collect(t, c.Devices(ctx, row.f)) {
				ids = append(ids, d.ID)
			}
			if got := strings.Join(ids, " "); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
	for range collectErr(c.Devices(ctx, client.DeviceFilter{Query: "product=sensor enrolled<-30d"}), v1.BadQuery, t) {
	}
	for _, err := range c.Devices(ctx, client.DeviceFilter{Query: "product=sensor enrolled<-30d"}) {
		r := refused(t, err, v1.BadQuery)
		if !strings.Contains(r.Detail, "column 16") || !strings.Contains(r.Detail, "activated") || len(r.Faults) != 1 || r.Faults[0].At != "query:16" {
			t.Errorf("refusal %+v", r)
		}
	}
	// A page finds its way though what matches is far apart.
	r := w.raw(w.operator("r2", "admin", nil, nil))
	if seen := walk(t, r, "/v1/devices?limit=1&query=state%3Dactive"); len(seen) != 4 {
		t.Errorf("by pages of 1: %v", seen)
	}
}

// TestSitesBoundOperators: devices and certificates of another site, or of none,
// are not there.
func TestSitesBoundOperators(t *testing.T) {
	w := line(t)
	ctx := t.Context()
	w.batchOf("there", "sensor", "dresden", "l1", "D-1")
	mira := w.as("mira", "factory", nil, []string{"leipzig"})
	var ids []string
	for _, d := range collect(t, mira.Devices(ctx, client.DeviceFilter{Query: "product=sensor"})) {
		ids = append(ids, d.Serial)
	}
	if got := strings.Join(ids, " "); got != "SN-1 SN-2 SN-3" {
		t.Errorf("mira sees %s", got)
	}
	certs := collect(t, mira.Certificates(ctx, client.CertificateFilter{}))
	if len(certs) != 2 || certs[0].Device != "sensor/SN-1" {
		t.Errorf("mira sees certificates %+v", certs)
	}
	_, err := mira.Certificate(ctx, certs[0].Serial)
	must(t, err)
	token, err := w.root.Device(ctx, "sensor", "SN-9")
	must(t, err)
	_, err = mira.Certificate(ctx, token.Certificates[0].Serial)
	refused(t, err, v1.NotFound)
	for _, serial := range []string{"D-1", "SN-9", "SN-77"} {
		_, err := mira.Device(ctx, "sensor", serial)
		refused(t, err, v1.NotFound)
		_, err = mira.Timeline(ctx, "sensor", serial)
		refused(t, err, v1.NotFound)
		_, err = mira.Hold(ctx, "sensor", serial, v1.Act{}, true)
		refused(t, err, v1.NotFound)
		_, err = mira.Rework(ctx, "sensor", serial, v1.Act{}, false)
		refused(t, err, v1.NotFound)
		_, err = mira.Scrap(ctx, "sensor", serial, v1.Act{}, false)
		refused(t, err, v1.NotFound)
	}
	_, err = mira.Hold(ctx, "sensor", "SN-1", v1.Act{}, false)
	must(t, err)
	// A revocation keeps to the sites too.
	noor := w.as("noor", "security", nil, []string{"dresden"})
	for _, r := range []v1.RevocationRequest{{Device: "sensor/SN-1"}, {Serial: certs[0].Serial}} {
		r.Reason = "superseded"
		_, err = noor.Revoke(ctx, r)
		refused(t, err, v1.NotFound)
	}
}

func TestReworkAndScrap(t *testing.T) {
	w := line(t)
	ctx, c := t.Context(), w.root
	dry, err := c.Rework(ctx, "sensor", "SN-1", v1.Act{}, true)
	must(t, err)
	if d, err := c.Device(ctx, "sensor", "SN-1"); err != nil || d.Rework || !dry.DryRun || dry.Device == nil || !dry.Device.Rework {
		t.Errorf("dry run %+v, device %+v %v", dry, d, err)
	}
	_, err = c.Rework(ctx, "sensor", "SN-1", v1.Act{Comment: "new board"}, false)
	must(t, err)
	if d, err := c.Device(ctx, "sensor", "SN-1"); err != nil || !d.Rework {
		t.Errorf("device %+v %v", d, err)
	}
	_, err = c.Rework(ctx, "sensor", "SN-3", v1.Act{}, false)
	if r := refused(t, err, v1.WrongState); r.Detail != "device sensor/SN-3 is expected" { // it has no certificate yet
		t.Errorf("detail %q", r.Detail)
	}

	planned, err := c.Scrap(ctx, "sensor", "SN-2", v1.Act{}, true)
	must(t, err)
	gone, err := c.Scrap(ctx, "sensor", "SN-2", v1.Act{Ticket: "T-7"}, false)
	must(t, err)
	if len(planned.Changed) != 1 || len(gone.Changed) != 1 || gone.Device.State != "scrapped" || gone.Changed[0].Reason != "cessationOfOperation" {
		t.Errorf("planned %+v, scrapped %+v", planned, gone)
	}
	again, err := c.Scrap(ctx, "sensor", "SN-2", v1.Act{}, false)
	must(t, err)
	if len(again.Changed) != 0 {
		t.Errorf("again %+v", again)
	}
	_, err = c.Rework(ctx, "sensor", "SN-2", v1.Act{}, false)
	refused(t, err, v1.WrongState)
}

// TestTimeline: what happened, oldest first, with what evidence should have been
// for those who may know.
func TestTimeline(t *testing.T) {
	w := line(t)
	ctx, c := t.Context(), w.root
	must(t, w.store.Record(ctx, store.Event{
		Name: store.EnrolmentRefused, Time: w.now(), Object: "sensor/SN-1", Actor: "station:l3-1", Reason: "firmware-unknown",
		Detail: map[string]string{"component": "firmware", "expected": digestA, "got": "sha256:00", "nearest": "sensor/1.4.2"},
	}))
	_, err := c.Hold(ctx, "sensor", "SN-1", v1.Act{Comment: "looks odd"}, false)
	must(t, err)
	for _, who := range []*client.Client{c, w.as("mira", "factory", []string{"sensor"}, []string{"leipzig"}), w.as("ada", "auditor", nil, nil)} {
		got, err := who.Timeline(ctx, "sensor", "SN-1")
		must(t, err)
		var names []string
		var refusal, held, issued v1.Event
		for i, e := range got.Events {
			names = append(names, e.Name)
			if i > 0 && e.Seq <= got.Events[i-1].Seq {
				t.Errorf("event %d after %d", e.Seq, got.Events[i-1].Seq)
			}
			switch e.Name {
			case "enrolment.refused":
				refusal = e
			case "device.held":
				held = e
			case "certificate.issued":
				issued = e
			}
		}
		if got.ID != "sensor/SN-1" || got.More || len(names) < 4 || issued.Serial == "" || issued.Issuer != "devices-1" {
			t.Errorf("timeline %v of %s", names, got.ID)
		}
		if refusal.Reason != "firmware-unknown" || refusal.Actor != "station:l3-1" || refusal.Detail["got"] != "sha256:00" || refusal.Detail["expected"] != digestA {
			t.Errorf("refusal %+v", refusal)
		}
		if held.Actor != "operator:root" || held.Detail["comment"] != "looks odd" {
			t.Errorf("hold %+v", held)
		}
	}
}

func TestIncidents(t *testing.T) {
	w := line(t)
	ctx, c := t.Context(), w.root
	open := func(kind, object, other string) {
		must(t, w.store.Record(ctx, store.Event{
			Name: store.IncidentOpened, Time: w.now(), Object: object, Actor: "station:l3-1", Source: "192.0.2.7",
			Detail: map[string]string{"kind": kind, "other": other},
		}))
	}
	w.product("alarm")
	apply(t, c, v1.KindBatch, "alarms", `{"product":"alarm","quota":1}`)
	open("renewal-fork", "sensor/SN-1", "")
	open("renewal-fork", "sensor/SN-1", "")
	open("over-quota", "batch alarms", "device alarm/A-1")
	open("over-quota", "station l3-1", "station l3-1")
	open("clock", "", "")
	if first := collect(t, c.Incidents(ctx, client.IncidentFilter{Object: "alarm/A-1"})); len(first) != 1 || first[0].Other != "alarm/A-1" {
		t.Errorf("a device is told as PRODUCT/SERIAL: %+v", first)
	}
	all := collect(t, c.Incidents(ctx, client.IncidentFilter{}))
	if len(all) != 4 || all[3].Kind != "renewal-fork" || all[3].Count != 2 || all[3].Actor != "station:l3-1" || all[3].State != "open" {
		t.Fatalf("incidents %+v", all)
	}
	rows := []struct {
		f    client.IncidentFilter
		want int
	}{
		{client.IncidentFilter{Kind: "over-quota"}, 2},
		{client.IncidentFilter{Object: "sensor/SN-1"}, 1},
		{client.IncidentFilter{Object: "alarms"}, 1},
		{client.IncidentFilter{Object: "alarm/A-1"}, 1},
		{client.IncidentFilter{State: "closed"}, 0},
		{client.IncidentFilter{State: "open"}, 4},
	}
	for _, row := range rows {
		if n := len(collect(t, c.Incidents(ctx, row.f))); n != row.want {
			t.Errorf("%+v: %d, want %d", row.f, n, row.want)
		}
	}
	fork := all[3].ID
	dry, err := c.CloseIncident(ctx, fork, v1.IncidentClose{Comment: "a swap", DryRun: true})
	must(t, err)
	if got, err := c.Incident(ctx, fork); err != nil || got.State != "open" || dry.State != "closed" || !dry.DryRun {
		t.Errorf("after a dry run %+v %v, told %+v", got, err, dry)
	}
	for range 2 {
		done, err := c.CloseIncident(ctx, fork, v1.IncidentClose{Comment: "a swap"})
		must(t, err)
		if done.State != "closed" || done.ClosedBy != "operator:root" || done.Comment != "a swap" || done.ClosedAt.IsZero() {
			t.Errorf("closed %+v", done)
		}
	}
	_, err = c.Incident(ctx, 999_999)
	refused(t, err, v1.NotFound)
	// One who is bound to a product sees its own, and what concerns none.
	noor := w.as("noor", "security", []string{"sensor"}, nil)
	var kinds []string
	for _, i := range collect(t, noor.Incidents(ctx, client.IncidentFilter{})) {
		kinds = append(kinds, i.Kind+" "+i.Object)
	}
	if diff := cmp.Diff([]string{"clock ", "over-quota station l3-1", "renewal-fork sensor/SN-1"}, kinds); diff != "" {
		t.Errorf("noor sees (-want +got):\n%s", diff)
	}
	_, err = noor.CloseIncident(ctx, all[2].ID, v1.IncidentClose{})
	refused(t, err, v1.NotFound)
}

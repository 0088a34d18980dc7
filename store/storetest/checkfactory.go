package storetest

import (
	"slices"
	"strings"

	"github.com/assay-pki/assay/store"
)

// tally counts the devices of a batch or a station.
type tally struct{ used, scrapped uint64 }

// checkFactory: counters equal the devices that they count, and every change of
// an order or a station has its event.
func (c *checker) checkFactory() {
	c.Helper()
	batches, stations := map[string]*tally{}, map[string]*tally{}
	count := func(m map[string]*tally, name string, d *store.Device) {
		if m[name] == nil {
			m[name] = &tally{}
		}
		if len(d.Lineage) > 0 {
			m[name].used++
		}
		if d.State == store.DeviceScrapped {
			m[name].scrapped++
		}
	}
	for i := range c.devices {
		count(batches, c.devices[i].Batch, &c.devices[i])
		count(stations, c.devices[i].Station, &c.devices[i])
	}
	of := func(m map[string]*tally, name string) tally {
		if m[name] == nil {
			return tally{}
		}
		return *m[name]
	}
	told := c.tell()
	events := func(object string, names ...store.EventName) (n int) {
		for _, name := range names {
			n += told.count[name][object]
		}
		return n
	}
	for _, b := range c.batches {
		c.same([]uint64{b.Used, b.Scrapped}, []uint64{of(batches, b.Name).used, of(batches, b.Name).scrapped}, "used and scrapped of batch %s", b.Name)
		if b.Used > b.Limit() {
			c.Errorf("invariant: batch %s has used %d of %d", b.Name, b.Used, b.Limit())
		}
		c.same(events(b.Name, store.BatchCreated), 1, "batch.created of %s", b.Name)
		c.same(told.count[store.DeviceWasExpected][b.Name], bit(b.Manifest.Rows > 0), "device.expected of %s", b.Name)
		c.same(events(b.Name, store.BatchClosed), bit(b.State == store.BatchHasClosed), "batch.closed of %s", b.Name)
		changes := events(b.Name, store.BatchChanged, store.BatchPaused, store.BatchResumed, store.BatchClosed)
		if most := int(b.Revision) - 1; changes < most || changes > 2*most {
			c.Errorf("invariant: batch %s has revision %d and %d events of changes", b.Name, b.Revision, changes)
		}
	}
	for _, st := range c.stations {
		c.same(st.Used, of(stations, st.Name).used, "used of station %s", st.Name)
		c.same(events(st.Name, store.StationRevoked), bit(st.Revoked), "station.revoked of %s", st.Name)
		c.same(events(st.Name, store.StationCreated, store.StationChanged, store.StationRevoked), int(st.Revision), "revisions of station %s by events", st.Name)
	}
}

// checkStories: a device names the newest of its events. Refusals and incidents
// from before it was known are not its own.
func (c *checker) checkStories() {
	c.Helper()
	stories := map[string][]store.Event{}
	for _, e := range c.events {
		if _, ok := e.OfDevice(); ok {
			stories[e.Object] = append(stories[e.Object], e)
		}
	}
	for _, d := range c.devices {
		var want []uint64
		var since uint64
		if len(d.Events) > 0 {
			since = d.Events[0]
		}
		for _, e := range stories[d.String()] {
			acts := strings.HasPrefix(string(e.Name), "certificate.") || strings.HasPrefix(string(e.Name), "device.")
			if acts || e.Seq >= since {
				want = append(want, e.Seq)
			}
		}
		want = want[max(len(want)-store.MaxDeviceEvents, 0):]
		c.same(d.Events, want, "events of device %s", d.DeviceID)
		for start := 0; start < len(want); start += page {
			part := want[start:min(start+page, len(want))]
			events, err := c.s.EventsAt(c.Context(), part)
			if err != nil {
				c.Errorf("events of device %s: %v", d.DeviceID, err)
			}
			if !slices.EqualFunc(events, part, func(e store.Event, seq uint64) bool { return e.Seq == seq && e.Object == d.String() }) {
				c.Errorf("invariant: events of device %s are about something else", d.DeviceID)
			}
		}
	}
}

// checkIncidents replays the events of incidents.
func (c *checker) checkIncidents() {
	c.Helper()
	want, open := map[uint64]store.Incident{}, map[[2]string]uint64{}
	for _, e := range c.events {
		switch e.Name {
		case store.IncidentOpened:
			i := store.OpenedBy(&e, e.Seq)
			key := [2]string{i.Kind, i.Object}
			if id := open[key]; id != 0 {
				i = want[id]
				i.CountOn(&e, e.Seq)
			}
			open[key], want[i.ID] = i.ID, i
		case store.IncidentClosed:
			key := [2]string{e.Detail["kind"], e.Object}
			i := want[open[key]]
			i.State, i.ClosedAt, i.ClosedBy, i.Comment = store.IncidentIsClosed, store.StoredTime(e.Time), e.Actor, e.Detail["comment"]
			want[i.ID] = i
			delete(open, key)
		}
	}
	got := map[uint64]store.Incident{}
	for _, i := range pages(c, "incidents", 0, func(v store.Incident) uint64 { return v.ID },
		func(before uint64, n int) ([]store.Incident, error) { return c.s.Incidents(c.Context(), before, n) }) {
		got[i.ID] = i
	}
	c.same(got, want, "incidents by their events")
}

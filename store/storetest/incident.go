package storetest

import (
	"slices"
	"time"

	"github.com/assay-pki/assay/store"
)

func (w *world) opened(kind, object, other string) store.Event {
	return store.Event{
		Name: store.IncidentOpened, Time: w.now, Actor: "station:s1", Source: "192.0.2.7", Object: object,
		Detail: map[string]string{"kind": kind, "other": other},
	}
}

func (w *world) incidents() []store.Incident {
	w.Helper()
	list, err := w.Incidents(w.Context(), 0, store.MaxPage)
	w.must(err)
	return list
}

func incidentPromises() []promise {
	const fork, reused = "renewal-fork", "nonce-reused"
	return []promise{
		{"an event opens one, others count on", func(w *world) {
			w.must(w.Record(w.Context(), w.opened(fork, "sensor/A1", "sensor/A2")))
			id := uint64(w.logHead().Size)
			w.pass(time.Minute)
			began := w.now.Add(-time.Minute)
			w.must(w.Record(w.Context(), w.opened(reused, "sensor/A1", ""), w.opened(fork, "sensor/A1", "sensor/A3"), w.opened(fork, "sensor/A1", "")))
			w.equal(w.incidents(), []store.Incident{
				{
					ID: id + 1, Kind: reused, Object: "sensor/A1", Actor: "station:s1", Source: "192.0.2.7", State: store.IncidentIsOpen,
					OpenedAt: w.now, LastSeq: id + 1, LastAt: w.now, Count: 1,
				},
				{
					ID: id, Kind: fork, Object: "sensor/A1", Other: "sensor/A3", Actor: "station:s1", Source: "192.0.2.7",
					State: store.IncidentIsOpen, OpenedAt: began, LastSeq: id + 3, LastAt: w.now, Count: 3,
				},
			}, "incidents")
			older, err := w.Incidents(w.Context(), id+1, 10)
			w.must(err)
			w.equal(len(older), 1, "incidents before the newest")
		}},
		{"two in one record", func(w *world) {
			w.must(w.Record(w.Context(), w.opened(fork, "sensor/A1", ""), w.opened(fork, "sensor/A1", "")))
			list := w.incidents()
			w.equal([]any{len(list), list[0].Count}, []any{1, uint64(2)}, "incidents, count")
		}},
		{"a closed one is followed by a new one", func(w *world) {
			w.must(w.Record(w.Context(), w.opened(fork, "sensor/A1", "")))
			id := w.incidents()[0].ID
			c := store.CloseIncident{ID: id, Comment: "a lab unit", By: w.actor()}
			var closed store.Incident
			w.tells(func() {
				var err error
				closed, err = w.CloseIncident(w.Context(), c)
				w.must(err)
			}, store.IncidentClosed)
			w.equal([]any{closed.State, closed.ClosedAt, closed.ClosedBy, closed.Comment},
				[]any{store.IncidentIsClosed, w.now, "operator:alice", "a lab unit"}, "closed incident")
			w.unchanged(func() {
				again, err := w.CloseIncident(w.Context(), c)
				w.must(err)
				w.equal(again, closed, "incident closed twice")
				_, err = w.CloseIncident(w.Context(), store.CloseIncident{ID: 999, By: w.actor()})
				w.is(err, store.ErrNotFound)
				_, err = w.Incident(w.Context(), 999)
				w.is(err, store.ErrNotFound)
			})
			w.must(w.Record(w.Context(), w.opened(fork, "sensor/A1", "")))
			list := w.incidents()
			w.equal([]any{len(list), list[0].State, list[1]}, []any{2, store.IncidentIsOpen, closed}, "incidents")
			got, err := w.Incident(w.Context(), id)
			w.must(err)
			w.equal(got, closed, "incident")
		}},
	}
}

func storyPromises() []promise {
	return []promise{
		{"a device names its events", func(w *world) {
			w.must(w.Record(w.Context(), w.refusal("A1"))) // not known yet
			first := uint64(w.logHead().Size) + 1
			c := w.issue(order{serial: "A1"})
			w.must(w.Record(w.Context(), w.refusal("A1"), w.refusal("A2"), w.refusal("A1")))
			w.present(c.Ref)
			w.hold("A1")
			w.release("A1")
			w.revokeOne(c.Ref, store.ReasonSuperseded)
			want := []store.EventName{
				store.CertificateIssued, store.DeviceWasActivated, store.EnrolmentRefused, store.EnrolmentRefused, store.CertificatePresented,
				store.DeviceWasHeld, store.CertificateHeld, store.DeviceWasReleased, store.CertificateReleased, store.CertificateRevoked,
			}
			d := w.device("A1")
			w.equal(d.Events[0], first, "first")
			events, err := w.EventsAt(w.Context(), d.Events)
			w.must(err)
			var names []store.EventName
			for _, e := range events {
				names = append(names, e.Name)
			}
			w.equal(names, want, "events")
		}},
		{"the newest of many", func(w *world) {
			w.issue(order{serial: "A1"})
			for range store.MaxDeviceEvents {
				w.must(w.Record(w.Context(), w.refusal("A1")))
			}
			d := w.device("A1")
			w.equal([]any{len(d.Events), d.Events[len(d.Events)-1]}, []any{store.MaxDeviceEvents, uint64(w.logHead().Size)}, "number of events, newest")
		}},
		{"events in the order asked for", func(w *world) {
			events, err := w.EventsAt(w.Context(), []uint64{3, 99, 1, 0})
			w.must(err)
			w.equal(len(events), 2, "events")
			w.equal([]uint64{events[0].Seq, events[1].Seq}, []uint64{3, 1}, "sequences")
			events, err = w.EventsAt(w.Context(), nil)
			w.must(err)
			w.equal(len(events), 0, "events of none")
			_, err = w.EventsAt(w.Context(), make([]uint64, store.MaxPage+1))
			w.is(err, store.ErrLimit)
		}},
		{"seen and renewed", func(w *world) {
			first := w.issue(order{serial: "A1"})
			began := w.now
			d := w.device("A1")
			w.equal([]time.Time{d.SeenAt, d.RenewedAt}, []time.Time{began, {}}, "seen, renewed")
			w.pass(time.Hour)
			w.present(first.Ref)
			w.equal(w.device("A1").SeenAt, w.now, "seen")
			w.pass(time.Hour)
			w.issue(order{serial: "A1", recovery: store.Renew})
			d = w.device("A1")
			w.equal([]time.Time{d.ActivatedAt, d.SeenAt, d.RenewedAt}, []time.Time{began, w.now, w.now}, "activated, seen, renewed")
		}},
		{"the version rises with what decides enrolments", func(w *world) { w.testVersion() }},
	}
}

func (w *world) refusal(serial string) store.Event {
	return store.Event{Name: store.EnrolmentRefused, Time: w.now, Actor: "station:s1", Object: device(serial).String(), Reason: "weak-key"}
}

func (w *world) testVersion() {
	version := func() uint64 {
		v, err := w.Version(w.Context())
		w.must(err)
		return v
	}
	seen := []uint64{version()}
	for _, act := range []func(){
		func() { _, err := w.putProduct(product, "{}", 0); w.must(err) },
		func() { w.createBatch(w.newBatch("w47", 2)) },
		func() { _, err := w.move("w47", store.BatchHasPaused); w.must(err) },
		func() { _, err := w.move("w47", store.BatchOpen); w.must(err) },
		func() { w.putStation("s1", store.StationSpec{Site: site}) },
		func() {
			_, err := w.RevokeStation(w.Context(), "s1", store.ReasonUnspecified, w.actor())
			w.must(err)
		},
	} {
		act()
		seen = append(seen, version())
	}
	if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
		w.Errorf("versions %v do not rise", seen)
	}
	last := version()
	w.issue(order{serial: "A1", batch: "w47"})
	_, err := w.putProduct(product, "{}", store.AnyRevision)
	w.must(err)
	w.equal(version(), last, "version after what is no change")
}

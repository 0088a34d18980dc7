package enroll

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// Recorder appends events to the audit log, durably.
type Recorder interface {
	Record(ctx context.Context, events ...store.Event) error
}

// Refusals keeps refusals from filling the audit log. Those of strangers are
// counted by reason and network (/24, /48) and become one event a minute; those
// of a principal become an event each, at most one a second for a reason, with
// those between counted into the next one. A crash loses at most the last minute
// of counts. It is safe for concurrent use.
type Refusals struct {
	recorder Recorder
	now      func() time.Time
	log      *slog.Logger

	mu         sync.Mutex
	strangers  map[counted]uint64
	principals map[string]*tally
}

// counted is what strangers' refusals are counted by. The zero network stands
// for all networks that did not fit.
type counted struct {
	reason  v1.Reason
	network netip.Prefix
}

// tally is what a principal did since its last event.
type tally struct {
	last  time.Time
	count uint64
	event store.Event // the last one that was only counted
	// about are the objects of its incidents, at most maxAbout.
	about map[string]struct{}
}

// news tells whether the principal has had no incident about an object yet.
func (t *tally) news(object string) bool {
	if _, known := t.about[object]; known || len(t.about) >= maxAbout {
		return false
	}
	if t.about == nil {
		t.about = make(map[string]struct{})
	}
	t.about[object] = struct{}{}
	return true
}

// NewRefusals makes an empty collector.
func NewRefusals(r Recorder, now func() time.Time, log *slog.Logger) *Refusals {
	return &Refusals{
		recorder: r, now: now, log: log,
		strangers: make(map[counted]uint64), principals: make(map[string]*tally),
	}
}

// Count counts the refusal of a stranger.
func (r *Refusals) Count(reason v1.Reason, source netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(counted{reason, network(source, 24, 48)}, 1)
}

func (r *Refusals) count(k counted, n uint64) {
	if _, ok := r.strangers[k]; !ok && len(r.strangers) >= maxCounted {
		k.network = netip.Prefix{}
	}
	r.strangers[k] += n
}

// record records the events of one principal's request, if its last ones of the
// same reason are a second old; else they are counted by the first of them. The
// request's context does not end it: who goes away is audited all the same.
func (r *Refusals) record(ctx context.Context, at time.Time, events ...store.Event) error {
	if !r.admit(at, events) {
		return nil
	}
	if err := r.recorder.Record(context.WithoutCancel(ctx), events...); err != nil {
		return fmt.Errorf("record %s: %w", events[0].Name, err)
	}
	return nil
}

// admit tells whether the events may be recorded, and gives the first of them the
// count of those before it that were not. Each reason has a clock of its own, and
// so have incidents: what is harmless must not hide them. The first incident about
// each of a few objects waits for no clock, for the operator must hear of them
// all.
func (r *Refusals) admit(at time.Time, events []store.Event) bool {
	e, last := &events[0], &events[len(events)-1]
	key := e.Actor + " " + string(last.Name) + " " + e.Reason
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.principals[key]
	if !ok {
		if len(r.principals) >= maxCounted {
			r.count(counted{reason: v1.Reason(e.Reason)}, 1)
			return false
		}
		t = &tally{last: at.Add(-refusalEvery)}
		r.principals[key] = t
	}
	news := last.Name == store.IncidentOpened && t.news(events[1].Object)
	if !news && at.Sub(t.last) < refusalEvery && !t.last.After(at) {
		t.count++
		t.event = *e
		return false
	}
	if t.count > 0 {
		e.Count = t.count + 1
	}
	t.last, t.count, t.event = at, 0, store.Event{}
	return true
}

// Run writes the counts once a minute, and what is left when ctx ends. It
// returns nil.
func (r *Refusals) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalEvery)
			defer cancel()
			r.flush(last)
			return nil
		}
	}
}

// flush writes what was counted and starts again. What cannot be written is
// counted on.
func (r *Refusals) flush(ctx context.Context) {
	strangers, events := r.take()
	if e, ok := strangersEvent(strangers, r.now()); ok {
		events = append(events, e)
	}
	for chunk := range slices.Chunk(events, store.MaxEventsPerRecord) {
		err := r.recorder.Record(ctx, chunk...)
		if err == nil {
			continue
		}
		r.log.Error("counted refusals not audited", slog.Any("err", err))
		r.putBack(strangers)
		return
	}
}

// take empties the counters. The events are those of principals, by name.
func (r *Refusals) take() (map[counted]uint64, []store.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	strangers := r.strangers
	r.strangers = make(map[counted]uint64)
	var events []store.Event
	for _, key := range slices.Sorted(maps.Keys(r.principals)) {
		if t := r.principals[key]; t.count > 0 {
			t.event.Count = t.count
			events = append(events, t.event)
		}
		delete(r.principals, key)
	}
	return strangers, events
}

func (r *Refusals) putBack(strangers map[counted]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, n := range strangers {
		r.count(k, n)
	}
}

// strangersEvent tells in one event how often which networks were refused: a
// detail for each reason, "NETWORK=COUNT …", the busiest first, and what does
// not fit as other=COUNT.
func strangersEvent(counts map[counted]uint64, at time.Time) (store.Event, bool) {
	e := store.Event{Name: store.EnrolmentRefused, Time: at, Actor: "node", Detail: map[string]string{}}
	byReason := map[v1.Reason][]counted{}
	for k, n := range counts {
		e.Count += n
		byReason[k.reason] = append(byReason[k.reason], k)
	}
	for reason, keys := range byReason {
		slices.SortFunc(keys, func(a, b counted) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.network.String(), b.network.String()))
		})
		e.Detail[string(reason)] = networks(keys, counts)
	}
	return e, e.Count > 0
}

func networks(keys []counted, counts map[counted]uint64) string {
	const roomForOther = 32
	var b strings.Builder
	var other uint64
	for _, k := range keys {
		entry := fmt.Sprintf("%s=%d ", k.network, counts[k])
		if !k.network.IsValid() || b.Len()+len(entry) > maxDetail-roomForOther {
			other += counts[k]
			continue
		}
		b.WriteString(entry)
	}
	if other > 0 {
		fmt.Fprintf(&b, "other=%d ", other)
	}
	return strings.TrimSuffix(b.String(), " ")
}

package enroll

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// tape is a Recorder that can fail.
type tape struct {
	mu     sync.Mutex
	events []store.Event
	fail   error
}

func (t *tape) Record(_ context.Context, events ...store.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fail != nil {
		return t.fail
	}
	t.events = append(t.events, events...)
	return nil
}

func (t *tape) take() []store.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	events := t.events
	t.events = nil
	return events
}

func (t *tape) breaks(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fail = err
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// Nobody fills the disk from outside: however many strangers are refused, they
// are one event a minute.
func TestStrangersAreOneEventAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tape tape
		var log bytes.Buffer
		r := NewRefusals(&tape, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = r.Run(ctx) }()
		for i := range 3 {
			r.Count(v1.CredentialRejected, addr(fmt.Sprintf("192.0.2.%d", i)))
		}
		r.Count(v1.CredentialRejected, addr("2001:db8:1:2::3"))
		r.Count(v1.CredentialMissing, addr("::ffff:198.51.100.4"))
		r.Count(v1.TooLarge, netip.Addr{})
		time.Sleep(flushEvery + time.Second)
		events := tape.take()
		if len(events) != 1 {
			t.Fatalf("%d events, want 1", len(events))
		}
		e := events[0]
		if e.Count != 6 || e.Name != store.EnrolmentRefused ||
			e.Detail["credential-rejected"] != "192.0.2.0/24=3 2001:db8:1::/48=1" ||
			e.Detail["credential-missing"] != "198.51.100.0/24=1" || e.Detail["too-large"] != "other=1" {
			t.Errorf("got %+v", e)
		}
		// A minute in which nothing happened leaves nothing.
		time.Sleep(flushEvery)
		if events := tape.take(); len(events) != 0 {
			t.Errorf("got %+v after a quiet minute", events)
		}
		// What cannot be written is counted on; the rest is written at the end.
		tape.breaks(errors.New("disk full"))
		r.Count(v1.BadCSR, addr("192.0.2.1"))
		time.Sleep(flushEvery)
		tape.breaks(nil)
		r.Count(v1.BadCSR, addr("192.0.2.1"))
		stop()
		<-done
		if events := tape.take(); len(events) != 1 || events[0].Count != 2 {
			t.Errorf("got %+v, want a count of 2", events)
		}
		if !strings.Contains(log.String(), "disk full") {
			t.Error("the failure was not logged")
		}
	})
}

func TestStrangersAreBounded(t *testing.T) {
	var tape tape
	r := NewRefusals(&tape, time.Now, slog.New(slog.DiscardHandler))
	const n = 3 * maxCounted
	for i := range n {
		r.Count(v1.CredentialRejected, netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1}))
	}
	if len(r.strangers) > maxCounted+1 {
		t.Errorf("%d counters, the bound is %d", len(r.strangers), maxCounted)
	}
	r.flush(t.Context())
	e := tape.take()
	if len(e) != 1 || e[0].Count != n || len(e[0].Detail["credential-rejected"]) > maxDetail {
		t.Errorf("got %d events, %+v", len(e), e[0])
	}
}

func TestPrincipalsAreCountedWithinASecond(t *testing.T) {
	var tape tape
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r := NewRefusals(&tape, func() time.Time { return start }, slog.New(slog.DiscardHandler))
	refuse := func(after time.Duration, events ...store.EventName) {
		at := start.Add(after)
		var list []store.Event
		for _, n := range events {
			list = append(list, store.Event{Name: n, Time: at, Actor: "device:p/s", Reason: "subject-mismatch"})
		}
		if err := r.record(t.Context(), at, list...); err != nil {
			t.Error(err)
		}
	}
	for i := range 10 {
		refuse(time.Duration(i)*50*time.Millisecond, store.EnrolmentRefused)
	}
	refuse(600*time.Millisecond, store.EnrolmentRefused, store.IncidentOpened) // not hidden by the others
	refuse(1100*time.Millisecond, store.EnrolmentRefused)
	refuse(1200*time.Millisecond, store.EnrolmentRefused)
	r.flush(t.Context())
	var got []string
	for _, e := range tape.take() {
		got = append(got, fmt.Sprintf("%s %d", e.Name, e.Count))
	}
	want := "enrolment.refused 0, enrolment.refused 0, incident.opened 0, enrolment.refused 10, enrolment.refused 1"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	for i := range 2 * maxCounted {
		at := start.Add(time.Hour)
		_ = r.record(t.Context(), at, store.Event{Name: store.EnrolmentRefused, Time: at, Actor: fmt.Sprint(i), Reason: "x"})
	}
	if len(r.principals) > maxCounted || r.strangers[counted{reason: "x"}] != maxCounted {
		t.Errorf("%d principals, the bound is %d", len(r.principals), maxCounted)
	}
}

// What differs in reason, and incidents about different devices, does not hide
// each other within a second.
func TestPrincipalsEventsDoNotHideEachOther(t *testing.T) {
	var tape tape
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r := NewRefusals(&tape, func() time.Time { return start }, slog.New(slog.DiscardHandler))
	refuse := func(object string, reason v1.Reason, incident bool) {
		list := []store.Event{{Name: store.EnrolmentRefused, Time: start, Actor: "station:l3-1", Object: object, Reason: string(reason)}}
		if incident {
			list = append(list, list[0])
			list[1].Name = store.IncidentOpened
		}
		if err := r.record(t.Context(), start, list...); err != nil {
			t.Error(err)
		}
	}
	got := func() string {
		var names []string
		for _, e := range tape.take() {
			names = append(names, strings.TrimSuffix(fmt.Sprintf("%s %s %s x%d", e.Name, e.Reason, e.Object, e.Count), " x0"))
		}
		return strings.Join(names, "\n")
	}
	refuse("p/1", v1.FirmwareUnknown, false)
	refuse("p/1", v1.SerialNotInManifest, false)
	refuse("p/2", v1.FirmwareUnknown, false) // counted
	refuse("p/1", v1.NonceReused, true)
	refuse("p/2", v1.NonceReused, true)
	refuse("p/2", v1.NonceReused, true) // counted
	want := strings.Join([]string{
		"enrolment.refused firmware-unknown p/1",
		"enrolment.refused serial-not-in-manifest p/1",
		"enrolment.refused nonce-reused p/1", "incident.opened nonce-reused p/1",
		"enrolment.refused nonce-reused p/2", "incident.opened nonce-reused p/2",
	}, "\n")
	if s := got(); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	// A flood of incidents is bounded all the same.
	for i := range 3 * maxAbout {
		refuse(fmt.Sprintf("p/flood%d", i), v1.KeyOfAnotherDevice, true)
	}
	if n := len(tape.take()); n != 2*maxAbout {
		t.Errorf("a flood of incidents left %d events, want %d", n, 2*maxAbout)
	}
}

func TestRecentForgets(t *testing.T) {
	r := newRecent[int, int](10)
	for i := range 1000 {
		r.put(i, i)
		if _, ok := r.get(0); !ok {
			t.Fatalf("what is in use was forgotten after %d", i)
		}
	}
	if n := r.len(); n > 20 {
		t.Errorf("%d entries, the bound is 20", n)
	}
	if _, ok := r.get(500); ok {
		t.Error("an old entry is still there")
	}
	if v := r.getOrPut(5000, func() int { return 7 }); v != 7 {
		t.Errorf("made %d", v)
	}
}

// The audience rule: what only principals may know is not told to strangers.
func TestTell(t *testing.T) {
	for reason, about := range v1.Reasons() {
		r := v1.Refuse(reason, "detail")
		if got := tell(r, true); got != r {
			t.Errorf("%s: a principal is told %s", reason, got.Reason)
		}
		got := tell(r, false)
		if about.Audience == v1.Principals && (got.Reason != v1.NotAuthorized || got.Detail != "") {
			t.Errorf("%s: a stranger is told %s %q", reason, got.Reason, got.Detail)
		}
		if about.Audience == v1.Everybody && got != r {
			t.Errorf("%s: a stranger is told %s", reason, got.Reason)
		}
	}
}

package server

import (
	"testing"
	"time"
)

// handClock is a wall and a monotonic clock moved by hand.
type handClock struct {
	wall time.Time
	mono time.Duration
}

func (h *handClock) pass(d time.Duration) { h.wall, h.mono = h.wall.Add(d), h.mono+d }
func (h *handClock) step(d time.Duration) { h.wall = h.wall.Add(d) }

func start(t *testing.T, h *handClock, mark time.Time, accept bool) *Clock {
	t.Helper()
	c, err := newClock(func() time.Time { return h.wall }, func() time.Duration { return h.mono }, mark, accept)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestThreat35ClockStepStopsIssuanceNotStatus(t *testing.T) {
	for _, step := range []time.Duration{-2 * time.Minute, 2 * time.Minute, 365 * 24 * time.Hour} {
		h := &handClock{wall: noon}
		c := start(t, h, noon, false)
		h.pass(time.Hour)
		if err := c.Doubt(); err != nil {
			t.Fatalf("before the step: %v", err)
		}
		c.Observe(h.wall, false)
		h.step(step)
		if c.Doubt() == nil {
			t.Errorf("step of %s: no doubt", step)
		}
		if c.StatusNow().Before(noon.Add(time.Hour)) {
			t.Errorf("step of %s: status signed with a time before the mark", step)
		}
		h.step(-step)
		if err := c.Doubt(); err != nil {
			t.Errorf("after the clock was put right: %v", err)
		}
	}
}

func TestClockFollowsSlew(t *testing.T) {
	h := &handClock{wall: noon}
	c := start(t, h, noon, false)
	for range 1000 {
		h.pass(time.Minute)
		h.step(500 * time.Millisecond)
		if err := c.Doubt(); err != nil {
			t.Fatalf("slew of 500 ms a minute: %v", err)
		}
	}
}

func TestClockAtStart(t *testing.T) {
	day := 24 * time.Hour
	for _, row := range []struct {
		name    string
		gap     time.Duration // clock minus mark
		accept  bool
		refused bool
		doubt   bool
	}{
		{"a restart", time.Second, false, false, false},
		{"a standstill of 45 days", 45 * day, false, false, false},
		{"a standstill of 46 days", 46 * day, false, true, false},
		{"a standstill of 46 days, accepted", 46 * day, true, false, false},
		{"4 minutes behind", -4 * time.Minute, false, false, false},
		{"6 minutes behind", -6 * time.Minute, false, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := &handClock{wall: noon}
			c, err := newClock(func() time.Time { return h.wall }, func() time.Duration { return h.mono }, noon.Add(-row.gap), row.accept)
			if (err != nil) != row.refused {
				t.Fatalf("refused: got %v, want %v", err, row.refused)
			}
			if err == nil && (c.Doubt() != nil) != row.doubt {
				t.Errorf("doubt: got %v, want %v", c.Doubt(), row.doubt)
			}
		})
	}
	t.Run("behind, then time passes the mark", func(t *testing.T) {
		h := &handClock{wall: noon}
		c := start(t, h, noon.Add(time.Hour), false)
		if c.Doubt() == nil {
			t.Fatal("no doubt while behind")
		}
		h.pass(time.Hour)
		if err := c.Doubt(); err != nil {
			t.Errorf("after the mark: %v", err)
		}
	})
}

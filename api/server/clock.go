package server

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// The clock rule of the authority: a doubtful clock makes no certificate, but
// revocation goes on being signed and served.
const (
	// maxStep is how far wall and monotonic clock may part while we run.
	maxStep = 60 * time.Second
	// maxBehind is how far the clock may stand behind the newest record at start.
	maxBehind = 5 * time.Minute
	// maxAhead is the longest standstill that is believed without asking.
	maxAhead = 45 * 24 * time.Hour
)

// Clock tells the time and whether certificates may be issued by it. It is
// safe for concurrent use.
type Clock struct {
	wall func() time.Time
	mono func() time.Duration

	// idle is how far the clock was past the newest record at start.
	idle time.Duration

	// mark is the newest time on record, in Unix nanoseconds: status is never
	// signed with an older one.
	mark atomic.Int64

	mu     sync.Mutex
	origin time.Time // wall time at monotonic zero
}

// newClock starts a clock against the newest time on record. A clock behind it
// starts in doubt; one further ahead than maxAhead is refused unless accepted.
func newClock(wall func() time.Time, mono func() time.Duration, mark time.Time, accept bool) (*Clock, error) {
	c := &Clock{wall: wall, mono: mono}
	now := wall()
	if ahead := now.Sub(mark); !mark.IsZero() && ahead > maxAhead && !accept {
		return nil, fmt.Errorf("the clock says %s, %d days after the last record (%s): if it is right, start once with: assay serve --accept-clock",
			now.UTC().Format(time.RFC3339), int(ahead.Hours()/24), mark.UTC().Format(time.RFC3339))
	}
	c.origin = now.Round(0).Add(-mono())
	if !mark.IsZero() {
		c.mark.Store(mark.UnixNano())
		c.idle = now.Sub(mark)
	}
	return c, nil
}

// Now is the wall clock.
func (c *Clock) Now() time.Time { return c.wall() }

// StatusNow is the time to sign CRLs and OCSP answers with: never before the
// newest record.
func (c *Clock) StatusNow() time.Time {
	now := c.wall()
	if mark := c.mark.Load(); now.UnixNano() < mark {
		return time.Unix(0, mark)
	}
	return now
}

// Observe moves the mark to a time on record; reset also lowers it.
func (c *Clock) Observe(mark time.Time, reset bool) {
	next := mark.UnixNano()
	for {
		old := c.mark.Load()
		if !reset && next <= old {
			return
		}
		if c.mark.CompareAndSwap(old, next) {
			return
		}
	}
}

// Doubt returns nil while certificates may be issued, else what is wrong. It
// ends by itself when the clock is right again.
func (c *Clock) Doubt() error {
	now := c.wall()
	if mark := time.Unix(0, c.mark.Load()); now.Before(mark.Add(-maxBehind)) {
		return fmt.Errorf("the clock says %s, but records go to %s", now.UTC().Format(time.RFC3339), mark.UTC().Format(time.RFC3339))
	}
	if step := c.step(now); step > maxStep || step < -maxStep {
		return fmt.Errorf("the clock stepped by %s", step.Round(time.Second))
	}
	return nil
}

// step is how far the wall clock has parted from the monotonic one. A drift
// that stays far below maxStep between two calls is a slewed clock, and is
// followed.
func (c *Clock) step(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	step := now.Round(0).Sub(c.origin.Add(c.mono()))
	if step > -time.Second && step < time.Second {
		c.origin = c.origin.Add(step)
		return 0
	}
	return step
}

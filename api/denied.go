package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// denied counts refusals between audit events.
type denied struct {
	mu    sync.Mutex
	pairs map[deniedPair]*deniedCount
}

type deniedPair struct {
	operator string
	action   rbac.Action
	reason   v1.Reason
}

type deniedCount struct {
	since time.Time
	count uint64
}

func newDenied() *denied { return &denied{pairs: map[deniedPair]*deniedCount{}} }

// note counts one refusal, and returns how many an event has to tell now: 0
// while the last event is younger than deniedEvery.
func (d *denied) note(p deniedPair, now time.Time) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.pairs[p]
	if c == nil {
		if len(d.pairs) >= maxDenied {
			// Whoever is forgotten is told at once the next time.
			clear(d.pairs)
		}
		d.pairs[p] = &deniedCount{since: now}
		return 1
	}
	c.count++
	if now.Sub(c.since) < deniedEvery {
		return 0
	}
	n := c.count
	c.since, c.count = now, 0
	return n
}

// recordDenied puts a refusal into the audit log. The refusal stands whether
// that works or not.
func (a *API) recordDenied(ctx context.Context, who *caller, reason v1.Reason) {
	now := a.now()
	n := a.denied.note(deniedPair{who.name, who.action, reason}, now)
	if n == 0 {
		return
	}
	err := a.store.Record(ctx, store.Event{
		Name: store.OperatorDenied, Time: now, Actor: "operator:" + who.name, Source: who.source,
		Object: string(who.action), Reason: string(reason), Count: n,
	})
	if err != nil {
		a.log.LogAttrs(ctx, slog.LevelError, "refusal not in the audit log", slog.String(keyError, err.Error()))
	}
}

package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/store"
)

// impact counts the live devices that run a release, from where the cursor
// says; it reads at most maxScanned of them.
func (a *API) impact(ctx context.Context, r *attest.Release, cursor string, now time.Time) (*v1.RecallImpact, error) {
	after, err := decodeCursor(cursor, store.DeviceID{Product: r.Product})
	if err != nil {
		return nil, err
	}
	after.Product = r.Product // a cursor counts no other product's
	out := &v1.RecallImpact{}
	if r.Grace > 0 && !r.Critical {
		out.RenewUntil = utc(r.RecalledAt.Add(r.Grace))
	}
	groups := map[[2]string]*v1.RecallGroup{}
	for scanned := 0; scanned < maxScanned; {
		page, err := a.store.Devices(ctx, after, chunk)
		if err != nil {
			return nil, err
		}
		for i := range page {
			d := &page[i]
			if d.Product != r.Product {
				return withGroups(out, groups), nil
			}
			after = d.DeviceID
			if !runs(d, r) {
				continue
			}
			end, err := a.lastEnd(ctx, d, now)
			if err != nil {
				return nil, err
			}
			if end.IsZero() {
				continue
			}
			count(groups, d, later(end, out.RenewUntil))
			out.Devices++
		}
		if len(page) < chunk {
			return withGroups(out, groups), nil
		}
		scanned += len(page)
	}
	out.Next = encodeCursor(after)
	return withGroups(out, groups), nil
}

// runs tells whether the newest appraisal of a device that may still renew
// matched a release.
func runs(d *store.Device, r *attest.Release) bool {
	if d.State != store.DeviceActive && d.State != store.DeviceHeld {
		return false
	}
	return slices.ContainsFunc(d.Evidence.Components, func(m store.Measured) bool {
		return m.Version == r.Version && slices.ContainsFunc(r.Components, func(c attest.Component) bool {
			return c.Component == m.Component
		})
	})
}

// lastEnd is when the last of a device's certificates ends that is not revoked;
// zero when none is left.
func (a *API) lastEnd(ctx context.Context, d *store.Device, now time.Time) (time.Time, error) {
	var end time.Time
	recent := d.Lineage[max(0, len(d.Lineage)-2*store.MaxLivePerProfile):]
	certs, err := a.certificatesAt(ctx, recent)
	if err != nil {
		return end, err
	}
	for _, c := range certs {
		if c.Profile == store.ProfileOperational && c.Status != store.Revoked && c.NotAfter.After(now) {
			end = later(end, c.NotAfter)
		}
	}
	return end, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func count(groups map[[2]string]*v1.RecallGroup, d *store.Device, end time.Time) {
	key := [2]string{d.Site, d.Batch}
	g := groups[key]
	if g == nil {
		g = &v1.RecallGroup{Site: d.Site, Batch: d.Batch, FirstEnd: utc(end)}
		groups[key] = g
	}
	g.Devices++
	if end.Before(g.FirstEnd) {
		g.FirstEnd = utc(end)
	}
	g.LastEnd = utc(later(g.LastEnd, end))
}

func withGroups(out *v1.RecallImpact, groups map[[2]string]*v1.RecallGroup) *v1.RecallImpact {
	out.Groups = []v1.RecallGroup{}
	for _, g := range groups {
		out.Groups = append(out.Groups, *g)
	}
	slices.SortFunc(out.Groups, func(x, y v1.RecallGroup) int {
		return cmp.Or(cmp.Compare(x.Site, y.Site), cmp.Compare(x.Batch, y.Batch))
	})
	return out
}

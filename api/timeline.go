package api

import (
	"cmp"
	"context"
	"slices"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

type timelineOut struct {
	Body v1.Timeline
}

// appraised are the facts of an event that say what evidence should have been.
var appraised = []string{"why", "component", "expected", "got", "nearest"}

// timeline reads a device's own list of its events.
func (a *API) timeline(ctx context.Context, who *caller, in *DevicePath) (*timelineOut, error) {
	d, err := a.visible(ctx, who, in.id())
	if err != nil {
		return nil, err
	}
	names, err := a.issuerNames(ctx)
	if err != nil {
		return nil, err
	}
	events, err := a.store.EventsAt(ctx, d.Events)
	if err != nil {
		return nil, err
	}
	details := rbac.Allow(who.grant, rbac.AppraisalRead, d.Product, d.Site) == rbac.Allowed
	return &timelineOut{Body: v1.Timeline{
		ID: d.String(), Events: tellEvents(events, names, details), More: len(d.Events) >= store.MaxDeviceEvents,
	}}, nil
}

// tellEvents is what of a device's events is told, the oldest first.
func tellEvents(events []store.Event, names issuerNames, details bool) []v1.Event {
	out := []v1.Event{}
	for _, e := range events {
		told := event(e, names)
		if !details {
			for _, fact := range appraised {
				delete(told.Detail, fact)
			}
		}
		out = append(out, told)
	}
	slices.SortFunc(out, func(x, y v1.Event) int { return cmp.Compare(x.Seq, y.Seq) })
	return out
}

package api

import (
	"context"
	"errors"
	"slices"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

type incidentsIn struct {
	PageQuery
	State  string `query:"state" enum:"open,contained,closed" doc:"only those in this state"`
	Kind   string `query:"kind" maxLength:"64" doc:"only of this kind"`
	Object string `query:"object" maxLength:"256" doc:"only about this object, as PRODUCT/SERIAL"`
}

type incidentIn struct {
	ID uint64 `path:"id" doc:"its number"`
}

type closeIncidentIn struct {
	ID   uint64 `path:"id" doc:"its number"`
	Body *v1.IncidentClose
}

type incidentOut struct {
	Body v1.Incident
}

func incident(i store.Incident) v1.Incident {
	return v1.Incident{
		ID: i.ID, Kind: i.Kind, Object: printable(deviceNamed(i.Object)), Other: printable(deviceNamed(i.Other)),
		Actor: printable(i.Actor), Source: printable(i.Source), State: i.State.String(),
		OpenedAt: utc(i.OpenedAt), LastAt: utc(i.LastAt), LastSeq: i.LastSeq, Count: i.Count,
		ClosedAt: utc(i.ClosedAt), ClosedBy: i.ClosedBy, Comment: printable(i.Comment),
	}
}

// deviceNamed is a party of an incident as PRODUCT/SERIAL when it is a device,
// whatever its record calls it; else as it is.
func deviceNamed(party string) string {
	return strings.TrimPrefix(party, store.HolderDevice+" ")
}

// concerns tells whether an incident is about something inside the caller's
// grant: a device, a batch, or a station of one of its products. What nobody
// knows concerns no product.
func (a *API) concerns(ctx context.Context, who *caller, i store.Incident) (bool, error) {
	if id, ok := store.ParseDeviceID(deviceNamed(i.Object)); ok {
		return who.sees(id.Product, ""), nil
	}
	kind, name, _ := strings.Cut(i.Object, " ")
	switch kind {
	case "batch":
		b, err := a.presentBatch(ctx, name)
		return err == nil && who.sees(b.Product, ""), err
	case store.HolderStation:
		s, err := a.store.Station(ctx, name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		return len(s.Products) == 0 || slices.ContainsFunc(s.Products, func(p string) bool { return who.sees(p, "") }), nil
	}
	return who.sees("", ""), nil
}

// isNamed tells whether an object of an incident, as PRODUCT/SERIAL or "batch
// NAME", is the one that somebody looks for.
func isNamed(object, wanted string) bool {
	return object == wanted || strings.HasSuffix(object, " "+wanted)
}

func (a *API) listIncidents(ctx context.Context, who *caller, in *incidentsIn) (*pageOut[v1.Incident], error) {
	l := list[uint64, store.Incident, v1.Incident]{
		read: a.store.Incidents,
		key:  func(i store.Incident) uint64 { return i.ID },
		item: func(i store.Incident) (v1.Incident, error) { return incident(i), nil },
	}
	if in.State != "" || in.Kind != "" || in.Object != "" {
		l.keep = func(i store.Incident) (bool, bool) {
			return (in.State == "" || i.State.String() == in.State) && (in.Kind == "" || i.Kind == in.Kind) &&
				(in.Object == "" || isNamed(i.Object, in.Object) || isNamed(i.Other, in.Object)), true
		}
	}
	if !who.grant.Unbound() {
		l.match = func(ctx context.Context, i store.Incident) (bool, error) {
			return a.concerns(ctx, who, i)
		}
	}
	return l.page(ctx, in.PageQuery, 0)
}

// visibleIncident reads one that the caller may see, or may act on.
func (a *API) visibleIncident(ctx context.Context, who *caller, id uint64) (store.Incident, error) {
	i, err := a.store.Incident(ctx, id)
	if err != nil {
		return i, err
	}
	mine, err := a.concerns(ctx, who, i)
	if err == nil && !mine {
		err = v1.Refuse(v1.NotFound, "")
	}
	return i, err
}

func (a *API) getIncident(ctx context.Context, who *caller, in *incidentIn) (*incidentOut, error) {
	i, err := a.visibleIncident(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	return &incidentOut{Body: incident(i)}, nil
}

func (a *API) closeIncident(ctx context.Context, who *caller, in *closeIncidentIn) (*incidentOut, error) {
	i, err := a.visibleIncident(ctx, who, in.ID)
	if err != nil {
		return nil, err
	}
	var body v1.IncidentClose
	if in.Body != nil {
		body = *in.Body
	}
	by := a.actor(who)
	if body.DryRun {
		if i.State != store.IncidentIsClosed {
			i.State, i.ClosedAt, i.ClosedBy, i.Comment = store.IncidentIsClosed, by.At, by.Principal, body.Comment
		}
	} else if i, err = a.store.CloseIncident(ctx, store.CloseIncident{ID: in.ID, Comment: body.Comment, By: by}); err != nil {
		return nil, err
	}
	out := &incidentOut{Body: incident(i)}
	out.Body.DryRun = body.DryRun
	return out, nil
}

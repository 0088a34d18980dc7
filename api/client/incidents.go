package client

import (
	"context"
	"iter"
	"strconv"

	v1 "github.com/assay-pki/assay/api/v1"
)

// IncidentFilter narrows Incidents; empty fields match all.
type IncidentFilter struct {
	State, Kind string
	// Object is PRODUCT/SERIAL, or another object's name.
	Object string
}

// Incidents lists incidents, the newest first.
func (c *Client) Incidents(ctx context.Context, f IncidentFilter) iter.Seq2[v1.Incident, error] {
	return pages[v1.Incident](ctx, c, "/incidents", filter("state", f.State, "kind", f.Kind, "object", f.Object), pageSize)
}

// Incident reads one.
func (c *Client) Incident(ctx context.Context, id uint64) (v1.Incident, error) {
	return get[v1.Incident](ctx, c, incidentPath(id))
}

// CloseIncident ends one.
func (c *Client) CloseIncident(ctx context.Context, id uint64, r v1.IncidentClose) (v1.Incident, error) {
	return post[v1.Incident](ctx, c, incidentPath(id)+"/close", nil, r)
}

func incidentPath(id uint64) string { return "/incidents/" + strconv.FormatUint(id, 10) }

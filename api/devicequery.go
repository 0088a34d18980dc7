package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/assay-pki/assay/api/query"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// queried narrows a list of devices to those that match a query. It returns the
// one product that the query names, if it does.
func (a *API) queried(ctx context.Context, l *list[store.DeviceID, store.Device, v1.Device], text string) (product string, err error) {
	q, err := query.Parse(text, a.now())
	if err != nil {
		return "", badQuery(err)
	}
	names, err := a.issuerNames(ctx)
	if err != nil {
		return "", err
	}
	source := &lookUp{api: a, names: names, batches: map[string]store.Batch{}, releases: map[string]*query.Release{}}
	l.match = func(ctx context.Context, d store.Device) (bool, error) {
		return q.Match(ctx, query.Subject{Device: d, Source: source})
	}
	product, _ = q.Product()
	return product, nil
}

func badQuery(err error) error {
	r := &v1.Refusal{Reason: v1.BadQuery, Detail: err.Error(), Next: "see assay device list --help"}
	if fault, ok := errors.AsType[*query.Error](err); ok {
		r.Faults = []v1.Fault{{At: fmt.Sprintf("query:%d", fault.Column), Reason: printable(err.Error())}}
	}
	return r
}

// lookUp is a query.Source that keeps what one page has read.
type lookUp struct {
	api       *API
	names     issuerNames
	batches   map[string]store.Batch
	releases  map[string]*query.Release // nil: none of that name
	incidents map[string][]string       // kinds of those that are not closed, by object
}

// Certificate implements query.Source.
func (l *lookUp) Certificate(ctx context.Context, ref store.Ref) (query.Certificate, error) {
	c, err := l.api.store.Certificate(ctx, ref)
	return query.Certificate{Certificate: c, Issuer: l.names[c.Issuer]}, err
}

// Batch implements query.Source.
func (l *lookUp) Batch(ctx context.Context, name string) (store.Batch, error) {
	if b, ok := l.batches[name]; ok {
		return b, nil
	}
	b, err := l.api.store.Batch(ctx, name)
	if err == nil {
		l.batches[name] = b
	}
	return b, err
}

// Release implements query.Source: each is read once, also one that is not
// there.
func (l *lookUp) Release(ctx context.Context, product, version string) (query.Release, error) {
	name := product + "/" + version
	kept, known := l.releases[name]
	if !known {
		d, err := l.api.store.Document(ctx, store.KindFirmware, name)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return query.Release{}, err
		default:
			if kept, err = releaseKnown(d); err != nil {
				return query.Release{}, err
			}
		}
		l.releases[name] = kept
	}
	if kept == nil {
		return query.Release{}, store.ErrNotFound
	}
	return *kept, nil
}

// releaseKnown is what the language knows of a stored release.
func releaseKnown(d store.Document) (*query.Release, error) {
	r, err := release(d)
	if err != nil {
		return nil, err
	}
	out := &query.Release{State: r.State, Digests: map[string][]string{}}
	for _, c := range r.Components {
		out.Digests[c.Component] = append(out.Digests[c.Component], c.Digests...)
	}
	return out, nil
}

// Incidents implements query.Source: all that are not closed are read once.
func (l *lookUp) Incidents(ctx context.Context, device store.DeviceID) ([]string, error) {
	if l.incidents != nil {
		return l.incidents[device.String()], nil
	}
	found := map[string][]string{}
	for before := uint64(0); ; {
		page, err := l.api.store.Incidents(ctx, before, maxLimit)
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			before = i.ID
			if i.State == store.IncidentIsClosed {
				continue
			}
			object, other := deviceNamed(i.Object), deviceNamed(i.Other)
			found[object] = append(found[object], i.Kind)
			if other != object {
				found[other] = append(found[other], i.Kind)
			}
		}
		if len(page) < maxLimit {
			l.incidents = found
			return found[device.String()], nil
		}
	}
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// NamePath names one object. It is exported for huma, as PageQuery is.
type NamePath struct {
	Name string `path:"name" maxLength:"128" doc:"its name"`
}

// putIn is a PUT of a document.
type putIn struct {
	NamePath
	Condition
	Body v1.Document
}

// appliedOut is the answer to it.
type appliedOut struct {
	ETag string `header:"ETag"`
	Body v1.Applied
}

// envelope holds a document against the URL that it came to.
func (in *putIn) envelope(kind string) error { return envelope(&in.Body, kind, in.Name) }

func envelope(d *v1.Document, kind, name string) error {
	var faults []v1.Fault
	if d.Kind != kind {
		faults = append(faults, v1.Fault{At: "kind", Reason: "this URL takes kind " + kind})
	}
	if d.Name != name {
		faults = append(faults, v1.Fault{At: "name", Reason: "is not the name of the URL"})
	}
	if faults != nil {
		return badDocument("", faults...)
	}
	return nil
}

// utc keeps the zero time zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// declared is a stored document as it is told.
func declared(d store.Document) v1.Declared {
	return v1.Declared{
		APIVersion: v1.APIVersion, Kind: string(d.Kind), Name: d.Name,
		Spec: json.RawMessage(d.Body), Revision: d.Revision, ChangedAt: utc(d.At), ChangedBy: d.By,
	}
}

// present reads the newest revision; the zero Document when there is none.
func (a *API) present(ctx context.Context, kind store.DocumentKind, name string) (store.Document, error) {
	d, err := a.store.Document(ctx, kind, name)
	if errors.Is(err, store.ErrNotFound) {
		return store.Document{}, nil
	}
	return d, err
}

// judge says whether a spec may become the next revision, and what its event
// tells; it is called only when something changes.
type judge func(ctx context.Context, before store.Document, act *store.PutDocument) error

// putDocument stores a canonical spec: conditions, then sameness, then the
// judgement, then the record.
func (a *API) putDocument(
	ctx context.Context, who *caller, in Condition, kind store.DocumentKind, name string, canonical []byte, may judge,
) (*appliedOut, error) {
	before, err := a.present(ctx, kind, name)
	if err != nil {
		return nil, err
	}
	expect, err := in.check(before.Revision)
	if err != nil {
		return nil, err
	}
	if before.Revision != 0 && string(before.Body) == string(canonical) {
		return applied(v1.Unchanged, in.DryRun, nil, declared(before)), nil
	}
	act := store.PutDocument{Kind: kind, Name: name, Body: canonical, Expect: expect, By: a.actor(who)}
	if err := may(ctx, before, &act); err != nil {
		return nil, err
	}
	result := v1.Changed
	if before.Revision == 0 {
		result = v1.Created
	}
	if in.DryRun {
		after := declared(store.Document{Kind: kind, Name: name, Body: canonical})
		return applied(result, true, before.Body, after), nil
	}
	after, err := a.store.PutDocument(ctx, act)
	if err != nil {
		return nil, err
	}
	return applied(result, false, before.Body, declared(after)), nil
}

func applied(result v1.Result, dryRun bool, before []byte, after v1.Declared) *appliedOut {
	out := &appliedOut{Body: v1.Applied{Result: result, DryRun: dryRun, Before: before, After: after}}
	if result == v1.Unchanged {
		out.Body.Before = after.Spec
	}
	if after.Revision != 0 {
		out.ETag = etag(after.Revision)
	}
	return out
}

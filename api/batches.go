package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

type batchOut struct {
	ETag string `header:"ETag"`
	Body v1.Batch
}

type batchesIn struct {
	PageQuery
	Product string `query:"product" maxLength:"128" doc:"only this product's"`
	Site    string `query:"site" maxLength:"64" doc:"only this site's"`
	State   string `query:"state" enum:"open,paused,closed" doc:"only those in this state"`
}

// batchActIn is pause, resume, close or nonce of a batch.
type batchActIn struct {
	NamePath
	DryRun bool `query:"dry_run" doc:"answer what would be done and change nothing"`
}

// batchSpec is an order as a document: its manifest is named by its digest.
func batchSpec(b *store.Batch) v1.BatchSpec {
	s := v1.BatchSpec{
		Product: b.Product, Site: b.Site, Line: b.Line,
		From: utc(b.From), Until: utc(b.Until), Quota: b.Quota,
	}
	if b.Manifest.Rows > 0 {
		s.Manifest = manifestName(b.Manifest.SHA256)
	}
	return s
}

func manifestName(sum [32]byte) string { return fmt.Sprintf("sha256:%x", sum) }

func declaredBatch(b *store.Batch) (v1.Declared, error) {
	spec, err := json.Marshal(batchSpec(b))
	if err != nil {
		return v1.Declared{}, fmt.Errorf("write batch %s: %w", b.Name, err)
	}
	d := v1.Declared{
		APIVersion: v1.APIVersion, Kind: v1.KindBatch, Name: b.Name, Spec: spec, Revision: b.Revision,
	}
	if b.Revision == 1 {
		d.ChangedAt, d.ChangedBy = utc(b.CreatedAt), b.CreatedBy
	}
	return d, nil
}

// batch is an order as it is told, without its certificate.
func batch(b *store.Batch) (v1.Batch, error) {
	d, err := declaredBatch(b)
	if err != nil {
		return v1.Batch{}, err
	}
	out := v1.Batch{
		Declared: d, Product: b.Product, Site: b.Site, Line: b.Line, From: utc(b.From), Until: utc(b.Until),
		State: b.State.String(), Limit: b.Limit(), Used: b.Used, Left: b.Left(), Scrapped: b.Scrapped,
		HasNonce: len(b.Nonce) > 0, CreatedAt: utc(b.CreatedAt), CreatedBy: b.CreatedBy, ClosedAt: utc(b.ClosedAt),
	}
	if b.Manifest.Rows > 0 {
		out.Manifest = &v1.BatchManifest{
			SHA256: fmt.Sprintf("%x", b.Manifest.SHA256), Rows: b.Manifest.Rows, Format: b.Manifest.Format,
		}
	}
	return out, nil
}

func (a *API) listBatches(ctx context.Context, who *caller, in *batchesIn) (*pageOut[v1.Batch], error) {
	l := list[string, store.Batch, v1.Batch]{
		read: a.store.Batches,
		key:  func(b store.Batch) string { return b.Name },
		item: func(b store.Batch) (v1.Batch, error) { return batch(&b) },
	}
	if *in != (batchesIn{PageQuery: in.PageQuery}) || !who.grant.Unbound() {
		l.keep = func(b store.Batch) (bool, bool) {
			return who.sees(b.Product, b.Site) && (in.Product == "" || b.Product == in.Product) &&
				(in.Site == "" || b.Site == in.Site) && (in.State == "" || b.State.String() == in.State), true
		}
	}
	return l.page(ctx, in.PageQuery, "")
}

// visibleBatch reads a batch that the caller may see, or may act on.
func (a *API) visibleBatch(ctx context.Context, who *caller, name string) (store.Batch, error) {
	b, err := a.store.Batch(ctx, name)
	if err != nil {
		return b, err
	}
	return b, a.may(ctx, who, b.Product, b.Site)
}

// presentBatch reads one; the zero Batch when there is none.
func (a *API) presentBatch(ctx context.Context, name string) (store.Batch, error) {
	b, err := a.store.Batch(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return store.Batch{}, nil
	}
	return b, err
}

func (a *API) getBatch(ctx context.Context, who *caller, in *NamePath) (*batchOut, error) {
	b, err := a.visibleBatch(ctx, who, in.Name)
	if err != nil {
		return nil, err
	}
	return a.tellBatch(ctx, &b, false)
}

// tellBatch is the answer about one batch; a closed one comes with its
// end-of-batch certificate.
func (a *API) tellBatch(ctx context.Context, b *store.Batch, dryRun bool) (*batchOut, error) {
	body, err := batch(b)
	if err != nil {
		return nil, err
	}
	body.DryRun = dryRun
	if b.State == store.BatchHasClosed && !dryRun {
		if body.Certificate, err = a.batchCertificate(ctx, b); err != nil {
			return nil, err
		}
	}
	return &batchOut{ETag: etag(b.Revision), Body: body}, nil
}

// onBatch is the handler of a change of state.
func (a *API) onBatch(to store.BatchState) func(context.Context, *caller, *batchActIn) (*batchOut, error) {
	return func(ctx context.Context, who *caller, in *batchActIn) (*batchOut, error) {
		b, err := a.visibleBatch(ctx, who, in.Name)
		if err != nil {
			return nil, err
		}
		if b.State == store.BatchHasClosed && to != store.BatchHasClosed {
			return nil, batchClosed()
		}
		act := change(&b, a.actor(who))
		act.State = to
		if in.DryRun {
			if _, _, err := act.Apply(&b); err != nil {
				return nil, err
			}
			return a.tellBatch(ctx, &b, true)
		}
		if b, err = a.store.ChangeBatch(ctx, act); err != nil {
			return nil, err
		}
		return a.tellBatch(ctx, &b, false)
	}
}

func batchClosed() error {
	return &v1.Refusal{Reason: v1.WrongState, Detail: "the batch is closed, for ever", Next: "create another: assay batch create"}
}

// change is an act that changes nothing yet.
func change(b *store.Batch, by store.Actor) store.ChangeBatch {
	return store.ChangeBatch{
		Name: b.Name, From: b.From, Until: b.Until, Quota: b.Quota, State: b.State, Expect: b.Revision, By: by,
	}
}

type batchNonceOut struct {
	Body v1.BatchNonce
}

// batchNonce makes the nonce of a batch, once.
func (a *API) batchNonce(ctx context.Context, who *caller, in *batchActIn) (*batchNonceOut, error) {
	b, err := a.visibleBatch(ctx, who, in.Name)
	if err != nil {
		return nil, err
	}
	if b.State == store.BatchHasClosed {
		return nil, batchClosed()
	}
	if len(b.Nonce) == 0 && !in.DryRun {
		act := change(&b, a.actor(who))
		act.Nonce = make([]byte, batchNonceBytes)
		rand.Read(act.Nonce)
		if b, err = a.store.ChangeBatch(ctx, act); err != nil {
			return nil, err
		}
	}
	out := &batchNonceOut{Body: v1.BatchNonce{DryRun: in.DryRun, Batch: b.Name, From: utc(b.From), Until: utc(b.Until)}}
	if len(b.Nonce) > 0 {
		out.Body.Nonce, out.Body.Signed, err = a.signedNonce(ctx, &b)
	}
	return out, err
}

// window checks the times of a document.
func window(from, until time.Time) []v1.Fault {
	if until.IsZero() || until.After(from) {
		return nil
	}
	return []v1.Fault{{At: "spec.until", Reason: "is not after from"}}
}

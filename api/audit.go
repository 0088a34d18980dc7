package api

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

type eventsIn struct {
	PageQuery
	After  uint64 `query:"after" doc:"a sequence number; events come strictly after it"`
	Name   string `query:"name" maxLength:"64" doc:"only events of this name"`
	Object string `query:"object" maxLength:"256" doc:"only events about this object, as PRODUCT/SERIAL"`
}

func (a *API) listEvents(ctx context.Context, _ *caller, in *eventsIn) (*pageOut[v1.Event], error) {
	names, err := a.issuerNames(ctx)
	if err != nil {
		return nil, err
	}
	l := list[uint64, store.Event, v1.Event]{
		read: a.store.Events,
		key:  func(e store.Event) uint64 { return e.Seq },
		item: func(e store.Event) (v1.Event, error) { return event(e, names), nil },
	}
	if in.Name != "" || in.Object != "" {
		l.keep = func(e store.Event) (bool, bool) {
			return (in.Name == "" || string(e.Name) == in.Name) && (in.Object == "" || e.Object == in.Object), true
		}
	}
	return l.page(ctx, in.PageQuery, in.After)
}

func event(e store.Event, names issuerNames) v1.Event {
	out := v1.Event{
		Seq: e.Seq, Name: string(e.Name), Time: utc(e.Time), Actor: printable(e.Actor), Source: printable(e.Source),
		Object: printable(e.Object), Issuer: names[e.Issuer], Reason: e.Reason, Count: e.Count,
	}
	if len(e.Serial) > 0 {
		out.Serial = fmt.Sprintf("%x", e.Serial)
	}
	for name, value := range e.Detail {
		if out.Detail == nil {
			out.Detail = map[string]string{}
		}
		out.Detail[printable(name)] = printable(value)
	}
	if len(e.Digest) > 0 {
		if out.Detail == nil {
			out.Detail = map[string]string{}
		}
		out.Detail["sha256"] = fmt.Sprintf("%x", e.Digest)
	}
	return out
}

type leavesIn struct {
	PageQuery
	After uint64 `query:"after" doc:"a sequence number; leaves come strictly after it"`
}

func (a *API) listLeaves(ctx context.Context, _ *caller, in *leavesIn) (*pageOut[v1.Leaf], error) {
	l := list[uint64, store.Event, v1.Leaf]{
		read: a.store.Events,
		key:  func(e store.Event) uint64 { return e.Seq },
		item: func(e store.Event) (v1.Leaf, error) { return v1.Leaf{Seq: e.Seq, Bytes: e.Bytes}, nil },
	}
	out, err := l.page(ctx, in.PageQuery, in.After)
	if err != nil || len(out.Body.Items) == 0 {
		return out, err
	}
	indexes := make([]int64, len(out.Body.Items))
	for i, leaf := range out.Body.Items {
		indexes[i] = tlog.StoredHashIndex(0, int64(leaf.Seq)-1)
	}
	hashes, err := a.store.LogHashes(ctx, indexes)
	if err != nil {
		return nil, err
	}
	for i := range out.Body.Items {
		out.Body.Items[i].Hash = hashes[i][:]
	}
	return out, nil
}

type checkpointOut struct {
	Body v1.Checkpoint
}

func (a *API) getCheckpoint(ctx context.Context, _ *caller, _ *none) (*checkpointOut, error) {
	authority, err := a.store.Authority(ctx)
	if err != nil {
		return nil, err
	}
	note, err := a.store.Checkpoint(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	// Read after the note: the head is never behind what it covers.
	head, err := a.store.Log(ctx)
	if err != nil {
		return nil, err
	}
	return &checkpointOut{Body: v1.Checkpoint{
		Note: string(note), Size: head.Size, Root: fmt.Sprintf("%x", head.Root), LogKey: authority.LogKey,
	}}, nil
}

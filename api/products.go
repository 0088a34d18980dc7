package api

import (
	"context"
	"errors"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

type productOut struct {
	ETag string `header:"ETag"`
	Body v1.Product
}

func (a *API) listProducts(ctx context.Context, who *caller, in *PageQuery) (*pageOut[v1.Product], error) {
	l := list[string, store.Document, v1.Product]{
		read: func(ctx context.Context, after string, n int) ([]store.Document, error) {
			return a.store.Documents(ctx, store.KindProduct, after, n)
		},
		key:  func(d store.Document) string { return d.Name },
		item: func(d store.Document) (v1.Product, error) { return v1.Product{Declared: declared(d)}, nil },
	}
	if !who.grant.Unbound() {
		l.keep = func(d store.Document) (bool, bool) { return who.sees(d.Name, ""), true }
	}
	return l.page(ctx, *in, "")
}

func (a *API) getProduct(ctx context.Context, who *caller, in *NamePath) (*productOut, error) {
	if err := a.may(ctx, who, in.Name, ""); err != nil {
		return nil, err
	}
	d, err := a.store.Document(ctx, store.KindProduct, in.Name)
	if err != nil {
		return nil, err
	}
	return &productOut{ETag: etag(d.Revision), Body: v1.Product{Declared: declared(d)}}, nil
}

func (a *API) putProduct(ctx context.Context, who *caller, in *putIn) (*appliedOut, error) {
	if err := a.may(ctx, who, in.Name, ""); err != nil {
		return nil, err
	}
	if err := in.envelope(v1.KindProduct); err != nil {
		return nil, err
	}
	product, err := profile.ParseProduct(in.Name, in.Body.Spec)
	if err != nil {
		return nil, err
	}
	canonical, err := product.CanonicalJSON()
	if err != nil {
		return nil, err
	}
	return a.putDocument(ctx, who, in, store.KindProduct, canonical, func(ctx context.Context, revision uint32) error {
		compiled, err := a.compile(ctx, product, revision)
		if err != nil {
			return err
		}
		return unfit(a.ca.Check(ctx, compiled))
	})
}

// unfit tells what the document can mend from trouble of the authority's.
func unfit(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*profile.FaultsError](err); ok {
		return err
	}
	_, broken := errors.AsType[*lint.Error](err)
	if broken || errors.Is(err, profile.ErrName) || errors.Is(err, ca.ErrKey) {
		return &v1.Refusal{
			Reason: v1.BadDocument, Err: err,
			Faults: []v1.Fault{{At: "spec", Reason: printable(err.Error())}},
		}
	}
	return signerTrouble(err)
}

// compile makes a product's profile for the issuer that would sign now.
func (a *API) compile(ctx context.Context, p *profile.Product, revision uint32) (*profile.Profile, error) {
	authority, err := a.store.Authority(ctx)
	if err != nil {
		return nil, err
	}
	issuers, err := a.store.Issuers(ctx)
	if err != nil {
		return nil, err
	}
	var limits profile.IssuerLimits
	var newest uint32
	for _, i := range issuers {
		if i.Kind == store.KindDevices && i.Generation >= newest {
			newest, limits.MaxValidity = i.Generation, i.MaxValidity
		}
	}
	return p.Compile(revision, authority.Name, limits)
}

type policyOut struct {
	ETag string `header:"ETag"`
	Body v1.Policy
}

// getPolicy answers the defaults, revision 0, while none was set.
func (a *API) getPolicy(ctx context.Context, _ *caller, in *NamePath) (*policyOut, error) {
	if in.Name != v1.PolicyName {
		return nil, v1.Refuse(v1.NotFound, "the one policy is named "+v1.PolicyName)
	}
	d, err := a.present(ctx, store.KindPolicy, in.Name)
	if err != nil {
		return nil, err
	}
	if d.Revision != 0 {
		return &policyOut{ETag: etag(d.Revision), Body: v1.Policy{Declared: declared(d)}}, nil
	}
	policy, err := profile.ParsePolicy([]byte("{}"))
	if err != nil {
		return nil, err
	}
	spec, err := policy.CanonicalJSON()
	if err != nil {
		return nil, err
	}
	return &policyOut{Body: v1.Policy{Declared: declared(store.Document{
		Kind: store.KindPolicy, Name: in.Name, Body: spec,
	})}}, nil
}

func (a *API) putPolicy(ctx context.Context, who *caller, in *putIn) (*appliedOut, error) {
	if in.Name != v1.PolicyName {
		return nil, v1.Refuse(v1.NotFound, "the one policy is named "+v1.PolicyName)
	}
	if err := in.envelope(v1.KindPolicy); err != nil {
		return nil, err
	}
	policy, err := profile.ParsePolicy(in.Body.Spec)
	if err != nil {
		return nil, err
	}
	canonical, err := policy.CanonicalJSON()
	if err != nil {
		return nil, err
	}
	return a.putDocument(ctx, who, in, store.KindPolicy, canonical, func(context.Context, uint32) error { return nil })
}

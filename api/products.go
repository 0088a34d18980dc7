package api

import (
	"context"
	"errors"
	"fmt"

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
	return a.putDocument(ctx, who, in.Condition, store.KindProduct, in.Name, canonical, func(ctx context.Context, before store.Document, _ *store.PutDocument) error {
		return a.fits(ctx, product, before.Revision+1)
	})
}

// fits checks what a product's profiles would make.
func (a *API) fits(ctx context.Context, p *profile.Product, revision uint32) error {
	operational, err := a.compile(ctx, p, revision)
	if err != nil {
		return err
	}
	if err := unfit(a.ca.Check(ctx, operational)); err != nil {
		return err
	}
	if p.Spec.Birth == nil {
		return nil
	}
	birth, err := a.compileBirth(ctx, p, revision)
	if err != nil {
		return err
	}
	return unfit(a.ca.Check(ctx, birth))
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
	name, limits, _, err := a.issuerOf(ctx, store.KindDevices)
	if err != nil {
		return nil, err
	}
	return p.Compile(revision, name, limits)
}

// compileBirth is compile for birth certificates, whose issuer an authority
// without a public URL has not.
func (a *API) compileBirth(ctx context.Context, p *profile.Product, revision uint32) (*profile.Profile, error) {
	name, limits, there, err := a.issuerOf(ctx, store.KindBirths)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, v1.Refuse(v1.BirthsNeedPublicURL, "the product has a birth block, and this authority has no issuer of births")
	}
	return p.CompileBirth(revision, name, limits)
}

// issuerOf tells the authority's name and the limits of the newest issuer of a
// kind, if there is one.
func (a *API) issuerOf(ctx context.Context, kind string) (name string, limits profile.IssuerLimits, there bool, err error) {
	authority, err := a.store.Authority(ctx)
	if err != nil {
		return "", limits, false, err
	}
	issuers, err := a.store.Issuers(ctx)
	if err != nil {
		return "", limits, false, err
	}
	var newest uint32
	for _, i := range issuers {
		if i.Kind == kind && i.Generation >= newest {
			newest, limits.MaxValidity, there = i.Generation, i.MaxValidity, true
		}
	}
	return authority.Name, limits, there, nil
}

// productNamed reads and parses a product, for what rests on it.
func (a *API) productNamed(ctx context.Context, name string) (*profile.Product, uint32, error) {
	d, err := a.present(ctx, store.KindProduct, name)
	if err != nil {
		return nil, 0, err
	}
	if d.Revision == 0 {
		return nil, 0, &v1.Refusal{
			Reason: v1.NotFound, Detail: "there is no product " + printable(name),
			Next: "list the products: assay product list",
		}
	}
	p, err := profile.ParseProduct(name, d.Body)
	if err != nil {
		return nil, 0, fmt.Errorf("read product %s: %w", name, hide(err))
	}
	return p, d.Revision, nil
}

// compiledNamed is productNamed, compiled: for its rule of serials.
func (a *API) compiledNamed(ctx context.Context, name string) (*profile.Profile, error) {
	p, revision, err := a.productNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	compiled, err := a.compile(ctx, p, revision)
	if err != nil {
		return nil, fmt.Errorf("compile product %s: %w", name, hide(err))
	}
	return compiled, nil
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
	return a.putDocument(ctx, who, in.Condition, store.KindPolicy, in.Name, canonical, func(context.Context, store.Document, *store.PutDocument) error {
		return nil
	})
}

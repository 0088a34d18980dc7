package enroll

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// birthSuffix of a label names the birth profile of a product.
const birthSuffix = ".birth"

// productCache keeps the compiled profile of each product's newest revision. It
// holds as many entries as there are products.
type productCache struct{ m sync.Map } // name -> *profile.Profile

// compiled returns the profile of a product as it is now: the document's
// revision is read each time. The error wraps store.ErrNotFound for no such
// product.
func (s *Service) compiled(ctx context.Context, name string) (*profile.Profile, error) {
	doc, err := s.store.Document(ctx, store.KindProduct, name)
	if err != nil {
		return nil, fmt.Errorf("read product %q: %w", name, err)
	}
	if p, ok := s.products.m.Load(name); ok && p.(*profile.Profile).Revision == doc.Revision {
		return p.(*profile.Profile), nil
	}
	p, err := s.compile(ctx, doc)
	if err != nil {
		return nil, fmt.Errorf("compile product %s@%d: %w", name, doc.Revision, err)
	}
	s.products.m.Store(name, p)
	return p, nil
}

func (s *Service) compile(ctx context.Context, doc store.Document) (*profile.Profile, error) {
	authority, err := s.store.Authority(ctx)
	if err != nil {
		return nil, err
	}
	product, err := profile.ParseProduct(doc.Name, doc.Body)
	if err != nil {
		return nil, err
	}
	// The issuer's limits were held against it when it was activated, and the
	// issuer cuts what it signs.
	return product.Compile(doc.Revision, authority.Name, profile.IssuerLimits{})
}

// findProduct is the label's product, which must be the credential's own.
func (a *attempt) findProduct(ctx context.Context) error {
	own := a.who.device.Product
	if a.who.token != nil {
		own = a.who.token.Product
	}
	if a.Label != "" && a.Label != own {
		return a.otherLabel(ctx)
	}
	p, err := a.compiled(ctx, own)
	if err != nil {
		return err
	}
	a.product = p
	return nil
}

// otherLabel refuses a label that is not the credential's. A token of another
// product is not told from a bad one.
func (a *attempt) otherLabel(ctx context.Context) error {
	name := strings.TrimSuffix(a.Label, birthSuffix)
	_, err := a.store.Document(ctx, store.KindProduct, name)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && name != a.Label:
		return v1.Refuse(v1.NotFound, "") // birth profiles cannot be had yet
	case err != nil:
		return fmt.Errorf("read product: %w", err)
	case a.who.token != nil:
		return a.rejectToken()
	}
	return v1.Refuse(v1.LabelNotYours, "")
}

// admit refuses a kind of credential that the product does not admit. Renewal
// is open to every device.
func (a *attempt) admit(context.Context) error {
	if a.who.token != nil && !a.product.Admit.Has(profile.AdmitToken) {
		return v1.Refuse(v1.AdmissionNotAllowed, "tokens are not admitted")
	}
	return nil
}

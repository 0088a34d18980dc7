package enroll

import (
	"context"
	"errors"
	"slices"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// birthSuffix of a label names the birth profile of a product.
const birthSuffix = ".birth"

// findProduct is the label's product and profile, which must be the
// credential's own; without a label it is the credential's operational one.
func (a *attempt) findProduct(ctx context.Context) error {
	name, birth := strings.CutSuffix(a.Label, birthSuffix)
	own, err := a.ownProduct(ctx, name)
	if err != nil {
		return err
	}
	if name != "" && name != own {
		return a.otherLabel(ctx, name, birth)
	}
	if a.model, err = a.snap.model(ctx, own); err != nil {
		return err
	}
	a.product = a.model.operational
	if birth {
		return a.useBirth()
	}
	return nil
}

// ownProduct is the credential's. A station may have several; the label then
// says which.
func (a *attempt) ownProduct(ctx context.Context, label string) (string, error) {
	switch {
	case a.who.station != nil:
		return a.productOfStation(ctx, label)
	case a.who.token != nil:
		return a.who.token.Product, nil
	}
	return a.who.device.Product, nil
}

// otherLabel refuses a label that is not the credential's. A token of another
// product is not told from a bad one.
func (a *attempt) otherLabel(ctx context.Context, name string, birth bool) error {
	m, err := a.snap.model(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && birth && m.birth == nil:
		return v1.Refuse(v1.NotFound, "")
	case err != nil:
		return err
	case a.who.token != nil:
		return a.rejectToken()
	}
	return v1.Refuse(v1.LabelNotYours, "")
}

// useBirth takes the birth profile. Nothing renews under it.
func (a *attempt) useBirth() error {
	switch {
	case a.model.birth == nil:
		return v1.Refuse(v1.NotFound, "")
	case a.renewal():
		return v1.Refuse(v1.LabelNotYours, "a birth certificate is never renewed: the label is without "+birthSuffix)
	case !a.anchors.Load().has(store.KindBirths):
		return v1.Refuse(v1.BirthsNeedPublicURL, "")
	}
	a.product = a.model.birth
	return nil
}

// admit refuses a kind of credential that the profile does not admit. Renewal
// is open to every device.
func (a *attempt) admit(context.Context) error {
	if a.renewal() {
		return nil
	}
	kind, said := profile.AdmitBirth, "birth certificates"
	switch {
	case a.who.token != nil:
		kind, said = profile.AdmitToken, "tokens"
	case a.who.station != nil:
		kind, said = profile.AdmitStation, "stations"
	}
	if !a.product.Admit.Has(kind) {
		return v1.Refuse(v1.AdmissionNotAllowed, said+" are not admitted")
	}
	return nil
}

// has tells whether there is an issuer of a kind.
func (a *anchors) has(kind string) bool {
	return slices.ContainsFunc(a.all, func(i IssuerCert) bool { return i.Kind == kind })
}

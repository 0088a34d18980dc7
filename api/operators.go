package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

type operatorOut struct {
	ETag string `header:"ETag"`
	Body v1.Operator
}

func specOf(o store.Operator) v1.OperatorSpec {
	return v1.OperatorSpec{Role: o.Role, Products: o.Products, Sites: o.Sites}
}

// declaredOperator is an operator's grant as a document.
func declaredOperator(name string, spec v1.OperatorSpec, o store.Operator) (v1.Declared, error) {
	b, err := json.Marshal(spec)
	if err != nil {
		return v1.Declared{}, fmt.Errorf("write operator %s: %w", name, err)
	}
	return v1.Declared{
		APIVersion: v1.APIVersion, Kind: v1.KindOperator, Name: name,
		Spec: b, Revision: o.Revision, ChangedAt: utc(o.At), ChangedBy: o.By,
	}, nil
}

// operator is an operator with the serial numbers of its certificates.
func (a *API) operator(ctx context.Context, o store.Operator) (v1.Operator, error) {
	d, err := declaredOperator(o.Name, specOf(o), o)
	if err != nil {
		return v1.Operator{}, err
	}
	out := v1.Operator{Declared: d, Removed: o.Removed}
	for _, ref := range newestRefs(o.Certificates) {
		c, err := a.store.Certificate(ctx, ref)
		if err != nil {
			return v1.Operator{}, err
		}
		out.Certificates = append(out.Certificates, fmt.Sprintf("%x", c.Serial))
	}
	return out, nil
}

func (a *API) listOperators(ctx context.Context, _ *caller, in *PageQuery) (*pageOut[v1.Operator], error) {
	l := list[string, store.Operator, v1.Operator]{
		read: a.store.Operators,
		key:  func(o store.Operator) string { return o.Name },
		item: func(o store.Operator) (v1.Operator, error) { return a.operator(ctx, o) },
	}
	return l.page(ctx, *in, "")
}

func (a *API) getOperator(ctx context.Context, _ *caller, in *NamePath) (*operatorOut, error) {
	o, err := a.store.Operator(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	body, err := a.operator(ctx, o)
	if err != nil {
		return nil, err
	}
	return &operatorOut{ETag: etag(o.Revision), Body: body}, nil
}

// presentOperator reads one; the zero Operator when there is none.
func (a *API) presentOperator(ctx context.Context, name string) (store.Operator, error) {
	o, err := a.store.Operator(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return store.Operator{}, nil
	}
	return o, err
}

// parseGrant reads the spec of an Operator document.
func parseGrant(name string, spec []byte) (v1.OperatorSpec, error) {
	var s v1.OperatorSpec
	var faults []v1.Fault
	fault := func(at, reason string) { faults = append(faults, v1.Fault{At: at, Reason: reason}) }
	if !profile.IsName(name) {
		fault("name", "1 to 32 of a-z 0-9 -, beginning with a letter or digit")
	}
	faults = append(faults, strict(spec, &s)...)
	if !rbac.Role(s.Role).Valid() {
		fault("spec.role", "one of admin, security, factory, auditor")
	}
	if len(s.Products) > maxNames || len(s.Sites) > maxNames {
		fault("spec", fmt.Sprintf("at most %d products and %d sites", maxNames, maxNames))
	}
	for i, p := range s.Products {
		if p != rbac.Everything && !profile.IsName(p) {
			fault(fmt.Sprintf("spec.products[%d]", i), "not the name of a product")
		}
	}
	for i, site := range s.Sites {
		if site == "" || len(site) > maxSite || printable(site) != site {
			fault(fmt.Sprintf("spec.sites[%d]", i), fmt.Sprintf("a site is 1 to %d printable octets", maxSite))
		}
	}
	if s.Role == string(rbac.Factory) && len(s.Sites) == 0 {
		fault("spec.sites", `a factory operator must name its sites; "*" is all`)
	}
	if faults != nil {
		return s, badDocument("", firstOfEach(faults)...)
	}
	return canonicalGrant(s), nil
}

// canonicalGrant sorts, so that equal grants have equal records.
func canonicalGrant(s v1.OperatorSpec) v1.OperatorSpec {
	sorted := func(list []string) []string {
		list = slices.Compact(slices.Sorted(slices.Values(list)))
		if slices.Contains(list, rbac.Everything) {
			return []string{rbac.Everything}
		}
		return list
	}
	s.Products, s.Sites = sorted(s.Products), sorted(s.Sites)
	return s
}

func (a *API) putOperator(ctx context.Context, who *caller, in *putIn) (*appliedOut, error) {
	if err := in.envelope(v1.KindOperator); err != nil {
		return nil, err
	}
	spec, err := parseGrant(in.Name, in.Body.Spec)
	if err != nil {
		return nil, err
	}
	before, err := a.presentOperator(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := a.mayGrant(ctx, who, before, spec); err != nil {
		return nil, err
	}
	present := before.Revision
	if before.Removed {
		present = 0 // a removed operator comes back as a new one
	}
	expect, err := in.check(present)
	if err != nil {
		return nil, err
	}
	if before.Removed && expect == 0 {
		expect = before.Revision
	}
	result := resultOf(before, spec)
	if result == v1.Unchanged || in.DryRun {
		if result != v1.Unchanged {
			if err := a.keepsAdmin(ctx, before, spec.Role); err != nil {
				return nil, err
			}
		}
		return a.appliedOperator(result, in, before, spec, before, in.DryRun && result != v1.Unchanged)
	}
	after, err := a.store.PutOperator(ctx, store.PutOperator{
		Name: in.Name, Role: spec.Role, Products: spec.Products, Sites: spec.Sites,
		Expect: expect, By: a.actor(who),
	})
	if err != nil {
		return nil, err
	}
	return a.appliedOperator(result, in, before, spec, after, false)
}

func resultOf(before store.Operator, spec v1.OperatorSpec) v1.Result {
	switch {
	case before.Revision == 0 || before.Removed:
		return v1.Created
	case before.Role == spec.Role && slices.Equal(before.Products, spec.Products) && slices.Equal(before.Sites, spec.Sites):
		return v1.Unchanged
	}
	return v1.Changed
}

// appliedOperator is the answer; planned leaves out what no record has yet.
func (a *API) appliedOperator(
	result v1.Result, in *putIn, before store.Operator, spec v1.OperatorSpec, after store.Operator, planned bool,
) (*appliedOut, error) {
	if planned {
		after = store.Operator{}
	}
	d, err := declaredOperator(in.Name, spec, after)
	if err != nil {
		return nil, err
	}
	var old []byte
	if result == v1.Changed {
		if old, err = json.Marshal(specOf(before)); err != nil {
			return nil, err
		}
	}
	return applied(result, in.DryRun, old, d), nil
}

// mayGrant keeps an admin whose grant is bound from giving, or taking, more than
// it has.
func (a *API) mayGrant(ctx context.Context, who *caller, before store.Operator, spec v1.OperatorSpec) error {
	wanted := rbac.Grant{Role: rbac.Role(spec.Role), Products: spec.Products, Sites: spec.Sites}
	if !who.grant.Covers(wanted) || before.Revision != 0 && !before.Removed && !who.grant.Covers(grantOf(before)) {
		return a.scopeDenied(ctx, who, "the operator's grant would reach beyond the caller's own")
	}
	return nil
}

// keepsAdmin is the store's rule about the last admin, for a dry run.
func (a *API) keepsAdmin(ctx context.Context, o store.Operator, role string) error {
	if o.Removed || o.Role != store.RoleAdmin || role == store.RoleAdmin {
		return nil
	}
	admins, err := a.operatorsWith(ctx, rbac.OperatorAdd)
	if err != nil {
		return err
	}
	if admins < 2 {
		return store.ErrLastAdmin
	}
	return nil
}

type removeIn struct {
	NamePath
	Condition
}

type changeOut struct {
	Body v1.StatusChange
}

func (a *API) removeOperator(ctx context.Context, who *caller, in *removeIn) (*changeOut, error) {
	o, err := a.store.Operator(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if !who.grant.Covers(grantOf(o)) {
		return nil, a.scopeDenied(ctx, who, "the operator's grant reaches beyond the caller's own")
	}
	expect, err := in.check(o.Revision)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return a.planRemoval(ctx, o)
	}
	change, err := a.store.RemoveOperator(ctx, in.Name, expect, a.actor(who))
	if err != nil {
		return nil, err
	}
	return a.change(ctx, change, false)
}

// planRemoval answers what RemoveOperator would do.
func (a *API) planRemoval(ctx context.Context, o store.Operator) (*changeOut, error) {
	if err := a.keepsAdmin(ctx, o, ""); err != nil {
		return nil, err
	}
	planned, err := a.planRevocation(ctx, o.Certificates, o.Removed, store.ReasonPrivilegeWithdrawn)
	if err != nil {
		return nil, err
	}
	return a.change(ctx, planned, true)
}

// planRevocation tells which of a holder's certificates its end would revoke.
func (a *API) planRevocation(ctx context.Context, refs []store.Ref, ended bool, reason uint8) (change store.StatusChange, err error) {
	if ended {
		return change, nil
	}
	now := a.now()
	for _, ref := range refs {
		c, err := a.store.Certificate(ctx, ref)
		if err != nil {
			return change, err
		}
		if c.Unexpired(now) && c.MarkRevoked(reason, now, c.InvalidAt) {
			change.Changed = append(change.Changed, c)
		}
	}
	return change, nil
}

package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/store"
)

// FirmwarePath names one release. It is exported for huma, as PageQuery is.
type FirmwarePath struct {
	Product string `path:"product" maxLength:"32"`
	Version string `path:"version" maxLength:"96"`
}

func (in FirmwarePath) name() string { return in.Product + "/" + in.Version }

type firmwareOut struct {
	ETag string `header:"ETag"`
	Body v1.Firmware
}

type firmwaresIn struct {
	PageQuery
	Product string `query:"product" maxLength:"128" doc:"only this product's"`
	State   string `query:"state" enum:"draft,approved,deprecated,recalled" doc:"only those in this state"`
}

// release reads a stored release.
func release(d store.Document) (*attest.Release, error) {
	r, err := attest.LoadRelease(d.Name, d.Body)
	if err != nil {
		return nil, fmt.Errorf("read firmware %s: %w", d.Name, hide(err))
	}
	return r, nil
}

// firmware is a release as it is told.
func (a *API) firmware(ctx context.Context, d store.Document) (v1.Firmware, error) {
	r, err := release(d)
	if err != nil {
		return v1.Firmware{}, err
	}
	out := v1.Firmware{
		Declared: declared(d), Product: r.Product, Version: r.Version, State: r.State,
		Components: []v1.FirmwareComponent{}, Advisory: printable(r.Advisory), Source: printable(r.Source),
	}
	for _, c := range r.Components {
		out.Components = append(out.Components, v1.FirmwareComponent{Component: c.Component, SVN: c.SVN, Digests: c.Digests})
	}
	out.Deadline = utc(r.Deadline)
	if r.State == v1.FirmwareIsRecalled {
		out.RecalledAt, out.Critical = utc(r.RecalledAt), r.Critical
		if r.Grace > 0 && !r.Critical {
			out.RenewUntil = utc(r.RecalledAt.Add(r.Grace))
		}
	}
	first := d
	if d.Revision > 1 {
		if first, err = a.store.DocumentRevision(ctx, d.Kind, d.Name, 1); err != nil {
			return out, err
		}
	}
	out.AddedBy, out.AddedAt = first.By, utc(first.At)
	return out, nil
}

func (a *API) listFirmware(ctx context.Context, who *caller, in *firmwaresIn) (*pageOut[v1.Firmware], error) {
	l := list[string, store.Document, v1.Firmware]{
		read: func(ctx context.Context, after string, n int) ([]store.Document, error) {
			return a.store.Documents(ctx, store.KindFirmware, after, n)
		},
		key:  func(d store.Document) string { return d.Name },
		item: func(d store.Document) (v1.Firmware, error) { return a.firmware(ctx, d) },
	}
	start := ""
	if in.Product != "" {
		start = in.Product + "/"
	}
	if *in != (firmwaresIn{PageQuery: in.PageQuery}) || !who.grant.Unbound() {
		l.keep = func(d store.Document) (bool, bool) {
			product, _, _ := strings.Cut(d.Name, "/")
			keep := who.sees(product, "")
			if keep && in.State != "" {
				r, err := release(d)
				keep = err != nil || r.State == in.State // item tells the error
			}
			return keep, in.Product == "" || product == in.Product
		}
	}
	return l.page(ctx, in.PageQuery, start)
}

func (a *API) getFirmware(ctx context.Context, who *caller, in *FirmwarePath) (*firmwareOut, error) {
	if err := a.may(ctx, who, in.Product, ""); err != nil {
		return nil, err
	}
	d, err := a.store.Document(ctx, store.KindFirmware, in.name())
	if err != nil {
		return nil, err
	}
	out := &firmwareOut{ETag: etag(d.Revision)}
	out.Body, err = a.firmware(ctx, d)
	return out, err
}

type putFirmwareIn struct {
	FirmwarePath
	Condition
	Body v1.Document
}

func (a *API) putFirmware(ctx context.Context, who *caller, in *putFirmwareIn) (*appliedOut, error) {
	if err := a.may(ctx, who, in.Product, ""); err != nil {
		return nil, err
	}
	if err := envelope(&in.Body, v1.KindFirmware, in.name()); err != nil {
		return nil, err
	}
	document, err := declaredRelease(in.name(), in.Body.Spec)
	if err != nil {
		return nil, err
	}
	seen, was, err := a.presentRelease(ctx, in.name())
	if err != nil {
		return nil, err
	}
	r := was.Declare(document)
	canonical, err := r.CanonicalJSON()
	if err != nil {
		return nil, err
	}
	return a.putDocument(ctx, who, in.Condition, store.KindFirmware, in.name(), canonical,
		func(ctx context.Context, before store.Document, act *store.PutDocument) error {
			if before.Revision != seen.Revision {
				return store.ErrChanged
			}
			if err := a.judgeRelease(ctx, was, r, before, act); err != nil {
				return err
			}
			// The judgement is about this revision and no other.
			act.Expect = before.Revision
			return nil
		})
}

// presentRelease reads the newest revision; nil when there is none.
func (a *API) presentRelease(ctx context.Context, name string) (store.Document, *attest.Release, error) {
	d, err := a.present(ctx, store.KindFirmware, name)
	if err != nil || d.Revision == 0 {
		return d, nil, err
	}
	r, err := release(d)
	return d, r, err
}

// declaredRelease reads what somebody declares.
func declaredRelease(name string, spec []byte) (*attest.Release, error) {
	r, err := attest.ParseRelease(name, spec)
	if faults, ok := errors.AsType[*attest.FaultsError](err); ok {
		return nil, badDocument("", releaseFaults(faults)...)
	}
	if err != nil {
		return nil, badDocument("", v1.Fault{At: "spec", Reason: err.Error()})
	}
	return r, nil
}

func releaseFaults(f *attest.FaultsError) []v1.Fault {
	faults := make([]v1.Fault, len(f.Faults))
	for i, fault := range f.Faults {
		at := "spec"
		if fault.At != "" && fault.At != "name" {
			at += "." + fault.At
		} else if fault.At == "name" {
			at = fault.At
		}
		faults[i] = v1.Fault{At: at, Reason: fault.Reason}
	}
	return faults
}

// judgeRelease says whether a document may change a release so; was is nil for
// a new one. A recall is neither made nor undone by it.
func (a *API) judgeRelease(ctx context.Context, was, r *attest.Release, before store.Document, act *store.PutDocument) error {
	if _, _, err := a.productNamed(ctx, r.Product); err != nil {
		return err
	}
	if was != nil {
		if err := mayBecome(was, r); err != nil {
			return err
		}
	}
	draft := was == nil || was.State == attest.StateDraft
	if draft && r.State != attest.StateDraft {
		changed := was == nil || !sameComponents(was.Components, r.Components)
		if err := a.mayApprove(ctx, act.By.Principal, before, changed); err != nil {
			return err
		}
	}
	act.Event = eventOf(r.State)
	if was != nil && was.State == r.State {
		act.Facts = map[string]string{"changed": "document"}
	}
	return nil
}

// eventOf is what a document tells that leaves a release in a state.
func eventOf(state string) store.EventName {
	switch state {
	case attest.StateApproved:
		return store.FirmwareApproved
	case attest.StateDeprecated:
		return store.FirmwareDeprecated
	case attest.StateRecalled:
		return store.FirmwareRecalled
	}
	return store.FirmwareAdded
}

// mayBecome holds a document against the release that is there. What was
// approved once keeps its components: devices were judged by them.
func mayBecome(was, is *attest.Release) error {
	switch {
	case was.State == attest.StateDraft:
		return nil
	case is.State == attest.StateDraft:
		return &v1.Refusal{
			Reason: v1.WrongState, Detail: "the release is " + was.State + ", and is never a draft again",
			Next: "deprecate or recall it",
		}
	case !sameComponents(was.Components, is.Components):
		return &v1.Refusal{
			Reason: v1.ImmutableField, Detail: "the components of a release are fixed once it was approved",
			Next:   "add a new version: assay firmware add",
			Faults: []v1.Fault{{At: "spec.components", Reason: "fixed once it was approved"}},
		}
	}
	return nil
}

func sameComponents(a, b []attest.Component) bool {
	return slices.EqualFunc(a, b, func(x, y attest.Component) bool {
		return x.Component == y.Component && x.SVN == y.SVN && slices.Equal(x.Digests, y.Digests)
	})
}

// mayApprove is the rule firmware_approval: two: neither who added a release
// nor who last changed it, nor who changes it with the same act, lets it out of
// its draft.
func (a *API) mayApprove(ctx context.Context, principal string, before store.Document, changed bool) error {
	policy, err := a.policy(ctx)
	if err != nil || policy.Spec.FirmwareApproval != "two" {
		return err
	}
	refusal := &v1.Refusal{
		Reason: v1.RoleDenied,
		Detail: "the policy wants two people for a firmware release (firmware_approval: two), and the caller added or changed this one",
		Next:   "add it as a draft, and let another operator run: assay firmware approve",
	}
	if changed || before.By == principal {
		return refusal
	}
	first, err := a.store.DocumentRevision(ctx, before.Kind, before.Name, 1)
	if err != nil {
		return err
	}
	if first.By == principal {
		return refusal
	}
	return nil
}

// policy is the authority's, or the default one.
func (a *API) policy(ctx context.Context) (*profile.Policy, error) {
	d, err := a.present(ctx, store.KindPolicy, v1.PolicyName)
	if err != nil {
		return nil, err
	}
	if d.Revision == 0 {
		d.Body = []byte("{}")
	}
	policy, err := profile.ParsePolicy(d.Body)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", hide(err))
	}
	return policy, nil
}

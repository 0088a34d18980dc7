package api

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/store"
)

type stationOut struct {
	ETag string `header:"ETag"`
	Body v1.Station
}

type stationsIn struct {
	PageQuery
	Site  string `query:"site" maxLength:"64" doc:"only this site's"`
	State string `query:"state" enum:"active,ended,revoked" doc:"only those in this state"`
}

// declaredStation is what a station may do as a document.
func declaredStation(s *store.Station) (v1.Declared, error) {
	spec, err := json.Marshal(stationSpec(&s.StationSpec))
	if err != nil {
		return v1.Declared{}, fmt.Errorf("write station %s: %w", s.Name, err)
	}
	d := v1.Declared{
		APIVersion: v1.APIVersion, Kind: v1.KindStation, Name: s.Name, Spec: spec, Revision: s.Revision,
	}
	if s.Revision == 1 {
		d.ChangedAt, d.ChangedBy = utc(s.CreatedAt), s.CreatedBy
	}
	return d, nil
}

// station is a station with the serial numbers of its certificates.
func (a *API) station(ctx context.Context, s *store.Station) (v1.Station, error) {
	d, err := declaredStation(s)
	if err != nil {
		return v1.Station{}, err
	}
	out := v1.Station{
		Declared: d, Site: s.Site, Line: s.Line, State: stateOf(s, a.now()), Used: s.Used, Revoked: s.Revoked,
		CreatedAt: utc(s.CreatedAt), CreatedBy: s.CreatedBy,
	}
	for _, ref := range newestRefs(s.Certificates) {
		c, err := a.store.Certificate(ctx, ref)
		if err != nil {
			return v1.Station{}, err
		}
		out.Certificates = append(out.Certificates, fmt.Sprintf("%x", c.Serial))
	}
	return out, nil
}

func stateOf(s *store.Station, now time.Time) string {
	switch {
	case s.Revoked:
		return v1.StationRevoked
	case !s.Until.IsZero() && !now.Before(s.Until):
		return v1.StationEnded
	}
	return v1.StationActive
}

// whereStation decides about a station: the grant must reach every product that
// it may enrol.
func (who *caller) whereStation(products []string, site string) rbac.Decision {
	if len(products) == 0 {
		products = []string{rbac.Everything}
	}
	worst := rbac.Allowed
	for _, p := range products {
		worst = min(worst, rbac.Allow(who.grant, who.action, p, site))
	}
	return worst
}

func (a *API) listStations(ctx context.Context, who *caller, in *stationsIn) (*pageOut[v1.Station], error) {
	now := a.now()
	l := list[string, store.Station, v1.Station]{
		read: a.store.Stations,
		key:  func(s store.Station) string { return s.Name },
		item: func(s store.Station) (v1.Station, error) { return a.station(ctx, &s) },
	}
	if *in != (stationsIn{PageQuery: in.PageQuery}) || !who.grant.Unbound() {
		l.keep = func(s store.Station) (bool, bool) {
			return who.whereStation(s.Products, s.Site) == rbac.Allowed &&
				(in.Site == "" || s.Site == in.Site) && (in.State == "" || stateOf(&s, now) == in.State), true
		}
	}
	return l.page(ctx, in.PageQuery, "")
}

// visibleStation reads a station that the caller may see, or may act on.
func (a *API) visibleStation(ctx context.Context, who *caller, name string) (store.Station, error) {
	s, err := a.store.Station(ctx, name)
	if err != nil {
		return s, err
	}
	if who.whereStation(s.Products, s.Site) != rbac.Allowed {
		return store.Station{}, v1.Refuse(v1.NotFound, "")
	}
	return s, nil
}

func (a *API) getStation(ctx context.Context, who *caller, in *NamePath) (*stationOut, error) {
	s, err := a.visibleStation(ctx, who, in.Name)
	if err != nil {
		return nil, err
	}
	body, err := a.station(ctx, &s)
	if err != nil {
		return nil, err
	}
	return &stationOut{ETag: etag(s.Revision), Body: body}, nil
}

func (a *API) putStation(ctx context.Context, who *caller, in *putIn) (*appliedOut, error) {
	if err := in.envelope(v1.KindStation); err != nil {
		return nil, err
	}
	spec, err := parseStation(in.Name, in.Body.Spec)
	if err != nil {
		return nil, err
	}
	if who.whereStation(spec.Products, spec.Site) != rbac.Allowed {
		return nil, a.scopeDenied(ctx, who, "the station would reach beyond the operator's products and sites")
	}
	before, err := a.store.Station(ctx, in.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	present := before.Revision
	if present != 0 && who.whereStation(before.Products, before.Site) != rbac.Allowed {
		return nil, v1.Refuse(v1.Exists, "the name is taken")
	}
	expect, err := in.check(present)
	if err != nil {
		return nil, err
	}
	after := before
	after.Name, after.StationSpec = in.Name, spec
	if present != 0 {
		if err := stationKeeps(&before, &spec); err != nil {
			return nil, err
		}
		if sameStation(&before.StationSpec, &spec) {
			return appliedStation(v1.Unchanged, in.DryRun, &before, &before)
		}
	}
	if err := a.productsExist(ctx, &before, &spec); err != nil {
		return nil, err
	}
	result := v1.Changed
	if present == 0 {
		result = v1.Created
	}
	if in.DryRun {
		after.Revision = 0
		return appliedStation(result, true, &before, &after)
	}
	if after, err = a.store.PutStation(ctx, store.PutStation{Name: in.Name, Spec: spec, Expect: expect, By: a.actor(who)}); err != nil {
		return nil, err
	}
	return appliedStation(result, false, &before, &after)
}

// productsExist refuses the names that a document adds and no product has.
func (a *API) productsExist(ctx context.Context, before *store.Station, spec *store.StationSpec) error {
	var faults []v1.Fault
	for _, name := range spec.Products {
		if slices.Contains(before.Products, name) {
			continue
		}
		d, err := a.present(ctx, store.KindProduct, name)
		if err != nil {
			return err
		}
		if d.Revision == 0 {
			faults = append(faults, v1.Fault{At: "spec.products", Reason: "there is no product " + name})
		}
	}
	if faults != nil {
		return badDocument("", faults...)
	}
	return nil
}

// stationKeeps holds a document against what never changes.
func stationKeeps(before *store.Station, spec *store.StationSpec) error {
	switch {
	case before.Site != spec.Site:
		return &v1.Refusal{
			Reason: v1.ImmutableField, Detail: "spec.site is fixed once the station is there", Next: "create another station",
			Faults: []v1.Fault{{At: "spec.site", Reason: "is fixed once the station is there"}},
		}
	case before.Revoked && !sameStation(&before.StationSpec, spec):
		return stationRevoked()
	}
	return nil
}

func stationRevoked() error {
	return &v1.Refusal{Reason: v1.WrongState, Detail: "the station was revoked, for ever", Next: "create another: assay station create"}
}

func sameStation(a, b *store.StationSpec) bool {
	return a.Site == b.Site && a.Line == b.Line && a.Quota == b.Quota && a.Rate == b.Rate && a.ClientAuth == b.ClientAuth &&
		a.Until.Equal(b.Until) && slices.Equal(a.Products, b.Products) && slices.Equal(a.From, b.From)
}

func appliedStation(result v1.Result, dryRun bool, before, after *store.Station) (*appliedOut, error) {
	d, err := declaredStation(after)
	if err != nil {
		return nil, err
	}
	var old []byte
	if result == v1.Changed {
		if old, err = json.Marshal(stationSpec(&before.StationSpec)); err != nil {
			return nil, err
		}
	}
	return applied(result, dryRun, old, d), nil
}

type certifyStationIn struct {
	NamePath
	DryRun bool `query:"dry_run" doc:"check the request and issue nothing"`
	Body   v1.CSR
}

type stationCredentialOut struct {
	Body v1.StationCredential
}

// certifyStation signs, stores, and then answers, as certifyOperator.
func (a *API) certifyStation(ctx context.Context, who *caller, in *certifyStationIn) (*stationCredentialOut, error) {
	csr, err := parseCSR(in.Body.CSR, "assay station create")
	if err != nil {
		return nil, err
	}
	s, err := a.store.Station(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if who.whereStation(s.Products, s.Site) != rbac.Allowed {
		return nil, v1.Refuse(v1.NotFound, "")
	}
	switch stateOf(&s, a.now()) {
	case v1.StationRevoked:
		return nil, stationRevoked()
	case v1.StationEnded:
		return nil, &v1.Refusal{Reason: v1.WrongState, Detail: "the station has ended, at " + stamp(s.Until), Next: "give it a later until"}
	}
	out := &stationCredentialOut{Body: v1.StationCredential{Credential: v1.Credential{DryRun: in.DryRun}}}
	if out.Body.Info, err = a.stationInfo(ctx, &s); err != nil || in.DryRun {
		return out, err
	}
	issued, err := a.issueStation(ctx, &s, csr, a.actor(who))
	if err != nil {
		return nil, err
	}
	out.Body.Credential, err = a.credential(ctx, issued)
	return out, err
}

func (a *API) issueStation(ctx context.Context, s *store.Station, csr *x509.CertificateRequest, by store.Actor) (store.Certificate, error) {
	made, err := a.ca.Station(ctx, ca.StationRequest{
		Name: s.Name, SPKI: csr.RawSubjectPublicKeyInfo, Until: s.Until, ClientAuth: s.ClientAuth,
	})
	if err != nil {
		return store.Certificate{}, signerTrouble(err)
	}
	issued, err := a.store.Issue(ctx, store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: store.IssuerID(made.IssuerID), Index: made.Index},
			DER: made.DER, Serial: made.Serial,
			Holder:    store.Holder{Kind: store.HolderStation, Name: s.Name},
			Profile:   store.ProfileStation,
			Operation: store.OpAdmin, Principal: by.Principal,
			CSRHash: sha256.Sum256(csr.Raw), IssuedAt: by.At,
		},
		By: by,
	})
	return issued.Certificate, err
}

// stationInfo is what station.json says.
func (a *API) stationInfo(ctx context.Context, s *store.Station) (v1.StationInfo, error) {
	authority, err := a.store.Authority(ctx)
	if err != nil {
		return v1.StationInfo{}, err
	}
	out := v1.StationInfo{
		EST: a.estURL(), Authority: authority.Name, Station: s.Name, Site: s.Site, Line: s.Line,
		Products: append([]string{}, s.Products...), Batches: []string{},
	}
	for after := ""; len(out.Batches) < maxStationBatches; {
		page, err := a.store.Batches(ctx, after, chunk)
		if err != nil {
			return out, err
		}
		for i := range page {
			after = page[i].Name
			if worksOn(s, &page[i]) && len(out.Batches) < maxStationBatches {
				out.Batches = append(out.Batches, page[i].Name)
			}
		}
		if len(page) < chunk {
			break
		}
	}
	return out, nil
}

// worksOn tells whether a batch that is not closed is a station's.
func worksOn(s *store.Station, b *store.Batch) bool {
	return b.State != store.BatchHasClosed && (b.Site == "" || b.Site == s.Site) &&
		(b.Line == "" || s.Line == "" || b.Line == s.Line) &&
		(len(s.Products) == 0 || slices.Contains(s.Products, b.Product))
}

type revokeStationIn struct {
	NamePath
	Body *v1.StationRevocation
}

func (a *API) revokeStation(ctx context.Context, who *caller, in *revokeStationIn) (*changeOut, error) {
	s, err := a.visibleStation(ctx, who, in.Name)
	if err != nil {
		return nil, err
	}
	var body v1.StationRevocation
	if in.Body != nil {
		body = *in.Body
	}
	reason, known := store.ReasonOf(body.Reason)
	if body.Reason != "" && !known {
		return nil, badDocument("", v1.Fault{At: "reason", Reason: "not an RFC 5280 name"})
	}
	if body.DryRun {
		planned, err := a.planRevocation(ctx, s.Certificates, s.Revoked, reason)
		if err != nil {
			return nil, err
		}
		return a.change(ctx, planned, true)
	}
	change, err := a.store.RevokeStation(ctx, in.Name, reason, a.actor(who))
	if err != nil {
		return nil, err
	}
	return a.change(ctx, change, false)
}

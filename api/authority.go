package api

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// none is the input of a route that takes nothing.
type none struct{}

type whoamiOut struct {
	Body v1.Whoami
}

func (a *API) whoami(_ context.Context, who *caller, _ *none) (*whoamiOut, error) {
	out := &whoamiOut{Body: v1.Whoami{
		Name: who.name, Role: string(who.grant.Role), Products: who.grant.Products, Sites: who.grant.Sites,
		Actions: []string{}, NotAfter: utc(who.notAfter),
	}}
	for _, action := range rbac.ActionsOf(who.grant.Role) {
		out.Body.Actions = append(out.Body.Actions, string(action))
	}
	return out, nil
}

type versionOut struct {
	Body v1.Version
}

func (a *API) getVersion(context.Context, *caller, *none) (*versionOut, error) {
	v := a.version
	if v.Go == "" {
		v.Go = runtime.Version()
	}
	return &versionOut{Body: v}, nil
}

type authorityOut struct {
	Body v1.Authority
}

func (a *API) getAuthority(ctx context.Context, _ *caller, _ *none) (*authorityOut, error) {
	r, err := a.store.Authority(ctx)
	if err != nil {
		return nil, err
	}
	return &authorityOut{Body: v1.Authority{
		ID: r.ID, Name: r.Name, BaseURL: r.BaseURL, Local: r.Local,
		CreatedAt: utc(r.CreatedAt), LogKey: r.LogKey, Hosts: r.Hosts,
	}}, nil
}

type issuerOut struct {
	Body v1.Issuer
}

func (a *API) listIssuers(ctx context.Context, _ *caller, in *PageQuery) (*pageOut[v1.Issuer], error) {
	records, base, err := a.issuers(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]v1.Issuer, len(records))
	for i, r := range records {
		if all[i], err = issuer(r, base); err != nil {
			return nil, err
		}
	}
	return whole(*in, all)
}

func (a *API) getIssuer(ctx context.Context, _ *caller, in *NamePath) (*issuerOut, error) {
	records, base, err := a.issuers(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(records, func(r store.Issuer) bool { return r.Name() == in.Name })
	if at < 0 {
		return nil, &v1.Refusal{Reason: v1.NotFound, Detail: "there is no such issuer", Next: "list them: assay ca list"}
	}
	out := &issuerOut{}
	if out.Body, err = issuer(records[at], base); err != nil {
		return nil, err
	}
	if records[at].Kind == store.KindRoot {
		return out, nil
	}
	anchor, err := a.ca.Anchor(records[at].ID)
	if err != nil {
		return nil, signerTrouble(err)
	}
	out.Body.Anchor = pemOf(anchor)
	return out, nil
}

func (a *API) issuers(ctx context.Context) ([]store.Issuer, string, error) {
	authority, err := a.store.Authority(ctx)
	if err != nil {
		return nil, "", err
	}
	records, err := a.store.Issuers(ctx)
	return records, authority.BaseURL, err
}

func issuer(r store.Issuer, base string) (v1.Issuer, error) {
	c, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return v1.Issuer{}, fmt.Errorf("read the certificate of issuer %s: %w", r.Name(), err)
	}
	sum := sha256.Sum256(r.Certificate)
	out := v1.Issuer{
		ID: uint16(r.ID), Name: r.Name(), Kind: r.Kind, Subject: printable(c.Subject.String()),
		Serial: fmt.Sprintf("%x", c.SerialNumber), NotBefore: utc(c.NotBefore), NotAfter: utc(c.NotAfter),
		KeyID: fmt.Sprintf("%x", c.SubjectKeyId), SHA256: fmt.Sprintf("%x", sum),
		URL: profile.IssuerURL(base, r.Name()), CRL: profile.CompleteURL(base, r.Name()), PEM: pemOf(r.Certificate),
	}
	if r.MaxValidity > 0 {
		out.MaxValidity = profile.Duration(r.MaxValidity).String()
	}
	return out, nil
}

func (a *API) listCRLs(ctx context.Context, _ *caller, in *PageQuery) (*pageOut[v1.CRLInfo], error) {
	all, err := a.publications(ctx)
	if err != nil {
		return nil, err
	}
	return whole(*in, all)
}

// publications is what is being served, by issuer and scope.
func (a *API) publications(ctx context.Context) ([]v1.CRLInfo, error) {
	numbered, err := a.store.CRLs(ctx)
	if err != nil {
		return nil, err
	}
	type scope struct {
		issuer store.IssuerID
		scope  string
	}
	signed := map[scope]time.Time{}
	for _, c := range numbered {
		signed[scope{c.Issuer, c.Scope}] = c.SignedAt
	}
	all := []v1.CRLInfo{}
	for _, p := range a.crls.List() {
		all = append(all, v1.CRLInfo{
			Issuer: p.Issuer, Scope: p.Scope, Number: p.Number,
			ThisUpdate: utc(p.ThisUpdate), NextUpdate: utc(p.NextUpdate), SignedAt: utc(signed[scope{p.IssuerID, p.Scope}]),
			Entries: p.Entries, Size: p.Size, URL: p.URL,
		})
	}
	return all, nil
}

type publishedOut struct {
	Body v1.Published
}

func (a *API) publishCRLs(ctx context.Context, _ *caller, _ *none) (*publishedOut, error) {
	if err := a.crls.PublishNow(ctx); err != nil {
		return nil, signerTrouble(err)
	}
	all, err := a.publications(ctx)
	if err != nil {
		return nil, err
	}
	return &publishedOut{Body: v1.Published{CRLs: all}}, nil
}

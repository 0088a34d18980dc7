package api

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/assay-pki/assay/api/rbac"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// caller is the operator behind a request.
type caller struct {
	name     string
	grant    rbac.Grant
	action   rbac.Action
	source   string
	notAfter time.Time
}

type callerKey struct{}

func withCaller(ctx context.Context, who *caller) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// callerOf returns who guard let in.
func callerOf(ctx context.Context) *caller {
	who, ok := ctx.Value(callerKey{}).(*caller)
	if !ok {
		panic("a handler runs without its guard")
	}
	return who
}

// admit finds out who asks, and whether the role has the action at all; handlers
// ask about the object.
func (a *API) admit(r *http.Request, action rbac.Action) (*caller, error) {
	ctx, cancel := context.WithTimeout(r.Context(), admitTimeout)
	defer cancel()
	who, err := a.authenticate(ctx, r)
	if err != nil {
		return nil, err
	}
	who.action = action
	if rbac.Of(who.grant.Role, action) == rbac.None {
		a.recordDenied(ctx, who, v1.RoleDenied)
		return nil, &v1.Refusal{
			Reason: v1.RoleDenied,
			Detail: "role " + string(who.grant.Role) + " does not have the right " + string(action),
		}
	}
	return who, nil
}

// authenticate judges the client certificate and reads the operator's record.
// Both are looked at on every request, so that an end holds at once.
func (a *API) authenticate(ctx context.Context, r *http.Request) (*caller, error) {
	var peer []*x509.Certificate
	if r.TLS != nil {
		peer = r.TLS.PeerCertificates
	}
	if len(peer) == 0 {
		return nil, &v1.Refusal{
			Reason: v1.CredentialMissing, Detail: "the admin API wants an operator's client certificate",
			Next: "use the credential that assay operator add wrote: --dir DIR or --context NAME",
		}
	}
	id, err := a.auth.Authenticate(ctx, peer)
	if err != nil {
		return nil, err
	}
	if id.Kind != store.HolderOperator {
		return nil, v1.Refuse(v1.CertificateWrongUse, "it is a "+id.Kind+"'s certificate, and this is the operators' API")
	}
	op, err := a.store.Operator(ctx, id.Name)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && op.Removed:
		return nil, v1.Refuse(v1.NotAuthorized, "the operator was removed")
	case err != nil:
		return nil, err
	}
	return &caller{
		name: op.Name, source: source(r), notAfter: id.Certificate.NotAfter,
		grant: grantOf(op),
	}, nil
}

func grantOf(op store.Operator) rbac.Grant {
	return rbac.Grant{Role: rbac.Role(op.Role), Products: op.Products, Sites: op.Sites}
}

// source is the caller's address without its port.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// actor is the caller in the audit log.
func (a *API) actor(who *caller) store.Actor {
	return store.Actor{Principal: "operator:" + who.name, At: a.now(), Source: who.source}
}

// scopeText says what a grant does not reach: either may be outside.
func scopeText(product, site string) string {
	text := "product " + printable(product)
	if site != "" {
		text += " at site " + printable(site)
	}
	return text + " is outside the operator's grant"
}

// may decides about an object of the route's action.
func (a *API) may(ctx context.Context, who *caller, product, site string) error {
	switch rbac.Allow(who.grant, who.action, product, site) {
	case rbac.Allowed:
		return nil
	case rbac.Invisible:
		return v1.Refuse(v1.NotFound, "")
	case rbac.ScopeDenied:
		return a.scopeDenied(ctx, who, scopeText(product, site))
	case rbac.RoleDenied:
	}
	a.recordDenied(ctx, who, v1.RoleDenied)
	return v1.Refuse(v1.RoleDenied, "")
}

// sees tells whether an object is in the caller's lists.
func (who *caller) sees(product, site string) bool {
	return rbac.Allow(who.grant, who.action, product, site) == rbac.Allowed
}

func (a *API) scopeDenied(ctx context.Context, who *caller, detail string) error {
	a.recordDenied(ctx, who, v1.ScopeDenied)
	return v1.Refuse(v1.ScopeDenied, detail)
}

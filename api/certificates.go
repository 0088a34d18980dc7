package api

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

type certificatesIn struct {
	PageQuery
	Product string `query:"product" maxLength:"128" doc:"only this product's"`
	Device  string `query:"device" maxLength:"256" doc:"only this device's: PRODUCT/SERIAL"`
	Status  string `query:"status" enum:"good,held,revoked,superseded,expired" doc:"only those of this status now"`
	Issuer  string `query:"issuer" maxLength:"64" doc:"only this issuer's, as devices-1"`
}

type serialIn struct {
	Serial string `path:"serial" maxLength:"128" doc:"serial number, hex"`
}

type certificateOut struct {
	Body v1.Certificate
}

// issuerNames are the names of issuers in URLs.
type issuerNames map[store.IssuerID]string

func namesOf(issuers []store.Issuer) issuerNames {
	names := issuerNames{}
	for _, i := range issuers {
		names[i.ID] = i.Name()
	}
	return names
}

func (a *API) issuerNames(ctx context.Context) (issuerNames, error) {
	issuers, err := a.store.Issuers(ctx)
	return namesOf(issuers), err
}

// certificate is a record as it is told.
func certificate(c store.Certificate, names issuerNames, now time.Time, withPEM bool) (v1.Certificate, error) {
	parsed, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return v1.Certificate{}, fmt.Errorf("read certificate %x: %w", c.Serial, err)
	}
	sum := sha256.Sum256(c.DER)
	out := v1.Certificate{
		Serial: fmt.Sprintf("%x", c.Serial), Issuer: names[c.Issuer], Subject: printable(parsed.Subject.String()),
		Holder: c.Holder.Name, HolderKind: c.Holder.Kind, Profile: c.Profile, Revision: c.Revision,
		Status: statusOf(c, now), NotBefore: utc(c.NotBefore), NotAfter: utc(c.NotAfter), IssuedAt: utc(c.IssuedAt),
		RevokedAt: utc(c.RevokedAt), InvalidAt: utc(c.InvalidAt), Presented: c.Presented, Principal: c.Principal,
		SHA256: fmt.Sprintf("%x", sum),
	}
	if c.Status != store.Good {
		out.Reason = store.ReasonName(c.Reason)
	}
	if id := deviceOf(c); id != (store.DeviceID{}) {
		out.Product, out.Device = id.Product, id.String()
	}
	if withPEM {
		out.PEM = pemOf(c.DER)
	}
	return out, nil
}

// deviceOf is the holder, if it is a device.
func deviceOf(c store.Certificate) store.DeviceID {
	if c.Holder.Kind != store.HolderDevice {
		return store.DeviceID{}
	}
	id, _ := store.ParseDeviceID(c.Holder.Name)
	return id
}

func statusOf(c store.Certificate, now time.Time) string {
	switch {
	case c.Status == store.Revoked:
		return v1.StatusRevoked
	case c.Status == store.Held:
		return v1.StatusHeld
	case now.After(c.NotAfter):
		return v1.StatusExpired
	case c.Closed:
		return v1.StatusSuperseded
	}
	return v1.StatusGood
}

func (a *API) listCertificates(ctx context.Context, who *caller, in *certificatesIn) (*pageOut[v1.Certificate], error) {
	names, err := a.issuerNames(ctx)
	if err != nil {
		return nil, err
	}
	now := a.now()
	l := list[store.Ref, store.Certificate, v1.Certificate]{
		read: a.store.Certificates,
		key:  func(c store.Certificate) store.Ref { return c.Ref },
		item: func(c store.Certificate) (v1.Certificate, error) { return certificate(c, names, now, false) },
	}
	var start store.Ref
	var only store.IssuerID
	if in.Issuer != "" {
		if only = names.id(in.Issuer); only == 0 {
			return nil, v1.Refuse(v1.NotFound, "there is no such issuer")
		}
		// Strictly after the last possible index of the issuer before.
		start = store.Ref{Issuer: only - 1, Index: math.MaxUint64}
	}
	if in.Device != "" {
		if l.read, err = a.readLineage(ctx, in.Device); err != nil {
			return nil, err
		}
	}
	if !who.grant.Unbound() {
		l.match = a.mine(who)
	}
	if *in != (certificatesIn{PageQuery: in.PageQuery}) {
		l.keep = func(c store.Certificate) (bool, bool) {
			id := deviceOf(c)
			return (only == 0 || c.Issuer == only) &&
				(in.Product == "" || id.Product == in.Product) &&
				(in.Status == "" || statusOf(c, now) == in.Status), only == 0 || c.Issuer <= only
		}
	}
	return l.page(ctx, in.PageQuery, start)
}

// mine tells which certificates a bound caller sees: by product, and by the
// site of the device or the station.
func (a *API) mine(who *caller) func(context.Context, store.Certificate) (bool, error) {
	return func(ctx context.Context, c store.Certificate) (bool, error) {
		product, site, err := a.placeOf(ctx, c)
		return err == nil && who.sees(product, site), err
	}
}

// placeOf is the product and site of a certificate's holder; an operator or
// server has neither.
func (a *API) placeOf(ctx context.Context, c store.Certificate) (product, site string, err error) {
	switch c.Holder.Kind {
	case store.HolderDevice:
		id := deviceOf(c)
		d, err := a.store.Device(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return id.Product, d.Site, err
	case store.HolderStation:
		s, err := a.store.Station(ctx, c.Holder.Name)
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return "", s.Site, err
	}
	return "", "", nil
}

func (n issuerNames) id(name string) store.IssuerID {
	for id, other := range n {
		if other == name {
			return id
		}
	}
	return 0
}

// readLineage reads one device's certificates instead of all, in order of their
// issuance.
func (a *API) readLineage(ctx context.Context, device string) (func(context.Context, store.Ref, int) ([]store.Certificate, error), error) {
	id, ok := store.ParseDeviceID(device)
	if !ok {
		return nil, &v1.Refusal{Reason: v1.BadQuery, Detail: "a device is named PRODUCT/SERIAL"}
	}
	d, err := a.store.Device(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return func(ctx context.Context, after store.Ref, n int) ([]store.Certificate, error) {
		from := 0
		for i, ref := range d.Lineage {
			if ref == after {
				from = i + 1
			}
		}
		refs := d.Lineage[from:min(from+n, len(d.Lineage))]
		return a.certificatesAt(ctx, refs)
	}, nil
}

func (a *API) certificatesAt(ctx context.Context, refs []store.Ref) ([]store.Certificate, error) {
	all := make([]store.Certificate, 0, len(refs))
	for _, ref := range refs {
		c, err := a.store.Certificate(ctx, ref)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// newestRefs bounds a lineage.
func newestRefs(refs []store.Ref) []store.Ref { return refs[max(0, len(refs)-maxLineage):] }

func (a *API) getCertificate(ctx context.Context, who *caller, in *serialIn) (*certificateOut, error) {
	target, err := a.revoker.Resolve(ctx, in.Serial)
	if err != nil {
		return nil, err
	}
	if target.Certificate == nil {
		return nil, v1.Refuse(v1.NotFound, "name a certificate by its serial number in hex")
	}
	product, site, err := a.placeOf(ctx, *target.Certificate)
	if err != nil {
		return nil, err
	}
	if err := a.may(ctx, who, product, site); err != nil {
		return nil, err
	}
	names, err := a.issuerNames(ctx)
	if err != nil {
		return nil, err
	}
	out := &certificateOut{}
	out.Body, err = certificate(*target.Certificate, names, a.now(), true)
	return out, err
}

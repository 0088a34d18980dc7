package enroll

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/attest"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// appraisal is what the evidence led to; zero where none is wanted.
type appraisal struct {
	evidence *store.Appraised
	facts    map[string]string
	nonce    *store.Redemption
	notAfter time.Time
}

// appraise verifies the evidence, judges its nonce and holds it against the
// product's policy, at the first certificate and at each one after.
func (a *attempt) appraise(ctx context.Context) error {
	if a.StationEvidence != nil && a.who.station == nil {
		return v1.Refuse(v1.BadEvidence, "only a station may send "+wire.HeaderStationEvidence)
	}
	if a.model.policy == nil {
		return nil
	}
	claims, err := a.verifyEvidence(ctx)
	if err != nil {
		return evidenceRefusal(err)
	}
	fresh, err := a.checkNonce(ctx, claims)
	if err != nil {
		return err
	}
	result, err := a.model.policy.Appraise(claims, attest.Device{Marks: a.marks()}, a.renewal(), fresh, a.at)
	if err != nil {
		return evidenceRefusal(err)
	}
	a.appraisal.notAfter = result.NotAfter
	a.appraisal.evidence = appraised(result)
	a.appraisal.facts = map[string]string{"evidence": base64.RawURLEncoding.EncodeToString(claims.Digest[:])}
	if result.Deprecated {
		a.appraisal.facts["deprecated"] = "true"
	}
	return nil
}

func appraised(r *attest.Result) *store.Appraised {
	e := &store.Appraised{
		Format: r.Format, Tier: r.Tier, Fresh: r.Fresh, Components: make([]store.Measured, len(r.Components)),
	}
	for i, c := range r.Components {
		e.Components[i] = store.Measured{Component: c.Component, Version: c.Version, SVN: c.SVN}
	}
	return e
}

// marks are the highest security versions that the device had.
func (a *attempt) marks() map[string]uint64 {
	if a.record == nil || len(a.record.Evidence.Components) == 0 {
		return nil
	}
	marks := make(map[string]uint64, len(a.record.Evidence.Components))
	for _, c := range a.record.Evidence.Components {
		marks[c.Component] = c.Mark
	}
	return marks
}

func (a *attempt) verifyEvidence(ctx context.Context) (*attest.Claims, error) {
	bundle, err := a.bundle()
	if err != nil {
		return nil, err
	}
	keys := attest.Keys{CSRKey: a.key}
	if keys.Self, err = a.selfKey(ctx); err != nil {
		return nil, err
	}
	if a.who.station != nil {
		keys.Station, keys.StationName = a.Peer[0].PublicKey, a.who.station.Name
	}
	binding := attest.Binding{
		SPKI: a.csr.SPKI, CSR: a.hash[:], Product: a.device.Product, Serial: a.device.Serial, Now: a.at,
	}
	if a.batchFresh() {
		binding.IssuedFrom, binding.IssuedUntil = a.order.window()
	}
	return attest.Verify(bundle, binding, keys, a.model.formats)
}

// bundle is the evidence: the attribute in the CSR, a station's statement beside
// it, or both.
func (a *attempt) bundle() (*attest.Bundle, error) {
	values, bundle := a.csr.Attribute(wire.OIDAttestation), &attest.Bundle{}
	switch {
	case len(values) > 1:
		return nil, v1.Refuse(v1.BadEvidence, "the attribute has several values")
	case len(values) == 1:
		var err error
		if bundle, err = attest.ParseBundle(values[0]); err != nil {
			return nil, err
		}
	case a.StationEvidence == nil:
		return nil, v1.Refuse(v1.EvidenceMissing, "")
	}
	if a.StationEvidence != nil {
		beside, err := attest.HeaderBundle(a.StationEvidence)
		if err != nil {
			return nil, err
		}
		bundle.Statements = append(bundle.Statements, beside.Statements...)
	}
	return bundle, nil
}

// selfKey is the key that must have signed what the device says of itself: its
// birth key; without one, at a renewal, the key that it renews with. nil where
// there is neither yet: then the CSR's own key signs, which proves nothing.
func (a *attempt) selfKey(ctx context.Context) (crypto.PublicKey, error) {
	if a.product == a.model.birth {
		return nil, nil
	}
	birth, err := a.birth(ctx)
	switch {
	case err != nil:
		return nil, err
	case birth != nil:
		return x509.ParsePKIXPublicKey(birth.SPKI)
	case a.renewal():
		return a.Peer[0].PublicKey, nil
	}
	return nil, nil
}

// birth is the newest birth certificate of the device that is not revoked, nil
// without one. Lineages are long and births few: the issuer tells them apart
// before they are read.
func (a *attempt) birth(ctx context.Context) (*store.Certificate, error) {
	if a.record == nil {
		return nil, nil
	}
	ours := a.anchors.Load()
	for i := len(a.record.Lineage) - 1; i >= 0; i-- {
		ref := a.record.Lineage[i]
		if ours.kind(ref.Issuer) != store.KindBirths {
			continue
		}
		c, err := a.store.Certificate(ctx, ref)
		if err != nil {
			return nil, fmt.Errorf("read a birth certificate: %w", err)
		}
		if c.Status != store.Revoked {
			return &c, nil
		}
	}
	return nil, nil
}

// evidenceRefusal gives the client the code, and the audit log what differed.
func evidenceRefusal(err error) error {
	e, ok := errors.AsType[*attest.Error](err)
	if !ok {
		return err
	}
	r := &v1.Refusal{Reason: v1.Reason(e.Code), Err: e}
	if r.Reason == v1.BadEvidence {
		r.Detail = e.Detail
	}
	facts := map[string]string{}
	for name, fact := range map[string]string{
		"why": e.Detail, "component": e.Component, "expected": e.Expected, "got": e.Got, "nearest": e.Nearest,
	} {
		if fact != "" {
			facts[name] = fact[:min(len(fact), maxDetail)]
		}
	}
	return &noted{refusal: r, incident: e.Incident, facts: facts}
}

// redemption is the row that takes a nonce for this CSR, unless another CSR has
// taken it. Without an end it is kept for ever.
func (a *attempt) redemption(ctx context.Context, row []byte, expires time.Time) (*store.Redemption, error) {
	hash, err := a.store.Redeemed(ctx, row)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && hash == a.hash:
		return &store.Redemption{Nonce: row, Expires: expires}, nil
	case err != nil:
		return nil, fmt.Errorf("look up a nonce: %w", err)
	}
	return nil, nonceReused()
}

func nonceReused() error {
	return &noted{refusal: v1.Refuse(v1.NonceReused, ""), incident: "nonce-reused"}
}

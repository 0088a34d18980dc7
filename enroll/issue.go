package enroll

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// issue signs, then commits, then answers. A crash after signing leaves a
// certificate that nobody has and whose index is never used again; a crash after
// the commit leaves one that the same request gets.
func (a *attempt) issue(ctx context.Context, p plan) (Answer, error) {
	made, err := a.issuer.Sign(ctx, profile.Order{
		Profile: a.product, Names: a.names(), SPKI: a.csr.SPKI, NotAfter: a.appraisal.notAfter,
	})
	if err != nil {
		return Answer{}, signRefusal(err)
	}
	issued, err := a.store.Issue(ctx, a.issuance(p, &made))
	if err != nil {
		return Answer{}, a.issueRefusal(ctx, err)
	}
	answer := a.answer(&issued.Certificate)
	answer.Repeated = issued.Repeated
	err = a.tellBatch(ctx, &answer, &issued.Batch)
	return answer, err
}

func (a *attempt) issuance(p plan, made *profile.Made) store.Issuance {
	i := store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: store.IssuerID(made.IssuerID), Index: made.Index},
			DER: made.DER, Serial: made.Serial, NotBefore: made.NotBefore, NotAfter: made.NotAfter, SPKI: a.csr.SPKI,
			Holder:    store.Holder{Kind: store.HolderDevice, Name: a.device.String()},
			Profile:   a.product.Kind,
			Revision:  a.product.Revision,
			Operation: a.Operation, Label: a.Label, Principal: a.who.id, CSRHash: a.hash, IssuedAt: a.at,
		},
		Device: a.device,
		Token:  p.token, Presented: p.presented, Recovery: p.recovery, LineRekeys: p.lineRekeys,
		Nonce: a.appraisal.nonce, Evidence: a.appraisal.evidence, Facts: a.appraisal.facts,
		RepeatSince: a.at.Add(-repeatWindow),
		By:          a.actor(),
	}
	if a.order != nil {
		i.Batch = a.order.Name
	}
	if a.who.station != nil {
		i.Station = a.who.station.Name
	}
	return i
}

// answer adds the advice when to renew: a window of the lifetime. A birth
// certificate is never renewed.
func (a *attempt) answer(c *store.Certificate) Answer {
	if c.Profile == store.ProfileBirth {
		return Answer{Certificate: c.DER}
	}
	life := c.NotAfter.Sub(c.NotBefore)
	at := func(share float64) time.Time {
		return c.NotBefore.Add(time.Duration(share * float64(life))).Truncate(time.Second)
	}
	return Answer{
		Certificate: c.DER,
		RenewFrom:   at(a.product.Renewal.WindowStart),
		RenewUntil:  at(a.product.Renewal.WindowEnd),
	}
}

// signRefusal: whatever the issuer cannot do, the client tries again later.
func signRefusal(err error) error {
	_, refused := errors.AsType[*v1.Refusal](err)
	switch {
	case refused, errors.Is(err, store.ErrIndexExhausted), errors.Is(err, store.ErrUnavailable), isContext(err):
		return err
	case errors.Is(err, profile.ErrNoIssuer):
		return &v1.Refusal{Reason: v1.BirthsNeedPublicURL, Err: err}
	case errors.Is(err, profile.ErrName):
		return &v1.Refusal{Reason: v1.SerialMalformed, Detail: "the serial cannot stand in the product's names", Err: err}
	}
	return &v1.Refusal{Reason: v1.SignerUnavailable, RetryAfter: retryStore, Err: fmt.Errorf("sign a certificate: %w", err)}
}

// issueRefusal says what the store found inside its transaction: something
// changed since it was checked here.
func (a *attempt) issueRefusal(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, store.ErrCredential) && a.who.token != nil:
		return a.rejectToken()
	case errors.Is(err, store.ErrCredential) && a.who.station != nil:
		return a.stationEnded(ctx)
	case errors.Is(err, store.ErrCredential):
		return a.judgeAgain(ctx)
	case errors.Is(err, store.ErrSuperseded):
		return a.judgeAgain(ctx)
	case errors.Is(err, store.ErrHeld):
		return &v1.Refusal{Reason: v1.DeviceHeld, RetryAfter: retryHeld, Err: err}
	case errors.Is(err, store.ErrDecommissioned):
		return a.endedRefusal(ctx, err)
	case errors.Is(err, store.ErrKeyBlocked):
		return &v1.Refusal{Reason: v1.KeyBlocked, Err: err}
	case errors.Is(err, store.ErrKeyOfAnother):
		return a.keyTaken(ctx)
	case errors.Is(err, store.ErrHasIdentity):
		return &v1.Refusal{Reason: v1.SerialHasIdentity, Err: err}
	}
	return a.factoryRefusal(ctx, err)
}

// factoryRefusal is about batches and evidence.
func (a *attempt) factoryRefusal(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, store.ErrBatch):
		return a.batchRefusal(ctx, err)
	case errors.Is(err, store.ErrNotExpected):
		return &v1.Refusal{Reason: v1.SerialNotInManifest, Err: err}
	case errors.Is(err, store.ErrQuota):
		return a.quotaRefusal(ctx)
	case errors.Is(err, store.ErrNonceReused):
		return nonceReused()
	case errors.Is(err, store.ErrRollback):
		return &v1.Refusal{Reason: v1.FirmwareRollback, Err: err}
	}
	return fmt.Errorf("store a certificate: %w", err)
}

// endedRefusal tells a scrapped device from a decommissioned one.
func (a *attempt) endedRefusal(ctx context.Context, cause error) error {
	d, err := a.store.Device(ctx, a.device)
	if err != nil {
		return fmt.Errorf("read device again: %w", err)
	}
	reason := v1.DeviceDecommissioned
	if d.State == store.DeviceScrapped {
		reason = v1.DeviceScrapped
	}
	return &v1.Refusal{Reason: reason, Err: cause}
}

// keyTaken names the other holder in the incident.
func (a *attempt) keyTaken(ctx context.Context) error {
	owner := "unknown"
	if c, err := a.store.CertificateBySPKI(ctx, a.csr.SPKI); err == nil {
		owner = c.Holder.Kind + " " + c.Holder.Name
	}
	return a.keyOfAnother(owner)
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

package enroll

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// judgePresented judges the client certificate of a device: in time or in
// grace, good, and not overtaken by a newer one.
func (a *attempt) judgePresented(ctx context.Context) error {
	c := a.who.cert
	if a.at.Before(c.NotBefore) {
		return v1.Refuse(v1.CertificateNotYetValid, "")
	}
	if a.at.After(c.NotAfter) {
		if in, err := a.inGrace(ctx); err != nil || !in {
			return orElse(err, v1.Refuse(v1.CertificateExpired, ""))
		}
	}
	switch {
	case c.Status == store.Held:
		return a.refuseHeld(ctx)
	case c.Status != store.Good && c.Closed && c.Reason == store.ReasonSuperseded: // renewal.revoke_old
		return a.refuseClosed(ctx, v1.CertificateRevoked)
	case c.Status != store.Good:
		return v1.Refuse(v1.CertificateRevoked, "")
	case c.Closed:
		return a.refuseClosed(ctx, v1.CertificateSuperseded)
	}
	return nil
}

func orElse(err error, refusal *v1.Refusal) error {
	if err != nil {
		return err
	}
	return refusal
}

// refuseHeld says that the device is on hold, which an operator ends, rather
// than that its certificate is.
func (a *attempt) refuseHeld(ctx context.Context) error {
	if err := a.readDevice(ctx, a.who.device); err != nil {
		return err
	}
	if a.record != nil && a.record.State == store.DeviceHeld {
		return &v1.Refusal{Reason: v1.DeviceHeld, RetryAfter: retryHeld}
	}
	return &v1.Refusal{Reason: v1.CertificateHeld, RetryAfter: retryHeld}
}

// inGrace tells whether an expired certificate may still renew: the newest one
// of its device, within renewal.grace after notAfter. If the device was released
// from a hold after notAfter, grace counts from the release: an operator let it
// live. A device still on hold passes here, to be told so. One that is not the
// newest because its answer was lost may only repeat its request.
func (a *attempt) inGrace(ctx context.Context) (bool, error) {
	if !a.renewal() {
		return false, nil
	}
	m, err := a.snap.model(ctx, a.who.device.Product)
	if err != nil {
		return false, err
	}
	grace := m.operational.Renewal.Grace
	if grace == 0 {
		return false, nil
	}
	if err := a.readDevice(ctx, a.who.device); err != nil || a.record == nil {
		return false, err
	}
	c, newest := a.who.cert, false
	err = a.eachNewestFirst(ctx, func(other *store.Certificate) bool {
		newest = other.Ref == c.Ref
		lost := !newest && other.Profile == c.Profile && other.Principal == a.who.id && !other.Presented
		a.who.spent = a.who.spent || lost
		return lost || other.Profile != c.Profile
	})
	if err != nil || !newest {
		return false, err
	}
	if a.record.State == store.DeviceHeld {
		return true, nil
	}
	from := c.NotAfter
	if a.record.State == store.DeviceActive && a.record.ChangedAt.After(from) {
		from = a.record.ChangedAt
	}
	return !a.at.After(from.Add(grace)), nil
}

// refuseClosed tells a fork from a certificate that was merely one too many. A
// fork is an older certificate that renews after a newer one was presented: two
// parties hold keys of one lineage. Any other is refused as said.
func (a *attempt) refuseClosed(ctx context.Context, otherwise v1.Reason) error {
	if !a.renewal() {
		return v1.Refuse(otherwise, "")
	}
	if err := a.readDevice(ctx, a.who.device); err != nil {
		return err
	}
	fork := false
	err := a.eachNewestFirst(ctx, func(newer *store.Certificate) bool {
		if newer.Ref == a.who.cert.Ref {
			return false
		}
		fork = newer.Profile == a.who.cert.Profile && newer.Presented
		return !fork
	})
	if err != nil {
		return err
	}
	if fork {
		return a.forked(otherwise)
	}
	return v1.Refuse(otherwise, "")
}

// forked opens the incident; a certificate that is revoked as well is told so.
func (a *attempt) forked(otherwise v1.Reason) error {
	reason := v1.RenewalFork
	if otherwise == v1.CertificateRevoked {
		reason = otherwise
	}
	return &noted{refusal: v1.Refuse(reason, ""), incident: "renewal-fork"}
}

// present records the first use of a certificate: older ones of its lineage are
// closed by it, for the device has shown that it has the newer one; with
// renewal.revoke_old they are revoked.
func (a *attempt) present(ctx context.Context) error {
	c := a.who.cert
	if c == nil || c.Presented {
		return nil
	}
	err := a.store.Present(ctx, store.Presentation{
		Ref: c.Ref, RevokeOld: a.renewal() && a.product.Renewal.RevokeOld, By: a.actor(),
	})
	switch {
	case errors.Is(err, store.ErrConflict):
		return a.judgeAgain(ctx)
	case err != nil:
		return fmt.Errorf("record that a certificate was presented: %w", err)
	}
	return nil
}

// judgeAgain says what became of the client certificate since it was judged.
func (a *attempt) judgeAgain(ctx context.Context) error {
	c, err := a.store.Certificate(ctx, a.who.cert.Ref)
	if err != nil {
		return fmt.Errorf("read the client certificate's record again: %w", err)
	}
	a.who.cert = &c
	a.record, a.lineage = nil, lineage{}
	if a.who.station != nil {
		err = judge(&c, a.at)
	} else {
		err = a.judgePresented(ctx)
	}
	if err != nil {
		return err
	}
	// It changed there and back; the next try meets a quieter moment.
	return &v1.Refusal{Reason: v1.Overloaded, RetryAfter: retryRace}
}

// authoriseRenewal lets any good certificate of the lineage renew, with the key
// it has or another one.
func (a *attempt) authoriseRenewal(usedBefore bool) (plan, error) {
	if a.product.Renewal.NewKey && usedBefore {
		return plan{}, v1.Refuse(v1.RekeyRequired, "")
	}
	return plan{recovery: store.Renew, presented: a.who.cert.Ref}, nil
}

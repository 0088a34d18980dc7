package enroll

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// first tells whether it would be the device's first certificate of all: that
// is what counts in a batch.
func (a *attempt) first() bool { return a.record == nil || len(a.record.Lineage) == 0 }

// findBatch finds the batch that the device belongs to and tells whether it is
// open to this principal: the one whose manifest holds the serial, else the one
// open quota batch of the station's product, site and line (design §2.3). Others
// than stations need none, unless a manifest expects the device.
func (a *attempt) findBatch(ctx context.Context) error {
	st := a.who.station
	var err error
	switch {
	case a.record != nil && a.record.Batch != "":
		if st == nil && !a.first() {
			return nil
		}
		if a.order, err = a.snap.order(ctx, a.record.Batch); err != nil {
			return err
		}
		if st != nil && !a.atStation() {
			return v1.Refuse(v1.StationOutOfScope, "the device is made at another site or line")
		}
	case st == nil:
		return nil
	case !a.first():
		return v1.Refuse(v1.StationOutOfScope, "the device was not made in a batch")
	default:
		if a.order, err = a.quotaOrder(ctx); err != nil {
			return err
		}
	}
	if why := a.order.refusal(a.at); why != nil {
		return why
	}
	return a.mayBeFirst()
}

// atStation tells whether the device is made where the station stands.
func (a *attempt) atStation() bool {
	return within(cmp.Or(a.record.Site, a.order.Site), a.who.station.Site) &&
		within(cmp.Or(a.record.Line, a.order.Line), a.who.station.Line)
}

// within: what names no place is made at any.
func within(made, stands string) bool { return made == "" || made == stands }

// refusal is nil while the batch is open.
func (o *order) refusal(at time.Time) *v1.Refusal {
	switch {
	case o.State == store.BatchHasPaused:
		return v1.Refuse(v1.BatchPaused, "batch "+o.Name)
	case o.State != store.BatchOpen:
		return v1.Refuse(v1.BatchClosed, "batch "+o.Name)
	case !o.From.IsZero() && at.Before(o.From):
		return v1.Refuse(v1.NoOpenBatch, fmt.Sprintf("batch %s begins %s", o.Name, o.From.UTC().Format(time.RFC3339)))
	case !o.Until.IsZero() && !at.Before(o.Until):
		return v1.Refuse(v1.NoOpenBatch, fmt.Sprintf("batch %s ended %s", o.Name, o.Until.UTC().Format(time.RFC3339)))
	}
	return nil
}

// quotaOrder is the open quota batch of the product at the station's site and
// line; one of a wider place if those have none.
func (a *attempt) quotaOrder(ctx context.Context) (*order, error) {
	all, err := a.snap.openOrders(ctx, a.device.Product)
	if err != nil {
		return nil, err
	}
	var found *order
	var shut *v1.Refusal // of one that would do
	manifest := false
	for _, o := range all {
		if !within(o.Site, a.who.station.Site) || !within(o.Line, a.who.station.Line) {
			continue
		}
		why := o.refusal(a.at)
		switch {
		case why != nil && (shut == nil || why.Reason == v1.BatchPaused):
			shut = why
		case why != nil:
		case o.Manifest.Rows > 0:
			manifest = true
		case found == nil || o.nearer(found):
			found = o
		}
	}
	switch {
	case found != nil:
		return found, nil
	case manifest:
		return nil, v1.Refuse(v1.SerialNotInManifest, "")
	case shut != nil:
		return nil, shut
	}
	return nil, v1.Refuse(v1.NoOpenBatch, "")
}

// nearer tells whether an order is for a smaller place.
func (o *order) nearer(than *order) bool {
	if (o.Line == "") != (than.Line == "") {
		return o.Line != ""
	}
	return o.Site != "" && than.Site == ""
}

// mayBeFirst judges a first certificate: the key that the manifest names, then
// what is left of the quotas. The store counts; what was seen to be used up is
// refused before anything is signed.
func (a *attempt) mayBeFirst() error {
	if !a.first() {
		return nil
	}
	if a.record != nil && len(a.record.KeySHA256) > 0 {
		if sum := sha256.Sum256(a.csr.SPKI); !bytes.Equal(sum[:], a.record.KeySHA256) {
			return v1.Refuse(v1.SerialNotInManifest, "the manifest names another key for this serial")
		}
	}
	switch st := a.who.station; {
	case a.order.full.Load():
		return a.overQuota("batch " + a.order.Name)
	case st != nil && st.full.Load():
		return a.overQuota("station " + st.Name)
	}
	return nil
}

// overQuota is an incident when a station is refused: somebody makes more than
// was ordered (threats row 21).
func (a *attempt) overQuota(whose string) error {
	why := v1.Refuse(v1.QuotaExhausted, "that of "+whose)
	if a.who.station == nil {
		return why
	}
	return &noted{refusal: why, incident: "over-quota", about: whose, other: a.who.actor}
}

// quotaRefusal finds out whose quota the store found used up.
func (a *attempt) quotaRefusal(ctx context.Context) error {
	if a.order != nil {
		b, err := a.store.Batch(ctx, a.order.Name)
		if err != nil {
			return fmt.Errorf("read batch again: %w", err)
		}
		if b.Left() == 0 {
			a.order.full.Store(true)
			return a.overQuota("batch " + b.Name)
		}
	}
	if st := a.who.station; st != nil && st.Quota > 0 {
		st.full.Store(true)
		return a.overQuota("station " + st.Name)
	}
	// The quota was raised meanwhile.
	return &v1.Refusal{Reason: v1.Overloaded, RetryAfter: retryRace}
}

// batchRefusal says what became of the batch since it was looked at.
func (a *attempt) batchRefusal(ctx context.Context, cause error) error {
	if a.order != nil {
		b, err := a.store.Batch(ctx, a.order.Name)
		if err != nil {
			return fmt.Errorf("read batch again: %w", err)
		}
		if why := (&order{Batch: b}).refusal(a.at); why != nil {
			return why
		}
	}
	return &v1.Refusal{Reason: v1.NoOpenBatch, Err: cause}
}

// tellBatch adds what is left of the batch to a station's answer.
func (a *attempt) tellBatch(ctx context.Context, answer *Answer, after *store.Batch) error {
	if a.who.station == nil {
		return nil
	}
	name := ""
	switch {
	case a.order != nil:
		name = a.order.Name
	case a.record != nil:
		name = a.record.Batch
	}
	if name == "" {
		return nil
	}
	if after == nil || after.Name == "" {
		b, err := a.store.Batch(ctx, name)
		if err != nil {
			return fmt.Errorf("read batch: %w", err)
		}
		after = &b
	}
	answer.Batch, answer.Left = after.Name, after.Left()
	if a.order != nil && answer.Left == 0 {
		a.order.full.Store(true)
	}
	return nil
}

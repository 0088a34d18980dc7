package enroll

import (
	"context"
	"crypto/subtle"
	"slices"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/attest"
)

// How fresh a product wants its evidence (firmware.freshness), and how fresh it
// was found.
const (
	freshBatch = "batch"
	freshNone  = "none"

	foundFresh      = "yes"
	foundBatchFresh = "batch"
	foundNotFresh   = "no"
)

// anonymous is the principal of a nonce that was given to nobody in particular:
// whoever is admitted may redeem it once.
const anonymous = "anonymous"

// batchFresh tells whether the batch's nonce will do: only at first
// certificates, and where the product says so.
func (a *attempt) batchFresh() bool {
	return a.model.freshness == freshBatch && !a.renewal() && a.order != nil && len(a.order.Nonce) > 0
}

// checkNonce judges the nonce in the evidence, and notes the row that redeems
// it. That it was not used before is decided in the store.
func (a *attempt) checkNonce(ctx context.Context, c *attest.Claims) (fresh string, err error) {
	if len(c.Nonce) == 0 {
		if a.model.freshness == freshNone && !a.renewal() {
			return foundNotFresh, nil
		}
		return "", v1.Refuse(v1.EvidenceStale, "there is no nonce in it")
	}
	if a.order != nil && subtle.ConstantTimeCompare(c.Nonce, a.order.Nonce) == 1 {
		return a.redeemBatch(ctx, c)
	}
	until, ok, err := a.mint.Check(ctx, c.Nonce, a.Label, a.at, a.who.id, anonymous)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", v1.Refuse(v1.NonceInvalid, "")
	}
	a.appraisal.nonce, err = a.redemption(ctx, c.Nonce, until)
	return foundFresh, err
}

// redeemBatch takes the batch's nonce, once for each serial.
func (a *attempt) redeemBatch(ctx context.Context, c *attest.Claims) (fresh string, err error) {
	if !a.batchFresh() {
		return "", v1.Refuse(v1.EvidenceStale, "the product wants a nonce of its own for each request")
	}
	row := slices.Concat(c.Nonce, []byte(a.device.Serial))
	a.appraisal.nonce, err = a.redemption(ctx, row, a.order.Until)
	return foundBatchFresh, err
}

// window is when the batch's evidence may have been made; a zero end is none.
func (o *order) window() (from, until time.Time) {
	if o.From.IsZero() {
		return o.CreatedAt, o.Until
	}
	return o.From, o.Until
}

package enroll

import (
	"context"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// repeated finds the certificate that this very request was answered with:
// same operation, label, principal and CSR, at most 24 hours ago, and still good.
// It is looked for before anything that the request would consume is judged. The
// store looks again inside the transaction, for two of the same at once.
func (a *attempt) repeated(ctx context.Context) (store.Certificate, bool, error) {
	since := a.at.Add(-repeatWindow)
	var found *store.Certificate
	err := a.eachNewestFirst(ctx, func(c *store.Certificate) bool {
		if c.IssuedAt.Before(since) {
			return false
		}
		if c.CSRHash == a.hash && c.Operation == a.Operation && c.Label == a.Label && c.Principal == a.who.id &&
			c.Live(a.at) && !c.Closed {
			found = c
		}
		// One that was presented closed all before it.
		closes := c.Presented && a.product != nil && c.Profile == a.product.Kind
		return found == nil && !closes
	})
	if err != nil || found == nil {
		return store.Certificate{}, false, err
	}
	return *found, true, nil
}

// answerRepeat gives a certificate out again. It is audited as often as a
// principal's refusals are, so that a client in a loop does not fill the log.
func (a *attempt) answerRepeat(ctx context.Context, c store.Certificate, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	event := store.RepeatedEvent(&store.Issuance{By: a.actor()}, &c)
	if err := a.refusals.record(ctx, a.at, event); err != nil {
		return Answer{}, err
	}
	answer := a.answer(&c)
	answer.Repeated = true
	err = a.tellBatch(ctx, &answer, nil)
	return answer, err
}

// answerSpent serves a token that can no longer pay: the request that it paid
// for is answered again, and nothing else. A request that does not even parse is
// no repeat, and no better answered than with a bad token.
func (a *attempt) answerSpent(ctx context.Context) (Answer, error) {
	c, ok, err := a.spentFor(ctx)
	if err != nil {
		return Answer{}, err
	}
	if !ok {
		return Answer{}, a.rejectToken()
	}
	return a.answerRepeat(ctx, c, nil)
}

func (a *attempt) spentFor(ctx context.Context) (c store.Certificate, ok bool, err error) {
	if a.parseCSR() != nil {
		return c, false, nil
	}
	serial := a.who.token.Serial
	if serial == "" {
		if serial, err = a.csr.SubjectSerial(); err != nil {
			return c, false, nil
		}
	}
	a.device = store.DeviceID{Product: a.who.token.Product, Serial: serial}
	if a.device.Validate() != nil || a.User != "" && a.User != serial {
		return c, false, nil
	}
	if err := a.readDevice(ctx, a.device); err != nil {
		return c, false, err
	}
	if c, ok, err = a.repeated(ctx); !ok || err != nil {
		return c, false, err
	}
	if err := a.checkState(); err != nil {
		if _, refused := err.(*v1.Refusal); refused {
			return c, false, nil
		}
		return c, false, err
	}
	return c, true, nil
}

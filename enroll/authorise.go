package enroll

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// plan is what an authorised request leads to.
type plan struct {
	// existing is answered instead of a new certificate.
	existing *store.Certificate

	recovery store.Recovery
	// token or presented pays.
	token     [32]byte
	presented store.Ref
}

// authorise decides whether this principal may have a certificate for this
// device and key. The store decides again, inside its transaction: what is
// checked here saves signing what would then be thrown away, and knows better
// words.
func (a *attempt) authorise(ctx context.Context) (plan, error) {
	usedBefore, err := a.ownKey(ctx)
	if err != nil {
		return plan{}, err
	}
	if a.renewal() {
		return a.authoriseRenewal(usedBefore)
	}
	return a.authoriseToken(ctx)
}

// ownKey refuses a key of somebody else. It tells whether this device had a
// certificate with the key before.
func (a *attempt) ownKey(ctx context.Context) (bool, error) {
	if a.anchors.Load().isCA(a.csr.SPKI) {
		return false, a.keyOfAnother("a certification authority")
	}
	c, err := a.store.CertificateBySPKI(ctx, a.csr.SPKI)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look up the owner of a key: %w", err)
	case c.Holder != store.Holder{Kind: store.HolderDevice, Name: a.device.String()}:
		return false, a.keyOfAnother(c.Holder.Kind + " " + c.Holder.Name)
	}
	return true, nil
}

// keyOfAnother opens an incident that names both; the client is not told whose
// the key is.
func (a *attempt) keyOfAnother(owner string) error {
	return &alarm{refusal: v1.Refuse(v1.KeyOfAnotherDevice, ""), incident: "key-of-another-device", other: owner}
}

// authoriseToken lets a token enrol the device's first key, or the key it has
// again: then the newest good certificate of that key is the answer, and nothing
// is consumed. Only a token made for this very serial may bring another key
// (design §2.4).
func (a *attempt) authoriseToken(ctx context.Context) (plan, error) {
	p := plan{token: a.who.token.Hash, recovery: store.FirstOnly}
	if a.who.token.Serial != "" {
		p.recovery = store.Replace
	}
	other := false
	err := a.eachNewestFirst(ctx, func(c *store.Certificate) bool {
		if c.Profile != store.ProfileOperational || !c.Live(a.at) || c.Closed {
			return true
		}
		if bytes.Equal(c.SPKI, a.csr.SPKI) {
			p.existing = c
			return false
		}
		other = true
		return true
	})
	if err != nil {
		return plan{}, err
	}
	if p.existing == nil && other && p.recovery == store.FirstOnly {
		return plan{}, v1.Refuse(v1.SerialHasIdentity, "")
	}
	return p, nil
}

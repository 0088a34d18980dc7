package enroll

import (
	"bytes"
	"context"
	"errors"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// plan is what an authorised request leads to.
type plan struct {
	// existing is answered instead of a new certificate.
	existing *store.Certificate

	recovery   store.Recovery
	lineRekeys int
	// token or presented pays.
	token     [32]byte
	presented store.Ref
}

// authorise decides whether this principal may have a certificate for this
// device and key. The store decides again, inside its transaction: what is
// checked here saves signing what would then be thrown away, and knows better
// words.
func (a *attempt) authorise(ctx context.Context) (plan, error) {
	usedBefore, err := a.ownKey()
	if err != nil {
		return plan{}, err
	}
	if a.renewal() {
		return a.authoriseRenewal(usedBefore)
	}
	return a.authoriseFirst(ctx)
}

// ownKey refuses a key of somebody else. It tells whether this device had a
// certificate with the key before.
func (a *attempt) ownKey() (bool, error) {
	if a.anchors.Load().isCA(a.csr.SPKI) {
		return false, a.keyOfAnother("a certification authority")
	}
	switch {
	case a.owner == nil:
		return false, nil
	case a.owner.Holder != store.Holder{Kind: store.HolderDevice, Name: a.device.String()}:
		return false, a.keyOfAnother(a.owner.Holder.Kind + " " + a.owner.Holder.Name)
	}
	return true, nil
}

// keyOfAnother opens an incident about both; the client is not told whose the
// key is.
func (a *attempt) keyOfAnother(owner string) error {
	return &noted{refusal: v1.Refuse(v1.KeyOfAnotherDevice, ""), incident: "key-of-another-device", other: owner}
}

// identity is what the device has of the profile.
type identity struct {
	// same is the newest good certificate of the very key; another: a live one
	// has another key; ended: one that is no longer live has, and the very key has
	// none that is not revoked.
	same           *store.Certificate
	another, ended bool
	// presented: one of the lineage, of whatever profile, was used.
	presented bool
}

func (a *attempt) identity(ctx context.Context) (i identity, err error) {
	kept := false
	err = a.eachNewestFirst(ctx, func(c *store.Certificate) bool {
		i.presented = i.presented || c.Presented
		if c.Profile != a.product.Kind {
			return true
		}
		same, live := bytes.Equal(c.SPKI, a.csr.SPKI), c.Live(a.at)
		if same && live && !c.Closed && i.same == nil {
			i.same = c
		}
		i.another = i.another || !same && live
		i.ended = i.ended || !same && !live
		kept = kept || same && c.Status != store.Revoked
		return true
	})
	i.ended = i.ended && !kept
	return i, err
}

// authoriseFirst lets a credential enrol the device's first key of a profile,
// or the key it has again: then the newest good certificate of that key is the
// answer, after evidence was appraised like any other. Another key may be
// brought by what is bound to this very device: its birth certificate, a token
// made for the serial (design §2.4).
func (a *attempt) authoriseFirst(ctx context.Context) (plan, error) {
	has, err := a.identity(ctx)
	if err != nil {
		return plan{}, err
	}
	p := plan{existing: has.same}
	if a.who.station != nil {
		err := a.authoriseStation(ctx, &p, &has)
		return p, err
	}
	switch {
	case a.who.token == nil: // a birth certificate
		p.recovery, p.presented = store.Replace, a.who.cert.Ref
	case a.who.token.Serial != "":
		p.recovery, p.token = store.Replace, a.who.token.Hash
	default:
		p.recovery, p.token = store.FirstOnly, a.who.token.Hash
	}
	if p.recovery == store.FirstOnly && has.same == nil && has.another {
		return plan{}, v1.Refuse(v1.SerialHasIdentity, "")
	}
	return p, a.findBatch(ctx)
}

// authoriseStation lets a station bring another key while rework is open, or
// while the device has not left the line: its batch is open there, nothing that
// it has was ever used, and it got no more than line_rekeys of them. That what it
// had was revoked or has expired gives a station no more.
func (a *attempt) authoriseStation(ctx context.Context, p *plan, has *identity) error {
	outside := a.findBatch(ctx)
	if _, refused := errors.AsType[*v1.Refusal](outside); outside != nil && !refused {
		return outside
	}
	rework := a.record != nil && a.record.Rework && within(a.record.Site, a.who.station.Site)
	if outside == nil || rework {
		p.recovery = store.OnLine
	}
	if outside == nil {
		p.lineRekeys = a.product.LineRekeys
	}
	onLine := a.record != nil && !has.presented && int(a.record.Rekeys) < p.lineRekeys
	switch {
	case has.same == nil && (has.another || has.ended) && !rework && !onLine:
		return v1.Refuse(v1.SerialHasIdentity, "")
	case rework:
		return nil
	}
	return outside
}

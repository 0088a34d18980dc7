package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/assay-pki/assay/store"
)

// issue is a store.Issue on its way: what could be made before the writer's
// turn, what the checks found, and the outcome.
type issue struct {
	store.Issuance
	value                       []byte // of the certificate
	issued, redeemed, activated leaf
	spkiHash                    [32]byte

	device   store.Device
	operator store.Operator
	token    store.Token
	lineage  []store.Certificate

	replaced []store.Certificate
	closed   []store.Certificate

	out store.Issued
}

// Issue implements store.Writer.
func (s *Store) Issue(ctx context.Context, i store.Issuance) (store.Issued, error) {
	n := &issue{Issuance: i}
	if err := n.prepare(); err != nil {
		return store.Issued{}, err
	}
	if err := s.do(ctx, n.run); err != nil {
		return store.Issued{}, fmt.Errorf("issue %d/%d to %s: %w", i.Certificate.Issuer, i.Certificate.Index, i.Certificate.Holder.Name, err)
	}
	return n.out, nil
}

// prepare does what needs no record: the writer's time is everybody's.
func (n *issue) prepare() (err error) {
	if err := n.Validate(); err != nil {
		return err
	}
	c := &n.Certificate
	if c.IssuedAt.IsZero() {
		c.IssuedAt = n.By.At
	}
	c.IssuedAt = store.StoredTime(c.IssuedAt)
	n.value = c.Encode()
	n.spkiHash = sha256.Sum256(c.SPKI)
	if n.issued, err = seal(store.IssuedEvent(&n.Issuance)); err != nil {
		return err
	}
	if n.paid() {
		if n.redeemed, err = seal(store.RedeemedEvent(&n.Issuance)); err != nil {
			return err
		}
	}
	if n.ofDevice() {
		n.activated, err = seal(store.ActivatedEvent(&n.Issuance))
	}
	return err
}

func (n *issue) paid() bool     { return n.Token != [32]byte{} }
func (n *issue) ofDevice() bool { return n.Certificate.Holder.Kind == store.HolderDevice }

// run is the act: the checks in the order of the contract, then the writes.
func (n *issue) run(w *writeTx) error {
	if err := n.loadDevice(w); err != nil {
		return err
	}
	if earlier := n.repeats(); earlier != nil {
		return n.repeat(w, earlier)
	}
	for _, check := range []func(*writeTx) error{
		n.checkIndex, n.checkHolder, n.checkPresented, n.checkToken, n.checkKey, n.checkIdentity,
	} {
		if err := check(w); err != nil {
			return err
		}
	}
	n.closeOldest()
	more, err := n.events()
	if err != nil {
		return err
	}
	return n.apply(w, more)
}

func (n *issue) loadDevice(w *writeTx) (err error) {
	if !n.ofDevice() {
		return nil
	}
	n.device, err = w.device(n.Device)
	if errors.Is(err, store.ErrNotFound) {
		n.device = store.Device{DeviceID: n.Device}
		return nil
	}
	if err != nil {
		return err
	}
	n.lineage, err = w.referenced(n.device.Lineage)
	return err
}

// repeats finds the newest certificate that answered this very request.
func (n *issue) repeats() *store.Certificate {
	if n.RepeatSince.IsZero() {
		return nil
	}
	for i := len(n.lineage) - 1; i >= 0; i-- {
		old, c := &n.lineage[i], &n.Certificate
		if old.Operation == c.Operation && old.Label == c.Label && old.Principal == c.Principal &&
			old.CSRHash == c.CSRHash && !old.IssuedAt.Before(n.RepeatSince) &&
			old.Live(n.By.At) && !old.Closed {
			return old
		}
	}
	return nil
}

func (n *issue) repeat(w *writeTx, earlier *store.Certificate) error {
	repeated, err := seal(store.RepeatedEvent(&n.Issuance, earlier))
	if err != nil {
		return err
	}
	n.out = store.Issued{Certificate: *earlier, Repeated: true}
	w.touch(n.By.At)
	return w.log(repeated)
}

func (n *issue) checkIndex(w *writeTx) error {
	if !w.hasIssuer(n.Certificate.Issuer) {
		return notFound("issuer", n.Certificate.Issuer)
	}
	if w.get(certificateBucket, refKey(n.Certificate.Ref)) != nil {
		return fmt.Errorf("issuance index: %w", store.ErrExists)
	}
	return nil
}

// checkHolder: a device must not be held or ended, an operator must be there.
func (n *issue) checkHolder(w *writeTx) (err error) {
	switch {
	case n.device.State == store.DeviceHeld:
		return store.ErrHeld
	case n.device.Ended():
		return store.ErrDecommissioned
	case n.Certificate.Holder.Kind != store.HolderOperator:
		return nil
	}
	if n.operator, err = w.operator(n.Certificate.Holder.Name); err != nil {
		return err
	}
	if n.operator.Removed {
		return fmt.Errorf("operator was removed: %w", store.ErrConflict)
	}
	return nil
}

func (n *issue) checkPresented(w *writeTx) error {
	if n.Presented == (store.Ref{}) {
		return nil
	}
	p, err := w.certificate(n.Presented)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("presented certificate is unknown: %w", store.ErrCredential)
	}
	if err != nil {
		return err
	}
	if p.Status != store.Good || p.Holder != n.Certificate.Holder {
		return fmt.Errorf("presented certificate: %w", store.ErrCredential)
	}
	if p.Closed {
		return store.ErrSuperseded
	}
	return nil
}

func (n *issue) checkToken(w *writeTx) (err error) {
	if !n.paid() {
		return nil
	}
	n.token, err = w.token(n.Token)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("token is unknown: %w", store.ErrCredential)
	}
	if err != nil {
		return err
	}
	if !n.token.Usable(n.By.At) {
		return fmt.Errorf("token %s is used up, expired or voided: %w", n.token.ID(), store.ErrCredential)
	}
	if n.token.Product != n.Device.Product || n.token.Serial != "" && n.token.Serial != n.Device.Serial {
		return fmt.Errorf("token %s is made for another device: %w", n.token.ID(), store.ErrCredential)
	}
	return nil
}

// checkKey compares whole keys: the index holds 16 octets of a hash.
func (n *issue) checkKey(w *writeTx) error {
	if w.get(blockedBucket, n.spkiHash[:]) != nil {
		return store.ErrKeyBlocked
	}
	owner, err := w.newestOfKey(n.spkiHash)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(owner.SPKI, n.Certificate.SPKI) {
		return fmt.Errorf("another key has the same truncated hash: %w", store.ErrConflict)
	}
	if owner.Holder != n.Certificate.Holder {
		return store.ErrKeyOfAnother
	}
	return nil
}

// checkIdentity finds the older certificates with another key, and what is to
// become of them.
func (n *issue) checkIdentity(*writeTx) error {
	for _, old := range n.lineage {
		if old.Profile != n.Certificate.Profile || bytes.Equal(old.SPKI, n.Certificate.SPKI) {
			continue
		}
		if n.Recovery == store.FirstOnly && old.Live(n.By.At) {
			return store.ErrHasIdentity
		}
		if n.Recovery == store.Replace && old.Unexpired(n.By.At) {
			old.MarkRevoked(store.ReasonSuperseded, n.By.At, time.Time{})
			n.replaced = append(n.replaced, old)
		}
	}
	return nil
}

// closeOldest keeps the bound of live certificates, the new one included.
func (n *issue) closeOldest() {
	var live []store.Certificate
	for _, old := range n.lineage {
		replaced := n.Recovery == store.Replace && !bytes.Equal(old.SPKI, n.Certificate.SPKI)
		if old.Profile == n.Certificate.Profile && old.Unexpired(n.By.At) && !old.Closed && !replaced {
			live = append(live, old)
		}
	}
	excess := len(live) + 1 - store.MaxLivePerProfile
	for _, old := range live {
		if excess > 0 && !old.Presented && old.Ref != n.Presented {
			old.Closed = true
			n.closed = append(n.closed, old)
			excess--
		}
	}
}

// events are those that only the checks could tell.
func (n *issue) events() ([]leaf, error) {
	var events []store.Event
	for i := range n.closed {
		events = append(events, store.ClosedEvent(n.By, &n.closed[i]))
	}
	for i := range n.replaced {
		events = append(events, store.StatusEvent(n.By, &n.replaced[i]))
	}
	return sealAll(events...)
}

func (n *issue) apply(w *writeTx, more []leaf) error {
	c := &n.Certificate
	n.out = store.Issued{Certificate: *c}
	w.touch(n.By.At)
	err := all(
		func() error { return w.put(certificateBucket, refKey(c.Ref), n.value) },
		func() error {
			e := store.Expiry{Day: store.DayOf(c.NotAfter), Ref: c.Ref}
			return w.put(expiryBucket, expiryKey(e), []byte{format})
		},
		func() error { return w.put(keyBucket, n.spkiHash[:16], refValue(c.Ref)) },
		func() error { return w.log(n.issued) },
		func() error { return n.applyHolder(w) },
	)
	if err != nil {
		return err
	}
	for i := range n.closed {
		if err := w.putCertificate(&n.closed[i]); err != nil {
			return err
		}
	}
	for i := range n.replaced {
		if err := w.putStatus(&n.replaced[i]); err != nil {
			return err
		}
	}
	return w.log(more...)
}

// applyHolder takes the token's use and writes the lineage.
func (n *issue) applyHolder(w *writeTx) error {
	if n.paid() {
		n.token.Used++
		if err := w.put(tokenBucket, n.Token[:], n.token.Encode()); err != nil {
			return err
		}
		if err := w.log(n.redeemed); err != nil {
			return err
		}
	}
	if n.Certificate.Holder.Kind == store.HolderOperator {
		n.operator.Certificates = append(n.operator.Certificates, n.Certificate.Ref)
		return w.put(operatorBucket, []byte(n.operator.Name), n.operator.Encode())
	}
	if !n.ofDevice() {
		return nil
	}
	n.device.Lineage = append(n.device.Lineage, n.Certificate.Ref)
	if n.device.MarkActive(n.By.At) {
		if err := w.log(n.activated); err != nil {
			return err
		}
	}
	return w.putDevice(&n.device)
}

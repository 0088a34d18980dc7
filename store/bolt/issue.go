package bolt

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

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
	station  store.Station // that asked, or that is the holder
	batch    store.Batch   // of the device; zero for none
	token    store.Token
	lineage  []store.Certificate

	replaced []store.Certificate
	closed   []store.Certificate
	rekeyed  bool     // a line gives the device another key
	swept    [][]byte // nonces that are refused for their age

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
		n.checkIndex, n.checkHolder, n.checkPresented, n.checkToken, n.checkNonce, n.checkStation, n.checkBatch,
		n.checkKey, n.checkIdentity, n.checkEvidence, n.findSwept,
	} {
		if err := check(w); err != nil {
			return err
		}
	}
	n.closeOldest()
	if err := n.nameBatch(); err != nil {
		return err
	}
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
	if n.Recovery == store.Renew {
		n.lineage, err = w.recent(n.device.Lineage, n.Certificate.Profile, n.Presented)
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
	if n.device.Batch != "" {
		if n.out.Batch, err = w.batch(n.device.Batch); err != nil {
			return err
		}
	}
	w.touch(n.By.At)
	if err := w.logOf(&n.device, repeated); err != nil {
		return err
	}
	return w.putDevice(&n.device)
}

// nameBatch seals the event anew when the device counts in another batch than
// the caller named.
func (n *issue) nameBatch() (err error) {
	if n.isFirst() && n.batch.Name != n.Batch {
		n.Batch = n.batch.Name
		n.issued, err = seal(store.IssuedEvent(&n.Issuance))
	}
	return err
}

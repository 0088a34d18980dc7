package bolt

import "github.com/assay-pki/assay/store"

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
	w.touch(n.By.At)
	err := all(
		func() error { return w.put(certificateBucket, refKey(c.Ref), n.value) },
		func() error {
			e := store.Expiry{Day: store.DayOf(c.NotAfter), Ref: c.Ref}
			return w.put(expiryBucket, expiryKey(e), []byte{format})
		},
		func() error { return w.put(keyBucket, n.spkiHash[:16], refValue(c.Ref)) },
		func() error { return n.place(w) },
		func() error { return n.redeem(w) },
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
	n.out = store.Issued{Certificate: *c, Batch: n.batch}
	return n.applyHolder(w, more)
}

// applyHolder takes the token's use, writes the lineage and appends the events.
func (n *issue) applyHolder(w *writeTx, more []leaf) error {
	ref := n.Certificate.Ref
	switch n.Certificate.Holder.Kind {
	case store.HolderDevice:
		return n.applyDevice(w, more)
	case store.HolderOperator:
		n.operator.Certificates = append(n.operator.Certificates, ref)
		if err := w.put(operatorBucket, []byte(n.operator.Name), n.operator.Encode()); err != nil {
			return err
		}
	case store.HolderStation:
		n.station.Certificates = append(n.station.Certificates, ref)
		if err := w.putStation(&n.station); err != nil {
			return err
		}
	}
	return w.log(append([]leaf{n.issued}, more...)...)
}

func (n *issue) applyDevice(w *writeTx, more []leaf) error {
	d := &n.device
	at := store.StoredTime(n.By.At)
	if !n.isFirst() {
		d.RenewedAt = at
	}
	d.SeenAt = at
	d.Lineage = append(d.Lineage, n.Certificate.Ref)
	n.countRekey()
	if err := w.logOf(d, n.issued); err != nil {
		return err
	}
	if n.paid() {
		n.token.Used++
		if err := w.put(tokenBucket, n.Token[:], n.token.Encode()); err != nil {
			return err
		}
		if err := w.log(n.redeemed); err != nil {
			return err
		}
	}
	if d.MarkActive(n.By.At) {
		if err := w.logOf(d, n.activated); err != nil {
			return err
		}
	}
	if err := w.logOf(d, more...); err != nil {
		return err
	}
	return w.putDevice(d)
}

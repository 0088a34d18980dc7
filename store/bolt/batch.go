package bolt

import (
	"context"
	"errors"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// Batch implements store.Reader.
func (s *Store) Batch(ctx context.Context, name string) (b store.Batch, err error) {
	err = s.view(ctx, func(t *tx) error {
		b, err = t.batch(name)
		return err
	})
	return b, err
}

// Batches implements store.Reader.
func (s *Store) Batches(ctx context.Context, after string, limit int) (list []store.Batch, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		return t.scan(batchBucket, []byte(after), func(k, v []byte) (bool, error) {
			b, err := store.DecodeBatch(string(k), clone(v))
			if err != nil {
				return false, err
			}
			list = append(list, b)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// CreateBatch implements store.Writer.
func (s *Store) CreateBatch(ctx context.Context, n store.NewBatch) (store.Batch, error) {
	if err := n.Validate(); err != nil {
		return store.Batch{}, err
	}
	b := store.Batch{
		Name: n.Batch.Name, Revision: 1, Product: n.Batch.Product, Site: n.Batch.Site, Line: n.Batch.Line,
		From: store.StoredTime(n.Batch.From), Until: store.StoredTime(n.Batch.Until), Quota: n.Batch.Quota,
		Manifest: n.Batch.Manifest, State: store.BatchOpen,
		CreatedAt: store.StoredTime(n.By.At), CreatedBy: n.By.Principal,
	}
	leaves, err := sealAll(store.CreatedEvents(&b, n.By)...)
	if err != nil {
		return store.Batch{}, err
	}
	m := newManifest(&b, &n)
	err = s.do(ctx, func(w *writeTx) error {
		if err := w.checkNewBatch(&b); err != nil {
			return err
		}
		if err := m.check(&w.tx); err != nil {
			return err
		}
		w.touch(n.By.At)
		w.ruled = true
		return all(
			func() error { return m.apply(w) },
			func() error { return w.putBatch(&b) },
			func() error { return w.log(leaves...) },
		)
	})
	if err != nil {
		return store.Batch{}, fmt.Errorf("create batch %s: %w", n.Batch.Name, err)
	}
	return b, nil
}

// checkNewBatch: a unit without a manifest row must belong to one batch.
func (t *tx) checkNewBatch(b *store.Batch) error {
	if t.get(batchBucket, []byte(b.Name)) != nil {
		return store.ErrExists
	}
	if b.Manifest.Rows > 0 {
		return nil
	}
	return t.scan(batchBucket, nil, func(k, v []byte) (bool, error) {
		other, err := store.DecodeBatch(string(k), v)
		if err != nil {
			return false, err
		}
		if other.State != store.BatchHasClosed && other.Manifest.Rows == 0 &&
			other.Product == b.Product && other.Site == b.Site && other.Line == b.Line {
			return false, fmt.Errorf("batch %s of the same product, site and line is not closed: %w", other.Name, store.ErrConflict)
		}
		return true, nil
	})
}

// ChangeBatch implements store.Writer.
func (s *Store) ChangeBatch(ctx context.Context, c store.ChangeBatch) (b store.Batch, err error) {
	if err := c.Validate(); err != nil {
		return b, err
	}
	err = s.do(ctx, func(w *writeTx) error {
		b, err = w.changeBatch(&c)
		return err
	})
	if err != nil {
		return store.Batch{}, fmt.Errorf("change batch %s: %w", c.Name, err)
	}
	return b, nil
}

func (w *writeTx) changeBatch(c *store.ChangeBatch) (store.Batch, error) {
	b, err := w.batch(c.Name)
	if err != nil {
		return b, err
	}
	if c.Expect != store.AnyRevision && c.Expect != b.Revision {
		return b, fmt.Errorf("revision is %d, expected %d: %w", b.Revision, c.Expect, store.ErrChanged)
	}
	order, state, err := c.Apply(&b)
	if err != nil || !order && !state {
		return b, err
	}
	leaves, err := sealAll(store.ChangedEvents(&b, order, state, c.By)...)
	if err != nil {
		return b, err
	}
	w.touch(c.By.At)
	w.ruled = true
	if err := w.putBatch(&b); err != nil {
		return b, err
	}
	return b, w.log(leaves...)
}

// checkStation: it must be in use.
func (n *issue) checkStation(w *writeTx) (err error) {
	if n.Station == "" {
		return nil
	}
	n.station, err = w.station(n.Station)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("station is unknown: %w", store.ErrCredential)
	}
	if err == nil && !n.station.Usable(n.By.At) {
		err = fmt.Errorf("station was revoked or is over: %w", store.ErrCredential)
	}
	return err
}

// checkBatch: a device's first certificate of all takes a unit of the batch and
// of the station. What a manifest expects belongs to its own batch.
func (n *issue) checkBatch(w *writeTx) (err error) {
	name := n.device.Batch
	if n.isFirst() && name == "" {
		name = n.Batch
	}
	if name != "" {
		if n.batch, err = w.batch(name); err != nil {
			return err
		}
	}
	if !n.isFirst() {
		return nil
	}
	if name != "" {
		if err := n.checkExpected(); err != nil {
			return err
		}
		if n.batch.Left() == 0 {
			return fmt.Errorf("batch %s: %w", name, store.ErrQuota)
		}
	}
	if n.Station != "" && n.station.Quota > 0 && n.station.Used >= n.station.Quota {
		return fmt.Errorf("station %s: %w", n.Station, store.ErrQuota)
	}
	return nil
}

func (n *issue) checkExpected() error {
	b := &n.batch
	if b.Product != n.Device.Product {
		return fmt.Errorf("batch %s is of product %s: %w", b.Name, b.Product, store.ErrConflict)
	}
	if !b.Open(n.By.At) {
		return fmt.Errorf("batch %s is %s, from %v until %v: %w", b.Name, b.State, b.From, b.Until, store.ErrBatch)
	}
	if b.Manifest.Rows > 0 && n.device.Batch != b.Name {
		return fmt.Errorf("batch %s: %w", b.Name, store.ErrNotExpected)
	}
	if key := n.device.KeySHA256; len(key) > 0 && string(key) != string(n.spkiHash[:]) {
		return fmt.Errorf("batch %s names another key: %w", b.Name, store.ErrNotExpected)
	}
	return nil
}

// isFirst tells whether the device has no certificate yet.
func (n *issue) isFirst() bool { return n.ofDevice() && len(n.device.Lineage) == 0 }

// place takes the units and writes where the device was made.
func (n *issue) place(w *writeTx) error {
	if !n.isFirst() {
		return nil
	}
	d := &n.device
	d.Station = n.Station
	if n.batch.Name != "" {
		if d.Batch == "" {
			d.Batch, d.Site, d.Line = n.batch.Name, n.batch.Site, n.batch.Line
		}
		n.batch.Used++
		if err := w.putBatch(&n.batch); err != nil {
			return err
		}
	}
	if n.Station == "" {
		return nil
	}
	if d.Site == "" {
		d.Site = n.station.Site
	}
	if d.Line == "" {
		d.Line = n.station.Line
	}
	n.station.Used++
	return w.putStation(&n.station)
}

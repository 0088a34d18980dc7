package bolt

import (
	"context"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// Device implements store.Reader.
func (s *Store) Device(ctx context.Context, id store.DeviceID) (d store.Device, err error) {
	err = s.view(ctx, func(t *tx) error {
		d, err = t.device(id)
		return err
	})
	return d, err
}

// Devices implements store.Reader.
func (s *Store) Devices(ctx context.Context, after store.DeviceID, limit int) (list []store.Device, err error) {
	if err := store.ValidatePage(limit); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *tx) error {
		return t.scan(deviceBucket, deviceKey(after), func(k, v []byte) (bool, error) {
			id, ok := parseDeviceKey(k)
			if !ok {
				return false, badKey(deviceBucket, k)
			}
			d, err := store.DecodeDevice(id, clone(v))
			if err != nil {
				return false, err
			}
			list = append(list, d)
			return len(list) < limit, nil
		})
	})
	return list, err
}

// Scrap implements store.Writer.
func (s *Store) Scrap(ctx context.Context, a store.DeviceAct) (store.StatusChange, error) {
	if err := a.Validate(); err != nil {
		return store.StatusChange{}, err
	}
	plan := func(t *tx) (*change, error) { return t.planScrap(a) }
	return s.changeStatus(ctx, "scrap", plan, a.By, a.Comment, a.Ticket, a.DryRun)
}

func (t *tx) planScrap(a store.DeviceAct) (*change, error) {
	d, lineage, err := t.deviceWithLineage(a.Device)
	if err != nil {
		return nil, err
	}
	if d.State == store.DeviceDecommissioned {
		return nil, fmt.Errorf("device %s is %s: %w", d.DeviceID, d.State, store.ErrConflict)
	}
	c := &change{deviceChanged: d.MarkScrapped(a.By.At)}
	for _, cert := range lineage {
		live := cert.Status == store.Held || cert.Unexpired(a.By.At)
		if c.deviceChanged && live && cert.MarkRevoked(store.ReasonCessationOfOperation, a.By.At, cert.InvalidAt) {
			c.Changed = append(c.Changed, cert)
		}
	}
	if c.deviceChanged && d.Batch != "" {
		if c.batch, err = t.batch(d.Batch); err != nil {
			return nil, err
		}
		c.batch.Scrapped++
	}
	c.Device, c.record = d, d
	return c, nil
}

// Rework implements store.Writer.
func (s *Store) Rework(ctx context.Context, a store.DeviceAct) (out store.StatusChange, err error) {
	if err := a.Validate(); err != nil {
		return out, err
	}
	if a.DryRun {
		err = s.view(ctx, func(t *tx) error {
			out.Device, _, err = t.planRework(a)
			return err
		})
	} else {
		err = s.do(ctx, func(w *writeTx) error {
			out.Device, err = w.rework(a)
			return err
		})
	}
	if err != nil {
		return store.StatusChange{}, fmt.Errorf("rework: %w", err)
	}
	return out, nil
}

// planRework tells how the device would be, and whether that is a change.
func (t *tx) planRework(a store.DeviceAct) (d store.Device, changed bool, err error) {
	if d, err = t.device(a.Device); err != nil {
		return d, false, err
	}
	if d.State != store.DeviceActive || len(d.Lineage) == 0 {
		return d, false, fmt.Errorf("device %s is %s and has %d certificates: %w", d.DeviceID, d.State, len(d.Lineage), store.ErrConflict)
	}
	changed, d.Rework = !d.Rework, true
	return d, changed, nil
}

func (w *writeTx) rework(a store.DeviceAct) (store.Device, error) {
	d, changed, err := w.planRework(a)
	if err != nil || !changed {
		return d, err
	}
	leaves, err := sealAll(store.ReworkEvent(&a))
	if err != nil {
		return d, err
	}
	w.touch(a.By.At)
	if err := w.logOf(&d, leaves...); err != nil {
		return d, err
	}
	return d, w.putDevice(&d)
}

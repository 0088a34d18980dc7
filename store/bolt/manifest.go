package bolt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pki/assay/store"
)

// manifest is the import of a batch's rows: one pass that only checks, one that
// only writes, both in the order of the keys. Nothing is kept for a row
// meanwhile but its number, for there may be a million.
type manifest struct {
	batch *store.Batch
	rows  []store.Expectation
	by    store.Actor
	order []int32 // rows by serial

	faults store.ManifestError
	again  bool // some of the devices are expected already
}

func newManifest(b *store.Batch, n *store.NewBatch) *manifest {
	m := &manifest{batch: b, rows: n.Devices, by: n.By, order: make([]int32, len(n.Devices))}
	for i := range m.order {
		m.order[i] = int32(i)
	}
	slices.SortStableFunc(m.order, func(a, b int32) int { return strings.Compare(m.rows[a].Serial, m.rows[b].Serial) })
	return m
}

func (m *manifest) fault(row int32, err error) {
	m.faults.Total++
	if len(m.faults.Faults) < maxRowFaults {
		m.faults.Faults = append(m.faults.Faults, store.RowFault{Row: int(row), Err: err})
	}
}

// check judges every row, and refuses all if one is at fault.
func (m *manifest) check(t *tx) error {
	vendors := map[string]bool{}
	for i, row := range m.order {
		e := &m.rows[row]
		if i > 0 && m.rows[m.order[i-1]].Serial == e.Serial {
			m.fault(row, fmt.Errorf("serial %s twice in the manifest: %w", e.Serial, store.ErrConflict))
			continue
		}
		if err := m.checkSerial(t, e); err != nil {
			if errors.Is(err, store.ErrCorrupt) {
				return err
			}
			m.fault(row, err)
		}
		if e.VendorID == "" {
			continue
		}
		owner := t.get(vendorBucket, m.vendorKey(e.VendorID))
		if vendors[e.VendorID] || owner != nil && string(owner[1:]) != e.Serial {
			m.fault(row, fmt.Errorf("vendor id %s is another device's: %w", e.VendorID, store.ErrExists))
		}
		vendors[e.VendorID] = true
	}
	if m.faults.Total > 0 {
		slices.SortStableFunc(m.faults.Faults, func(a, b store.RowFault) int { return a.Row - b.Row })
		return &m.faults
	}
	return nil
}

func (m *manifest) vendorKey(id string) []byte { return pairKey(m.batch.Product, id) }

// checkSerial: the device must be new, or expected by a batch that is closed.
func (m *manifest) checkSerial(t *tx, e *store.Expectation) error {
	d, err := t.device(store.DeviceID{Product: m.batch.Product, Serial: e.Serial})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.State != store.DeviceExpected {
		return fmt.Errorf("device is %s: %w", d.State, store.ErrConflict)
	}
	other, err := t.batch(d.Batch)
	if err != nil {
		return fmt.Errorf("batch of device %s (%w): %w", d.DeviceID, err, store.ErrCorrupt)
	}
	if other.State != store.BatchHasClosed {
		return fmt.Errorf("serial is in batch %s: %w", d.Batch, store.ErrExists)
	}
	m.again = true
	return nil
}

// apply writes the devices, then the vendor ids that there are.
func (m *manifest) apply(w *writeTx) error {
	for _, row := range m.order {
		e := &m.rows[row]
		d := e.Expected(m.batch, m.by)
		if m.again {
			if err := m.follow(w, &d); err != nil {
				return err
			}
		}
		if err := w.putDevice(&d); err != nil {
			return err
		}
		if e.VendorID != "" {
			if err := w.put(vendorBucket, m.vendorKey(e.VendorID), append([]byte{format}, e.Serial...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow takes over what a closed batch expected.
func (m *manifest) follow(w *writeTx, d *store.Device) error {
	before, err := w.device(d.DeviceID)
	if err != nil {
		return nil // check has read it, or seen that it is not there
	}
	d.Events = before.Events
	if before.VendorID == "" || before.VendorID == d.VendorID {
		return nil
	}
	return w.delete(vendorBucket, m.vendorKey(before.VendorID))
}

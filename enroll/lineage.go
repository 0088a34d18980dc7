package enroll

import (
	"context"
	"errors"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// lineage is what was read of a device's certificates, newest first.
type lineage struct {
	of   store.DeviceID
	read []store.Certificate
}

// readDevice reads the device's record, once; it stays nil for a device that
// is not there.
func (a *attempt) readDevice(ctx context.Context, id store.DeviceID) error {
	if a.lineage.of == id {
		return nil
	}
	d, err := a.store.Device(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		a.record = nil
	case err != nil:
		return fmt.Errorf("read device: %w", err)
	default:
		a.record = &d
	}
	a.lineage = lineage{of: id}
	return nil
}

// eachNewestFirst visits the certificates of the device that was read, until
// visit returns false.
func (a *attempt) eachNewestFirst(ctx context.Context, visit func(*store.Certificate) bool) error {
	if a.record == nil {
		return nil
	}
	refs := a.record.Lineage
	for i := range min(len(refs), maxLineage) {
		if i == len(a.lineage.read) {
			c, err := a.store.Certificate(ctx, refs[len(refs)-1-i])
			if err != nil {
				return fmt.Errorf("read a certificate of the lineage: %w", err)
			}
			a.lineage.read = append(a.lineage.read, c)
		}
		if !visit(&a.lineage.read[i]) {
			return nil
		}
	}
	return nil
}

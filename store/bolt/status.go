package bolt

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// change is a Revoke, Hold or Release that was judged and not yet written.
type change struct {
	store.StatusChange
	deviceChanged bool
	blocked       [][32]byte // SHA-256 of keys
	// record is the device whose story the events belong to; zero for none.
	record store.Device
	// batch counts the device as scrapped; zero for none.
	batch store.Batch
}

// Revoke implements store.Writer.
func (s *Store) Revoke(ctx context.Context, r store.Revoke) (store.StatusChange, error) {
	if err := r.Validate(); err != nil {
		return store.StatusChange{}, err
	}
	plan := func(t *tx) (*change, error) { return t.planRevoke(r) }
	if r.Device == (store.DeviceID{}) {
		plan = func(t *tx) (*change, error) { return t.planRevokeOne(r) }
	}
	return s.changeStatus(ctx, "revoke", plan, r.By, r.Comment, r.Ticket, r.DryRun)
}

// Hold implements store.Writer.
func (s *Store) Hold(ctx context.Context, h store.Hold) (store.StatusChange, error) {
	return s.holdOrRelease(ctx, "hold", h, (*tx).planHold)
}

// Release implements store.Writer.
func (s *Store) Release(ctx context.Context, h store.Hold) (store.StatusChange, error) {
	return s.holdOrRelease(ctx, "release", h, (*tx).planRelease)
}

func (s *Store) holdOrRelease(ctx context.Context, verb string, h store.Hold, plan func(*tx, store.Hold) (*change, error)) (store.StatusChange, error) {
	if err := h.Validate(); err != nil {
		return store.StatusChange{}, err
	}
	return s.changeStatus(ctx, verb, func(t *tx) (*change, error) { return plan(t, h) }, h.By, h.Comment, h.Ticket, h.DryRun)
}

// changeStatus plans and, unless it is a dry run, writes.
func (s *Store) changeStatus(ctx context.Context, verb string, plan func(*tx) (*change, error), by store.Actor, comment, ticket string, dry bool) (out store.StatusChange, err error) {
	if dry {
		err = s.view(ctx, func(t *tx) error {
			c, err := plan(t)
			if err == nil {
				out = c.StatusChange
			}
			return err
		})
	} else {
		err = s.do(ctx, func(w *writeTx) error {
			c, err := plan(&w.tx)
			if err != nil {
				return err
			}
			leaves, err := sealAll(store.ChangeEvents(by, &c.StatusChange, c.deviceChanged, comment, ticket)...)
			if err != nil {
				return err
			}
			out = c.StatusChange
			if !c.deviceChanged && len(c.Changed) == 0 {
				return nil
			}
			return w.applyChange(c, by, leaves, &out)
		})
	}
	if err != nil {
		return store.StatusChange{}, fmt.Errorf("%s: %w", verb, err)
	}
	return out, nil
}

// applyChange writes a plan.
func (w *writeTx) applyChange(c *change, by store.Actor, leaves []leaf, out *store.StatusChange) error {
	w.touch(by.At)
	if err := w.putStatuses(out); err != nil {
		return err
	}
	for _, hash := range c.blocked {
		if err := w.put(blockedBucket, hash[:], []byte{format}); err != nil {
			return err
		}
	}
	if c.batch.Name != "" {
		if err := w.putBatch(&c.batch); err != nil {
			return err
		}
	}
	if c.record.State == 0 {
		return w.log(leaves...)
	}
	if err := w.logOf(&c.record, leaves...); err != nil {
		return err
	}
	if out.Device.State != 0 {
		out.Device = c.record
	}
	return w.putDevice(&c.record)
}

// putStatuses stores what changed, in the order of the feed.
func (w *writeTx) putStatuses(out *store.StatusChange) error {
	for i := range out.Changed {
		if err := w.putStatus(&out.Changed[i]); err != nil {
			return err
		}
		out.Feed = w.state.feed
	}
	return nil
}

func (t *tx) planRevoke(r store.Revoke) (*change, error) {
	d, lineage, err := t.deviceWithLineage(r.Device)
	if err != nil {
		return nil, err
	}
	c := &change{deviceChanged: d.MarkDecommissioned(r.Reason, r.By.At)}
	for _, cert := range lineage {
		if store.BlocksKey(r.Reason) {
			c.blocked = append(c.blocked, sha256.Sum256(cert.SPKI))
		}
		live := cert.Status == store.Held || cert.Unexpired(r.By.At)
		if live && cert.MarkRevoked(r.Reason, r.By.At, r.InvalidAt) {
			c.Changed = append(c.Changed, cert)
		}
	}
	c.Device, c.record = d, d
	return c, nil
}

// planRevokeOne revokes one certificate, also an expired one.
func (t *tx) planRevokeOne(r store.Revoke) (*change, error) {
	cert, err := t.certificate(r.Ref)
	if err != nil {
		return nil, err
	}
	c := &change{}
	if c.record, err = t.owner(&cert); err != nil {
		return nil, err
	}
	if cert.MarkRevoked(r.Reason, r.By.At, r.InvalidAt) {
		c.Changed = append(c.Changed, cert)
		if store.BlocksKey(r.Reason) {
			c.blocked = append(c.blocked, sha256.Sum256(cert.SPKI))
		}
	}
	return c, nil
}

// owner is the device that a certificate belongs to, zero for none.
func (t *tx) owner(c *store.Certificate) (store.Device, error) {
	if c.Holder.Kind != store.HolderDevice {
		return store.Device{}, nil
	}
	id, ok := store.ParseDeviceID(c.Holder.Name)
	d, err := t.device(id)
	if !ok || errors.Is(err, store.ErrNotFound) {
		return d, damaged("certificate %d/%d names a device that is missing", c.Issuer, c.Index)
	}
	return d, err
}

func (t *tx) planHold(h store.Hold) (*change, error) {
	d, lineage, err := t.deviceWithLineage(h.Device)
	if err != nil {
		return nil, err
	}
	if d.Ended() {
		return nil, fmt.Errorf("device %s is %s: %w", d.DeviceID, d.State, store.ErrConflict)
	}
	c := &change{deviceChanged: d.MarkHeld(h.By.At)}
	for _, cert := range lineage {
		if c.deviceChanged && cert.Unexpired(h.By.At) && cert.MarkHeld(h.By.At) {
			c.Changed = append(c.Changed, cert)
		}
	}
	c.Device, c.record = d, d
	return c, nil
}

func (t *tx) planRelease(h store.Hold) (*change, error) {
	d, lineage, err := t.deviceWithLineage(h.Device)
	if err != nil {
		return nil, err
	}
	if d.Ended() {
		return nil, fmt.Errorf("device %s is %s: %w", d.DeviceID, d.State, store.ErrConflict)
	}
	c := &change{deviceChanged: d.MarkReleased(h.By.At)}
	for _, cert := range lineage {
		if c.deviceChanged && cert.MarkReleased() {
			c.Changed = append(c.Changed, cert)
		}
	}
	c.Device, c.record = d, d
	return c, nil
}

func (t *tx) deviceWithLineage(id store.DeviceID) (store.Device, []store.Certificate, error) {
	d, err := t.device(id)
	if err != nil {
		return d, nil, err
	}
	lineage, err := t.referenced(d.Lineage)
	return d, lineage, err
}

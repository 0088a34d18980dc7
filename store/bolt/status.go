package bolt

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/assay-pki/assay/store"
)

// change is a Revoke, Hold or Release that was judged and not yet written.
type change struct {
	store.StatusChange
	deviceChanged bool
	blocked       [][32]byte // SHA-256 of keys
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
			return w.applyChange(c, by, leaves, &out)
		})
	}
	if err != nil {
		return store.StatusChange{}, fmt.Errorf("%s: %w", verb, err)
	}
	return out, nil
}

// applyChange writes a plan; without a change it writes nothing.
func (w *writeTx) applyChange(c *change, by store.Actor, leaves []leaf, out *store.StatusChange) error {
	if !c.deviceChanged && len(c.Changed) == 0 {
		return nil
	}
	w.touch(by.At)
	if c.deviceChanged {
		if err := w.putDevice(&c.Device); err != nil {
			return err
		}
	}
	for i := range c.Changed {
		if err := w.putStatus(&c.Changed[i]); err != nil {
			return err
		}
		out.Feed = w.state.feed
	}
	for _, hash := range c.blocked {
		if err := w.put(blockedBucket, hash[:], []byte{format}); err != nil {
			return err
		}
	}
	return w.log(leaves...)
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
	c.Device = d
	return c, nil
}

// planRevokeOne revokes one certificate, also an expired one.
func (t *tx) planRevokeOne(r store.Revoke) (*change, error) {
	cert, err := t.certificate(r.Ref)
	if err != nil {
		return nil, err
	}
	c := &change{}
	if cert.MarkRevoked(r.Reason, r.By.At, r.InvalidAt) {
		c.Changed = append(c.Changed, cert)
		if store.BlocksKey(r.Reason) {
			c.blocked = append(c.blocked, sha256.Sum256(cert.SPKI))
		}
	}
	return c, nil
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
	c.Device = d
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
	c.Device = d
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
			d, err := store.DecodeDevice(id, v)
			if err != nil {
				return false, err
			}
			list = append(list, d)
			return len(list) < limit, nil
		})
	})
	return list, err
}

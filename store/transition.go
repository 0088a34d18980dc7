package store

import "time"

// What the acts do to a record, free of any engine. Each method tells whether
// it changed something.

// Unexpired tells whether the certificate is good and not past its end. It
// counts what is not valid yet: an act against a device must not miss it.
func (c *Certificate) Unexpired(now time.Time) bool {
	return c.Status == Good && !now.After(c.NotAfter)
}

// MarkRevoked revokes for ever. A held certificate keeps the date of its hold:
// that is since when it is not to be trusted. InvalidAt is never later than
// RevokedAt.
func (c *Certificate) MarkRevoked(reason uint8, at, invalidAt time.Time) bool {
	if c.Status == Revoked {
		return false
	}
	if c.Status == Good {
		c.RevokedAt = StoredTime(at)
	}
	c.Status, c.Reason = Revoked, reason
	c.InvalidAt = StoredTime(invalidAt)
	if c.InvalidAt.After(c.RevokedAt) {
		c.InvalidAt = c.RevokedAt
	}
	return true
}

// MarkHeld suspends a good certificate.
func (c *Certificate) MarkHeld(at time.Time) bool {
	if c.Status != Good {
		return false
	}
	c.Status, c.Reason, c.RevokedAt = Held, ReasonCertificateHold, StoredTime(at)
	return true
}

// MarkReleased makes a held certificate good again.
func (c *Certificate) MarkReleased() bool {
	if c.Status != Held {
		return false
	}
	c.Status, c.Reason, c.RevokedAt, c.InvalidAt = Good, 0, time.Time{}, time.Time{}
	return true
}

// Revocation is the CRL entry of a revoked or held certificate.
func (c *Certificate) Revocation() Revocation {
	return Revocation{
		Ref: c.Ref, Serial: c.Serial, Reason: c.Reason,
		RevokedAt: c.RevokedAt, InvalidAt: c.InvalidAt, NotAfter: c.NotAfter,
	}
}

// Ended tells whether the device can never be active again.
func (d *Device) Ended() bool {
	return d.State == DeviceDecommissioned || d.State == DeviceScrapped
}

func (d *Device) move(state DeviceState, reason uint8, at time.Time) {
	d.State, d.Reason, d.ChangedAt = state, reason, StoredTime(at)
}

// MarkActive activates a new or expected device.
func (d *Device) MarkActive(at time.Time) bool {
	if d.State != 0 && d.State != DeviceExpected {
		return false
	}
	d.move(DeviceActive, 0, at)
	d.ActivatedAt = d.ChangedAt
	return true
}

// MarkDecommissioned ends the device.
func (d *Device) MarkDecommissioned(reason uint8, at time.Time) bool {
	if d.Ended() {
		return false
	}
	d.move(DeviceDecommissioned, reason, at)
	return true
}

// MarkHeld suspends the device.
func (d *Device) MarkHeld(at time.Time) bool {
	if d.Ended() || d.State == DeviceHeld {
		return false
	}
	d.move(DeviceHeld, ReasonCertificateHold, at)
	return true
}

// MarkReleased undoes MarkHeld: a device that was never activated is expected
// again.
func (d *Device) MarkReleased(at time.Time) bool {
	if d.State != DeviceHeld {
		return false
	}
	state := DeviceActive
	if d.ActivatedAt.IsZero() {
		state = DeviceExpected
	}
	d.move(state, 0, at)
	return true
}

// Follow numbers a CRL after the last one of its scope: the number rises and is
// not below the clock, which heals it after a restore; thisUpdate never falls.
func (c *CRL) Follow(last CRL) {
	c.ThisUpdate, c.SignedAt = StoredTime(c.ThisUpdate), StoredTime(c.SignedAt)
	c.Number = max(last.Number+1, uint64(max(c.SignedAt.Unix(), 0)))
	if c.ThisUpdate.Before(last.ThisUpdate) {
		c.ThisUpdate = last.ThisUpdate
	}
}

package store

import (
	"fmt"
	"slices"
	"time"
)

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
	d.Rework = false
	return true
}

// MarkScrapped ends a device in the factory.
func (d *Device) MarkScrapped(at time.Time) bool {
	if d.Ended() {
		return false
	}
	d.move(DeviceScrapped, ReasonCessationOfOperation, at)
	d.Rework = false
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

// AddEvent notes that an event about the device was appended.
func (d *Device) AddEvent(seq uint64) {
	d.Events = append(d.Events, seq)
	if over := len(d.Events) - MaxDeviceEvents; over > 0 {
		d.Events = slices.Clone(d.Events[over:])
	}
}

// Appraise takes the outcome of an appraisal. A component with a lower security
// version than the device ever had is ErrRollback. Components that the newest
// appraisal does not name keep their marks, without a version.
func (d *Device) Appraise(a *Appraised) error {
	marks := map[string]uint64{}
	for _, c := range d.Evidence.Components {
		marks[c.Component] = c.Mark
	}
	next := Appraised{Format: a.Format, Tier: a.Tier, Fresh: a.Fresh}
	for _, c := range a.Components {
		if mark := marks[c.Component]; c.SVN < mark {
			return fmt.Errorf("%s has svn %d, had %d: %w", c.Component, c.SVN, mark, ErrRollback)
		}
		c.Mark = c.SVN
		next.Components = append(next.Components, c)
		delete(marks, c.Component)
	}
	for _, c := range d.Evidence.Components {
		if mark, missing := marks[c.Component]; missing && mark > 0 && len(next.Components) < MaxMeasured {
			next.Components = append(next.Components, Measured{Component: c.Component, Mark: mark})
		}
	}
	d.Evidence = next
	return nil
}

// Open tells whether the batch gives first certificates at a time.
func (b *Batch) Open(now time.Time) bool {
	return b.State == BatchOpen && !now.Before(b.From) && (b.Until.IsZero() || now.Before(b.Until))
}

// Usable tells whether the station may enrol at a time.
func (s *Station) Usable(now time.Time) bool {
	return !s.Revoked && (s.Until.IsZero() || now.Before(s.Until))
}

// Equal compares what two stations may do.
func (s *StationSpec) Equal(o *StationSpec) bool {
	return s.Site == o.Site && s.Line == o.Line && slices.Equal(s.Products, o.Products) && s.Quota == o.Quota && s.Rate == o.Rate &&
		slices.Equal(s.From, o.From) && StoredTime(s.Until) == StoredTime(o.Until) && s.ClientAuth == o.ClientAuth
}

// CountOn takes another event of the same kind about the same object.
func (i *Incident) CountOn(e *Event, seq uint64) {
	i.LastSeq, i.LastAt = seq, StoredTime(e.Time)
	i.Count += max(e.Count, 1)
	if other := e.Detail["other"]; other != "" {
		i.Other = other
	}
}

// OpenedBy is the incident that an incident.opened makes.
func OpenedBy(e *Event, seq uint64) Incident {
	i := Incident{
		ID: seq, Kind: e.Detail["kind"], Object: e.Object, Actor: e.Actor, Source: e.Source,
		State: IncidentIsOpen, OpenedAt: StoredTime(e.Time),
	}
	i.CountOn(e, seq)
	return i
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

package store

import (
	"strings"
	"time"
)

// DeviceID names a device: its product and serial.
type DeviceID struct {
	Product, Serial string
}

// String is PRODUCT/SERIAL.
func (d DeviceID) String() string { return d.Product + "/" + d.Serial }

// ParseDeviceID reads PRODUCT/SERIAL.
func ParseDeviceID(s string) (DeviceID, bool) {
	product, serial, ok := strings.Cut(s, "/")
	return DeviceID{product, serial}, ok && product != "" && serial != ""
}

// DeviceState is where a device is in its life.
type DeviceState uint8

const (
	DeviceExpected       DeviceState = 1
	DeviceActive         DeviceState = 2
	DeviceHeld           DeviceState = 3
	DeviceDecommissioned DeviceState = 4
	DeviceScrapped       DeviceState = 5
)

// String is the word of the query language.
func (s DeviceState) String() string {
	switch s {
	case DeviceExpected:
		return "expected"
	case DeviceActive:
		return "active"
	case DeviceHeld:
		return "held"
	case DeviceDecommissioned:
		return "decommissioned"
	case DeviceScrapped:
		return "scrapped"
	}
	return "unknown"
}

// Device is a product's unit and its lineage.
type Device struct {
	DeviceID
	State DeviceState
	// Reason is the CRLReason that ended or suspended it.
	Reason      uint8
	ActivatedAt time.Time
	// ChangedAt is when State last changed.
	ChangedAt time.Time
	// Lineage is every certificate it was given, oldest first.
	Lineage []Ref
	// Events are the sequences of the newest MaxDeviceEvents events about it,
	// oldest first; written by the engine.
	Events []uint64

	// Batch it belongs to, and the site and line where it was, or is to be,
	// made; Station gave it its first certificate. Empty: none.
	Batch, Site, Line, Station string
	// Identity and Attributes are those of its manifest.
	Identity
	Attributes []Attribute
	// RenewedAt is when it got its newest certificate but the first; SeenAt
	// when it was last given or first presented one.
	RenewedAt, SeenAt time.Time
	// Rework: the next enrolment by a station may bring a new key.
	Rework bool
	// Rekeys counts new keys that a line gave it.
	Rekeys uint8
	// Evidence is how the newest appraisal went; zero: none was wanted yet.
	Evidence Appraised
}

// Appraised is what is kept of an appraisal; the whole stands in the event of
// the certificate that it led to.
type Appraised struct {
	// Format and Tier are words of attestation.md, as self and T1; Fresh is
	// yes, batch or no.
	Format, Tier, Fresh string
	Components          []Measured
}

// Measured is a component that was appraised.
type Measured struct {
	Component string
	// Version is that of the release that it matched; empty for a component that
	// the newest appraisal did not name, of which Mark alone is kept.
	Version string
	SVN     uint64
	// Mark is the highest SVN that the device ever had: less is ErrRollback.
	Mark uint64
}

// Revoke is the act of Store.Revoke: of a device, when Device is set, with all
// its live certificates; else of the certificate Ref alone. Reasons
// keyCompromise, cACompromise and aACompromise block the keys for ever.
type Revoke struct {
	Device DeviceID
	Ref    Ref
	// Reason is a CRLReason other than certificateHold (6), 7 and
	// removeFromCRL (8).
	Reason    uint8
	InvalidAt time.Time
	Comment   string
	Ticket    string
	By        Actor
	// DryRun answers what would change and changes nothing.
	DryRun bool
}

// Hold is the act of Store.Hold and Store.Release. Holding what is held, and
// releasing what is active, changes nothing; a decommissioned device is
// ErrConflict.
type Hold struct {
	Device  DeviceID
	Comment string
	Ticket  string
	By      Actor
	DryRun  bool
}

// StatusChange is what a Revoke, Hold, Release, Scrap, Rework, RemoveOperator or
// RevokeStation did.
type StatusChange struct {
	// Device as it is after the act; zero when none was concerned.
	Device Device
	// Changed are the certificates whose status changed, as they are after.
	Changed []Certificate
	// Feed is the sequence of the last change; 0 when nothing changed.
	Feed uint64
}

// Revocation is one entry of a CRL.
type Revocation struct {
	Ref
	Serial    [16]byte
	Reason    uint8
	RevokedAt time.Time
	InvalidAt time.Time
	NotAfter  time.Time
}

// FeedEntry is one change of a certificate's status.
type FeedEntry struct {
	Seq uint64
	Ref
	Status Status
}

// CRL is the number of a published list.
type CRL struct {
	Issuer IssuerID
	// Scope is "complete" or the shard number in decimal.
	Scope string
	// Number is filled in by NextCRL.
	Number     uint64
	ThisUpdate time.Time
	// SignedAt is the caller's clock.
	SignedAt time.Time
}

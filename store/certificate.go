package store

import "time"

// Ref is a certificate's primary key: its issuer and issuance index. The index
// is the low 40 bits of the serial number.
type Ref struct {
	Issuer IssuerID
	Index  uint64
}

// Status of a certificate towards relying parties (CRL, OCSP).
type Status uint8

const (
	Good    Status = 0
	Held    Status = 1 // on CRLs as certificateHold
	Revoked Status = 2
)

// Holder kinds.
const (
	HolderDevice   = "device"
	HolderStation  = "station"
	HolderOperator = "operator"
	HolderServer   = "server" // TLS and OCSP credentials of the authority
)

// Holder says whose a certificate is.
type Holder struct {
	Kind string
	// Name is PRODUCT/SERIAL for a device.
	Name string
}

// Certificate profiles: what a certificate is for.
const (
	ProfileOperational = "operational"
	ProfileBirth       = "birth"
	ProfileOperator    = "operator"
	ProfileStation     = "station"
	ProfileServer      = "server"
	ProfileOCSP        = "ocsp"
)

// Operations that can make a certificate.
const (
	OpSimpleEnroll   = "simpleenroll"
	OpSimpleReenroll = "simplereenroll"
	OpAdmin          = "admin" // operators, by the admin API
	OpNode           = "node"  // the node's own TLS and OCSP credentials
)

// Certificate is an issued certificate and what became of it.
type Certificate struct {
	Ref
	DER []byte
	// Serial, NotBefore, NotAfter and SPKI are read from DER, not stored.
	Serial    [16]byte
	NotBefore time.Time
	NotAfter  time.Time
	SPKI      []byte

	Holder  Holder
	Profile string
	// Revision of the product's document that shaped it; 0 without a product.
	Revision uint32

	// How it was asked for: the repeat rule compares these.
	Operation string
	Label     string
	Principal string
	CSRHash   [32]byte
	IssuedAt  time.Time

	Status Status
	// Reason is the RFC 5280 CRLReason of a held or revoked certificate.
	Reason    uint8
	RevokedAt time.Time
	// InvalidAt is the invalidityDate; zero for none.
	InvalidAt time.Time

	// Closed: superseded at our EST. Relying parties still see Status.
	Closed bool
	// Presented: it has authenticated at our EST.
	Presented bool
}

// Live tells whether the certificate is within its validity and good.
func (c *Certificate) Live(now time.Time) bool {
	return c.Status == Good && !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// Recovery says what Issue does with older certificates of the same device and
// profile when the key is new.
type Recovery uint8

const (
	// FirstOnly refuses with ErrHasIdentity when the device has a live
	// certificate of this profile with another key, closed or not.
	FirstOnly Recovery = 0
	// Replace revokes those with another key that are good and not expired,
	// reason superseded: a credential bound to this very device may bring a new
	// key.
	Replace Recovery = 1
	// Renew keeps them good until the new one is presented, at most
	// MaxLivePerProfile; one more closes the oldest never presented, but not
	// the one that authenticated this renewal.
	Renew Recovery = 2
	// OnLine is Replace when rework is open, which it ends, or when nothing of
	// the lineage was ever presented and the device got fewer than LineRekeys
	// new keys on a line; else it is FirstOnly, and another key that has ended
	// refuses as a live one does, unless the device had this one too and it was
	// not revoked.
	OnLine Recovery = 3
)

// Issuance is the act of Store.Issue. Inside the transaction the engine checks,
// in this order:
//
//   - a certificate of the same device whose (Operation, Label, Principal,
//     CSRHash) equal these, issued at or after RepeatSince and still Live and
//     not Closed: nothing is stored but a certificate.repeated event, Issued.Repeated
//     is true;
//   - the issuer is there: ErrNotFound; the index is free: ErrExists;
//   - the device: ErrHeld, ErrDecommissioned; an operator or a station that is to
//     hold it: ErrNotFound, or ErrConflict when it was removed or revoked;
//   - the presented certificate (Presented): still good, same device:
//     ErrCredential; not closed: ErrSuperseded;
//   - the token (Token): see ErrCredential; one use is taken;
//   - the nonce: ErrNonceReused if it was redeemed for another CSRHash;
//   - the station: ErrCredential when it is unknown, revoked or past Until;
//   - for the device's first certificate of all: the batch, ErrNotFound,
//     ErrConflict when it is of another product, ErrBatch unless it is open and
//     within its window; the device is one of its manifest: ErrNotExpected; then
//     ErrQuota for the batch and for the station;
//   - the key: ErrKeyBlocked, ErrKeyOfAnother, by whole SPKI;
//   - Recovery: ErrHasIdentity;
//   - Evidence: ErrRollback for a component below the device's mark.
//
// Batch is not looked at when the device has a certificate already. A device
// that a manifest expects counts in its own batch whoever pays, and then only
// with the key that the manifest names, if it does: ErrNotExpected.
//
// A certificate that does not parse, whose serial is not of its index, or whose
// holder is not Device is ErrConflict before all of these: see Validate.
type Issuance struct {
	// Certificate as signed; the state fields are zero.
	Certificate Certificate
	// Device is set when Holder.Kind is HolderDevice: it is created active if
	// it is not there.
	Device DeviceID
	// Token is the hash of the token that pays for it; zero for none.
	Token [32]byte
	// Presented is the certificate that authenticated a renewal; zero for none.
	Presented Ref
	Recovery  Recovery
	// Station that asked, and Batch whose device it is; empty for none.
	Station, Batch string
	// LineRekeys is the product's, for OnLine.
	LineRekeys int
	// Nonce that the evidence carried; nil for none.
	Nonce *Redemption
	// Evidence is what was appraised; nil when none was wanted. Facts are the
	// appraisal's other facts, for the event.
	Evidence *Appraised
	Facts    map[string]string
	// RepeatSince bounds the repeat rule; zero switches it off.
	RepeatSince time.Time
	By          Actor
}

// Issued is the outcome of Store.Issue.
type Issued struct {
	// Batch as it is after the act; zero when none was concerned.
	Batch Batch
	// Certificate is the stored one, or the earlier one when Repeated.
	Certificate Certificate
	Repeated    bool
}

// Presentation is the act of Store.Present.
type Presentation struct {
	Ref Ref
	// RevokeOld also revokes what is closed, reason superseded.
	RevokeOld bool
	By        Actor
}

// Day is a date in UTC: days since 1970-01-01.
type Day uint32

// DayOf is the date of t.
func DayOf(t time.Time) Day { return Day(max(t.Unix(), 0) / 86400) }

// Expiry is an entry of the calendar of expiries: the certificate's notAfter
// falls on Day.
type Expiry struct {
	Day Day
	Ref
}

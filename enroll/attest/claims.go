package attest

import (
	"crypto"
	"time"
)

// Formats of evidence.
const (
	FormatSelf    = "self"
	FormatStation = "station"
)

// Binding is what evidence must be about.
type Binding struct {
	// SPKI is the DER of the key that is to be certified.
	SPKI []byte
	// CSR is the SHA-256 of the request's DER; only a statement in the request
	// field is held against it.
	CSR             []byte
	Product, Serial string
	Now             time.Time
	// IssuedFrom and IssuedUntil bound a station's iat under batch freshness:
	// the batch's window. Both zero: ten minutes around Now.
	IssuedFrom, IssuedUntil time.Time
}

// Keys are the trust anchors of this one device.
type Keys struct {
	// Self is the birth key of the record or the key that it renews with; nil
	// at a first enrolment without either.
	Self crypto.PublicKey
	// CSRKey vouches for itself where Self is nil: tier T0.
	CSRKey crypto.PublicKey
	// Station is the key of the station's TLS certificate, and StationName its
	// name; nil unless a station speaks.
	Station     crypto.PublicKey
	StationName string
}

// Claims are what evidence says, once its signature and its binding hold.
type Claims struct {
	Format, Tier string
	// Nonce is nil if the statement has none, which only `self` may.
	Nonce        []byte
	Measurements []Measurement
	// Debug is dbgstat of RFC 9711 §4.2.7: 0 enabled, 1 disabled, 2 disabled
	// since boot, 3 permanently, 4 fully and permanently; nil: not said.
	Debug *uint64
	// IssuedAt is a station's iat; zero otherwise.
	IssuedAt time.Time
	// Method of a station: 1 debug-port read-back, 2 boot-ROM read-back, 3
	// written and verified; 0 otherwise.
	Method uint64
	// Digest is the SHA-256 of the statement.
	Digest [32]byte
	// Subject is PRODUCT/SERIAL.
	Subject string
	// Station that made it; empty for self.
	Station string
}

// Measurement is the digest of one component.
type Measurement struct {
	Component string
	// Alg is sha256, sha384 or sha512.
	Alg    string
	Digest []byte
	// Version and SVN are what the measurer thinks; the release's count.
	Version string
	SVN     *uint64
	Signer  []byte
}

// Device is what the record knows of a device.
type Device struct {
	// Marks are the highest svn seen, by component.
	Marks map[string]uint64
}

// Result is a passed appraisal.
type Result struct {
	Format, Tier, Fresh string
	// Components are those of the policy, in its order.
	Components []Matched
	// Deprecated tells that one of the releases is, or is recalled and within grace.
	Deprecated bool
	// NotAfter cuts the certificate's life; zero: it does not.
	NotAfter time.Time
}

// Matched is a component and the release that its digest belongs to.
type Matched struct {
	Component, Version string
	SVN                uint64
	State              string
}

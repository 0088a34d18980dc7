package store

import (
	"strings"
	"time"
)

// Event is one entry of the audit log: a leaf of its Merkle tree. It is stored
// as deterministic CBOR (RFC 8949 §4.2.1) of a map with integer keys, those of
// the field comments; absent fields are left out. The leaf hash is
// SHA-256(0x00 ‖ bytes). JSON is a view only.
type Event struct {
	// Seq is given by the store, from 1; it is the leaf number + 1 and not
	// part of the bytes.
	Seq uint64 `cbor:"-"`
	// Bytes are the stored bytes, on events read back.
	Bytes []byte `cbor:"-"`

	// 1: one of the names in events.go.
	Name EventName
	// 2: when, Unix microseconds.
	Time time.Time
	// 3: 16 random octets, so that a deleted body cannot be guessed from its hash.
	Salt [16]byte
	// 4: who did it, as Actor.Principal.
	Actor string
	// 5: the caller's address.
	Source string
	// 6: the device, PRODUCT/SERIAL, or another object's name.
	Object string
	// 7: certificate serial number, 16 octets.
	Serial []byte
	// 8: issuer id; absent without a certificate.
	Issuer IssuerID
	// 9: RFC 5280 CRLReason name, or a code of reasons.md.
	Reason string
	// 10: how many, for counted refusals.
	Count uint64
	// 11: other facts, by name; values at most 1 KiB.
	Detail map[string]string
	// 12: SHA-256 of what the event is about: the DER of a certificate, the body
	// of a document, the file of a manifest.
	Digest []byte
}

// OfDevice tells which device the event belongs to the story of.
func (e *Event) OfDevice() (DeviceID, bool) {
	noun, _, _ := strings.Cut(string(e.Name), ".")
	switch noun {
	case "certificate", "device", "enrolment", "incident":
		return ParseDeviceID(e.Object)
	}
	return DeviceID{}, false
}

// LogHead is the Merkle log's size and root hash.
type LogHead struct {
	Size int64
	Root [32]byte
}

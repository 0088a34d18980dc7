package store

import "errors"

// What a caller does about an error decides which sentinel it is. Engines wrap
// them; test with errors.Is.
var (
	// ErrNotFound: no such record.
	ErrNotFound = errors.New("not found")
	// ErrExists: the name or key is taken.
	ErrExists = errors.New("exists already")
	// ErrConflict: the act contradicts the state of a record.
	ErrConflict = errors.New("conflicts with the present state")
	// ErrChanged: the record is not of the revision that the caller expected.
	ErrChanged = errors.New("changed meanwhile")
	// ErrLimit: a page limit outside 1..MaxPage, or a record over its size limit.
	ErrLimit = errors.New("limit out of range")
	// ErrIndexExhausted: an issuer has numbered its last certificate.
	ErrIndexExhausted = errors.New("issuance index exhausted")
	// ErrLastAdmin: the act would leave nobody with role admin.
	ErrLastAdmin = errors.New("last admin")

	// Refusals of Issue, found again inside the transaction.

	// ErrHeld: the device is on hold.
	ErrHeld = errors.New("device is held")
	// ErrDecommissioned: the device was decommissioned or scrapped.
	ErrDecommissioned = errors.New("device is decommissioned")
	// ErrCredential: the token is unknown, used up, expired, voided or of
	// another product or serial, or the presented certificate is no longer good.
	ErrCredential = errors.New("credential not accepted")
	// ErrSuperseded: an older certificate renews after a newer one was presented.
	ErrSuperseded = errors.New("a newer certificate was presented")
	// ErrKeyOfAnother: the public key belongs to another holder.
	ErrKeyOfAnother = errors.New("key of another device")
	// ErrKeyBlocked: the public key was compromised once.
	ErrKeyBlocked = errors.New("key is blocked")
	// ErrHasIdentity: the device has an identity with another key.
	ErrHasIdentity = errors.New("serial has an identity")

	// ErrNonceReused: the nonce was redeemed for another request.
	ErrNonceReused = errors.New("nonce was used for another request")
	// ErrBatch: the batch is paused, closed or outside of its window.
	ErrBatch = errors.New("batch is not open")
	// ErrNotExpected: the batch's manifest does not hold the serial, or names
	// another key for it.
	ErrNotExpected = errors.New("not in the manifest")
	// ErrQuota: the quota of the batch or the station is used up.
	ErrQuota = errors.New("quota exhausted")
	// ErrRollback: a component has a lower security version than the device had.
	ErrRollback = errors.New("security version rolled back")

	// ErrUnavailable: the engine failed or is closed; whether the act was
	// stored is unknown until it is read back.
	ErrUnavailable = errors.New("store unavailable")
	// ErrCorrupt: bytes in the store do not decode, or an invariant is broken.
	ErrCorrupt = errors.New("store corrupt")
)

package profile

import "time"

// Order is what an enrolment asks an issuer to make. Nothing in it is copied
// from a request but the key.
type Order struct {
	Profile *Profile
	Names   Names
	// SPKI is the DER of the SubjectPublicKeyInfo, checked already.
	SPKI []byte
	// NotAfter ends the certificate earlier than the profile would; zero for
	// the profile's validity.
	NotAfter time.Time
}

// Made is a signed certificate that is not stored yet.
type Made struct {
	// IssuerID is the store's number of the issuer.
	IssuerID uint16
	// Issuer is its name in URLs.
	Issuer              string
	Index               uint64
	Serial              [SerialSize]byte
	DER                 []byte
	NotBefore, NotAfter time.Time
}

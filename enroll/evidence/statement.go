package evidence

import (
	"crypto"
	"errors"
	"fmt"
	"time"
)

// OID is id-aa-attestation, the type of the CSR attribute.
const OID = "1.2.840.113549.1.9.16.2.59"

// Values of Statement.Debug: dbgstat of RFC 9711 §4.2.7.
const (
	DebugEnabled                     = 0
	DebugDisabled                    = 1
	DebugDisabledSinceBoot           = 2
	DebugDisabledPermanently         = 3
	DebugDisabledFullyAndPermanently = 4
)

// Values of Statement.Method.
const (
	MethodDebugPort  = 1 // read back over the debug port
	MethodBootROM    = 2 // read back by the boot ROM
	MethodProgrammer = 3 // written and verified by the programmer
)

// Measurement is the digest of one component.
type Measurement struct {
	// Component as the product names it.
	Component string
	// Alg is sha256 (also if empty), sha384 or sha512.
	Alg    string
	Digest []byte
	// Version and SVN are informative: those of the release count.
	Version string
	SVN     *uint64
	// Signer is the digest that names who signed the component.
	Signer []byte
}

// Statement is what a device or a station says.
type Statement struct {
	Product, Serial string
	// Nonce of the server, 8 to 64 octets. Self may leave it out where the
	// product has freshness none.
	Nonce []byte
	// SPKI is the DER of the key that is to be certified.
	SPKI         []byte
	Measurements []Measurement
	// Debug is the state of the debug port. Station leaves out the zero.
	Debug uint64

	// Station, Method and IssuedAt are of Station alone.
	Station  string
	Method   uint64
	IssuedAt time.Time
	// CSR is the DER of the finished request, for Station in the request field
	// Assay-Station-Evidence; nil for a statement inside a CSR.
	CSR []byte
}

// Self makes a `self` statement, a tagged COSE_Sign1. The key is the birth key,
// else the operational key that is good now, else the new one: P-256, P-384 or
// Ed25519.
func Self(key crypto.Signer, s Statement) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("make self evidence: %w", err)
	}
	if s.Station != "" || s.Method != 0 || s.CSR != nil {
		return nil, errors.New("make self evidence: Station, Method and CSR are of Station alone")
	}
	return sign1(key, s.payload(profileSelf))
}

// Station makes a `station` statement, a tagged COSE_Sign1, with the key of the
// station's certificate.
func Station(key crypto.Signer, s Statement) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("make station evidence: %w", err)
	}
	switch {
	case s.Station == "":
		return nil, errors.New("make station evidence: Station is empty")
	case s.Method < MethodDebugPort || s.Method > MethodProgrammer:
		return nil, fmt.Errorf("make station evidence: Method is %d, it must be 1, 2 or 3", s.Method)
	case s.IssuedAt.Unix() < 0:
		return nil, errors.New("make station evidence: IssuedAt is not set")
	case len(s.Nonce) == 0:
		return nil, errors.New("make station evidence: Nonce is empty")
	}
	return sign1(key, s.payload(profileStation))
}

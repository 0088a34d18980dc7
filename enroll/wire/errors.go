package wire

import (
	"errors"
	"fmt"
)

// What DecodeBody returns.
var (
	// ErrSendBase64: the body is DER or other bytes, not text (RFC 8951 §3).
	ErrSendBase64 = errors.New("body is not base64 but binary")
	// ErrBadBase64: the body is text, but not base64 of anything.
	ErrBadBase64 = errors.New("body is not valid base64")
)

// What the parsers return.
var (
	// ErrMalformed: not the DER of what it should be, doubled parts and
	// trailing bytes included.
	ErrMalformed = errors.New("malformed")
	// ErrTooComplex: larger than limits.go allows.
	ErrTooComplex = errors.New("too complex")
)

// What CSR.PublicKey and CSR.Verify return.
var (
	// ErrPublicKey: the subject public key is of no kind that we read, or
	// not a key (a point off its curve).
	ErrPublicKey = errors.New("public key cannot be read")
	// ErrSignatureAlgorithm: SHA-1, MD5, unknown, or not the key's.
	ErrSignatureAlgorithm = errors.New("signature algorithm is not accepted")
	// ErrSignature: the proof of possession does not verify.
	ErrSignature = errors.New("signature does not verify")
)

// What CSR.SubjectSerial returns.
var (
	ErrNoSerial    = errors.New("subject names no serial")
	ErrManySerials = errors.New("subject names several serials")
)

func malformed(what string) error { return fmt.Errorf("%s: %w", what, ErrMalformed) }

func tooComplex(what string, limit int) error {
	return fmt.Errorf("%s, the limit is %d: %w", what, limit, ErrTooComplex)
}

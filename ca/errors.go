package ca

import "errors"

var (
	// ErrIssuer: there is no such issuer, or none of the kind that is needed.
	ErrIssuer = errors.New("no such issuer")
	// ErrIssuerExpired: the issuer's certificate leaves no time.
	ErrIssuerExpired = errors.New("issuer has expired")
	// ErrKey: the public key is not one that may be certified here.
	ErrKey = errors.New("public key not accepted")
	// ErrSigner: the issuer's key cannot be used, or signed wrongly.
	ErrSigner = errors.New("signing key unavailable")
	// ErrBlocks: no block of indices could be leased.
	ErrBlocks = errors.New("no issuance index to be had")
	// ErrConfig: what was given cannot be.
	ErrConfig = errors.New("not a usable configuration")
)

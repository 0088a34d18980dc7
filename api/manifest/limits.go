package manifest

import "github.com/assay-pki/assay/store"

const (
	// MaxBytes bounds a file: the greatest number of rows, each of 268 octets.
	MaxBytes = 256 << 20
	// MaxRowBytes bounds a row, so that quotes that are never closed do not fill
	// the memory.
	MaxRowBytes = 4 << 10
	// MaxRows is what the store takes in one transaction.
	MaxRows = store.MaxManifestRows
	// MaxFaults are listed; a person mends the first hundred first.
	MaxFaults = 100

	// maxSerial is ub-serial-number of RFC 5280 appendix A.1.
	maxSerial = 64
	// maxVendorID bounds a key of the store.
	maxVendorID = 128
	// maxAttribute bounds an attribute's value, in characters.
	maxAttribute = 128
	// maxColumns is one of each and the attributes; more have doubles.
	maxColumns = 8 + store.MaxAttributes

	// minEATID and maxEATID bound a UEID (RFC 9711 §4.2.1): a type octet and 6 to
	// 32 more. A PSA instance id has 33.
	minEATID = 7
	maxEATID = 33

	// sampleRows are read before the number of rows is guessed.
	sampleRows = 1024
)

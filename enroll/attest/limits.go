package attest

import "time"

const (
	// maxBundle is the DER of an AttestationBundle: it must fit into a CSR,
	// whose limit (enroll/wire) is the same.
	maxBundle = 48 << 10
	// maxStatements bounds a bundle: a device has one root of trust, and
	// perhaps a station's word.
	maxStatements = 8
	// maxCerts bounds the certificates of a bundle: chains of three, of two
	// formats, leave room.
	maxCerts = 16
	// maxHint bounds the third member of a statement in older drafts, which is
	// ignored.
	maxHint = 256
	// maxHeader is a station's statement in the request field: four times what
	// an honest one takes.
	maxHeader = 8 << 10
	// maxMediaType bounds the type of a CMW; ours are below 100 octets.
	maxMediaType = 256

	// maxNesting bounds CBOR: measurements stand on the third level.
	maxNesting = 8
	// maxItems bounds arrays and maps of CBOR; the decoder takes 16 octets for
	// each item of one.
	maxItems = 256

	// minNonce and maxNonce are those of RFC 9711 §4.1, in octets.
	minNonce = 8
	maxNonce = 64
	// maxSubject is PRODUCT/SERIAL: 32 and 64 octets, and some room.
	maxSubject = 128
	// maxMeasurements is what a boot chain of layers has at most.
	maxMeasurements = 16
	// maxComponent bounds a component's name, as in the product document.
	maxComponent = 32
	// maxVersion bounds a release's version, which is part of a URL.
	maxVersion = 64
	// maxSigner is the digest that names who signed a component, SHA-512 at
	// most.
	maxSigner = 64
	// maxSVN is the greatest whole number that JSON readers agree on.
	maxSVN = 1<<53 - 1
	// maxClockSkew is how far a station's clock may be from ours.
	maxClockSkew = 10 * time.Minute

	// maxReleaseBytes bounds a Firmware document: maxComponents components
	// with maxDigests digests take a quarter.
	maxReleaseBytes = 64 << 10
	// maxDepth bounds its nesting: it has three levels.
	maxDepth = 8
	// maxComponents and maxDigests bound a release: a component has one image,
	// or one for each of a few hardware variants, in up to three algorithms.
	maxComponents = 16
	maxDigests    = 24
	// maxGrace bounds the grace of a recall: a longer one is no recall.
	maxGrace = 10 * 365 * 24 * time.Hour
	// maxAdvisory and maxSource bound texts that are shown.
	maxAdvisory = 512
	maxSource   = 256
	// maxFaults bounds the list of faults: nobody reads on.
	maxFaults = 100
)

package profile

import "time"

const (
	// ShardSize is how many consecutive issuances share a CRL: at about 49
	// octets an entry no shard passes 400 kB.
	ShardSize = 8192
	// MaxIndex is the last issuance index: the serial number has 5 octets for it.
	MaxIndex = 1<<40 - 1
	// SerialSize is the size of every serial number; RFC 5280 §4.1.2.2 allows 20.
	SerialSize = 16

	// shortLife separates the lifetime classes: shards of short-lived
	// certificates retire whole within weeks.
	shortLife = 100 * Day

	// maxDocumentBytes bounds a document's JSON; trust anchors are the longest
	// part of one.
	maxDocumentBytes = 256 << 10
	// maxDepth bounds the nesting of a document; the deepest field is at 5.
	maxDepth = 16
	// maxFaults bounds a report; a person mends the first hundred first.
	maxFaults = 100

	// ub-common-name, ub-organization-name, ub-organizational-unit-name and
	// ub-serial-number of RFC 5280 appendix A.1 are all 64.
	maxNameRunes = 64
	// maxSerialPattern keeps the compiled expression small; it runs on every
	// request.
	maxSerialPattern = 128
	// maxRoles keeps the subject within the 16 RDNs that we accept ourselves.
	maxRoles = 8
	// maxSANs is the same bound that is put on requests.
	maxSANs = 8
	// maxComponents is what the store keeps of one appraisal.
	maxComponents = 16
	// maxTemplate bounds one name template.
	maxTemplate = 256
	// maxDNSName is that of RFC 1034 §3.1, as text.
	maxDNSName = 253
	// maxURI bounds a uniformResourceIdentifier after expansion.
	maxURI = 512

	maxDescription = 512
	// maxListed bounds every list and map of a document; checks of doubled items
	// are quadratic.
	maxListed = 64
	// maxLineRekeys: more rekeys on the line than this are not mishaps.
	maxLineRekeys = 16

	// minValidity leaves time to renew; below an hour clocks decide.
	minValidity = time.Hour
	// maxValidity is the longest life that any issuer signs; an issuer's own
	// limit is checked by Compile.
	maxValidity = 100 * Year
	// maxGrace bounds how long an expired certificate still renews.
	maxGrace = 90 * Day
	// maxRetention bounds what is kept.
	maxRetention = 100 * Year

	// serialTries bounds the search for a non-zero first octet: a random source
	// that fails so often is broken.
	serialTries = 64
)

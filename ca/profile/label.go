package profile

import "slices"

// reservedLabels are path segments of EST operations: RFC 7030 §3.2.2 forbids
// an operation name as a label.
var reservedLabels = []string{
	// RFC 7030 §3.2.2
	"cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs",
	// RFC 8295 §2.1
	"pal", "eecerts", "crls", "symmetrickeys", "symmetrickey", "firmware", "tamp", "return",
	// RFC 9148 §4.1
	"crts", "sen", "sren", "att", "skg", "skc",
	// draft-ietf-lamps-attestation-freshness
	"nonce",
}

// ReservedLabel tells whether an EST label would be taken for an operation.
func ReservedLabel(label string) bool { return slices.Contains(reservedLabels, label) }

// productNameFault says why a name cannot be a product's, "" if it can.
func productNameFault(name string) string {
	switch {
	case !IsName(name):
		return "a product's name is 1 to 32 of a-z, 0-9 and -, not beginning with -"
	case ReservedLabel(name):
		return "this is the name of an EST operation, and the product's name is its EST label: choose another"
	}
	return ""
}

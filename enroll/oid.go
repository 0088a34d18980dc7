package enroll

import "encoding/asn1"

// Object identifiers, never assigned to.
var (
	oidCMCRA          = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 28} // id-kp-cmcRA, RFC 6402 §2.10
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
)

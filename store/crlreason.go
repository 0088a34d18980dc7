package store

// The CRLReasons of RFC 5280 §5.3.1.
const (
	ReasonUnspecified          uint8 = 0
	ReasonKeyCompromise        uint8 = 1
	ReasonCACompromise         uint8 = 2
	ReasonAffiliationChanged   uint8 = 3
	ReasonSuperseded           uint8 = 4
	ReasonCessationOfOperation uint8 = 5
	ReasonCertificateHold      uint8 = 6
	ReasonRemoveFromCRL        uint8 = 8
	ReasonPrivilegeWithdrawn   uint8 = 9
	ReasonAACompromise         uint8 = 10
)

// ReasonName is the name of a CRLReason as RFC 5280 spells it; empty for 7 and
// for what it does not list.
func ReasonName(reason uint8) string {
	switch reason {
	case ReasonUnspecified:
		return "unspecified"
	case ReasonKeyCompromise:
		return "keyCompromise"
	case ReasonCACompromise:
		return "cACompromise"
	case ReasonAffiliationChanged:
		return "affiliationChanged"
	case ReasonSuperseded:
		return "superseded"
	case ReasonCessationOfOperation:
		return "cessationOfOperation"
	case ReasonCertificateHold:
		return "certificateHold"
	case ReasonRemoveFromCRL:
		return "removeFromCRL"
	case ReasonPrivilegeWithdrawn:
		return "privilegeWithdrawn"
	case ReasonAACompromise:
		return "aACompromise"
	}
	return ""
}

// ReasonOf is the CRLReason of a name.
func ReasonOf(name string) (uint8, bool) {
	for reason := range ReasonAACompromise + 1 {
		if name != "" && ReasonName(reason) == name {
			return reason, true
		}
	}
	return 0, false
}

// Revokes tells whether a certificate may be revoked with this reason:
// certificateHold is Hold's, removeFromCRL stands in delta CRLs only.
func Revokes(reason uint8) bool {
	return ReasonName(reason) != "" && reason != ReasonCertificateHold && reason != ReasonRemoveFromCRL
}

// BlocksKey tells whether a reason says that the private key is in other hands.
func BlocksKey(reason uint8) bool {
	return reason == ReasonKeyCompromise || reason == ReasonCACompromise || reason == ReasonAACompromise
}

package main

import "slices"

// revocationReasons are the RFC 5280 §5.3.1 names that revoke takes, in
// camelCase. removeFromCRL is what a release makes and no reason of its own.
func revocationReasons() []string {
	return []string{
		"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
		"cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise",
	}
}

// reasonNames are the CRLReason values as names; "" for those that are none.
var reasonNames = [...]string{
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
	"cessationOfOperation", "certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
}

func reasonName(code int) string {
	if code >= 0 && code < len(reasonNames) && reasonNames[code] != "" {
		return reasonNames[code]
	}
	return "unknown"
}

// parseReason checks a name; another spelling of a known one is a hint, not a
// match: scripts must not depend on it.
func parseReason(name string) (string, error) {
	if slices.Contains(revocationReasons(), name) {
		return name, nil
	}
	return "", failReason(name)
}

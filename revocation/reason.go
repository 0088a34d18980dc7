package revocation

import (
	"strings"

	"github.com/assay-pki/assay/store"
)

// lastReason is the highest CRLReason of RFC 5280 §5.3.1.
const lastReason = store.ReasonAACompromise

// ReasonNames returns the names that Revoke takes, in the order of RFC 5280
// §5.3.1. certificateHold is one of them: it holds the device.
func ReasonNames() []string {
	var names []string
	for reason := range lastReason + 1 {
		if store.Revokes(reason) || reason == store.ReasonCertificateHold {
			names = append(names, store.ReasonName(reason))
		}
	}
	return names
}

// ParseReason reads the name of a CRLReason exactly as RFC 5280 writes it,
// removeFromCRL included.
func ParseReason(name string) (uint8, bool) { return store.ReasonOf(name) }

// nearestReason finds the name that was meant but for case and hyphens; empty
// for none.
func nearestReason(name string) string {
	name = strings.NewReplacer("-", "", "_", "", " ", "").Replace(name)
	for _, n := range ReasonNames() {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	return ""
}

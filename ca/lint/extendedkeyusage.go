package lint

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
)

// PurposeCMCRA is id-kp-cmcRA of RFC 6402: a registration authority.
func PurposeCMCRA() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 28} }

// extendedKeyUsage: exactly one purpose for end entities, none for CAs. A
// station's is cmcRA, with clientAuth beside it only if that was asked for.
var extendedKeyUsage = rule{"extended key usage", "§4.2.1.12", func(in *input) string {
	if in.want.Kind.isCA() {
		if in.find(idExtKeyUsage) != nil {
			return "a CA certificate has one"
		}
		return ""
	}
	known, registers := purposes(in.want)
	if !slices.Equal(in.ExtKeyUsage, known) || registers != isCMCRA(in.UnknownExtKeyUsage) ||
		!registers && len(in.UnknownExtKeyUsage) > 0 {
		return "not exactly that of its kind"
	}
	return ""
}}

// purposes of an end entity: those that crypto/x509 knows, and whether cmcRA.
func purposes(w *Want) (known []x509.ExtKeyUsage, registers bool) {
	switch {
	case w.Kind == Server:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, false
	case w.Kind == Responder:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, false
	case w.Kind == Station && !w.ClientAuth:
		return nil, true
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, w.Kind == Station
}

func isCMCRA(list []asn1.ObjectIdentifier) bool {
	return len(list) == 1 && list[0].Equal(PurposeCMCRA())
}

package lint

import "crypto/x509"

// extendedKeyUsage: exactly one purpose for end entities, none for CAs.
var extendedKeyUsage = rule{"extended key usage", "§4.2.1.12", func(in *input) string {
	if in.want.Kind.isCA() {
		if in.find(idExtKeyUsage) != nil {
			return "a CA certificate has one"
		}
		return ""
	}
	want := x509.ExtKeyUsageClientAuth
	switch in.want.Kind {
	case Server:
		want = x509.ExtKeyUsageServerAuth
	case Responder:
		want = x509.ExtKeyUsageOCSPSigning
	}
	if len(in.UnknownExtKeyUsage) > 0 || len(in.ExtKeyUsage) != 1 || in.ExtKeyUsage[0] != want {
		return "not exactly that of its kind"
	}
	return ""
}}

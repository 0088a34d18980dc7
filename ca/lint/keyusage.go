package lint

import "crypto/x509"

// keyUsage: keyCertSign and cRLSign for CAs, digitalSignature for all others,
// and nothing more.
var keyUsage = rule{"key usage", "§4.2.1.3", func(in *input) string {
	want := x509.KeyUsageDigitalSignature
	if in.want.Kind.isCA() {
		want = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if in.KeyUsage != want {
		return "not exactly that of its kind"
	}
	return ""
}}

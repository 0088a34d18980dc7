package lint

import "bytes"

// issuerName: the bytes of the issuer's subject, so that every path builder
// finds it.
var issuerName = rule{"issuer name", "§4.1.2.4", func(in *input) string {
	want := in.RawSubject
	if !in.want.Kind.selfSigned() {
		want = in.want.Issuer.RawSubject
	}
	if !bytes.Equal(in.RawIssuer, want) {
		return "not the bytes of the issuer's subject"
	}
	return ""
}}

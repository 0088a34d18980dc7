package lint

import "bytes"

// authorityKeyIdentifier: the issuer's subject key identifier.
var authorityKeyIdentifier = rule{"authority key identifier", "§4.2.1.1", func(in *input) string {
	want := in.SubjectKeyId
	if !in.want.Kind.selfSigned() {
		want = in.want.Issuer.SubjectKeyId
	}
	if len(in.AuthorityKeyId) == 0 || !bytes.Equal(in.AuthorityKeyId, want) {
		return "absent or not the issuer's key identifier"
	}
	return ""
}}

package lint

import "bytes"

// publicKey: the key that was to be certified, byte for byte.
var publicKey = rule{"public key", "§4.1.2.7", func(in *input) string {
	if in.want.SPKI != nil && !bytes.Equal(in.RawSubjectPublicKeyInfo, in.want.SPKI) {
		return "not the key that was to be certified"
	}
	return ""
}}

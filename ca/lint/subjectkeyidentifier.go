package lint

import (
	"bytes"
	"crypto/sha256"
)

// subjectKeyIdentifier: present, and RFC 7093 §2 method 1: the leftmost 160
// bits of the SHA-256 of the subjectPublicKey's bits.
var subjectKeyIdentifier = rule{"subject key identifier", "§4.2.1.2, RFC 7093 §2 (1)", func(in *input) string {
	sum := sha256.Sum256(in.parts.keyBits)
	if !bytes.Equal(in.SubjectKeyId, sum[:20]) {
		return "absent or not method 1 of RFC 7093"
	}
	return ""
}}

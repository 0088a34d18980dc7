package lint

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// signatureAlgorithm: the field inside what is signed equals the one outside.
var signatureAlgorithm = rule{"signature algorithm", "§4.1.1.2", func(in *input) string {
	input := cryptobyte.String(in.Raw)
	var body, algorithm cryptobyte.String
	if !input.ReadASN1(&body, asn1.SEQUENCE) || !body.SkipASN1(asn1.SEQUENCE) ||
		!body.ReadASN1Element(&algorithm, asn1.SEQUENCE) {
		return "the certificate does not decode"
	}
	if !bytes.Equal(algorithm, in.parts.algorithm) {
		return "inner and outer algorithm differ"
	}
	return ""
}}

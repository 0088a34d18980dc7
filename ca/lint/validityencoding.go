package lint

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// validityEncoding: UTCTime through 2049, GeneralizedTime from 2050, both with
// seconds and Z.
var validityEncoding = rule{"validity encoding", "§4.1.2.5", func(in *input) string {
	validity := in.parts.validity
	for _, year := range [2]int{in.NotBefore.Year(), in.NotAfter.Year()} {
		var text cryptobyte.String
		tag, size := asn1.UTCTime, len("YYMMDDHHMMSSZ")
		if year >= 2050 {
			tag, size = asn1.GeneralizedTime, len("YYYYMMDDHHMMSSZ")
		}
		if !validity.ReadASN1(&text, tag) || len(text) != size || text[size-1] != 'Z' {
			return "a time is not UTCTime to 2049, GeneralizedTime from 2050, with seconds and Z"
		}
	}
	if !validity.Empty() {
		return "more than two times"
	}
	return ""
}}

package lint

import (
	"unicode/utf8"

	"github.com/assay-pki/assay/ca/profile"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxNameRunes is ub-common-name, ub-organization-name,
// ub-organizational-unit-name and ub-serial-number of RFC 5280 appendix A.1.
const maxNameRunes = 64

// nameStrings: DirectoryStrings are PrintableString or UTF8String, serialNumber
// is PrintableString, each within its upper bound and without control
// characters; one attribute an RDN.
var nameStrings = rule{"name strings", "§4.1.2.4, appendix A.1", func(in *input) string {
	name := cryptobyte.String(in.RawSubject)
	var list cryptobyte.String
	if !name.ReadASN1(&list, asn1.SEQUENCE) {
		return "the subject does not decode"
	}
	for !list.Empty() {
		var set, pair, attribute, value cryptobyte.String
		var tag asn1.Tag
		if !list.ReadASN1(&set, asn1.SET) || !set.ReadASN1(&pair, asn1.SEQUENCE) || !set.Empty() ||
			!pair.ReadASN1(&attribute, asn1.OBJECT_IDENTIFIER) || !pair.ReadAnyASN1(&value, &tag) || !pair.Empty() {
			return "an RDN is not one attribute"
		}
		if detail := checkString(string(attribute) == "\x55\x04\x05", tag, value); detail != "" {
			return detail
		}
	}
	return ""
}}

func checkString(serialNumber bool, tag asn1.Tag, value []byte) string {
	switch {
	case tag != asn1.PrintableString && tag != asn1.UTF8String:
		return "a value is neither PrintableString nor UTF8String"
	case serialNumber && tag != asn1.PrintableString:
		return "serialNumber is not a PrintableString"
	case !utf8.Valid(value):
		return "a value is not UTF-8"
	case len(value) == 0 || utf8.RuneCount(value) > maxNameRunes:
		return "a value is not of 1 to 64 characters"
	}
	for _, b := range value {
		if b < 0x20 || b == 0x7f {
			return "a value has characters that its type does not have"
		}
	}
	if tag == asn1.PrintableString && !profile.IsPrintableString(value) {
		return "a value has characters that its type does not have"
	}
	return ""
}

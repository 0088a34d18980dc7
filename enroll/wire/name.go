package wire

import (
	"encoding/asn1"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Name is a distinguished name: its RDNs in their order.
type Name []RDN

// RDN is one relative name; almost always a single value.
type RDN []AVA

// AVA is an attribute type and its value.
type AVA struct {
	Type asn1.ObjectIdentifier
	// Text is the value when it is of a string type, in UTF-8.
	Text string
	// Raw is the DER of the value; IsText says whether Text is it.
	Raw    []byte
	IsText bool
}

// ParseName reads the DER of a Name: at most MaxRDNs relative names and
// MaxAVAs values, none empty of types, each string valid in its type.
func ParseName(der []byte) (Name, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, malformed("name")
	}
	var name Name
	values := 0
	for !seq.Empty() {
		var set cryptobyte.String
		if !seq.ReadASN1(&set, cbasn1.SET) || set.Empty() {
			return nil, malformed("relative name")
		}
		if len(name) == MaxRDNs {
			return nil, tooComplex("relative names", MaxRDNs)
		}
		rdn := make(RDN, 0, 1)
		for !set.Empty() {
			if values++; values > MaxAVAs {
				return nil, tooComplex("values of a name", MaxAVAs)
			}
			v, err := readAVA(&set)
			if err != nil {
				return nil, err
			}
			rdn = append(rdn, v)
		}
		name = append(name, rdn)
	}
	return name, nil
}

func readAVA(set *cryptobyte.String) (AVA, error) {
	var seq, raw cryptobyte.String
	var tag cbasn1.Tag
	var v AVA
	if !set.ReadASN1(&seq, cbasn1.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&v.Type) ||
		!seq.ReadAnyASN1Element(&raw, &tag) || !seq.Empty() {
		return v, malformed("value of a name")
	}
	v.Raw = raw
	if !isStringTag(tag) {
		return v, nil
	}
	text, err := directoryString(raw)
	if err != nil {
		return v, malformed("value of " + v.Type.String())
	}
	v.Text, v.IsText = text, true
	return v, nil
}

// The string types that names are written in.
const (
	tagNumericString   = cbasn1.Tag(18)
	tagVisibleString   = cbasn1.Tag(26)
	tagUniversalString = cbasn1.Tag(28)
	tagBMPString       = cbasn1.Tag(30)
)

func isStringTag(tag cbasn1.Tag) bool {
	switch tag {
	case cbasn1.UTF8String, cbasn1.PrintableString, cbasn1.IA5String, cbasn1.T61String,
		tagNumericString, tagVisibleString, tagUniversalString, tagBMPString:
		return true
	}
	return false
}

// directoryString decodes the DER of a string type into UTF-8. Of
// PrintableString it asks only that it is ASCII, as openssl does.
func directoryString(der []byte) (string, error) {
	in := cryptobyte.String(der)
	var v cryptobyte.String
	var tag cbasn1.Tag
	if !in.ReadAnyASN1(&v, &tag) || !in.Empty() {
		return "", ErrMalformed
	}
	switch tag {
	case cbasn1.UTF8String:
		if utf8.Valid(v) {
			return string(v), nil
		}
	case cbasn1.PrintableString, cbasn1.IA5String, tagNumericString, tagVisibleString:
		if isIA5(v) {
			return string(v), nil
		}
	case cbasn1.T61String: // in practice ISO 8859-1
		return widen(v, 1)
	case tagBMPString:
		return widen(v, 2)
	case tagUniversalString:
		return widen(v, 4)
	}
	return "", ErrMalformed
}

// widen decodes big-endian code units of one, two (UTF-16) or four octets.
func widen(b []byte, unit int) (string, error) {
	if len(b)%unit != 0 {
		return "", ErrMalformed
	}
	runes := make([]rune, 0, len(b)/unit)
	for i := 0; i < len(b); i += unit {
		var r uint32
		for _, c := range b[i : i+unit] {
			r = r<<8 | uint32(c)
		}
		switch {
		case unit == 2 && utf16.IsSurrogate(rune(r)):
			return "", ErrMalformed // BMP means no pairs
		case r > utf8.MaxRune || !utf8.ValidRune(rune(r)):
			return "", ErrMalformed
		}
		runes = append(runes, rune(r))
	}
	return string(runes), nil
}

// SubjectSerial is the serial that the request claims to be of: serialNumber
// of the subject, else its common name. It is a look-up key, not an identity.
// Errors: ErrNoSerial, ErrManySerials when the deciding type stands twice, and
// for a value that is no text or empty ErrNoSerial.
func (c *CSR) SubjectSerial() (string, error) { return c.Subject.Serial() }

// Serial is SubjectSerial of any name.
func (n Name) Serial() (string, error) {
	for _, id := range []asn1.ObjectIdentifier{OIDSerialNumber, OIDCommonName} {
		values := n.Values(id)
		switch {
		case len(values) > 1:
			return "", ErrManySerials
		case len(values) == 1 && values[0] != "":
			return values[0], nil
		}
	}
	return "", ErrNoSerial
}

// Values are the texts of all values of one type, in order; a value that is
// not text counts as the empty string.
func (n Name) Values(id asn1.ObjectIdentifier) []string {
	var values []string
	for _, rdn := range n {
		for _, v := range rdn {
			if v.Type.Equal(id) {
				values = append(values, v.Text)
			}
		}
	}
	return values
}

// EqualNames compares two names (DER) by RFC 5280 §7.1: the same RDNs in the
// same order, each as a set of type and value; of values the string type, case
// and how much white space are ignored. What cannot be read equals nothing but
// its own octets. Unicode normalisation (RFC 4518 §2.3) is left out: two
// spellings of one accent differ.
func EqualNames(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	an, err := ParseName(a)
	if err != nil {
		return false
	}
	bn, err := ParseName(b)
	if err != nil || len(an) != len(bn) {
		return false
	}
	for i := range an {
		if !an[i].equal(bn[i]) {
			return false
		}
	}
	return true
}

// equal compares as sets; no RDN is longer than MaxAVAs.
func (r RDN) equal(o RDN) bool {
	if len(r) != len(o) {
		return false
	}
	used := make([]bool, len(o))
next:
	for _, v := range r {
		for i, w := range o {
			if !used[i] && v.equal(w) {
				used[i] = true
				continue next
			}
		}
		return false
	}
	return true
}

func (v AVA) equal(o AVA) bool {
	if !v.Type.Equal(o.Type) || v.IsText != o.IsText {
		return false
	}
	if !v.IsText {
		return string(v.Raw) == string(o.Raw)
	}
	return strings.EqualFold(collapse(v.Text), collapse(o.Text))
}

func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

package wire

import (
	"bytes"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Kinds of a GeneralName: its context tag (RFC 5280 §4.2.1.6).
const (
	NameOther         = 0
	NameEmail         = 1
	NameDNS           = 2
	NameX400          = 3
	NameDirectory     = 4
	NameEDIParty      = 5
	NameURI           = 6
	NameIP            = 7
	NameRegisteredID  = 8
	lastGeneralName   = NameRegisteredID
	constructedBit    = 0x20
	contextSpecificBt = 0x80
)

// GeneralName is one name of a subjectAltName.
type GeneralName struct {
	// Kind is one of the constants above.
	Kind int
	// Value is the contents of the tag: text, 4 or 16 octets of address, or
	// DER.
	Value []byte
}

// ParseGeneralNames reads GeneralNames: 1 to MaxSANs of them.
func ParseGeneralNames(der []byte) ([]GeneralName, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || seq.Empty() {
		return nil, malformed("alternative names")
	}
	var names []GeneralName
	for !seq.Empty() {
		if len(names) == MaxSANs {
			return nil, tooComplex("alternative names", MaxSANs)
		}
		n, ok := readGeneralName(&seq)
		if !ok {
			return nil, malformed("alternative name")
		}
		names = append(names, n)
	}
	return names, nil
}

func readGeneralName(seq *cryptobyte.String) (GeneralName, bool) {
	var value cryptobyte.String
	var tag cbasn1.Tag
	if !seq.ReadAnyASN1(&value, &tag) || tag&contextSpecificBt == 0 {
		return GeneralName{}, false
	}
	kind := int(tag &^ (contextSpecificBt | constructedBit))
	constructed := kind == NameOther || kind >= NameX400 && kind <= NameEDIParty
	if kind > lastGeneralName || constructed != (tag&constructedBit != 0) {
		return GeneralName{}, false
	}
	ok := true
	switch kind {
	case NameEmail, NameDNS, NameURI:
		ok = isIA5(value)
	case NameIP:
		ok = len(value) == 4 || len(value) == 16
	case NameDirectory: // explicitly tagged, for Name is a CHOICE
		_, err := ParseName(value)
		ok = err == nil
	}
	return GeneralName{Kind: kind, Value: value}, ok
}

func isIA5(b []byte) bool {
	for _, c := range b {
		if c > 0x7f {
			return false
		}
	}
	return true
}

// EqualSANs compares two GeneralNames (DER; nil for none) as sets: DNS names
// and the domain of a mailbox without case, directory names by EqualNames, all
// else by octet (RFC 5280 §7). What cannot be read equals nothing.
func EqualSANs(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	as, err := ParseGeneralNames(a)
	if err != nil {
		return false
	}
	bs, err := ParseGeneralNames(b)
	if err != nil {
		return false
	}
	return containsAll(as, bs) && containsAll(bs, as)
}

func containsAll(set, names []GeneralName) bool {
	for _, n := range names {
		found := false
		for _, s := range set {
			found = found || s.Equal(n)
		}
		if !found {
			return false
		}
	}
	return true
}

// Equal compares two names as EqualSANs does.
func (n GeneralName) Equal(o GeneralName) bool {
	if n.Kind != o.Kind {
		return false
	}
	switch n.Kind {
	case NameDNS:
		return strings.EqualFold(string(n.Value), string(o.Value))
	case NameEmail:
		nBox, nHost, _ := strings.Cut(string(n.Value), "@")
		oBox, oHost, _ := strings.Cut(string(o.Value), "@")
		return nBox == oBox && strings.EqualFold(nHost, oHost)
	case NameDirectory:
		return EqualNames(n.Value, o.Value)
	}
	return bytes.Equal(n.Value, o.Value)
}

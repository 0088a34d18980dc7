package wire

import (
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// parseExtensions reads Extensions (RFC 5280 §4.1) and what we must know of
// them: the names asked for, and whether a CA is asked for.
func (c *CSR) parseExtensions(der []byte) error {
	list, err := readExtensions(der)
	if err != nil {
		return err
	}
	c.Extensions = list
	for _, e := range list {
		switch {
		case e.ID.Equal(OIDSubjectAltName):
			c.SAN = e.Value
			if c.Names, err = ParseGeneralNames(e.Value); err != nil {
				return err
			}
		case e.ID.Equal(OIDBasicConstraints):
			if err := c.parseBasicConstraints(e.Value); err != nil {
				return err
			}
		case e.ID.Equal(OIDKeyUsage):
			if err := c.parseKeyUsage(e.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func readExtensions(der []byte) ([]Extension, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, malformed("extensions")
	}
	var list []Extension
	for !seq.Empty() {
		if len(list) == MaxExtensions {
			return nil, tooComplex("extensions", MaxExtensions)
		}
		e, ok := readExtension(&seq)
		if !ok {
			return nil, malformed("extension")
		}
		for _, other := range list {
			if other.ID.Equal(e.ID) {
				return nil, malformed("extension " + e.ID.String() + " is doubled")
			}
		}
		list = append(list, e)
	}
	return list, nil
}

func readExtension(seq *cryptobyte.String) (e Extension, ok bool) {
	var ext, value cryptobyte.String
	if !seq.ReadASN1(&ext, cbasn1.SEQUENCE) || !ext.ReadASN1ObjectIdentifier(&e.ID) {
		return e, false
	}
	// An explicit FALSE is not DER, but clients write it.
	if ext.PeekASN1Tag(cbasn1.BOOLEAN) && !ext.ReadASN1Boolean(&e.Critical) {
		return e, false
	}
	if !ext.ReadASN1(&value, cbasn1.OCTET_STRING) || !ext.Empty() {
		return e, false
	}
	e.Value = value
	return e, true
}

func (c *CSR) parseBasicConstraints(der []byte) error {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return malformed("basic constraints")
	}
	if seq.PeekASN1Tag(cbasn1.BOOLEAN) && !seq.ReadASN1Boolean(&c.CA) {
		return malformed("basic constraints")
	}
	c.PathLen = seq.PeekASN1Tag(cbasn1.INTEGER)
	if !seq.SkipOptionalASN1(cbasn1.INTEGER) || !seq.Empty() {
		return malformed("basic constraints")
	}
	return nil
}

// keyCertSign is bit 5 of KeyUsage.
const keyCertSign = 5

func (c *CSR) parseKeyUsage(der []byte) error {
	in := cryptobyte.String(der)
	var bits cryptobyte.String
	if !in.ReadASN1(&bits, cbasn1.BIT_STRING) || !in.Empty() || len(bits) == 0 || bits[0] > 7 {
		return malformed("key usage")
	}
	c.CertSign = len(bits) > 1 && bits[1]&(0x80>>keyCertSign) != 0
	return nil
}

package store

import (
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// fillFromDER reads Serial, NotBefore, NotAfter and SPKI from DER (RFC 5280
// §4.1) in one walk. It judges nothing else: what is stored was parsed and
// linted before it was signed. SPKI aliases DER.
func (c *Certificate) fillFromDER() error {
	var outer, tbs, validity cryptobyte.String
	in := cryptobyte.String(c.DER)
	ok := in.ReadASN1(&outer, asn1.SEQUENCE) && in.Empty() &&
		outer.ReadASN1(&tbs, asn1.SEQUENCE) &&
		tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) &&
		readSerial(&tbs, &c.Serial) &&
		tbs.SkipASN1(asn1.SEQUENCE) && // signature algorithm
		tbs.SkipASN1(asn1.SEQUENCE) && // issuer
		tbs.ReadASN1(&validity, asn1.SEQUENCE) &&
		readTime(&validity, &c.NotBefore) && readTime(&validity, &c.NotAfter) &&
		tbs.SkipASN1(asn1.SEQUENCE) && // subject
		tbs.ReadASN1Element((*cryptobyte.String)(&c.SPKI), asn1.SEQUENCE)
	if !ok {
		return fmt.Errorf("certificate DER does not parse: %w", ErrCorrupt)
	}
	return nil
}

// readSerial reads an INTEGER of exactly 16 octets whose first is 0x01..0x7f.
func readSerial(s *cryptobyte.String, serial *[16]byte) bool {
	var number cryptobyte.String
	if !s.ReadASN1(&number, asn1.INTEGER) || len(number) != len(serial) {
		return false
	}
	copy(serial[:], number)
	return serial[0] >= 1 && serial[0] <= 0x7f
}

func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(asn1.UTCTime) {
		return s.ReadASN1UTCTime(t)
	}
	return s.ReadASN1GeneralizedTime(t)
}

// indexOf is the issuance index in a serial's low 40 bits.
func indexOf(serial [16]byte) uint64 {
	var index uint64
	for _, octet := range serial[11:] {
		index = index<<8 | uint64(octet)
	}
	return index
}

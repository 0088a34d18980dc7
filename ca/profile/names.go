package profile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// ErrName: a device's names do not fit its profile's templates.
var ErrName = errors.New("name does not fit the profile")

func nameErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrName, fmt.Sprintf(format, args...))
}

// Names are the facts about a device that names are made of. They come from
// its record, never from a request.
type Names struct {
	Product, Serial, Site, Batch string
}

// value looks variables up, each matching the pattern of where it is put.
func (d Names) value(fits *regexp.Regexp) func(string) (string, error) {
	return func(name string) (string, error) {
		var s string
		switch name {
		case "product":
			s = d.Product
		case "serial":
			s = d.Serial
		case "site":
			s = d.Site
		case "batch":
			s = d.Batch
		}
		switch {
		case s == "":
			return "", nameErrorf("the device has no %s", name)
		case !fits.MatchString(s):
			return "", nameErrorf("the %s %q cannot be part of a name of this type", name, s)
		}
		return s, nil
	}
}

// Attribute types, RFC 5280 appendix A.1: the DER of the OBJECT IDENTIFIER.
var (
	typeOrganization = []byte{0x06, 0x03, 0x55, 0x04, 0x0a}
	typeOU           = []byte{0x06, 0x03, 0x55, 0x04, 0x0b}
	typeCommonName   = []byte{0x06, 0x03, 0x55, 0x04, 0x03}
	typeSerialNumber = []byte{0x06, 0x03, 0x55, 0x04, 0x05}
)

// subject is a compiled subject: what does not depend on the device is DER
// already.
type subject struct {
	fixed        []byte // O and OUs, unless the organization names the serial
	organization template
	units        []byte
	commonName   template
	serialNumber template
	product      string
	authority    string
}

func compileSubject(s SubjectSpec, roles []string, product, authority string) (subject, error) {
	c := subject{product: product, authority: authority}
	var err error
	if c.organization, err = parseTemplate(s.Organization, subjectVariables...); err != nil {
		return c, err
	}
	if c.commonName, err = parseTemplate(s.CommonName, subjectVariables...); err != nil {
		return c, err
	}
	if c.serialNumber, err = parseTemplate(s.SerialNumber, subjectVariables...); err != nil {
		return c, err
	}
	for _, r := range roles {
		if c.units, err = appendRDN(c.units, typeOU, r); err != nil {
			return c, err
		}
	}
	if strings.Contains(s.Organization, "{serial}") {
		return c, nil
	}
	o, err := c.expand(c.organization, "")
	if err != nil {
		return c, err
	}
	if c.fixed, err = appendRDN(nil, typeOrganization, o); err != nil {
		return c, err
	}
	c.fixed = append(c.fixed, c.units...)
	c.organization, c.units = nil, nil
	return c, nil
}

func (c *subject) expand(t template, serial string) (string, error) {
	return t.expand(func(name string) (string, error) {
		switch name {
		case "serial":
			return serial, nil
		case "product":
			return c.product, nil
		}
		return c.authority, nil
	})
}

// Subject returns the RDNSequence of a device: O, one OU for each role, CN,
// serialNumber, each in an RDN of its own. Values are PrintableString where
// possible, else UTF8String. serialNumber is a PrintableString by definition
// (X.520): a serial that cannot be one is left to the CN, and without a CN that
// holds it ErrName comes back.
func (made *Profile) Subject(d Names) ([]byte, error) {
	c := &made.subject
	if d.Serial == "" {
		return nil, nameErrorf("the device has no serial")
	}
	rdns := make([]byte, 0, len(c.fixed)+2*len(d.Serial)+64)
	rdns = append(rdns, c.fixed...)
	organization, err := c.expand(c.organization, d.Serial)
	if err != nil {
		return nil, err
	}
	if rdns, err = appendRDN(rdns, typeOrganization, organization); err != nil {
		return nil, err
	}
	rdns = append(rdns, c.units...)
	commonName, err := c.expand(c.commonName, d.Serial)
	if err != nil {
		return nil, err
	}
	if rdns, err = appendRDN(rdns, typeCommonName, commonName); err != nil {
		return nil, err
	}
	serialNumber, err := c.expand(c.serialNumber, d.Serial)
	if err != nil {
		return nil, err
	}
	if !IsPrintableString(serialNumber) {
		if !strings.Contains(commonName, serialNumber) {
			return nil, nameErrorf("the serial %q has characters that serialNumber cannot hold (X.520: letters, digits, space and '()+,-./:=?)", d.Serial)
		}
		serialNumber = ""
	}
	if rdns, err = appendRDN(rdns, typeSerialNumber, serialNumber); err != nil {
		return nil, err
	}
	return appendTLV(make([]byte, 0, len(rdns)+4), byte(asn1.SEQUENCE), rdns), nil
}

// appendRDN adds SET { SEQUENCE { type, value } }; nothing for an empty value.
func appendRDN(b, attribute []byte, value string) ([]byte, error) {
	if value == "" {
		return b, nil
	}
	switch {
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return nil, nameErrorf("%q has characters that no name can hold", value)
	case utf8.RuneCountInString(value) > maxNameRunes:
		return nil, nameErrorf("%q is longer than %d characters (RFC 5280 appendix A)", value, maxNameRunes)
	}
	tag := byte(asn1.UTF8String)
	if IsPrintableString(value) {
		tag = byte(asn1.PrintableString)
	}
	var buf [2*maxNameRunes*utf8.UTFMax + 16]byte
	pair := append(buf[:0], attribute...)
	pair = appendTLV(pair, tag, []byte(value))
	size := ElementSize(len(pair))
	b = AppendHead(b, byte(asn1.SET), size)
	return appendTLV(b, byte(asn1.SEQUENCE), pair), nil
}

// SAN returns the GeneralNames of a device, nil when the profile has none.
func (made *Profile) SAN(d Names) ([]byte, error) {
	if len(made.dns)+len(made.uri) == 0 {
		return nil, nil
	}
	var b cryptobyte.Builder
	var failed error
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, t := range made.dns {
			s, err := expandDNS(t, d)
			failed = errors.Join(failed, err)
			b.AddASN1(asn1.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
		}
		for _, t := range made.uri {
			s, err := expandURI(t, d)
			failed = errors.Join(failed, err)
			b.AddASN1(asn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
		}
	})
	if failed != nil {
		return nil, failed
	}
	return b.Bytes()
}

package wire

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// CSR is a certification request of RFC 2986, parsed and not verified. All
// slices alias the bytes that were parsed. Do not modify one; reading is safe
// from several goroutines.
type CSR struct {
	// Raw is the whole request, RawTBS its signed part, RawSubject the DER
	// of the subject, SPKI that of SubjectPublicKeyInfo.
	Raw, RawTBS, RawSubject, SPKI []byte
	// Subject is RawSubject, read.
	Subject Name
	// RawAlgorithm is the DER of the AlgorithmIdentifier, Signature the octets
	// of the signature.
	RawAlgorithm, Signature []byte
	// Attributes are all attributes, those below too.
	Attributes []Attribute
	// Extensions are those of the extensionRequest attribute. None is copied
	// into a certificate by anybody who follows threats row 1.
	Extensions []Extension
	// SAN is the DER of GeneralNames of the subjectAltName asked for, nil
	// without one; Names is SAN, read.
	SAN   []byte
	Names []GeneralName
	// CA, PathLen and CertSign: basicConstraints asks cA TRUE, a
	// pathLenConstraint; keyUsage asks keyCertSign.
	CA, PathLen, CertSign bool
	// HasChallenge says that challengePassword is present (RFC 7030 §3.5),
	// ChallengePassword what it says.
	HasChallenge      bool
	ChallengePassword string
}

// Attribute is an attribute of a CSR.
type Attribute struct {
	Type asn1.ObjectIdentifier
	// Values are the DER of each value, at least one.
	Values [][]byte
}

// Extension is an X.509 extension.
type Extension struct {
	ID       asn1.ObjectIdentifier
	Critical bool
	// Value is what the OCTET STRING holds.
	Value []byte
}

// Attribute returns the values of an attribute, nil when it is not there.
func (c *CSR) Attribute(id asn1.ObjectIdentifier) [][]byte {
	for i := range c.Attributes {
		if c.Attributes[i].Type.Equal(id) {
			return c.Attributes[i].Values
		}
	}
	return nil
}

// AsksCA says whether the request asks for powers of a CA (threats row 1).
func (c *CSR) AsksCA() bool { return c.CA || c.PathLen || c.CertSign }

// PublicKey reads SPKI: *ecdsa.PublicKey on a named curve, *rsa.PublicKey,
// ed25519.PublicKey and what else crypto/x509 knows. The error is
// ErrPublicKey.
func (c *CSR) PublicKey() (crypto.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(c.SPKI)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrPublicKey, err)
	}
	return key, nil
}

// ParseCSR reads a certification request in one walk. It does not verify the
// signature and does not read the key. Errors are ErrMalformed and
// ErrTooComplex.
func ParseCSR(der []byte) (*CSR, error) {
	if len(der) > MaxCSR {
		return nil, fmt.Errorf("certification request: %w", tooComplex("octets", MaxCSR))
	}
	c := &CSR{Raw: der}
	if err := c.parse(der); err != nil {
		return nil, fmt.Errorf("certification request: %w", err)
	}
	return c, nil
}

func (c *CSR) parse(der []byte) error {
	in := cryptobyte.String(der)
	var outer, tbs, algorithm cryptobyte.String
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !in.Empty() ||
		!outer.ReadASN1Element(&tbs, cbasn1.SEQUENCE) ||
		!outer.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!outer.ReadASN1BitStringAsBytes(&c.Signature) || !outer.Empty() {
		return malformed("outer sequence")
	}
	c.RawTBS, c.RawAlgorithm = tbs, algorithm
	return c.parseInfo(tbs)
}

// parseInfo reads CertificationRequestInfo. The attributes may be missing
// altogether: old clients leave out the empty set.
func (c *CSR) parseInfo(tbs cryptobyte.String) error {
	var info, subject, spki, attributes cryptobyte.String
	var version int64
	var has bool
	if !tbs.ReadASN1(&info, cbasn1.SEQUENCE) ||
		!info.ReadASN1Integer(&version) || version != 0 ||
		!info.ReadASN1Element(&subject, cbasn1.SEQUENCE) ||
		!info.ReadASN1Element(&spki, cbasn1.SEQUENCE) ||
		!info.ReadOptionalASN1(&attributes, &has, tagExplicit0) || !info.Empty() {
		return malformed("request info")
	}
	c.RawSubject, c.SPKI = subject, spki
	name, err := ParseName(subject)
	if err != nil {
		return err
	}
	c.Subject = name
	return c.parseAttributes(attributes)
}

func (c *CSR) parseAttributes(set cryptobyte.String) error {
	for !set.Empty() {
		if len(c.Attributes) == MaxAttributes {
			return tooComplex("attributes", MaxAttributes)
		}
		a, err := readAttribute(&set, MaxAttributes)
		if err != nil {
			return err
		}
		for _, other := range c.Attributes {
			if other.Type.Equal(a.Type) {
				return malformed("attribute " + a.Type.String() + " is doubled")
			}
		}
		c.Attributes = append(c.Attributes, a)
		if err := c.understand(a); err != nil {
			return err
		}
	}
	return nil
}

// readAttribute reads one Attribute, of at most limit values.
func readAttribute(set *cryptobyte.String, limit int) (Attribute, error) {
	var seq, values cryptobyte.String
	var a Attribute
	if !set.ReadASN1(&seq, cbasn1.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&a.Type) ||
		!seq.ReadASN1(&values, cbasn1.SET) || !seq.Empty() || values.Empty() {
		return a, malformed("attribute")
	}
	for !values.Empty() {
		var v cryptobyte.String
		var tag cbasn1.Tag
		if !values.ReadAnyASN1Element(&v, &tag) {
			return a, malformed("attribute " + a.Type.String())
		}
		if len(a.Values) == limit {
			return a, tooComplex("values of attribute "+a.Type.String(), limit)
		}
		a.Values = append(a.Values, v)
	}
	return a, nil
}

// understand reads the two attributes that mean something to us.
func (c *CSR) understand(a Attribute) error {
	switch {
	case a.Type.Equal(OIDExtensionRequest):
		if len(a.Values) != 1 {
			return malformed("extension request has several values")
		}
		return c.parseExtensions(a.Values[0])
	case a.Type.Equal(OIDChallengePassword):
		if len(a.Values) != 1 {
			return malformed("challenge password has several values")
		}
		text, err := directoryString(a.Values[0])
		if err != nil {
			return malformed("challenge password")
		}
		c.HasChallenge, c.ChallengePassword = true, text
	}
	return nil
}

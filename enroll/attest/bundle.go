package attest

import (
	"encoding/asn1"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers, in dots.
const (
	// OIDAttestation is id-aa-attestation, the CSR attribute.
	OIDAttestation = "1.2.840.113549.1.9.16.2.59"
	// TypeCMW is id-pe-cmw, the type of statements that hold a CMW.
	TypeCMW = "1.3.6.1.5.5.7.1.35"
	// TypeTCGCMW is tcg-dice-conceptual-message-wrapper; it is read as TypeCMW.
	TypeTCGCMW = "2.23.133.5.4.9"
	// typeHeader stands for a statement of the request field: a bare
	// COSE_Sign1.
	typeHeader = "header"
)

// AttestationOID is OIDAttestation for comparison with a parsed attribute.
func AttestationOID() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 59}
}

// Bundle is an AttestationBundle. Its slices alias the bytes that were parsed.
type Bundle struct {
	Statements []Statement
	// Certs are the DER of certificates, in the order of the bundle.
	Certs [][]byte
}

// Statement is an AttestationStatement: Type is an OID in dots, Raw the DER of
// stmt.
type Statement struct {
	Type string
	Raw  []byte
}

// LimitedCertChoices [3], of either form.
var (
	tagOtherCert = cbasn1.Tag(3).ContextSpecific()
	tagOtherSeq  = cbasn1.Tag(3).ContextSpecific().Constructed()
)

// ParseBundle reads the one value of the attribute, strict DER:
//
//	AttestationBundle ::= SEQUENCE {
//	  attestations SEQUENCE SIZE (1..MAX) OF AttestationStatement,
//	  certs        SEQUENCE SIZE (1..MAX) OF LimitedCertChoices OPTIONAL }
//	AttestationStatement ::= SEQUENCE { type OBJECT IDENTIFIER, stmt ANY }
//
// Statements are not looked into. The error is an *Error, bad-evidence.
func ParseBundle(value []byte) (*Bundle, error) {
	if len(value) > maxBundle {
		return nil, bad("the bundle has more than %d octets", maxBundle)
	}
	in := cryptobyte.String(value)
	var outer, statements cryptobyte.String
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !in.Empty() ||
		!outer.ReadASN1(&statements, cbasn1.SEQUENCE) || statements.Empty() {
		return nil, bad("the attribute does not hold an AttestationBundle with statements")
	}
	b := &Bundle{}
	for !statements.Empty() {
		if len(b.Statements) == maxStatements {
			return nil, bad("the bundle has more than %d statements", maxStatements)
		}
		s, err := readStatement(&statements)
		if err != nil {
			return nil, err
		}
		b.Statements = append(b.Statements, s)
	}
	if !outer.Empty() {
		if err := b.readCerts(&outer); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func readStatement(in *cryptobyte.String) (Statement, error) {
	var s, raw cryptobyte.String
	var oid asn1.ObjectIdentifier
	var tag cbasn1.Tag
	if !in.ReadASN1(&s, cbasn1.SEQUENCE) || !s.ReadASN1ObjectIdentifier(&oid) ||
		!s.ReadAnyASN1Element(&raw, &tag) {
		return Statement{}, bad("an AttestationStatement does not parse")
	}
	if !s.Empty() { // hint, of older drafts
		var hint cryptobyte.String
		strings := []cbasn1.Tag{cbasn1.UTF8String, cbasn1.PrintableString, cbasn1.IA5String}
		if !s.ReadAnyASN1(&hint, &tag) || !s.Empty() || !slices.Contains(strings, tag) || len(hint) > maxHint {
			return Statement{}, bad("something other than a hint follows a statement")
		}
	}
	return Statement{Type: oid.String(), Raw: raw}, nil
}

func (b *Bundle) readCerts(in *cryptobyte.String) error {
	var certs cryptobyte.String
	if !in.ReadASN1(&certs, cbasn1.SEQUENCE) || !in.Empty() || certs.Empty() {
		return bad("the certificates of the bundle do not parse")
	}
	for n := 0; !certs.Empty(); n++ {
		var cert cryptobyte.String
		var tag cbasn1.Tag
		switch {
		case n == maxCerts:
			return bad("the bundle has more than %d certificates", maxCerts)
		case !certs.ReadAnyASN1Element(&cert, &tag):
			return bad("a certificate of the bundle does not parse")
		case tag == cbasn1.SEQUENCE:
			b.Certs = append(b.Certs, cert)
		case tag != tagOtherCert && tag != tagOtherSeq:
			return bad("a certificate of the bundle is of no known kind")
		}
	}
	return nil
}

// HeaderBundle holds a station's statement of the request field
// Assay-Station-Evidence: the octets of a tagged COSE_Sign1, at most 8 KiB.
// Verify it with Binding.CSR set.
func HeaderBundle(cose []byte) (*Bundle, error) {
	if len(cose) > maxHeader {
		return nil, bad("the statement has more than %d octets", maxHeader)
	}
	return &Bundle{Statements: []Statement{{Type: typeHeader, Raw: cose}}}, nil
}

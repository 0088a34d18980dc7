// Package lint holds the rules that every certificate passes before it is
// released: one rule, one file, one clause. No promise of stability is made
// for it.
//
// Check looks at the certificate as it was signed, parsed back from its DER,
// and at what was asked for. It trusts neither the code that built the
// certificate nor the template. It takes a few microseconds, so that it runs on
// every enrolment. It does not verify the signature: ca does.
//
// The clauses are of RFC 5280 where nothing else is said; key identifiers
// follow RFC 7093 §2 method 1, OCSP responders RFC 6960 §4.2.2.2.
//
//	err := lint.Check(certificate, &lint.Want{Kind: lint.Device, Issuer: issuer, BaseURL: base, IssuerName: "devices-1", CRL: true, OCSP: true})
package lint

import (
	"crypto/x509"
	"fmt"
	"strings"
)

// Kind is what a certificate is for.
type Kind uint8

// The kinds.
const (
	Root Kind = iota + 1
	// Issuer is an issuing CA below the root.
	Issuer
	// Anchor is the self-signed certificate of an issuer's key and name.
	Anchor
	Device
	Operator
	Server
	// Responder signs OCSP answers for the issuer that issued it.
	Responder
	Station
)

// isCA tells whether certificates of the kind sign others.
func (k Kind) isCA() bool { return k == Root || k == Issuer || k == Anchor }

// selfSigned tells whether certificates of the kind are their own issuer.
func (k Kind) selfSigned() bool { return k == Root || k == Anchor }

// Want is what was asked for.
type Want struct {
	Kind Kind
	// Issuer is the certificate that signed; ignored for Root and Anchor.
	Issuer *x509.Certificate
	// BaseURL and IssuerName make the URLs.
	BaseURL, IssuerName string
	// CRL and OCSP: the certificate names these sources of its status.
	CRL, OCSP bool
	// SPKI is the key that was to be certified, DER.
	SPKI []byte
	// Subject is the name that was to be given, DER.
	Subject []byte
	// SAN is the value of the subjectAltName extension; nil for none.
	SAN []byte
	// ClientAuth: a station may also be a TLS client elsewhere.
	ClientAuth bool
}

// Finding is one broken rule.
type Finding struct {
	Rule, Clause, Detail string
}

// Error is every rule that a certificate breaks. It must not be released.
type Error struct {
	Findings []Finding
}

// Error lists the findings on one line.
func (e *Error) Error() string {
	parts := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		parts[i] = fmt.Sprintf("%s: %s (%s)", f.Rule, f.Detail, f.Clause)
	}
	return "certificate breaks its rules, this is a fault of the authority: " + strings.Join(parts, "; ")
}

// rule is one clause. check returns what is wrong, "" when nothing is.
type rule struct {
	name, clause string
	check        func(*input) string
}

// input is what rules look at.
type input struct {
	*x509.Certificate
	want  *Want
	parts parts
}

func rules() []rule {
	return []rule{
		version, serialNumber, signatureAlgorithm, issuerName,
		validityEncoding, validityOrder, validityNesting,
		subjectName, nameStrings, publicKey, uniqueIdentifiers,
		duplicateExtensions, knownExtensions,
		subjectKeyIdentifier, authorityKeyIdentifier, keyUsage, extendedKeyUsage, basicConstraints,
		subjectAltName, distributionPoint, authorityInformation, ocspNoCheck,
	}
}

var all = rules()

// Check applies every rule; a broken one comes back in an *Error. It is safe for
// concurrent use.
func Check(c *x509.Certificate, want *Want) error {
	in := input{Certificate: c, want: want}
	if !in.parts.read(c.RawTBSCertificate) {
		return &Error{[]Finding{{"form", "§4.1", "the TBSCertificate does not decode"}}}
	}
	var broken *Error
	for i := range all {
		if detail := all[i].check(&in); detail != "" {
			if broken == nil {
				broken = &Error{}
			}
			broken.Findings = append(broken.Findings, Finding{all[i].name, all[i].clause, detail})
		}
	}
	if broken != nil {
		return broken
	}
	return nil
}

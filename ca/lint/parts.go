package lint

import (
	"crypto/x509/pkix"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// parts are elements of a TBSCertificate that crypto/x509 does not keep as they
// were encoded.
type parts struct {
	version   cryptobyte.String // content of [0]; empty when absent
	serial    cryptobyte.String // content of the INTEGER
	algorithm cryptobyte.String // element
	validity  cryptobyte.String // content
	keyBits   cryptobyte.String // octets of the subjectPublicKey
	uniqueIDs bool
}

func (p *parts) read(der []byte) bool {
	input := cryptobyte.String(der)
	var tbs, skipped, spki cryptobyte.String
	var there bool
	if !input.ReadASN1(&tbs, cryptobyteasn1.SEQUENCE) || !input.Empty() ||
		!tbs.ReadOptionalASN1(&p.version, &there, cryptobyteasn1.Tag(0).ContextSpecific().Constructed()) ||
		!tbs.ReadASN1(&p.serial, cryptobyteasn1.INTEGER) ||
		!tbs.ReadASN1Element(&p.algorithm, cryptobyteasn1.SEQUENCE) ||
		!tbs.ReadASN1(&skipped, cryptobyteasn1.SEQUENCE) || // issuer
		!tbs.ReadASN1(&p.validity, cryptobyteasn1.SEQUENCE) ||
		!tbs.ReadASN1(&skipped, cryptobyteasn1.SEQUENCE) || // subject
		!tbs.ReadASN1(&spki, cryptobyteasn1.SEQUENCE) ||
		!spki.ReadASN1(&skipped, cryptobyteasn1.SEQUENCE) ||
		!spki.ReadASN1(&p.keyBits, cryptobyteasn1.BIT_STRING) || len(p.keyBits) == 0 {
		return false
	}
	p.keyBits = p.keyBits[1:] // the count of unused bits
	p.uniqueIDs = tbs.PeekASN1Tag(cryptobyteasn1.Tag(1).ContextSpecific()) ||
		tbs.PeekASN1Tag(cryptobyteasn1.Tag(2).ContextSpecific())
	return true
}

// extension is one that we know: where it may stand and how.
type extension struct {
	id       asn1.ObjectIdentifier
	critical bool
}

// The extensions of our certificates. SAN is never critical: no subject is
// empty.
var (
	idSubjectKeyID     = extension{id: asn1.ObjectIdentifier{2, 5, 29, 14}}
	idKeyUsage         = extension{id: asn1.ObjectIdentifier{2, 5, 29, 15}, critical: true}
	idSubjectAltName   = extension{id: asn1.ObjectIdentifier{2, 5, 29, 17}}
	idBasicConstraints = extension{id: asn1.ObjectIdentifier{2, 5, 29, 19}, critical: true}
	idCRLPoints        = extension{id: asn1.ObjectIdentifier{2, 5, 29, 31}}
	idAuthorityKeyID   = extension{id: asn1.ObjectIdentifier{2, 5, 29, 35}}
	idExtKeyUsage      = extension{id: asn1.ObjectIdentifier{2, 5, 29, 37}}
	idAuthorityInfo    = extension{id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}}
	idOCSPNoCheck      = extension{id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}}
)

var knownIDs = []extension{
	idSubjectKeyID, idKeyUsage, idSubjectAltName, idBasicConstraints, idCRLPoints,
	idAuthorityKeyID, idExtKeyUsage, idAuthorityInfo, idOCSPNoCheck,
}

// find returns an extension of the certificate; nil when it is absent.
func (in *input) find(e extension) *pkix.Extension {
	for i := range in.Extensions {
		if in.Extensions[i].Id.Equal(e.id) {
			return &in.Extensions[i]
		}
	}
	return nil
}

package evidence

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// evidenceIndicator is the bit of a CMW that says "evidence".
const evidenceIndicator = 4

// Attribute makes the one value of the CSR attribute OID, the DER of an
// AttestationBundle, from statements of Self and Station.
func Attribute(statements ...[]byte) ([]byte, error) {
	if len(statements) == 0 || len(statements) > maxStatements {
		return nil, fmt.Errorf("make the evidence attribute: 1 to %d statements, not %d", maxStatements, len(statements))
	}
	records := make([][]byte, 0, len(statements))
	for _, cose := range statements {
		record, err := wrap(cose)
		if err != nil {
			return nil, fmt.Errorf("make the evidence attribute: %w", err)
		}
		records = append(records, record)
	}
	idPeCMW := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 35}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, record := range records {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(idPeCMW)
					b.AddASN1OctetString(record)
				})
			}
		})
	})
	return b.Bytes()
}

// wrap makes the CMW record [ media-type, value, 4 ].
func wrap(cose []byte) ([]byte, error) {
	for _, profile := range []string{profileSelf, profileStation} {
		var claim mapWriter
		claim.text(keyProfile, profile)
		// The claim as it stands among others, without the head of the map.
		if !bytes.Contains(cose, claim.append(nil)[1:]) {
			continue
		}
		out := appendHead(nil, majorArray, 3)
		out = appendText(out, `application/eat+cwt; eat_profile="`+profile+`"`)
		out = appendBytes(out, cose)
		return appendInt(out, evidenceIndicator), nil
	}
	return nil, errors.New("a statement is neither of Self nor of Station")
}

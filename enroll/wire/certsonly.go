package wire

import (
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Contents of the object identifiers that stand in every certs-only message.
const (
	oidSignedData = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	oidData       = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
)

var (
	tagExplicit0 = asn1.Tag(0).ContextSpecific().Constructed()
	tagExplicit1 = asn1.Tag(1).ContextSpecific().Constructed()
)

// CertsOnly is the degenerate CMS SignedData of RFC 5272 §4.1 that holds the
// certificates (DER) in the order given: no content, no CRLs, no signers. It
// does not look into them; certs must not be so large that a length overflows.
func CertsOnly(certs ...[]byte) []byte {
	size := 64
	for _, c := range certs {
		size += len(c)
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { // ContentInfo
		addOID(b, oidSignedData)
		b.AddASN1(tagExplicit0, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { // SignedData
				b.AddASN1Int64(1)
				b.AddASN1(asn1.SET, func(*cryptobyte.Builder) {})
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addOID(b, oidData) })
				addCertificates(b, certs)
				b.AddASN1(asn1.SET, func(*cryptobyte.Builder) {})
			})
		})
	})
	return b.BytesOrPanic()
}

// addCertificates leaves the field out when there is nothing to hold.
func addCertificates(b *cryptobyte.Builder, certs [][]byte) {
	if len(certs) == 0 {
		return
	}
	b.AddASN1(tagExplicit0, func(b *cryptobyte.Builder) {
		for _, c := range certs {
			b.AddBytes(c)
		}
	})
}

func addOID(b *cryptobyte.Builder, contents string) {
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(contents)) })
}

// ParseCertsOnly returns the certificates (DER, not looked into) of a
// certs-only message, in its order. CRLs in it are ignored, as RFC 5272 §4.1
// allows them; content and signers are refused, and so is BER.
func ParseCertsOnly(der []byte) ([][]byte, error) {
	if len(der) > MaxResponseBody {
		return nil, tooComplex("certs-only message", MaxResponseBody)
	}
	signed, err := openSignedData(der)
	if err != nil {
		return nil, fmt.Errorf("certs-only message: %w", err)
	}
	certs, err := signedDataCertificates(signed)
	if err != nil {
		return nil, fmt.Errorf("certs-only message: %w", err)
	}
	return certs, nil
}

// openSignedData strips ContentInfo and returns the contents of SignedData.
func openSignedData(der []byte) (cryptobyte.String, error) {
	in := cryptobyte.String(der)
	var info, oid, explicit, signed cryptobyte.String
	if !in.ReadASN1(&info, asn1.SEQUENCE) || !in.Empty() ||
		!info.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || string(oid) != oidSignedData ||
		!info.ReadASN1(&explicit, tagExplicit0) || !info.Empty() ||
		!explicit.ReadASN1(&signed, asn1.SEQUENCE) || !explicit.Empty() {
		return nil, malformed("content info")
	}
	return signed, nil
}

func signedDataCertificates(signed cryptobyte.String) ([][]byte, error) {
	var version int
	var digests, encap, oid, set, signers cryptobyte.String
	var hasCerts bool
	if !signed.ReadASN1Integer(&version) || version < 1 || version > 5 ||
		!signed.ReadASN1(&digests, asn1.SET) ||
		!signed.ReadASN1(&encap, asn1.SEQUENCE) ||
		!encap.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || string(oid) != oidData || !encap.Empty() ||
		!signed.ReadOptionalASN1(&set, &hasCerts, tagExplicit0) ||
		!signed.SkipOptionalASN1(tagExplicit1) ||
		!signed.ReadASN1(&signers, asn1.SET) || !signers.Empty() || !signed.Empty() {
		return nil, malformed("signed data")
	}
	var certs [][]byte
	for !set.Empty() {
		var cert cryptobyte.String
		if !set.ReadASN1Element(&cert, asn1.SEQUENCE) {
			return nil, malformed("certificate set")
		}
		if len(certs) == MaxCertificates {
			return nil, tooComplex("certificates", MaxCertificates)
		}
		certs = append(certs, slices.Clip([]byte(cert)))
	}
	return certs, nil
}

package profile

import (
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// RootName is the root's name in URLs.
const RootName = "root"

// ShardURL is where a shard's CRL is published: BASE/crl/devices-1/0.crl.
// base has no final slash.
func ShardURL(base, issuer string, shard uint64) string {
	b := make([]byte, 0, len(base)+len(issuer)+32)
	b = append(b, base...)
	b = append(b, "/crl/"...)
	b = append(b, issuer...)
	b = append(b, '/')
	b = strconv.AppendUint(b, shard, 10)
	b = append(b, ".crl"...)
	return string(b)
}

// CompleteURL is where the complete CRL of an issuer is published, and the ARL
// of the root: BASE/crl/devices-1.crl, BASE/crl/root.crl.
func CompleteURL(base, issuer string) string { return base + "/crl/" + issuer + ".crl" }

// OCSPURL is where OCSP requests go.
func OCSPURL(base string) string { return base + "/ocsp" }

// IssuerURL is where an issuer's certificate is published, as DER.
func IssuerURL(base, issuer string) string { return base + "/ca/" + issuer + ".cer" }

// DistributionPointName returns the DER of a DistributionPointName, fullName
// with one URI: [0] { [6] url }. The cRLDistributionPoints extension and the
// issuingDistributionPoint both wrap these bytes in their own [0], so that they
// are identical as RFC 5280 §6.3.3 (b)(2)(i) wants.
func DistributionPointName(url string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddBytes([]byte(url))
		})
	})
	return b.BytesOrPanic()
}

// CRLDistributionPoints returns the value of the extension (RFC 5280
// §4.2.1.13) with one distribution point.
func CRLDistributionPoints(url string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddBytes(DistributionPointName(url))
			})
		})
	})
	return b.BytesOrPanic()
}

package ca

import (
	"sync/atomic"
	"time"

	"github.com/assay-pki/assay/ca/profile"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// shape is a compiled TBSCertificate (RFC 5280 §4.1.2) of one issuer and one
// choice of status sources: all DER that does not depend on the device. The
// extensions stand in the order of crypto/x509, so that the two can be
// compared.
type shape struct {
	base, issuer string
	crl, ocsp    bool

	named  []byte // signature, issuer
	usage  []byte // keyUsage, extKeyUsage
	source []byte // authorityKeyIdentifier, authorityInfoAccess
	points atomic.Pointer[shardPoint]
}

// shardPoint is the cRLDistributionPoints extension of the shard at hand.
type shardPoint struct {
	shard     uint64
	extension []byte
}

var (
	// tbsVersion is [0] { INTEGER 2 }: v3.
	tbsVersion = []byte{0xa0, 0x03, 0x02, 0x01, 0x02}

	oidSubjectKeyID   = []byte{0x55, 0x1d, 0x0e}
	oidKeyUsage       = []byte{0x55, 0x1d, 0x0f}
	oidSubjectAltName = []byte{0x55, 0x1d, 0x11}
	oidCRLPoints      = []byte{0x55, 0x1d, 0x1f}
	oidAuthorityKeyID = []byte{0x55, 0x1d, 0x23}
	oidExtKeyUsage    = []byte{0x55, 0x1d, 0x25}
	oidAuthorityInfo  = []byte{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01}

	// digitalSignature is BIT STRING '1'B.
	digitalSignature = []byte{0x03, 0x02, 0x07, 0x80}
	// clientAuth is SEQUENCE { 1.3.6.1.5.5.7.3.2 }.
	clientAuth = []byte{0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02}

	accessOCSP    = []byte{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01}
	accessIssuers = []byte{0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02}
)

const (
	shapeCRL = 1 << iota
	shapeOCSP
)

func (i *issuer) compileShapes(base string) {
	for n := range i.shapes {
		s := &i.shapes[n]
		s.base, s.issuer = base, i.Name
		s.crl, s.ocsp = n&shapeCRL != 0, n&shapeOCSP != 0
		s.named = append(append(s.named, i.signer.Algorithm...), i.SubjectDER...)
		s.usage = append(extension(oidKeyUsage, true, digitalSignature), extension(oidExtKeyUsage, false, clientAuth)...)
		s.source = append(extension(oidAuthorityKeyID, false, authorityKeyID(i.KeyID)),
			extension(oidAuthorityInfo, false, authorityInfo(base, i.Name, s.ocsp))...)
	}
}

func (i *issuer) shape(status profile.Status) *shape {
	n := 0
	if status.CRL {
		n |= shapeCRL
	}
	if status.OCSP {
		n |= shapeOCSP
	}
	return &i.shapes[n]
}

// build is the compiled parts' answer to one device.
type build struct {
	serial              [profile.SerialSize]byte
	shard               uint64
	notBefore, notAfter time.Time
	subject, spki, san  []byte
	keyID               [20]byte
}

// tbs writes the TBSCertificate.
func (s *shape) tbs(b *build) []byte {
	var san, points []byte
	if b.san != nil {
		san = extension(oidSubjectAltName, false, b.san)
	}
	if s.crl {
		points = s.pointsOf(b.shard)
	}
	const keyIDExtension = 31
	extensions := len(s.usage) + keyIDExtension + len(s.source) + len(san) + len(points)
	wrapped := profile.ElementSize(extensions)
	validity := timeSize(b.notBefore) + timeSize(b.notAfter)
	body := len(tbsVersion) + 2 + profile.SerialSize + len(s.named) + profile.ElementSize(validity) +
		len(b.subject) + len(b.spki) + profile.ElementSize(wrapped)

	out := make([]byte, 0, profile.ElementSize(body))
	out = profile.AppendHead(out, byte(asn1.SEQUENCE), body)
	out = append(out, tbsVersion...)
	out = append(out, byte(asn1.INTEGER), profile.SerialSize)
	out = append(out, b.serial[:]...)
	out = append(out, s.named...)
	out = profile.AppendHead(out, byte(asn1.SEQUENCE), validity)
	out = appendTime(out, b.notBefore)
	out = appendTime(out, b.notAfter)
	out = append(out, b.subject...)
	out = append(out, b.spki...)
	out = profile.AppendHead(out, 0xa3, wrapped)
	out = profile.AppendHead(out, byte(asn1.SEQUENCE), extensions)
	out = append(out, s.usage...)
	out = append(out, 0x30, keyIDExtension-2, 0x06, 0x03)
	out = append(out, oidSubjectKeyID...)
	out = append(out, 0x04, 0x16, 0x04, 0x14)
	out = append(out, b.keyID[:]...)
	out = append(out, s.source...)
	out = append(out, san...)
	return append(out, points...)
}

func (s *shape) pointsOf(shard uint64) []byte {
	if p := s.points.Load(); p != nil && p.shard == shard {
		return p.extension
	}
	value := profile.CRLDistributionPoints(profile.ShardURL(s.base, s.issuer, shard))
	p := &shardPoint{shard, extension(oidCRLPoints, false, value)}
	s.points.Store(p)
	return p.extension
}

// extension is one Extension (RFC 5280 §4.1); critical FALSE is left out, as
// DER wants of a default.
func extension(oid []byte, critical bool, value []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
		if critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1OctetString(value)
	})
	return b.BytesOrPanic()
}

func authorityKeyID(id []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(id) })
	})
	return b.BytesOrPanic()
}

func authorityInfo(base, issuer string, ocsp bool) []byte {
	var b cryptobyte.Builder
	description := func(method []byte, url string) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(method) })
			b.AddASN1(asn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(url)) })
		}
	}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if ocsp {
			b.AddASN1(asn1.SEQUENCE, description(accessOCSP, profile.OCSPURL(base)))
		}
		b.AddASN1(asn1.SEQUENCE, description(accessIssuers, profile.IssuerURL(base, issuer)))
	})
	return b.BytesOrPanic()
}

// appendTime writes UTCTime through 2049, GeneralizedTime after (§4.1.2.5).
func appendTime(b []byte, t time.Time) []byte {
	if t.Year() < 2050 {
		b = append(b, byte(asn1.UTCTime), 13)
		return t.AppendFormat(b, "060102150405Z")
	}
	b = append(b, byte(asn1.GeneralizedTime), 15)
	return t.AppendFormat(b, "20060102150405Z")
}

func timeSize(t time.Time) int {
	if t.Year() < 2050 {
		return 2 + 13
	}
	return 2 + 15
}

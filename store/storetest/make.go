package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/assay-pki/assay/store"
)

// Spec is what MakeCertificate puts into a certificate.
type Spec struct {
	Ref                 store.Ref
	Holder              store.Holder
	Profile             string
	SPKI                []byte // a new key's when nil
	NotBefore, NotAfter time.Time
	// Padding makes the certificate so many octets longer: its extensions.
	Padding int
}

// MakeSPKI is the DER SubjectPublicKeyInfo of a new P-256 key.
func MakeSPKI() []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return spki
}

// MakeCertificate builds a certificate that parses and whose signature is not
// one: stores look at serial, dates and key alone. It costs a key, no more.
func MakeCertificate(s Spec) store.Certificate {
	if s.SPKI == nil {
		s.SPKI = MakeSPKI()
	}
	c := store.Certificate{
		Ref: s.Ref, Holder: s.Holder, Profile: s.Profile,
		Operation: store.OpSimpleEnroll, NotBefore: s.NotBefore, NotAfter: s.NotAfter, SPKI: s.SPKI,
		Serial: makeSerial(s.Ref.Index),
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addTBS(b, &c, s.Padding) })
		addAlgorithm(b)
		b.AddASN1BitString(make([]byte, 8))
	})
	c.DER = b.BytesOrPanic()
	return c
}

func makeSerial(index uint64) (serial [16]byte) {
	_, _ = rand.Read(serial[:11]) // cannot fail
	serial[0] = serial[0]&0x3f | 1
	for i := range 5 {
		serial[15-i] = byte(index >> (8 * i))
	}
	return serial
}

func addTBS(b *cryptobyte.Builder, c *store.Certificate, padding int) {
	b.AddASN1(asn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
	b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(c.Serial[:]) })
	addAlgorithm(b)
	addName(b, "issuer")
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1GeneralizedTime(c.NotBefore)
		b.AddASN1GeneralizedTime(c.NotAfter)
	})
	addName(b, c.Holder.Name)
	b.AddBytes(c.SPKI)
	if padding > 0 {
		addExtension(b, padding)
	}
}

// addExtension adds one that nobody knows (2.999.1), not critical.
func addExtension(b *cryptobyte.Builder, size int) {
	b.AddASN1(asn1.Tag(3).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier([]int{2, 999, 1})
				b.AddASN1OctetString(make([]byte, size))
			})
		})
	})
}

func addAlgorithm(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier([]int{1, 2, 840, 10045, 4, 3, 2}) // ecdsa-with-SHA256
	})
}

func addName(b *cryptobyte.Builder, name string) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier([]int{2, 5, 4, 3})
				b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
			})
		})
	})
}

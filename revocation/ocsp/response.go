package ocsp

import (
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/store"
)

// responseStatus of RFC 6960 §4.2.1, those that carry no bytes.
type responseStatus byte

const (
	malformedRequest responseStatus = 1
	tryLater         responseStatus = 3
	unauthorized     responseStatus = 6
)

// der is the whole OCSPResponse.
func (s responseStatus) der() []byte { return []byte{0x30, 0x03, 0x0a, 0x01, byte(s)} }

// status is what an answer says of a certificate; comparable, so that it is the
// version of a cached answer.
type status struct {
	known   bool
	state   store.Status
	reason  uint8
	revoked int64 // Unix seconds
}

// single is one SingleResponse.
type single struct {
	id     []byte
	status status
}

// basic is everything of a BasicOCSPResponse.
type basic struct {
	responder  *responder
	producedAt time.Time
	nextUpdate time.Time
	singles    []single
	nonce      []byte
}

// sign encodes and signs an OCSPResponse of status successful. thisUpdate is
// producedAt: the status was read just now (OCSP-12).
func (b *basic) sign() ([]byte, error) {
	data, err := b.data()
	if err != nil {
		return nil, err
	}
	signature, err := b.responder.signer.Signature(data)
	if err != nil {
		return nil, err
	}
	return wrap(data, b.responder.signer, signature, b.responder.certs)
}

// wrap makes the OCSPResponse around signed data.
func wrap(data []byte, signer *keys.Signer, signature, certs []byte) ([]byte, error) {
	out := cryptobyte.NewBuilder(make([]byte, 0, len(data)+len(signature)+len(certs)+96))
	out.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes([]byte{0x0a, 0x01, 0x00}) // successful
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes([]byte(basicType))
				b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(data)
						b.AddBytes(signer.Algorithm)
						b.AddASN1BitString(signature)
						b.AddBytes(certs)
					})
				})
			})
		})
	})
	return out.Bytes()
}

// basicType is id-pkix-ocsp-basic, tag and length included.
const basicType = "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01"

// data encodes ResponseData (RFC 6960 §4.2.1).
func (b *basic) data() ([]byte, error) {
	out := cryptobyte.NewBuilder(make([]byte, 0, 256*len(b.singles)+256))
	out.AddASN1(asn1.SEQUENCE, func(o *cryptobyte.Builder) {
		o.AddBytes(b.responder.id)
		o.AddASN1GeneralizedTime(b.producedAt)
		o.AddASN1(asn1.SEQUENCE, func(o *cryptobyte.Builder) {
			for _, s := range b.singles {
				b.addSingle(o, s)
			}
		})
		if b.nonce != nil {
			addNonce(o, b.nonce)
		}
	})
	return out.Bytes()
}

func (b *basic) addSingle(o *cryptobyte.Builder, s single) {
	o.AddASN1(asn1.SEQUENCE, func(o *cryptobyte.Builder) {
		o.AddBytes(s.id)
		s.status.add(o)
		o.AddASN1GeneralizedTime(b.producedAt)
		o.AddASN1(explicit(0), func(o *cryptobyte.Builder) { o.AddASN1GeneralizedTime(b.nextUpdate) })
	})
}

// add encodes CertStatus. A held certificate is revoked with certificateHold;
// reason 0 is left out as on the CRL.
func (s status) add(o *cryptobyte.Builder) {
	switch {
	case !s.known:
		o.AddBytes([]byte{0x82, 0x00}) // unknown [2]
	case s.state == store.Good:
		o.AddBytes([]byte{0x80, 0x00}) // good [0]
	default:
		o.AddASN1(explicit(1), func(o *cryptobyte.Builder) {
			o.AddASN1GeneralizedTime(time.Unix(s.revoked, 0).UTC())
			if s.reason != 0 {
				o.AddASN1(explicit(0), func(o *cryptobyte.Builder) { o.AddBytes([]byte{0x0a, 0x01, s.reason}) })
			}
		})
	}
}

// addNonce echoes a nonce in responseExtensions [1].
func addNonce(o *cryptobyte.Builder, nonce []byte) {
	o.AddASN1(explicit(1), func(o *cryptobyte.Builder) {
		o.AddASN1(asn1.SEQUENCE, func(o *cryptobyte.Builder) {
			o.AddASN1(asn1.SEQUENCE, func(o *cryptobyte.Builder) {
				o.AddASN1(asn1.OBJECT_IDENTIFIER, func(o *cryptobyte.Builder) { o.AddBytes([]byte(oidNonce)) })
				o.AddASN1(asn1.OCTET_STRING, func(o *cryptobyte.Builder) { o.AddASN1OctetString(nonce) })
			})
		})
	})
}

package wire

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// CSRAttr is one AttrOrOID of a csrattrs answer (RFC 7030 §4.5.2): without
// values a bare object identifier, else an attribute.
type CSRAttr struct {
	ID asn1.ObjectIdentifier
	// Values are DER, one each.
	Values [][]byte
}

// KeyAttr asks for a kind of key as RFC 9908 §3.2 writes it: for EC the
// curve, for RSA the size in bits as INTEGER, for Ed25519 the bare algorithm.
// Kinds are those of ca/profile: ec-p256, ec-p384, ec-p521, ed25519, rsa-2048,
// rsa-3072, rsa-4096. ok is false for others.
func KeyAttr(kind string) (a CSRAttr, ok bool) {
	switch kind {
	case "ec-p256":
		return curveAttr(OIDP256), true
	case "ec-p384":
		return curveAttr(OIDP384), true
	case "ec-p521":
		return curveAttr(OIDP521), true
	case "ed25519":
		return CSRAttr{ID: OIDEd25519}, true
	case "rsa-2048":
		return sizeAttr(2048), true
	case "rsa-3072":
		return sizeAttr(3072), true
	case "rsa-4096":
		return sizeAttr(4096), true
	}
	return CSRAttr{}, false
}

func curveAttr(curve asn1.ObjectIdentifier) CSRAttr {
	var b cryptobyte.Builder
	b.AddASN1ObjectIdentifier(curve)
	return CSRAttr{ID: OIDECPublicKey, Values: [][]byte{b.BytesOrPanic()}}
}

func sizeAttr(bits int64) CSRAttr {
	var b cryptobyte.Builder
	b.AddASN1Int64(bits)
	return CSRAttr{ID: OIDRSAEncryption, Values: [][]byte{b.BytesOrPanic()}}
}

// HashAttr is the signature algorithm to use with a kind of key, as a bare
// object identifier; ok is false where the key alone says it (Ed25519).
func HashAttr(kind string) (a CSRAttr, ok bool) {
	switch kind {
	case "ec-p256":
		return CSRAttr{ID: OIDECDSAWithSHA256}, true
	case "ec-p384":
		return CSRAttr{ID: OIDECDSAWithSHA384}, true
	case "ec-p521":
		return CSRAttr{ID: OIDECDSAWithSHA512}, true
	case "rsa-2048", "rsa-3072", "rsa-4096":
		return CSRAttr{ID: OIDSHA256WithRSA}, true
	}
	return CSRAttr{}, false
}

// CSRAttrs is the DER of CsrAttrs. Values must be DER; the error is
// ErrMalformed when the result is not what ParseCSRAttrs accepts.
func CSRAttrs(attrs ...CSRAttr) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, a := range attrs {
			if len(a.Values) == 0 {
				b.AddASN1ObjectIdentifier(a.ID)
				continue
			}
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(a.ID)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					for _, v := range a.Values {
						b.AddBytes(v)
					}
				})
			})
		}
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, malformed("csrattrs")
	}
	if _, err := ParseCSRAttrs(der); err != nil {
		return nil, err
	}
	return der, nil
}

// ParseCSRAttrs reads a csrattrs answer. By RFC 9908 §3.1 there is at most one
// extensionRequest, with one value, in which no extension repeats. Errors:
// ErrMalformed, ErrTooComplex.
func ParseCSRAttrs(der []byte) ([]CSRAttr, error) {
	if len(der) > MaxRequestBody {
		return nil, tooComplex("csrattrs", MaxRequestBody)
	}
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, malformed("csrattrs")
	}
	attrs := []CSRAttr{}
	requests := 0
	for !seq.Empty() {
		if len(attrs) == MaxCSRAttrs {
			return nil, tooComplex("csrattrs", MaxCSRAttrs)
		}
		a, err := readCSRAttr(&seq)
		if err != nil {
			return nil, err
		}
		if a.ID.Equal(OIDExtensionRequest) && len(a.Values) > 0 {
			if requests++; requests > 1 {
				return nil, malformed("extension request is doubled")
			}
		}
		attrs = append(attrs, a)
	}
	return attrs, nil
}

func readCSRAttr(seq *cryptobyte.String) (CSRAttr, error) {
	if seq.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) {
		var a CSRAttr
		if !seq.ReadASN1ObjectIdentifier(&a.ID) {
			return a, malformed("csrattrs")
		}
		return a, nil
	}
	a, err := readAttribute(seq, MaxCSRAttrValues)
	if err != nil {
		return CSRAttr{}, err
	}
	if a.Type.Equal(OIDExtensionRequest) {
		if len(a.Values) != 1 {
			return CSRAttr{}, malformed("extension request has several values")
		}
		if _, err := readExtensions(a.Values[0]); err != nil {
			return CSRAttr{}, err
		}
	}
	return CSRAttr{ID: a.Type, Values: a.Values}, nil
}

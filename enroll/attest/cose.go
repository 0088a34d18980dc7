package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/sha256" // for algorithms
	_ "crypto/sha512" // for algorithms
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// tagSign1 is CBOR tag 18 before an array of four (RFC 9052 §4.2).
const tagSign1 = 0xd2

// sign1 is a COSE_Sign1, parsed and not verified.
type sign1 struct {
	protected, payload, signature []byte
}

// algorithm of COSE, with the one key type that it is for.
type algorithm struct {
	name string
	// protected is the header {1: alg}, the only one that is accepted.
	protected string
	curve     elliptic.Curve // nil for EdDSA
	hash      crypto.Hash
	// octets of the signature.
	octets int
}

func algorithms() []algorithm {
	return []algorithm{
		{"ES256", "\xa1\x01\x26", elliptic.P256(), crypto.SHA256, 64},
		{"ES384", "\xa1\x01\x38\x22", elliptic.P384(), crypto.SHA384, 96},
		{"EdDSA", "\xa1\x01\x27", nil, 0, ed25519.SignatureSize},
	}
}

// parseSign1 reads a tagged COSE_Sign1 with protected {1: alg}, an empty
// unprotected header and a payload inside.
func parseSign1(b []byte) (*sign1, error) {
	if len(b) == 0 || b[0] != tagSign1 {
		return nil, bad("the statement is not a COSE_Sign1 with tag 18")
	}
	item, err := decodeCBOR(b[1:])
	if err != nil {
		return nil, bad("COSE_Sign1: %v", err)
	}
	parts, _ := item.([]any)
	if len(parts) != 4 {
		return nil, bad("COSE_Sign1 is not an array of four")
	}
	var s sign1
	for _, part := range []struct {
		at int
		to *[]byte
	}{{0, &s.protected}, {2, &s.payload}, {3, &s.signature}} {
		octets, ok := parts[part.at].([]byte)
		if !ok {
			return nil, bad("member %d of COSE_Sign1 is not a byte string", part.at+1)
		}
		*part.to = octets
	}
	if unprotected, ok := parts[1].(map[any]any); !ok || len(unprotected) > 0 {
		return nil, bad("the unprotected header is not an empty map: nothing in it would be signed")
	}
	for _, a := range algorithms() {
		if string(s.protected) == a.protected {
			return &s, nil
		}
	}
	return nil, bad("the protected header is not {1: alg} with alg -7, -35 or -8")
}

// verify checks the signature with the algorithm that the key demands.
func (s *sign1) verify(key crypto.PublicKey) error {
	a, ok := algorithmOf(key)
	switch {
	case !ok:
		return refuse(CodeUntrusted, "the trusted key is a %T: no algorithm of evidence is for it", key)
	case string(s.protected) != a.protected:
		return refuse(CodeUntrusted, "the trusted key demands %s", a.name)
	case !a.valid(key, s.toBeSigned(), s.signature):
		return refuse(CodeUntrusted, "the signature is not by the trusted key")
	}
	return nil
}

func algorithmOf(key crypto.PublicKey) (algorithm, bool) {
	for _, a := range algorithms() {
		switch k := key.(type) {
		case *ecdsa.PublicKey:
			if k != nil && k.Curve == a.curve {
				return a, true
			}
		case ed25519.PublicKey:
			if len(k) == ed25519.PublicKeySize && a.curve == nil {
				return a, true
			}
		}
	}
	return algorithm{}, false
}

func (a algorithm) valid(key crypto.PublicKey, message, signature []byte) bool {
	if len(signature) != a.octets {
		return false
	}
	if k, ok := key.(ed25519.PublicKey); ok {
		return ed25519.Verify(k, message, signature)
	}
	h := a.hash.New()
	h.Write(message)
	half := len(signature) / 2
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[:half]))
		b.AddASN1BigInt(new(big.Int).SetBytes(signature[half:]))
	})
	der, err := b.Bytes()
	return err == nil && ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), h.Sum(nil), der)
}

// toBeSigned is the Sig_structure of RFC 9052 §4.4 without external data.
func (s *sign1) toBeSigned() []byte {
	out := make([]byte, 0, 32+len(s.payload))
	out = append(out, "\x84\x6aSignature1"...)
	out = appendBytes(out, s.protected)
	out = appendBytes(out, nil)
	return appendBytes(out, s.payload)
}

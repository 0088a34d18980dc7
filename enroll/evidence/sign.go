package evidence

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	_ "crypto/sha256" // for digest
	_ "crypto/sha512" // for digest
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// tagSign1 marks a COSE_Sign1 (RFC 9052 §4.2).
const tagSign1 = 18

// sign1 makes a tagged COSE_Sign1 with protected {1: alg} and nothing in the
// unprotected header.
func sign1(key crypto.Signer, payload []byte) ([]byte, error) {
	protected, hash, err := algorithm(key.Public())
	if err != nil {
		return nil, err
	}
	toSign := appendHead(nil, majorArray, 4)
	toSign = appendText(toSign, "Signature1")
	toSign = appendBytes(toSign, protected)
	toSign = appendBytes(toSign, nil)
	toSign = appendBytes(toSign, payload)
	signature, err := sign(key, hash, toSign)
	if err != nil {
		return nil, fmt.Errorf("sign evidence: %w", err)
	}
	out := appendHead(nil, majorTag, tagSign1)
	out = appendHead(out, majorArray, 4)
	out = appendBytes(out, protected)
	out = appendHead(out, majorMap, 0)
	out = appendBytes(out, payload)
	return appendBytes(out, signature), nil
}

// algorithm is the protected header {1: alg} that a key demands, and its hash.
func algorithm(key crypto.PublicKey) (protected []byte, hash crypto.Hash, err error) {
	var alg int64
	switch k := key.(type) {
	case ed25519.PublicKey:
		alg = -8
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			alg, hash = -7, crypto.SHA256
		case elliptic.P384():
			alg, hash = -35, crypto.SHA384
		}
	}
	if alg == 0 {
		return nil, 0, fmt.Errorf("sign evidence: a key of P-256, P-384 or Ed25519 is needed, this is a %T", key)
	}
	return appendInt([]byte{majorMap | 1, 1}, alg), hash, nil
}

// sign returns a raw signature: r and s side by side for ECDSA (RFC 9053 §2.1).
func sign(key crypto.Signer, hash crypto.Hash, message []byte) ([]byte, error) {
	if hash == 0 {
		return key.Sign(rand.Reader, message, crypto.Hash(0))
	}
	h := hash.New()
	h.Write(message)
	der, err := key.Sign(rand.Reader, h.Sum(nil), hash)
	if err != nil {
		return nil, err
	}
	var r, s big.Int
	in := cryptobyte.String(der)
	if !in.ReadASN1(&in, cbasn1.SEQUENCE) || !in.ReadASN1Integer(&r) || !in.ReadASN1Integer(&s) || !in.Empty() {
		return nil, errors.New("the key's signature is not an ECDSA-Sig-Value")
	}
	out := make([]byte, 2*hash.Size()) // as long as the curve's order
	if r.Sign() <= 0 || s.Sign() <= 0 || r.BitLen() > 8*hash.Size() || s.BitLen() > 8*hash.Size() {
		return nil, errors.New("the key's signature is out of range")
	}
	r.FillBytes(out[:hash.Size()])
	s.FillBytes(out[hash.Size():])
	return out, nil
}

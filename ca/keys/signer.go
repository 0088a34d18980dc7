package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes that signer names
	_ "crypto/sha512"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// AlgorithmIdentifiers: RFC 5758 §3.2 (ECDSA, parameters absent), RFC 4055 §5
// (RSA, parameters NULL), RFC 8410 §3 (Ed25519, parameters absent).
var (
	ecdsaSHA256 = []byte{0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}
	ecdsaSHA384 = []byte{0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03}
	rsaSHA256   = []byte{0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00}
	pureEd25519 = []byte{0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70}
)

// Signer signs DER structures with one key and one algorithm. It is safe for
// concurrent use.
type Signer struct {
	Key crypto.Signer
	// Algorithm is the DER of the AlgorithmIdentifier, for the inner field too.
	Algorithm []byte
	// OnToken: the key is not in this process.
	OnToken bool

	hash crypto.Hash // 0: the message itself is signed
}

// NewSigner chooses the algorithm by the key: ECDSA with SHA-256 on P-256 and
// SHA-384 on P-384, RSA PKCS #1 v1.5 with SHA-256 from 2048 bits, Ed25519.
// Other keys are an error.
func NewSigner(key crypto.Signer) (*Signer, error) {
	s := &Signer{Key: key, OnToken: onToken(key)}
	switch p := key.Public().(type) {
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256():
			s.Algorithm, s.hash = ecdsaSHA256, crypto.SHA256
			return s, nil
		case elliptic.P384():
			s.Algorithm, s.hash = ecdsaSHA384, crypto.SHA384
			return s, nil
		}
	case *rsa.PublicKey:
		if p.N.BitLen() >= 2048 {
			s.Algorithm, s.hash = rsaSHA256, crypto.SHA256
			return s, nil
		}
	case ed25519.PublicKey:
		s.Algorithm = pureEd25519
		return s, nil
	}
	return nil, fmt.Errorf("no signature algorithm for a key of type %T: use ec-p256, ec-p384, ed25519 or RSA of 2048 bits and more", key.Public())
}

func onToken(key crypto.Signer) bool {
	switch k := key.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
		return false
	case *deferred:
		return k.ring.onToken
	}
	return true
}

// Sign returns SEQUENCE { tbs, algorithm, BIT STRING signature }, the shape of
// certificates and CRLs. tbs is DER with Algorithm as its inner algorithm.
func (s *Signer) Sign(tbs []byte) ([]byte, error) {
	signature, err := s.Signature(tbs)
	if err != nil {
		return nil, err
	}
	bits := len(signature) + 1
	body := len(tbs) + len(s.Algorithm) + headSize(bits) + bits
	der := make([]byte, 0, headSize(body)+body)
	der = appendHead(der, byte(asn1.SEQUENCE), body)
	der = append(der, tbs...)
	der = append(der, s.Algorithm...)
	der = appendHead(der, byte(asn1.BIT_STRING), bits)
	der = append(der, 0)
	return append(der, signature...), nil
}

// Signature signs a message and returns the signature alone.
func (s *Signer) Signature(message []byte) ([]byte, error) {
	signature, err := s.Key.Sign(rand.Reader, s.digest(message), s.hash)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

func (s *Signer) digest(message []byte) []byte {
	if s.hash == 0 {
		return message
	}
	h := s.hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// ErrSignature: a signature does not verify.
var ErrSignature = errors.New("signature does not verify")

// Verify checks what Sign returned: its form, its algorithm, its signature.
func (s *Signer) Verify(der []byte) error {
	input := cryptobyte.String(der)
	var outer, tbs, algorithm, bits cryptobyte.String
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !input.Empty() ||
		!outer.ReadASN1Element(&tbs, asn1.SEQUENCE) || !outer.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!outer.ReadASN1(&bits, asn1.BIT_STRING) || !outer.Empty() || len(bits) < 2 || bits[0] != 0 ||
		string(algorithm) != string(s.Algorithm) {
		return fmt.Errorf("%w: not of the expected form", ErrSignature)
	}
	if !verify(s.Key.Public(), s.hash, s.digest(tbs), bits[1:]) {
		return ErrSignature
	}
	return nil
}

func verify(public crypto.PublicKey, hash crypto.Hash, digest, signature []byte) bool {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(p, digest, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(p, hash, digest, signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(p, digest, signature)
	}
	return false
}

// appendHead adds a tag and a definite length in its shortest form (X.690
// §10.1).
func appendHead(b []byte, tag byte, n int) []byte {
	size := headSize(n)
	if size == 2 {
		return append(b, tag, byte(n))
	}
	b = append(b, tag, 0x80|byte(size-2))
	for i := size - 3; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

func headSize(n int) int {
	size := 2
	if n >= 0x80 {
		for ; n > 0; n >>= 8 {
			size++
		}
	}
	return size
}

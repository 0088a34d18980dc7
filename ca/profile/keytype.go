package profile

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"
)

// KeyType is a kind of public key that a device may bring.
type KeyType string

// The key types.
const (
	ECP256  KeyType = "ec-p256"
	ECP384  KeyType = "ec-p384"
	ECP521  KeyType = "ec-p521"
	Ed25519 KeyType = "ed25519"
	RSA2048 KeyType = "rsa-2048"
	RSA3072 KeyType = "rsa-3072"
	RSA4096 KeyType = "rsa-4096"
)

var keyTypes = []KeyType{ECP256, ECP384, ECP521, Ed25519, RSA2048, RSA3072, RSA4096}

// KeyTypeOf returns the type of a public key of the standard library; false for
// any other curve, size or algorithm.
func KeyTypeOf(pub any) (KeyType, bool) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return ECP256, true
		case elliptic.P384():
			return ECP384, true
		case elliptic.P521():
			return ECP521, true
		}
	case ed25519.PublicKey:
		return Ed25519, len(k) == ed25519.PublicKeySize
	case *rsa.PublicKey:
		if k.N == nil {
			return "", false
		}
		switch k.N.BitLen() {
		case 2048:
			return RSA2048, true
		case 3072:
			return RSA3072, true
		case 4096:
			return RSA4096, true
		}
	}
	return "", false
}

// KeySet is the key types that a product allows, in its order of preference.
type KeySet []KeyType

// Has tells whether the set holds a type.
func (s KeySet) Has(t KeyType) bool { return slices.Contains(s, t) }

// Admit is a kind of credential that may enrol.
type Admit string

// The kinds of credentials.
const (
	AdmitStation Admit = "station"
	AdmitToken   Admit = "token"
	AdmitBirth   Admit = "birth"
	AdmitVendor  Admit = "vendor"
)

// AdmitSet is the kinds of credentials that a profile admits.
type AdmitSet []Admit

// Has tells whether the set holds a kind.
func (s AdmitSet) Has(a Admit) bool { return slices.Contains(s, a) }

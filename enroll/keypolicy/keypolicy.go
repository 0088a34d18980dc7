package keypolicy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Parse reads a SubjectPublicKeyInfo in its one canonical form, so that one
// key has one encoding and cannot pass as another device's in a second one:
// named curves and uncompressed points (RFC 5480), NULL parameters for RSA
// (RFC 3279), none for Ed25519 (RFC 8410). Its sizes are judged here, before
// anything is computed. The error is a *v1.Refusal.
func Parse(spki []byte) (crypto.PublicKey, error) {
	in := cryptobyte.String(spki)
	var seq, algorithm, bits cryptobyte.String
	var id asn1.ObjectIdentifier
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() ||
		!seq.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&id) ||
		!seq.ReadASN1BitStringAsBytes((*[]byte)(&bits)) || !seq.Empty() {
		return nil, v1.Refuse(v1.BadCSR, "the public key does not parse")
	}
	switch {
	case id.Equal(oidECPublicKey):
		return readEC(algorithm, bits)
	case id.Equal(oidRSAEncryption):
		return readRSA(algorithm, bits)
	case id.Equal(oidEd25519):
		return readEd25519(algorithm, bits)
	}
	return nil, v1.Refuse(v1.KeyTypeNotAllowed, "")
}

func readEC(params, point cryptobyte.String) (crypto.PublicKey, error) {
	var id asn1.ObjectIdentifier
	if !params.ReadASN1ObjectIdentifier(&id) || !params.Empty() {
		return nil, v1.Refuse(v1.KeyTypeNotAllowed, "the curve is not a named one")
	}
	var curve elliptic.Curve
	switch {
	case id.Equal(oidP256):
		curve = elliptic.P256()
	case id.Equal(oidP384):
		curve = elliptic.P384()
	case id.Equal(oidP521):
		curve = elliptic.P521()
	default:
		return nil, v1.Refuse(v1.KeyTypeNotAllowed, "the curve is none of P-256, P-384 and P-521")
	}
	if len(point) > 0 && (point[0] == 2 || point[0] == 3) {
		return nil, v1.Refuse(v1.KeyTypeNotAllowed, "the point is compressed: send it uncompressed")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, &v1.Refusal{Reason: v1.WeakKey, Detail: "the point is not on its curve", Err: err}
	}
	return key, nil
}

func readEd25519(params, bits cryptobyte.String) (crypto.PublicKey, error) {
	if !params.Empty() || len(bits) != ed25519.PublicKeySize {
		return nil, v1.Refuse(v1.BadCSR, "the Ed25519 key does not parse")
	}
	if weakEd25519(bits) {
		return nil, v1.Refuse(v1.WeakKey, "the point is of small order or not in its canonical form")
	}
	return ed25519.PublicKey(bits), nil
}

func readRSA(params, bits cryptobyte.String) (crypto.PublicKey, error) {
	var null, seq cryptobyte.String
	n, e := new(big.Int), new(big.Int)
	if !params.ReadASN1(&null, cbasn1.NULL) || !null.Empty() || !params.Empty() ||
		!bits.ReadASN1(&seq, cbasn1.SEQUENCE) || !bits.Empty() ||
		!seq.ReadASN1Integer(n) || !seq.ReadASN1Integer(e) || !seq.Empty() {
		return nil, v1.Refuse(v1.BadCSR, "the RSA key does not parse")
	}
	// The size comes before the key type: who sends RSA-1024 must hear that it
	// is weak, whatever the product allows.
	switch {
	case n.Sign() <= 0 || n.BitLen() < minRSABits || n.BitLen() > maxRSABits:
		return nil, v1.Refuse(v1.WeakKey, fmt.Sprintf("the RSA modulus has %d bits; %d to %d are taken", n.BitLen(), minRSABits, maxRSABits))
	case e.Cmp(big.NewInt(minRSAExponent)) < 0 || e.Cmp(big.NewInt(maxRSAExponent)) > 0 || e.Bit(0) == 0:
		return nil, v1.Refuse(v1.WeakKey, "the RSA exponent must be odd, 65537 to 2147483647")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

// Check is the product's key rule, then what no product may allow. spki is what
// key was parsed from.
func Check(key crypto.PublicKey, spki []byte, allowed profile.KeySet) error {
	kind, ok := profile.KeyTypeOf(key)
	if !ok || !allowed.Has(kind) {
		return &v1.Refusal{Reason: v1.KeyTypeNotAllowed, Next: fmt.Sprintf("use one of %v", []profile.KeyType(allowed))}
	}
	if published(spki) {
		return v1.Refuse(v1.WeakKey, "its private key was published")
	}
	if k, ok := key.(*rsa.PublicKey); ok {
		return checkModulus(k.N)
	}
	return nil
}

// published tells whether a key is one whose private half stands in an RFC.
func published(spki []byte) bool {
	hash := sha256.Sum256(spki)
	_, ok := publishedKeys[hex.EncodeToString(hash[:])]
	return ok
}

// smallOrder are the y coordinates, little-endian and without the sign bit, of
// the points of Ed25519 whose order divides 8: any signature by such a key
// verifies for many messages.
var smallOrder = [...]string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

// weakEd25519 tells whether a point is of small order, or its y coordinate not
// below the prime 2^255-19: a second encoding of another key.
func weakEd25519(point []byte) bool {
	y := [32]byte(point)
	y[31] &= 0x7f
	text := hex.EncodeToString(y[:])
	for _, s := range smallOrder {
		if text == s {
			return true
		}
	}
	if y[0] < 0xed || y[31] != 0x7f {
		return false
	}
	for _, b := range y[1:31] {
		if b != 0xff {
			return false
		}
	}
	return true
}

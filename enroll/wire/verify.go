package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // crypto.Hash.New
	_ "crypto/sha512"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Verify checks the request's proof of possession with its own key, as
// PublicKey returned it. Whether that key is allowed must be decided before:
// an RSA modulus of 40 kB costs seconds here.
//
// Accepted are ECDSA on P-256, P-384 and P-521, RSA PKCS#1 v1.5 and PSS, each
// with SHA-256, -384 or -512, and Ed25519. Errors: ErrSignatureAlgorithm,
// ErrSignature.
func (c *CSR) Verify(key crypto.PublicKey) error {
	s, err := parseScheme(c.RawAlgorithm)
	if err != nil {
		return err
	}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return c.verifyECDSA(s, key)
	case *rsa.PublicKey:
		return c.verifyRSA(s, key)
	case ed25519.PublicKey:
		if s.kind != schemeEd25519 {
			return wrongKey("Ed25519")
		}
		if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, c.RawTBS, c.Signature) {
			return ErrSignature
		}
		return nil
	}
	return fmt.Errorf("key of type %T: %w", key, ErrSignatureAlgorithm)
}

func wrongKey(kind string) error {
	return fmt.Errorf("not a signature of an %s key: %w", kind, ErrSignatureAlgorithm)
}

func (c *CSR) verifyECDSA(s scheme, key *ecdsa.PublicKey) error {
	if s.kind != schemeECDSA {
		return wrongKey("EC")
	}
	switch key.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
	default:
		return fmt.Errorf("curve: %w", ErrSignatureAlgorithm)
	}
	if !ecdsa.VerifyASN1(key, digest(s.hash, c.RawTBS), c.Signature) {
		return ErrSignature
	}
	return nil
}

func (c *CSR) verifyRSA(s scheme, key *rsa.PublicKey) error {
	var err error
	switch s.kind {
	case schemePKCS1:
		err = rsa.VerifyPKCS1v15(key, s.hash, digest(s.hash, c.RawTBS), c.Signature)
	case schemePSS:
		err = rsa.VerifyPSS(key, s.hash, digest(s.hash, c.RawTBS), c.Signature,
			&rsa.PSSOptions{SaltLength: s.salt, Hash: s.hash})
	default:
		return wrongKey("RSA")
	}
	if err != nil {
		return ErrSignature
	}
	return nil
}

func digest(h crypto.Hash, b []byte) []byte {
	w := h.New()
	w.Write(b)
	return w.Sum(nil)
}

type schemeKind uint8

const (
	schemeECDSA schemeKind = iota + 1
	schemePKCS1
	schemePSS
	schemeEd25519
)

// scheme is a signature algorithm that we accept.
type scheme struct {
	kind schemeKind
	hash crypto.Hash
	// salt is the length PSS declares: openssl writes the longest possible.
	salt int
}

// parseScheme reads an AlgorithmIdentifier. Parameters must be absent or NULL
// (RFC 4055 §5 asks to accept both; old mbedTLS writes NULL for ECDSA too).
func parseScheme(der []byte) (scheme, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	var id asn1.ObjectIdentifier
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || !seq.ReadASN1ObjectIdentifier(&id) {
		return scheme{}, fmt.Errorf("unreadable: %w", ErrSignatureAlgorithm)
	}
	if id.Equal(OIDRSASSAPSS) {
		return parsePSS(seq)
	}
	s, ok := schemeOf(id)
	if !ok || !emptyParameters(seq) {
		return scheme{}, fmt.Errorf("%v: %w", id, ErrSignatureAlgorithm)
	}
	return s, nil
}

func schemeOf(id asn1.ObjectIdentifier) (scheme, bool) {
	for _, row := range []struct {
		id asn1.ObjectIdentifier
		s  scheme
	}{
		{OIDECDSAWithSHA256, scheme{kind: schemeECDSA, hash: crypto.SHA256}},
		{OIDECDSAWithSHA384, scheme{kind: schemeECDSA, hash: crypto.SHA384}},
		{OIDECDSAWithSHA512, scheme{kind: schemeECDSA, hash: crypto.SHA512}},
		{OIDSHA256WithRSA, scheme{kind: schemePKCS1, hash: crypto.SHA256}},
		{OIDSHA384WithRSA, scheme{kind: schemePKCS1, hash: crypto.SHA384}},
		{OIDSHA512WithRSA, scheme{kind: schemePKCS1, hash: crypto.SHA512}},
		{OIDEd25519, scheme{kind: schemeEd25519}},
	} {
		if id.Equal(row.id) {
			return row.s, true
		}
	}
	return scheme{}, false
}

func emptyParameters(rest cryptobyte.String) bool {
	return rest.Empty() || string(rest) == "\x05\x00"
}

// parsePSS reads RSASSA-PSS-params (RFC 4055 §3.1). The defaults mean SHA-1,
// so that hash and mask must be present, and the mask must use the same hash.
func parsePSS(rest cryptobyte.String) (scheme, error) {
	refused := fmt.Errorf("parameters of RSASSA-PSS: %w", ErrSignatureAlgorithm)
	var params, hash, mask, salt, trailer cryptobyte.String
	var hasSalt, hasTrailer bool
	if !rest.ReadASN1(&params, cbasn1.SEQUENCE) || !rest.Empty() ||
		!params.ReadASN1(&hash, tagExplicit0) || !params.ReadASN1(&mask, tagExplicit1) ||
		!params.ReadOptionalASN1(&salt, &hasSalt, cbasn1.Tag(2).ContextSpecific().Constructed()) ||
		!params.ReadOptionalASN1(&trailer, &hasTrailer, cbasn1.Tag(3).ContextSpecific().Constructed()) ||
		!params.Empty() {
		return scheme{}, refused
	}
	s := scheme{kind: schemePSS, salt: 20}
	var maskSeq cryptobyte.String
	var maskID asn1.ObjectIdentifier
	var maskHash crypto.Hash
	if s.hash = readHash(&hash); s.hash == 0 || !hash.Empty() ||
		!mask.ReadASN1(&maskSeq, cbasn1.SEQUENCE) || !mask.Empty() ||
		!maskSeq.ReadASN1ObjectIdentifier(&maskID) || !maskID.Equal(OIDMGF1) {
		return scheme{}, refused
	}
	if maskHash = readHash(&maskSeq); maskHash != s.hash || !maskSeq.Empty() {
		return scheme{}, refused
	}
	if hasSalt && (!salt.ReadASN1Integer(&s.salt) || !salt.Empty()) || s.salt < 1 || s.salt > MaxSaltLength {
		return scheme{}, refused
	}
	trailerField := 1
	if hasTrailer && (!trailer.ReadASN1Integer(&trailerField) || !trailer.Empty()) || trailerField != 1 {
		return scheme{}, refused
	}
	return s, nil
}

func readHash(in *cryptobyte.String) crypto.Hash {
	var seq cryptobyte.String
	var id asn1.ObjectIdentifier
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&id) || !emptyParameters(seq) {
		return 0
	}
	switch {
	case id.Equal(OIDSHA256):
		return crypto.SHA256
	case id.Equal(OIDSHA384):
		return crypto.SHA384
	case id.Equal(OIDSHA512):
		return crypto.SHA512
	}
	return 0
}

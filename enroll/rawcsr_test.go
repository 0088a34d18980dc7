package enroll_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"github.com/assay-pki/assay/enroll/wire"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// rawRequest is a PKCS#10 request as nobody's library would make it.
type rawRequest struct {
	serial     string
	spki       []byte
	attributes []byte // contents of [0]
	algorithm  []byte // DER of the AlgorithmIdentifier
	sign       func(tbs []byte) []byte
}

func (r rawRequest) der(t testing.TB) []byte {
	t.Helper()
	name, err := asn1.Marshal(pkix.Name{CommonName: r.serial, SerialNumber: r.serial}.ToRDNSequence())
	must(t, err)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(name)
		b.AddBytes(r.spki)
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(r.attributes) })
	})
	tbs := b.BytesOrPanic()
	if r.algorithm == nil {
		r.algorithm = algorithm(wire.OIDECDSAWithSHA256)
	}
	signature := []byte{0x30, 0}
	if r.sign != nil {
		signature = r.sign(tbs)
	}
	var out cryptobyte.Builder
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(r.algorithm)
		b.AddASN1BitString(signature)
	})
	return out.BytesOrPanic()
}

func algorithm(id asn1.ObjectIdentifier) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id) })
	return b.BytesOrPanic()
}

// by signs with SHA-256, or with Ed25519.
func by(t testing.TB, key crypto.Signer) func([]byte) []byte {
	return func(tbs []byte) []byte {
		var digest []byte
		hash := crypto.SHA256
		if _, ok := key.(ed25519.PrivateKey); ok {
			digest, hash = tbs, 0
		} else {
			sum := sha256.Sum256(tbs)
			digest = sum[:]
		}
		s, err := key.Sign(rand.Reader, digest, hash)
		must(t, err)
		return s
	}
}

// challenged is a request with a challengePassword (RFC 2985 §5.4.1).
func challenged(t testing.TB, key crypto.Signer, serial, text string) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(wire.OIDChallengePassword)
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
		})
	})
	return rawRequest{serial: serial, spki: spkiOf(t, key.Public()), attributes: b.BytesOrPanic(), sign: by(t, key)}.der(t)
}

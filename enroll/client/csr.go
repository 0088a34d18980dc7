package client

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/assay-pki/assay/enroll/wire"
)

// EvidenceAttribute is the attribute id-aa-attestation of a certification
// request; value is the DER of its AttestationBundle.
func EvidenceAttribute(value []byte) wire.Attribute {
	return wire.Attribute{Type: wire.OIDAttestation, Values: [][]byte{value}}
}

// NewCSR makes a certification request (DER) for the key, with the attributes
// if any. An assay server reads the serial from SerialNumber, else CommonName,
// and takes nothing else of the subject.
func NewCSR(key crypto.Signer, subject pkix.Name, attributes ...wire.Attribute) ([]byte, error) {
	name, err := asn1.Marshal(subject.ToRDNSequence())
	if err != nil {
		return nil, fmt.Errorf("make certification request: %w", err)
	}
	return createCSR(key, name, attributes)
}

// NewRenewalCSR makes the request that renews a certificate, with the same or
// another key: its subject and alternative names stay as they are, octet by
// octet (RFC 7030 §4.2.2).
func NewRenewalCSR(key crypto.Signer, cert *x509.Certificate, attributes ...wire.Attribute) ([]byte, error) {
	for _, e := range cert.Extensions {
		if e.Id.Equal(wire.OIDSubjectAltName) {
			value, err := asn1.Marshal([]pkix.Extension{e})
			if err != nil {
				return nil, fmt.Errorf("make certification request: %w", err)
			}
			attributes = append(slices.Clone(attributes), wire.Attribute{Type: wire.OIDExtensionRequest, Values: [][]byte{value}})
		}
	}
	return createCSR(key, cert.RawSubject, attributes)
}

// createCSR writes the request by hand: crypto/x509 has no way to give an
// attribute whose value is not a list of types and values.
func createCSR(key crypto.Signer, subject []byte, attributes []wire.Attribute) ([]byte, error) {
	tbs, err := requestInfo(key.Public(), subject, attributes)
	if err != nil {
		return nil, fmt.Errorf("make certification request: %w", err)
	}
	algorithm, signature, err := sign(key, tbs)
	if err != nil {
		return nil, fmt.Errorf("make certification request: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithm)
		b.AddASN1BitString(signature)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make certification request: %w", err)
	}
	if len(der) > wire.MaxCSR {
		return nil, fmt.Errorf("make certification request: %d octets, servers take %d", len(der), wire.MaxCSR)
	}
	return der, nil
}

// requestInfo is CertificationRequestInfo (RFC 2986 §4.1).
func requestInfo(public crypto.PublicKey, subject []byte, attributes []wire.Attribute) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	set := make([][]byte, len(attributes))
	for i, a := range attributes {
		if set[i], err = encodeAttribute(a); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(set, bytes.Compare) // SET OF in DER
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(subject)
		b.AddBytes(spki)
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			for _, der := range set {
				b.AddBytes(der)
			}
		})
	})
	return b.Bytes()
}

func encodeAttribute(a wire.Attribute) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(a.Type)
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
			for _, value := range a.Values {
				b.AddBytes(value)
			}
		})
	})
	return b.Bytes()
}

// sign returns the AlgorithmIdentifier and the signature, with the hash that
// belongs to the key.
func sign(key crypto.Signer, tbs []byte) (algorithm, signature []byte, err error) {
	id, hash, err := signatureOf(key.Public())
	if err != nil {
		return nil, nil, err
	}
	digest := tbs
	if hash != 0 {
		h := hash.New()
		h.Write(tbs)
		digest = h.Sum(nil)
	}
	if signature, err = key.Sign(rand.Reader, digest, hash); err != nil {
		return nil, nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		if id.Equal(wire.OIDSHA256WithRSA) {
			b.AddASN1NULL() // RFC 4055 §5
		}
	})
	algorithm, err = b.Bytes()
	return algorithm, signature, err
}

func signatureOf(public crypto.PublicKey) (asn1.ObjectIdentifier, crypto.Hash, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch size := key.Curve.Params().BitSize; {
		case size <= 256:
			return wire.OIDECDSAWithSHA256, crypto.SHA256, nil
		case size <= 384:
			return wire.OIDECDSAWithSHA384, crypto.SHA384, nil
		}
		return wire.OIDECDSAWithSHA512, crypto.SHA512, nil
	case *rsa.PublicKey:
		return wire.OIDSHA256WithRSA, crypto.SHA256, nil
	case ed25519.PublicKey:
		return wire.OIDEd25519, 0, nil
	}
	return nil, 0, errors.New("keys of this kind cannot sign it")
}

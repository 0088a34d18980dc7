package main

import (
	"crypto"
	"crypto/x509"
	"fmt"

	"github.com/assay-pki/assay/enroll/evidence"
)

// firmwareComponent is the component that products ask for by default.
const firmwareComponent = "firmware"

// simulated is a device that measured its firmware.
type simulated struct {
	product, serial string
	digest          []byte // SHA-256
}

// evidence is the value of the attribute by which signer, a key that the
// authority knows or the new key itself, says what runs beside key.
func (s simulated) evidence(signer, key crypto.Signer, nonce []byte) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	statement, err := evidence.Self(signer, evidence.Statement{
		Product: s.product, Serial: s.serial, Nonce: nonce, SPKI: spki, Debug: evidence.DebugDisabledPermanently,
		Measurements: []evidence.Measurement{{Component: firmwareComponent, Digest: s.digest}},
	})
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	return evidence.Attribute(statement)
}

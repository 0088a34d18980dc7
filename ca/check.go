package ca

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"github.com/assay-pki/assay/ca/keys"
	"github.com/assay-pki/assay/ca/profile"
)

// Check lints what a profile would make, once for each key type that it
// allows, before the profile is activated. Throwaway keys sign and are signed:
// an issuer's own signature on a certificate that nobody stored would be a
// certificate all the same. A validity past the issuer's max_validity is a
// *profile.FaultsError, no issuer of the kind profile.ErrNoIssuer.
func (a *Authority) Check(ctx context.Context, p *profile.Profile) error {
	i, err := a.issuerFor(p.Kind)
	if err != nil {
		return err
	}
	if i.MaxValidity > 0 && p.Validity > i.MaxValidity {
		return &profile.FaultsError{Faults: []profile.Fault{{
			At:     "operational.validity",
			Reason: fmt.Sprintf("%s is longer than the max_validity of %s, %s", profile.Duration(p.Validity), i.Name, profile.Duration(i.MaxValidity)),
		}}}
	}
	signer, err := standIn(i)
	if err != nil {
		return err
	}
	names := profile.Names{Product: p.Product, Serial: "SN-1", Site: "site", Batch: "batch"}
	for _, kind := range p.Keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.checkKey(i, signer, p, names, kind); err != nil {
			return fmt.Errorf("profile %s@%d with a key of type %s: %w", p.Product, p.Revision, kind, err)
		}
	}
	return nil
}

func (a *Authority) checkKey(i *issuer, signer *keys.Signer, p *profile.Profile, names profile.Names, kind profile.KeyType) error {
	public, err := throwaway(kind)
	if err != nil {
		return err
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	o := profile.Order{Profile: p, Names: names, SPKI: spki}
	b, err := prepare(o)
	if err != nil {
		return err
	}
	if _, err := a.period(i, &b, p.Validity, time.Time{}, a.record.Local); err != nil {
		return err
	}
	if b.serial, err = profile.NewSerial(rand.Reader, 0); err != nil {
		return err
	}
	_, err = i.make(signer, &o, &b)
	return err
}

// standIn is a signer with a new key of the issuer's kind.
func standIn(i *issuer) (*keys.Signer, error) {
	kind := keys.ECP256
	if p, ok := i.Certificate.PublicKey.(*ecdsa.PublicKey); ok && p.Curve == elliptic.P384() {
		kind = keys.ECP384
	}
	key, err := keys.Generate(kind)
	if err != nil {
		return nil, err
	}
	return keys.NewSigner(key)
}

// throwaway makes a public key of a type. For RSA a random odd modulus will
// do: nobody signs with it, and primes take seconds to find.
func throwaway(kind profile.KeyType) (any, error) {
	curves := map[profile.KeyType]elliptic.Curve{
		profile.ECP256: elliptic.P256(), profile.ECP384: elliptic.P384(), profile.ECP521: elliptic.P521(),
	}
	bits := map[profile.KeyType]int{profile.RSA2048: 2048, profile.RSA3072: 3072, profile.RSA4096: 4096}
	switch {
	case curves[kind] != nil:
		key, err := ecdsa.GenerateKey(curves[kind], rand.Reader)
		if err != nil {
			return nil, err
		}
		return key.Public(), nil
	case kind == profile.Ed25519:
		public, _, err := ed25519.GenerateKey(rand.Reader)
		return public, err
	case bits[kind] > 0:
		octets := make([]byte, bits[kind]/8)
		rand.Read(octets) // never fails
		octets[0] |= 0x80
		octets[len(octets)-1] |= 1
		return &rsa.PublicKey{N: new(big.Int).SetBytes(octets), E: 65537}, nil
	}
	return nil, fmt.Errorf("%w: %s is not a key type", ErrKey, kind)
}

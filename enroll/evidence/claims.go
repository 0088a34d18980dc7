package evidence

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"unicode/utf8"
)

// EAT profiles, which name the formats.
const (
	profileSelf    = "urn:uuid:4b20875d-839b-4eab-a8f9-fdf0a4ed7571"
	profileStation = "urn:uuid:d0811d45-79bd-468e-86ab-2f3b8d0dbadc"
)

// Claim keys; the negative ones are private to the two profiles.
const (
	keyIss          = 1
	keySub          = 2
	keyIat          = 6
	keyNonce        = 10
	keyDebug        = 263
	keyProfile      = 265
	keySPKI         = -75001
	keyMeasurements = -75002
	keyMethod       = -75003
	keyCSR          = -75004
)

// Keys of a measurement.
const (
	keyComponent = 1
	keyAlg       = 2
	keyDigest    = 3
	keyVersion   = 4
	keySVN       = 5
	keySigner    = 6
)

// check finds what the server would refuse.
func (s *Statement) check() error {
	switch n := len(s.Nonce); {
	case s.Product == "" || s.Serial == "":
		return errors.New("a Product and a Serial must be given")
	case n > 0 && n < minNonce || n > maxNonce:
		return fmt.Errorf("the Nonce has %d octets, it must have %d to %d", n, minNonce, maxNonce)
	case len(s.SPKI) == 0:
		return errors.New("no SPKI is given")
	case s.Debug > DebugDisabledFullyAndPermanently:
		return fmt.Errorf("the value of Debug is %d, it must be 0 to 4", s.Debug)
	case len(s.Measurements) == 0 || len(s.Measurements) > maxMeasurements:
		return fmt.Errorf("there are %d Measurements, there must be 1 to %d", len(s.Measurements), maxMeasurements)
	}
	seen := map[string]bool{}
	for _, m := range s.Measurements {
		if err := m.check(); err != nil {
			return err
		}
		if seen[m.Component] {
			return fmt.Errorf("component %q is measured twice", m.Component)
		}
		seen[m.Component] = true
	}
	return errors.Join(checkText("Product and Serial", s.Product+"/"+s.Serial, maxText), checkText("Station", s.Station, maxText))
}

func (m *Measurement) check() error {
	_, octets, ok := m.alg()
	switch {
	case m.Component == "":
		return errors.New("a measurement has no Component")
	case !ok:
		return fmt.Errorf("component %q: Alg is %q, it must be sha256, sha384 or sha512", m.Component, m.Alg)
	case len(m.Digest) != octets:
		return fmt.Errorf("component %q: Digest has %d octets, it must have %d", m.Component, len(m.Digest), octets)
	case len(m.Signer) > maxSigner:
		return fmt.Errorf("component %q: Signer has more than %d octets", m.Component, maxSigner)
	}
	return errors.Join(checkText("Component", m.Component, maxComponent), checkText("Version", m.Version, maxVersion))
}

func checkText(name, s string, most int) error {
	if len(s) > most || !utf8.ValidString(s) {
		return fmt.Errorf("%s: not UTF-8 of at most %d octets", name, most)
	}
	return nil
}

// alg is the COSE algorithm (RFC 9054) and its octets.
func (m *Measurement) alg() (id int64, octets int, ok bool) {
	switch m.Alg {
	case "", "sha256":
		return -16, 32, true
	case "sha384":
		return -43, 48, true
	case "sha512":
		return -44, 64, true
	}
	return 0, 0, false
}

func (m *Measurement) append(out []byte) []byte {
	var w mapWriter
	id, _, _ := m.alg()
	w.text(keyComponent, m.Component)
	w.add(keyAlg, appendInt(nil, id))
	w.bytes(keyDigest, m.Digest)
	if m.Version != "" {
		w.text(keyVersion, m.Version)
	}
	if m.SVN != nil {
		w.uint(keySVN, *m.SVN)
	}
	if len(m.Signer) > 0 {
		w.bytes(keySigner, m.Signer)
	}
	return w.append(out)
}

// payload is the claims of a checked statement.
func (s *Statement) payload(profile string) []byte {
	var w mapWriter
	spki := sha256.Sum256(s.SPKI)
	w.text(keyProfile, profile)
	w.text(keySub, s.Product+"/"+s.Serial)
	w.bytes(keySPKI, spki[:])
	if len(s.Nonce) > 0 {
		w.bytes(keyNonce, s.Nonce)
	}
	measurements := appendHead(nil, majorArray, uint64(len(s.Measurements)))
	for _, m := range s.Measurements {
		measurements = m.append(measurements)
	}
	w.add(keyMeasurements, measurements)
	if profile == profileSelf || s.Debug != DebugEnabled {
		w.uint(keyDebug, s.Debug)
	}
	if profile == profileStation {
		w.text(keyIss, s.Station)
		w.uint(keyIat, uint64(s.IssuedAt.Unix()))
		w.uint(keyMethod, s.Method)
		if s.CSR != nil {
			csr := sha256.Sum256(s.CSR)
			w.bytes(keyCSR, csr[:])
		}
	}
	return w.append(nil)
}

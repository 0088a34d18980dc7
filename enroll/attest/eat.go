package attest

import (
	"math"
	"unicode"
	"unicode/utf8"
)

// Claim keys of the two profiles; the negative ones are ours.
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

// maxDebug is the last value of dbgstat (RFC 9711 §4.2.7).
const maxDebug = 4

// claimSet is a decoded EAT.
type claimSet map[any]any

// parseClaims reads the payload and checks its keys: every negative key must be
// one of ours, other integers are ignored unless they have a meaning here.
func parseClaims(payload []byte) (claimSet, error) {
	item, err := decodeCBOR(payload)
	if err != nil {
		return nil, bad("claims: %v", err)
	}
	claims, ok := item.(map[any]any)
	if !ok {
		return nil, bad("the claims are not a map")
	}
	return claims, checkKeys("claim", claims, keySPKI, keyMeasurements, keyMethod, keyCSR)
}

// checkKeys refuses keys that are no integers, and negative ones that are not
// known.
func checkKeys(what string, m map[any]any, known ...int64) error {
next:
	for key := range m {
		switch k := key.(type) {
		case uint64:
			continue next
		case int64:
			for _, n := range known {
				if k == n {
					continue next
				}
			}
			return bad("%s %d is not known, and a key below 0 must be", what, k)
		}
		return bad("%s %v: a key is an integer of 64 bits", what, key)
	}
	return nil
}

// get finds a claim by its key.
func (c claimSet) get(key int64) (any, bool) {
	var value any
	var ok bool
	if key < 0 {
		value, ok = c[key]
	} else {
		value, ok = c[uint64(key)]
	}
	return value, ok
}

// absent refuses claims that a profile does not have.
func (c claimSet) absent(keys ...int64) error {
	for _, key := range keys {
		if _, ok := c.get(key); ok {
			return bad("claim %d must not be in this statement", key)
		}
	}
	return nil
}

// octets reads a byte string of least to most octets; nil, false if absent.
func (c claimSet) octets(key int64, least, most int) ([]byte, bool, error) {
	value, ok := c.get(key)
	if !ok {
		return nil, false, nil
	}
	b, ok := value.([]byte)
	if !ok || len(b) < least || len(b) > most {
		return nil, false, bad("claim %d is not one byte string of %d to %d octets", key, least, most)
	}
	return b, true, nil
}

// text reads a printable text of at most `most` octets; "", false if absent.
func (c claimSet) text(key int64, most int) (string, bool, error) {
	value, ok := c.get(key)
	if !ok {
		return "", false, nil
	}
	s, ok := value.(string)
	if !ok || s == "" || len(s) > most || !printable(s) {
		return "", false, bad("claim %d is not a printable text of 1 to %d octets", key, most)
	}
	return s, true, nil
}

// uint reads an unsigned integer; 0, false if absent.
func (c claimSet) uint(key int64, most uint64) (uint64, bool, error) {
	value, ok := c.get(key)
	if !ok {
		return 0, false, nil
	}
	n, ok := value.(uint64)
	if !ok || n > most {
		return 0, false, bad("claim %d is not an unsigned integer of at most %d", key, most)
	}
	return n, true, nil
}

func missing(key int64) error { return bad("claim %d is missing", key) }

// common are the claims that both profiles have.
type common struct {
	claims Claims
	spki   []byte
}

// readCommon reads them; the nonce and dbgstat may be missing.
func (c claimSet) readCommon(profile string) (*common, error) {
	stated, ok, err := c.text(keyProfile, maxMediaType)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, missing(keyProfile)
	case stated != profile:
		return nil, bad("claim %d, the profile, is not that of the format", keyProfile)
	}
	var out common
	if out.claims.Nonce, _, err = c.octets(keyNonce, minNonce, maxNonce); err != nil {
		return nil, err
	}
	if out.claims.Subject, ok, err = c.text(keySub, maxSubject); err != nil {
		return nil, err
	} else if !ok {
		return nil, missing(keySub)
	}
	if out.spki, ok, err = c.octets(keySPKI, 32, 32); err != nil {
		return nil, err
	} else if !ok {
		return nil, missing(keySPKI)
	}
	debug, ok, err := c.uint(keyDebug, maxDebug)
	if err != nil {
		return nil, err
	}
	if ok {
		out.claims.Debug = &debug
	}
	out.claims.Measurements, err = c.measurements()
	return &out, err
}

func (c claimSet) measurements() ([]Measurement, error) {
	value, ok := c.get(keyMeasurements)
	if !ok {
		return nil, missing(keyMeasurements)
	}
	list, ok := value.([]any)
	if !ok || len(list) == 0 || len(list) > maxMeasurements {
		return nil, bad("claim %d is not a list of 1 to %d measurements", keyMeasurements, maxMeasurements)
	}
	out := make([]Measurement, 0, len(list))
	for _, item := range list {
		m, ok := item.(map[any]any)
		if !ok {
			return nil, bad("a measurement is not a map")
		}
		read, err := readMeasurement(m)
		if err != nil {
			return nil, err
		}
		for _, other := range out {
			if other.Component == read.Component {
				return nil, bad("component %q is measured twice", read.Component)
			}
		}
		out = append(out, read)
	}
	return out, nil
}

func readMeasurement(m claimSet) (out Measurement, err error) {
	if err := checkKeys("measurement key", m); err != nil {
		return out, err
	}
	var component, digest, svn bool
	if out.Component, component, err = m.text(keyComponent, maxComponent); err != nil {
		return out, err
	}
	value, _ := m.get(keyAlg)
	id, _ := value.(int64)
	a, ok := algByID(id)
	if !ok {
		return out, bad("the algorithm of a measurement is not -16, -43 or -44")
	}
	out.Alg = a.name
	if out.Digest, digest, err = m.octets(keyDigest, a.octets, a.octets); err != nil {
		return out, err
	}
	if !component || !digest {
		return out, bad("a measurement lacks its component or its digest")
	}
	if out.Version, _, err = m.text(keyVersion, maxVersion); err != nil {
		return out, err
	}
	n, svn, err := m.uint(keySVN, math.MaxUint64)
	if err != nil {
		return out, err
	}
	if svn {
		out.SVN = &n
	}
	out.Signer, _, err = m.octets(keySigner, 1, maxSigner)
	return out, err
}

// digestAlg is a hash algorithm of measurements and releases.
type digestAlg struct {
	name   string
	cose   int64 // RFC 9054
	octets int
}

func digestAlgs() [3]digestAlg {
	return [3]digestAlg{{"sha256", -16, 32}, {"sha384", -43, 48}, {"sha512", -44, 64}}
}

func algByID(id int64) (digestAlg, bool) {
	for _, a := range digestAlgs() {
		if a.cose == id {
			return a, true
		}
	}
	return digestAlg{}, false
}

// printable keeps control characters and direction marks out of logs.
func printable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

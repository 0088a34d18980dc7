package attest

import (
	"bytes"
	"time"
)

// profileStation is the EAT profile of what a station says of a device.
const profileStation = "urn:uuid:d0811d45-79bd-468e-86ab-2f3b8d0dbadc"

const (
	maxMethod = 3
	// maxIat is the year 9999: times beyond are not printed by anybody.
	maxIat = 253402300799
)

// verifyStation checks a statement of format station, tier T1s: signed by the
// station that speaks, about this device, in this minute.
func verifyStation(s *statement, binding Binding, keys Keys) (*Claims, error) {
	c, err := s.claims.readCommon(profileStation)
	if err != nil {
		return nil, err
	}
	if c.claims.Nonce == nil {
		return nil, missing(keyNonce)
	}
	csr, err := c.readStation(s.claims, s.header)
	if err != nil {
		return nil, err
	}
	switch {
	case keys.Station == nil:
		return nil, refuse(CodeUntrusted, "no station speaks")
	case c.claims.Station != keys.StationName:
		e := refuse(CodeUntrusted, "another station made it")
		e.Expected, e.Got = keys.StationName, c.claims.Station
		return nil, e
	}
	if err := s.cose.verify(keys.Station); err != nil {
		return nil, err
	}
	if err := c.bind(binding, true); err != nil {
		return nil, err
	}
	if s.header && !bytes.Equal(csr, binding.CSR) {
		return nil, refuse(CodeKeyMismatch, "claim %d is not the SHA-256 of the request", keyCSR)
	}
	if err := c.checkTime(binding); err != nil {
		return nil, err
	}
	return &c.claims, nil
}

// readStation reads what a station adds; in the request field that is the hash
// of the request too.
func (c *common) readStation(set claimSet, header bool) (csr []byte, err error) {
	c.claims.Tier = "T1s"
	iat, ok, err := set.uint(keyIat, maxIat)
	if err != nil {
		return nil, err
	} else if !ok {
		return nil, missing(keyIat)
	}
	c.claims.IssuedAt = time.Unix(int64(iat), 0).UTC()
	if c.claims.Station, ok, err = set.text(keyIss, maxSubject); err != nil {
		return nil, err
	} else if !ok {
		return nil, missing(keyIss)
	}
	if c.claims.Method, ok, err = set.uint(keyMethod, maxMethod); err != nil {
		return nil, err
	} else if !ok || c.claims.Method == 0 {
		return nil, bad("claim %d, the method, is not 1, 2 or 3", keyMethod)
	}
	if !header {
		return nil, set.absent(keyCSR)
	}
	if csr, ok, err = set.octets(keyCSR, 32, 32); err == nil && !ok {
		err = missing(keyCSR)
	}
	return csr, err
}

// checkTime wants the statement made about now, or in the batch's window.
func (c *common) checkTime(b Binding) error {
	from, until := b.Now.Add(-maxClockSkew), b.Now.Add(maxClockSkew)
	if !b.IssuedFrom.IsZero() || !b.IssuedUntil.IsZero() {
		from, until = b.IssuedFrom, b.IssuedUntil
	}
	at := c.claims.IssuedAt
	if !from.IsZero() && at.Before(from) || !until.IsZero() && at.After(until) {
		e := refuse(CodeStale, "it was not made in the time that counts")
		e.Expected, e.Got = span(from, until), at.Format(time.RFC3339)
		return e
	}
	return nil
}

func span(from, until time.Time) string {
	return from.UTC().Format(time.RFC3339) + " to " + until.UTC().Format(time.RFC3339)
}

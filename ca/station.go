package ca

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"time"

	"github.com/assay-pki/assay/ca/lint"
	"github.com/assay-pki/assay/ca/profile"
)

// StationRequest asks for a factory station's certificate.
type StationRequest struct {
	// Name is the CN: a document's name.
	Name string
	// SPKI is the DER of the key, whose possession the caller has checked.
	SPKI []byte
	// Until ends the station, and so the certificate; zero: no bound but two
	// years.
	Until time.Time
	// ClientAuth adds id-kp-clientAuth: brokers and proxies that trust the
	// operations issuer then accept the station too.
	ClientAuth bool
}

// Station makes a factory station's certificate: cmcRA (RFC 6402), from
// the operations issuer, for at most two years. As with an operator, its
// status is looked up in the store, so a local authority does not shorten it.
// Nothing is stored.
func (a *Authority) Station(ctx context.Context, r StationRequest) (profile.Made, error) {
	if !profile.IsName(r.Name) {
		return profile.Made{}, fmt.Errorf("station %q: 1 to 32 of a-z, 0-9 and -, not beginning with -: %w", r.Name, ErrConfig)
	}
	return a.fromOperations(ctx, lint.Station, own{
		build:       build{spki: r.SPKI},
		subjectName: pkix.Name{Organization: []string{a.record.Name}, CommonName: r.Name},
		clientAuth:  r.ClientAuth,
		until:       r.Until,
	}, stationLife, false)
}

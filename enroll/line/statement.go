package line

import (
	"context"
	"fmt"
	"time"

	"github.com/assay-pki/assay/enroll/evidence"
	"github.com/assay-pki/assay/enroll/wire"
)

// ReadBack makes a station's statement about CSRs that devices made: it says
// which firmware the station read back or wrote. It is for Directory.Statement.
func ReadBack(station *Station, product string, method uint64, digests []Digest, now func() time.Time,
) (func(ctx context.Context, serial string, nonce, csr []byte) ([]byte, error), error) {
	key, err := station.Key()
	if err != nil {
		return nil, err
	}
	if len(digests) == 0 {
		return nil, fmt.Errorf("%w: a statement needs a digest", ErrConfig)
	}
	return func(_ context.Context, serial string, nonce, csr []byte) ([]byte, error) {
		request, err := wire.ParseCSR(csr)
		if err != nil {
			return nil, err
		}
		s := evidence.Statement{
			Product: product, Serial: serial, Nonce: nonce, SPKI: request.SPKI,
			Station: station.Station, Method: method, IssuedAt: now(), CSR: csr,
		}
		for _, d := range digests {
			s.Measurements = append(s.Measurements, evidence.Measurement{Component: d.Component, Digest: d.SHA256})
		}
		return evidence.Station(key, s)
	}, nil
}

package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// makeRequests makes n P-256 keys and their CSRs, DER, before any clock starts.
// format turns a number into a serial; without one the subject is empty.
func makeRequests(ctx context.Context, n int, format string, first int) ([][]byte, error) {
	requests := make([][]byte, n)
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(runtime.GOMAXPROCS(0))
	const share = 256
	for from := 0; from < n; from += share {
		workers.Go(func() error {
			for i := from; i < min(from+share, n); i++ {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				serial := ""
				if format != "" {
					serial = fmt.Sprintf(format, first+i)
				}
				_, csr, err := makeRequest(serial)
				if err != nil {
					return err
				}
				requests[i] = csr
			}
			return nil
		})
	}
	return requests, workers.Wait()
}

func makeRequest(serial string) (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.CertificateRequest{}
	if serial != "" {
		template.Subject = pkix.Name{CommonName: serial, SerialNumber: serial}
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return key, csr, nil
}

// caller is one kept-alive connection: it enrols one request.
type caller func(ctx context.Context, csr []byte) error

// load is one step of the bench: so many connections, each one request at a
// time, until the requests or the time are used up.
type load struct {
	callers  []caller
	requests [][]byte
	duration time.Duration
}

// outcome is what a step saw.
type outcome struct {
	latencies []time.Duration // of what was granted, ascending
	failed    int
	firstErr  error
	took      time.Duration
}

// run drives the load. The end of the time is no failure of the request that
// it cuts off.
func (l load) run(ctx context.Context) outcome {
	if l.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.duration)
		defer cancel()
	}
	var next atomic.Int64
	var mu sync.Mutex
	var out outcome
	var workers sync.WaitGroup
	began := time.Now()
	for _, call := range l.callers {
		workers.Go(func() {
			latencies, failed, err := drive(ctx, call, l.requests, &next)
			mu.Lock()
			defer mu.Unlock()
			out.latencies = append(out.latencies, latencies...)
			out.failed += failed
			out.firstErr = cmp.Or(out.firstErr, err)
		})
	}
	workers.Wait()
	out.took = time.Since(began)
	slices.Sort(out.latencies)
	return out
}

func drive(ctx context.Context, call caller, requests [][]byte, next *atomic.Int64) (latencies []time.Duration, failed int, first error) {
	for ctx.Err() == nil {
		i := next.Add(1) - 1
		if i >= int64(len(requests)) {
			break
		}
		began := time.Now()
		err := call(ctx, requests[i])
		switch {
		case err == nil:
			latencies = append(latencies, time.Since(began))
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return latencies, failed, first
		default:
			failed++
			first = cmp.Or(first, err)
		}
	}
	return latencies, failed, first
}

// percentile of ascending values, by nearest rank; 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(0, min(len(sorted), rank)-1)]
}

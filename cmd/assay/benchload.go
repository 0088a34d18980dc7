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

// benchRequest is one certificate to ask for: its key, and the request where it
// can be made before the clock starts.
type benchRequest struct {
	key    *ecdsa.PrivateKey
	serial string
	csr    []byte
}

// makeRequests makes n P-256 keys and their CSRs, DER, before any clock starts.
// format turns a number into a serial; without one the subject is empty.
func makeRequests(ctx context.Context, n int, format string, first int) ([]benchRequest, error) {
	requests := make([]benchRequest, n)
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
				r, err := makeRequest(serial)
				if err != nil {
					return err
				}
				requests[i] = r
			}
			return nil
		})
	}
	return requests, workers.Wait()
}

func makeRequest(serial string) (benchRequest, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return benchRequest{}, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.CertificateRequest{}
	if serial != "" {
		template.Subject = deviceName(serial)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return benchRequest{}, fmt.Errorf("make a certificate request: %w", err)
	}
	return benchRequest{key: key, serial: serial, csr: csr}, nil
}

// deviceName is the subject that a device asks for.
func deviceName(serial string) pkix.Name {
	return pkix.Name{CommonName: serial, SerialNumber: serial}
}

// caller is one connection at a time: it asks for one certificate, and tells
// how long the nonce took, which is part of the whole.
type caller func(ctx context.Context, r benchRequest) (nonce time.Duration, err error)

// load is one step of the bench: so many connections, each one request at a
// time, until the requests or the time are used up.
type load struct {
	callers  []caller
	requests []benchRequest
	duration time.Duration
}

// outcome is what a step saw.
type outcome struct {
	latencies []time.Duration // of what was granted, nonce and all, ascending
	nonces    []time.Duration // of the nonces alone, ascending
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
			mine := drive(ctx, call, l.requests, &next)
			mu.Lock()
			defer mu.Unlock()
			out.latencies = append(out.latencies, mine.latencies...)
			out.nonces = append(out.nonces, mine.nonces...)
			out.failed += mine.failed
			out.firstErr = cmp.Or(out.firstErr, mine.firstErr)
		})
	}
	workers.Wait()
	out.took = time.Since(began)
	slices.Sort(out.latencies)
	slices.Sort(out.nonces)
	return out
}

// drive is one connection's share of the load.
func drive(ctx context.Context, call caller, requests []benchRequest, next *atomic.Int64) (out outcome) {
	for ctx.Err() == nil {
		i := next.Add(1) - 1
		if i >= int64(len(requests)) {
			break
		}
		began := time.Now()
		nonce, err := call(ctx, requests[i])
		switch {
		case err == nil:
			out.latencies = append(out.latencies, time.Since(began))
			if nonce > 0 {
				out.nonces = append(out.nonces, nonce)
			}
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return out
		default:
			out.failed++
			out.firstErr = cmp.Or(out.firstErr, err)
		}
	}
	return out
}

// percentile of ascending values, by nearest rank; 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(0, min(len(sorted), rank)-1)]
}

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/assay-pki/assay/enroll/client/clienttest"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, row := range []struct {
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{hundred[:1], 50, 1},
		{hundred[:3], 50, 2},
		{nil, 50, 0},
	} {
		if got := percentile(row.sorted, row.p); got != row.want {
			t.Errorf("p%d of %d: got %d, want %d", row.p, len(row.sorted), got, row.want)
		}
	}
}

func TestMakeRequests(t *testing.T) {
	requests, err := makeRequests(context.Background(), 600, "SN-%08d", 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 255, 256, 599} {
		csr, err := x509.ParseCertificateRequest(requests[i].csr)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if err := csr.CheckSignature(); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	first, err := x509.ParseCertificateRequest(requests[0].csr)
	if err != nil || first.Subject.SerialNumber != "SN-00000005" {
		t.Errorf("got %v, %v", first.Subject, err)
	}
}

// Each request is sent once; failures are counted apart; the end of the time
// ends the load and is no failure.
func TestLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		call := func(ctx context.Context, _ benchRequest) (time.Duration, error) {
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
			if calls.Add(1)%10 == 0 {
				return 0, errors.New("refused")
			}
			return time.Millisecond, nil
		}
		requests := make([]benchRequest, 100)
		out := load{callers: []caller{call, call, call, call}, requests: requests}.run(t.Context())
		if len(out.latencies) != 90 || out.failed != 10 || out.firstErr == nil || calls.Load() != 100 {
			t.Errorf("by count: %d granted, %d failed, %d calls", len(out.latencies), out.failed, calls.Load())
		}
		if len(out.nonces) != 90 || percentile(out.nonces, 99) != time.Millisecond {
			t.Errorf("by count: %d nonces, the longest %s", len(out.nonces), percentile(out.nonces, 100))
		}
		if out.took != 250*time.Millisecond || !slices.IsSorted(out.latencies) {
			t.Errorf("by count: took %s", out.took)
		}
		out = load{callers: []caller{call}, requests: requests, duration: 55 * time.Millisecond}.run(t.Context())
		if len(out.latencies) != 5 || out.failed != 0 {
			t.Errorf("by time: %d granted, %d failed", len(out.latencies), out.failed)
		}
	})
}

func TestBenchFlags(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	good := benchFlags{product: "p", token: "t", connections: "1, 16,64", evidence: "self", digest: digest}
	if steps, err := good.check(); err != nil || !slices.Equal(steps, []int{1, 16, 64}) {
		t.Errorf("got %v, %v", steps, err)
	}
	for name, edit := range map[string]func(*benchFlags){
		"no product":  func(b *benchFlags) { b.product = "" },
		"no token":    func(b *benchFlags) { b.token = "" },
		"both":        func(b *benchFlags) { b.count, b.duration = 1, time.Second },
		"zero":        func(b *benchFlags) { b.connections = "0" },
		"word":        func(b *benchFlags) { b.connections = "many" },
		"too many":    func(b *benchFlags) { b.connections = "100000" },
		"negative":    func(b *benchFlags) { b.count = -1 },
		"no number":   func(b *benchFlags) { b.serials = "SN" },
		"two numbers": func(b *benchFlags) { b.serials = "SN-%d-%d" },
		"station too": func(b *benchFlags) { b.station = "dir" },
		"batch alone": func(b *benchFlags) { b.batch = "b" },
		"both modes":  func(b *benchFlags) { b.fresh, b.resume = true, true },
		"other proof": func(b *benchFlags) { b.evidence = "dice" },
		"no digest":   func(b *benchFlags) { b.evidence = "self" },
		"odd digest":  func(b *benchFlags) { b.evidence, b.digest = "self", "sha256:12" },
		"lone digest": func(b *benchFlags) { b.digest = digest },
	} {
		b := benchFlags{product: "p", token: "t", connections: "1", evidence: "none"}
		edit(&b)
		if _, err := b.check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCPUTimes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("CPU times are read from Linux's proc")
	}
	v, err := verifyCost()
	if err != nil {
		t.Fatal(err)
	}
	// A P-256 verify takes 20 to 500 us on anything that Go runs on.
	if v < 10*time.Microsecond || v > 2*time.Millisecond {
		t.Errorf("v is %s", v)
	}
	used, err := processCPU(os.Getpid())
	if err != nil || used < verifySamples*v/2 {
		t.Errorf("CPU time of this process: %s, %v; the verifies alone took %s", used, err, verifySamples*v)
	}
	if _, err := processCPU(1 << 30); err == nil {
		t.Error("CPU time of no process")
	}
}

// What a connection is: kept, or a new one for each renewal, with a full
// handshake or a resumed one; the nonce goes over the connection of its
// enrolment.
func TestBenchConnections(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for _, row := range []struct {
		name            string
		flags           benchFlags
		full, connected int // of 3 certificates
	}{
		{"kept", benchFlags{evidence: "none"}, 1, 1},
		{"fresh", benchFlags{evidence: "none", fresh: true}, 3, 3},
		{"resumed", benchFlags{evidence: "none", resume: true}, 0, 3},
		{"kept, evidence", benchFlags{evidence: "self", digest: digest}, 1, 1},
		{"fresh, evidence", benchFlags{evidence: "self", digest: digest, fresh: true}, 3, 3},
		{"resumed, evidence", benchFlags{evidence: "self", digest: digest, resume: true}, 0, 3},
	} {
		for _, renew := range []bool{false, true} {
			if renew && row.flags.evidence == "none" {
				continue // the server of this test does not read an empty subject as "as before"
			}
			t.Run(fmt.Sprintf("%s, renewals %v", row.name, renew), func(t *testing.T) {
				s := clienttest.New(t)
				s.Nonces, s.Evidence, s.Token = true, row.flags.evidence != "none", "t"
				b := row.flags
				b.est, b.product, b.token, b.connections, b.renew, b.roots = s.URL, "p", "t", "1", renew, s.Roots()
				if _, err := b.check(); err != nil {
					t.Fatal(err)
				}
				callers, closeAll, err := b.connect(t.Context(), 1, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer closeAll()
				requests, err := b.makeRequests(t.Context(), 3, 1)
				if err != nil {
					t.Fatal(err)
				}
				before := len(s.Requests())
				out := load{callers: callers, requests: requests}.run(t.Context())
				if out.failed > 0 || len(out.latencies) != 3 {
					t.Fatalf("%d granted: %v", len(out.latencies), out.firstErr)
				}
				if want := 3; b.evidence != "none" && len(out.nonces) != want || b.evidence == "none" && len(out.nonces) > 0 {
					t.Errorf("%d nonces", len(out.nonces))
				}
				full, connected := handshakes(s.Requests()[before:])
				// The connection that fetched the CA certificates may go on as the
				// first: kept or not, its handshake was full.
				if connected != row.connected || full < row.full || full > max(row.full, 1) {
					t.Errorf("%d connections, %d of them by a full handshake; want %d and %d", connected, full, row.connected, row.full)
				}
			})
		}
	}
}

// handshakes counts the connections of requests, and those that were not
// resumed.
func handshakes(requests []*http.Request) (full, connected int) {
	seen := map[string]bool{}
	for _, r := range requests {
		if seen[r.RemoteAddr] {
			continue
		}
		seen[r.RemoteAddr] = true
		connected++
		if !r.TLS.DidResume {
			full++
		}
	}
	return full, connected
}

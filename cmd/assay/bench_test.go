package main

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
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
		csr, err := x509.ParseCertificateRequest(requests[i])
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if err := csr.CheckSignature(); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	first, err := x509.ParseCertificateRequest(requests[0])
	if err != nil || first.Subject.SerialNumber != "SN-00000005" {
		t.Errorf("got %v, %v", first.Subject, err)
	}
}

// Each request is sent once; failures are counted apart; the end of the time
// ends the load and is no failure.
func TestLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		call := func(ctx context.Context, csr []byte) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
			if calls.Add(1)%10 == 0 {
				return errors.New("refused")
			}
			return nil
		}
		requests := make([][]byte, 100)
		out := load{callers: []caller{call, call, call, call}, requests: requests}.run(t.Context())
		if len(out.latencies) != 90 || out.failed != 10 || out.firstErr == nil || calls.Load() != 100 {
			t.Errorf("by count: %d granted, %d failed, %d calls", len(out.latencies), out.failed, calls.Load())
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
	good := benchFlags{product: "p", token: "t", connections: "1, 16,64"}
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
	} {
		b := benchFlags{product: "p", token: "t", connections: "1"}
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

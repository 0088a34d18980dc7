package bolt

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/assay-pki/assay/store"
	"github.com/assay-pki/assay/store/storetest"
)

// cpuTime is what this process has used, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// verifyCost is v: the CPU time of one P-256 verification on this machine, now.
func verifyCost(b *testing.B) time.Duration {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("assay"))
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	const rounds = 2000
	before := cpuTime(b)
	for range rounds {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
			b.Fatal("signature does not verify")
		}
	}
	return (cpuTime(b) - before) / rounds
}

// benchSPKI makes distinct keys that cost nothing: only their octets count here.
func benchSPKI(template []byte, n int) []byte {
	spki := bytes.Clone(template)
	sum := sha256.Sum256(fmt.Append(nil, n))
	copy(spki[len(spki)-64:], sum[:])
	copy(spki[len(spki)-32:], sum[:])
	return spki
}

// orders are first enrolments by token, made outside of the measured time, of
// certificates as large as ours.
func benchOrders(b *testing.B, s *Store, count int) []store.Issuance {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	by := store.Actor{Principal: "token:0011223344556677", At: now, Source: "192.0.2.7"}
	template := storetest.MakeSPKI()
	orders := make([]store.Issuance, count)
	for i := range orders {
		id := store.DeviceID{Product: "sensor", Serial: fmt.Sprintf("SN-%09d", i)}
		c := storetest.MakeCertificate(storetest.Spec{
			Ref:    store.Ref{Issuer: 1, Index: uint64(i)},
			Holder: store.Holder{Kind: store.HolderDevice, Name: id.String()}, Profile: store.ProfileOperational,
			SPKI: benchSPKI(template, i), NotBefore: now, NotAfter: now.Add(90 * 24 * time.Hour), Padding: 350,
		})
		c.Label, c.Principal, c.CSRHash, c.IssuedAt = "sensor", by.Principal, sha256.Sum256(c.DER), now
		orders[i] = store.Issuance{Certificate: c, Device: id, Token: [32]byte{1}, By: by}
	}
	t := store.Token{Hash: [32]byte{1}, Product: "sensor", Uses: 1 << 31, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	if err := s.CreateToken(b.Context(), t, by); err != nil {
		b.Fatal(err)
	}
	return orders
}

// BenchmarkIssue reports, at each number of writers, wall time for one issuance,
// CPU time in v, and commits (two fsyncs each) for one issuance.
func BenchmarkIssue(b *testing.B) {
	for _, writers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkIssue(b, writers) })
	}
}

func benchmarkIssue(b *testing.B, writers int) {
	v := verifyCost(b)
	cfg := Config{Path: b.TempDir() + "/assay.db"}
	s := createTest(b, cfg)
	defer s.Close()
	found(b, s)
	orders := benchOrders(b, s, b.N)
	runtime.GC()
	before, cpu := s.Stats(), cpuTime(b)
	b.ResetTimer()
	var next atomic.Int64
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(orders)); i = next.Add(1) - 1 {
				if _, err := s.Issue(b.Context(), orders[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	used, after := cpuTime(b)-cpu, s.Stats()
	b.ReportMetric(float64(used)/float64(v)/float64(b.N), "v/op")
	b.ReportMetric(float64(after.Commits-before.Commits)/float64(b.N), "commits/op")
	b.ReportMetric(float64(v), "ns/v")
	if b.N >= 10000 { // below, fixed pages would count
		b.ReportMetric(float64(size(b, s))/float64(b.N), "B/device")
	}
}

func found(t testing.TB, s store.Store) {
	t.Helper()
	f := store.Founding{
		Authority: store.Authority{ID: "0123456789abcdef", Name: "test"},
		Issuers:   []store.Issuer{{ID: 1, Kind: store.KindDevices, Generation: 1, Certificate: []byte{0x30}}},
		By:        store.Actor{Principal: "node", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
	}
	if err := s.Found(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkCertificate is the read behind every question for a status.
func BenchmarkCertificate(b *testing.B) {
	s := createTest(b, Config{Path: b.TempDir() + "/assay.db"})
	defer s.Close()
	found(b, s)
	const count = 2000
	for _, o := range benchOrders(b, s, count) {
		if _, err := s.Issue(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := s.Certificate(b.Context(), store.Ref{Issuer: 1, Index: uint64(i % count)}); err != nil {
			b.Fatal(err)
		}
		i += 7
	}
}

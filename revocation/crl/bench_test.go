package crl

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkBuild builds, signs, checks and writes a complete list of 100,000
// entries; -short leaves out the million.
func BenchmarkBuild(b *testing.B) {
	for _, size := range []struct {
		name string
		n    uint64
	}{{"100k", 100_000}, {"1M", 1_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			if testing.Short() && size.n > 100_000 {
				b.Skip("short")
			}
			a := newAuthority(b, func() time.Time { return noon })
			p := a.caughtUp()
			a.store.Store = manyRevoked{a.store.Store, size.n}
			i, k := p.issuer(devices), completeKey(devices)
			if err := p.publish(b.Context(), i, k, noon); err != nil {
				b.Fatal(err)
			}
			octets := p.publication(k).size
			b.SetBytes(octets)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			cpu := cpuTime()
			for b.Loop() {
				if err := p.publish(b.Context(), i, k, noon); err != nil {
					b.Fatal(err)
				}
			}
			cpu = cpuTime() - cpu
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/float64(octets), "alloc/size")
			b.ReportMetric(float64(after.HeapSys-before.HeapSys)/float64(octets), "heapgrowth/size")
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package enroll_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll"
)

// BenchmarkEnroll is one enrolment by token, without TLS: the decision, one
// x509.CreateCertificate of the test's issuer, and one durable commit. v is what
// one P-256 verification took in the same run, on this machine.
func BenchmarkEnroll(b *testing.B) {
	w := newWorld(b)
	requests := make([]enroll.Request, b.N)
	token := w.token("sensor", "", 1<<31)
	for i, serial := range serials(b.N, "SN-%d") {
		requests[i] = withToken(token, csr(b, newKey(b), subject(serial)))
	}
	v := verifyCost(b)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := w.service.Enroll(w.ctx(), requests[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/v, "v/op")
}

// BenchmarkRenew is the first renewal of a device: one commit more, for the
// certificate is presented for the first time, and its signature is verified.
func BenchmarkRenew(b *testing.B) {
	w := newWorld(b)
	devices := make([]*device, b.N)
	requests := make([]enroll.Request, b.N)
	for i, serial := range serials(b.N, "SN-%d") {
		devices[i] = w.enrolled("sensor", serial)
		requests[i] = devices[i].renews(csr(b, newKey(b)))
	}
	v := verifyCost(b)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, err := w.service.Enroll(w.ctx(), requests[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/v, "v/op")
}

// BenchmarkDecide is the decision alone: the issuer refuses in the end.
func BenchmarkDecide(b *testing.B) {
	w := newWorld(b)
	r := withToken(w.token("sensor", "", 1), csr(b, newKey(b), subject("SN-1")))
	down := errors.New("down")
	w.devices.fail.Store(&down)
	v := verifyCost(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := w.service.Enroll(w.ctx(), r); err == nil {
			b.Fatal("the issuer is down")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/v, "v/op")
}

// verifyCost is what one P-256 verification takes, in nanoseconds.
func verifyCost(b *testing.B) float64 {
	b.Helper()
	key := newKey(b)
	digest := sha256.Sum256([]byte("v"))
	s, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	must(b, err)
	const n = 2000
	start := time.Now()
	for range n {
		ecdsa.VerifyASN1(&key.PublicKey, digest[:], s)
	}
	return float64(time.Since(start).Nanoseconds()) / n
}

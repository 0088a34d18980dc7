package attest_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/assay-pki/assay/enroll/attest"
)

// verifyCost is what one P-256 verification takes in this run: the unit v.
func verifyCost(b *testing.B) float64 {
	b.Helper()
	d := newSelf(b)
	key := d.signer.(fixedSigner).PrivateKey
	hash := sha256.Sum256([]byte("v"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, hash[:])
	if err != nil {
		b.Fatal(err)
	}
	const rounds = 2000
	start := time.Now()
	for range rounds {
		if !ecdsa.VerifyASN1(&key.PublicKey, hash[:], signature) {
			b.Fatal("the signature does not verify")
		}
	}
	return float64(time.Since(start).Nanoseconds()) / rounds
}

// BenchmarkVerifySelf is the way from the attribute to the claims.
func BenchmarkVerifySelf(b *testing.B) {
	d := newSelf(b)
	value := d.value()
	v := verifyCost(b)
	b.ReportAllocs()
	for b.Loop() {
		bundle, err := attest.ParseBundle(value)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := attest.Verify(bundle, d.binding, d.keys, d.formats); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/v, "v")
}

// BenchmarkAppraise looks two components up among a thousand releases.
func BenchmarkAppraise(b *testing.B) {
	var releases []*attest.Release
	for i := range 1000 {
		word := fmt.Sprint(i)
		releases = append(releases, with(release("1."+word, attest.StateApproved, uint64(i), "fw"+word), "bootloader", 1, "bl"+word))
	}
	s := baseSpec()
	s.Components = []string{"firmware", "bootloader"}
	p, err := attest.Compile(s, releases)
	if err != nil {
		b.Fatal(err)
	}
	claims := claimed("fw500", "bl500")
	v := verifyCost(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Appraise(claims, attest.Device{}, true, "yes", now()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/v, "v")
}

package keypolicy

import "testing"

func TestROCAPrimesAreThe39First(t *testing.T) {
	n := 0
	for p := uint(2); p <= lastROCAPrime; p++ {
		if isSmallPrime(p) {
			n++
		}
	}
	if n != 39 {
		t.Errorf("%d primes up to %d, want 39", n, lastROCAPrime)
	}
}

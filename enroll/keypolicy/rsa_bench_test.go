package keypolicy

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"
)

// BenchmarkCheckModulus is what an RSA key costs beyond its signature.
func BenchmarkCheckModulus(b *testing.B) {
	for _, bits := range []int{2048, 4096} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(map[int]string{2048: "rsa-2048", 4096: "rsa-4096"}[bits], func(b *testing.B) {
			for range b.N {
				if err := checkModulus(key.N); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

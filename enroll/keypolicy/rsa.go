package keypolicy

import (
	"math/big"
	"math/bits"

	v1 "github.com/assay-pki/assay/api/v1"
)

// checkModulus refuses moduli whose private key can be found: even, prime, with
// a small factor, made by Infineon's library (ROCA, CVE-2017-15361), or of two
// primes that are close together (Fermat). The size was checked before. It costs
// some milliseconds for RSA, most of them for primality.
func checkModulus(n *big.Int) error {
	switch {
	case hasSmallFactor(n):
		return v1.Refuse(v1.WeakKey, "the RSA modulus has a small factor")
	case isROCA(n):
		return v1.Refuse(v1.WeakKey, "the RSA key was made by a library with the ROCA fault")
	case hasClosePrimes(n):
		return v1.Refuse(v1.WeakKey, "the two primes of the RSA modulus are too close together")
	case n.ProbablyPrime(0):
		return v1.Refuse(v1.WeakKey, "the RSA modulus is a prime")
	}
	return nil
}

// residue is n modulo a small m.
func residue(n *big.Int, m uint) uint {
	var r uint
	words := n.Bits()
	for i := len(words) - 1; i >= 0; i-- {
		r = bits.Rem(r, uint(words[i]), m)
	}
	return r
}

func hasSmallFactor(n *big.Int) bool {
	for p := uint(2); p < smallFactor; p++ {
		if isSmallPrime(p) && residue(n, p) == 0 {
			return true
		}
	}
	return false
}

func isSmallPrime(p uint) bool {
	for d := uint(2); d*d <= p; d++ {
		if p%d == 0 {
			return false
		}
	}
	return p >= 2
}

// lastROCAPrime ends the primes that every primorial of the faulty library
// holds, whatever the size of the key: the first 39.
const lastROCAPrime = 167

// isROCA applies the fingerprint of Nemec et al. (CCS 2017, §2.2): the faulty
// primes are powers of 65537 modulo each small prime, and so is their product.
// An honest modulus passes for one by a chance of about 2^-27.
func isROCA(n *big.Int) bool {
	for p := uint(3); p <= lastROCAPrime; p++ {
		if isSmallPrime(p) && !isPower(residue(n, p), 65537%p, p) {
			return false
		}
	}
	return true
}

// isPower tells whether x is a power of g modulo p.
func isPower(x, g, p uint) bool {
	for y, i := uint(1), uint(0); i < p; i++ {
		if y == x {
			return true
		}
		y = y * g % p
	}
	return false
}

// hasClosePrimes runs Fermat's factorisation: n = a² - b² with a just above the
// root.
func hasClosePrimes(n *big.Int) bool {
	one := big.NewInt(1)
	a := new(big.Int).Sqrt(n)
	square := new(big.Int).Mul(a, a)
	if square.Cmp(n) == 0 {
		return true
	}
	a.Add(a, one)
	rest := new(big.Int).Sub(square.Mul(a, a), n) // b²
	step := new(big.Int)
	for range fermatRounds {
		if isSquare(rest) {
			return true
		}
		// (a+1)² - n = a² - n + 2a + 1
		rest.Add(rest, step.Add(step.Lsh(a, 1), one))
		a.Add(a, one)
	}
	return false
}

// isSquare asks the low bits first: of 16 residues, 4 are squares.
func isSquare(x *big.Int) bool {
	low := uint(x.Bit(0)) | uint(x.Bit(1))<<1 | uint(x.Bit(2))<<2 | uint(x.Bit(3))<<3
	switch low { // squares modulo 16
	case 0, 1, 4, 9:
	default:
		return false
	}
	root := new(big.Int).Sqrt(x)
	return root.Mul(root, root).Cmp(x) == 0
}

package keypolicy

const (
	// RSA moduli outside these are refused before anything is computed with
	// them: 2048 is the least of CA/B and NIST, 4096 costs a server 0.1 ms.
	minRSABits = 2048
	maxRSABits = 4096

	// RSA exponents: FIPS 186-5 wants odd and above 2^16; crypto/rsa verifies
	// with none above 2^31-1.
	minRSAExponent = 1<<16 + 1
	maxRSAExponent = 1<<31 - 1

	// smallFactor bounds trial division of a modulus, as Boulder does.
	smallFactor = 752

	// fermatRounds is how close the two primes of a modulus may be: a key whose
	// primes are that close was never made by honest chance (CVE-2022-26320
	// falls in the first rounds).
	fermatRounds = 110
)

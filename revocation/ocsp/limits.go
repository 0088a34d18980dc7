package ocsp

import "time"

const (
	// maxGET is the base64 of a GET, maxPOST the body of a POST (OCSP-02). A
	// request about one certificate takes about 110 octets of base64.
	maxGET  = 4 << 10
	maxPOST = 64 << 10
	// maxRequests bounds the signing work of one message (OCSP-07).
	maxRequests = 32
	// maxNonce is RFC 9654 §2.1.
	maxNonce = 128

	// lifetime is nextUpdate - thisUpdate. A device whose clock is right accepts
	// a replayed answer for so long.
	lifetime = 12 * time.Hour
	// refreshAfter is the age at which an answer is signed anew when it is asked
	// for: readers always get eleven hours.
	refreshAfter = time.Hour
	// unknownLife: a certificate may be issued the moment after.
	unknownLife = 5 * time.Minute
	// maxAge is how long an HTTP cache may hide a revocation (promise P2).
	maxAge = time.Minute

	// defaultCache is the memory for signed answers: about 12,000 of them.
	defaultCache = 16 << 20
	// entryOverhead is what the cache and the strings of an answer take beside
	// its bytes, roughly.
	entryOverhead = 512

	// signersPerCPU and maxWaiting bound the queue for the signing key
	// (OCSP-17): 512 waiting P-256 signatures are 20 ms of work.
	signersPerCPU = 2
	maxWaiting    = 512
	// retryAfter is the advice of tryLater.
	retryAfter = 10 * time.Second
	// issuersEvery is how often an unknown issuer makes us read the list again.
	issuersEvery = 10 * time.Second
)

package storetest

import "time"

const (
	// issuers is how many devices try to redeem one token at once.
	issuers = 32
	// races is how often a revocation races a renewal: enough to see both
	// orders on two processors.
	races = 200
	// writers race for a quota or a nonce: twice as many as the devices.
	writers = 64
	// page is the size of the pages in which Check reads: small, so that it
	// goes through several.
	page = 100
	// nonceLife is how old a nonce may be.
	nonceLife = 10 * time.Minute
)

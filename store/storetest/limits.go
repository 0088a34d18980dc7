package storetest

const (
	// issuers is how many devices try to redeem one token at once.
	issuers = 32
	// races is how often a revocation races a renewal: enough to see both
	// orders on two processors.
	races = 200
	// page is the size of the pages in which Check reads: small, so that it
	// goes through several.
	page = 100
)

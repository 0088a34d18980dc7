package nonce

import "time"

const (
	// Default, Min and Max are lengths in octets: below Min too few are random.
	Default = 32
	Min     = 32
	Max     = 64

	// Life is how long a nonce may be used.
	Life = 600 * time.Second

	// rotateEvery is how old a key becomes before the next one. The one before
	// is kept for another rotation, far longer than Life.
	rotateEvery = time.Hour

	// skew is how far ahead of ours the clock of the node may be that made a
	// nonce.
	skew = time.Minute

	// rereadEvery bounds how often foreign nonces make us look for new keys of
	// other nodes.
	rereadEvery = time.Second

	timeSize = 4
	macSize  = 16

	// macContext separates this use of the keys from any other.
	macContext = "assay-nonce-v1"
)

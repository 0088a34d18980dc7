package crl

import "time"

const (
	day = 24 * time.Hour

	// backdate keeps lists acceptable to readers whose clock is slow: openssl
	// has no tolerance (PUB-05).
	backdate = 10 * time.Minute
	// coalesce is the least time between two publications of changes. With a
	// second for building, a revocation is on its shard's list within two.
	coalesce = time.Second
	// maxShare bounds the part of time that building a complete list on changes
	// takes: after a build of d the next one waits maxShare*d.
	maxShare = 20
	// retry is how soon a failed publication is tried again: a token that was
	// unplugged, a disk that was full.
	retry = 5 * time.Second
	// longestWait bounds each wait, so that a stepped clock is noticed.
	longestWait = time.Minute

	// Lifetimes are at least three periods (PUB-06): two failures are survived.
	shardPeriod    = day
	shardLife      = 7 * day
	completePeriod = time.Hour
	completeLife   = 24 * time.Hour
	// The key of births may be away between production runs.
	birthsPeriod = 7 * day
	birthsLife   = 60 * day
	// The root's key is decrypted for the ARL alone, so it is signed at half of
	// its life, and when a certificate of an issuer is revoked.
	arlLife   = 365 * day
	arlPeriod = arlLife / 2

	// maxAge is how long an HTTP cache may hide a revocation (promise P2).
	maxAge = time.Minute
	// retryAfter is the advice of 503 answers.
	retryAfter = time.Minute
	// maxPath bounds the path that is looked up: issuer names are below 32
	// octets, shard numbers below 10 digits.
	maxPath = 64

	// pageSize is how many revocations are read at once; store.MaxPage.
	pageSize = 1000
	// entrySize is what an entry with a reason takes; maxEntry is the longest of
	// ours: 20 octets of serial, GeneralizedTime, reason, invalidity date.
	entrySize = 49
	maxEntry  = 96
	// maxHeader is an estimate of everything that is not an entry, for the
	// buffer's size only.
	maxHeader = 1 << 10
	// maxInMemory is the size up to which a list is kept in memory: 12,000 empty
	// shards (100 million certificates) are 6 MB. Larger ones are read from disk.
	maxInMemory = 8 << 10
	// pemChunk is how many characters of PEM are made at once.
	pemChunk = 32 << 10
	// maxFile is the size of a list that is still read back at start: 20 million
	// entries.
	maxFile = 1 << 30
	// leaseTries is how often Lease goes after a shard that another node took.
	leaseTries = 16
	// maxBookmark bounds the bookmark file that is read.
	maxBookmark = 256
)

package api

import "time"

// The limits of the admin API, each with its reason.
const (
	// maxBodyBytes bounds a request's body: the largest document of a store.
	maxBodyBytes = 1 << 20
	// maxManifestBody bounds the one route that takes a manifest: 256 MiB of it
	// (api/manifest), and what JSON adds to escape its line ends and quotes.
	maxManifestBody = 320 << 20
	// maxLarge bodies over maxBodyBytes are let in at once: each is in memory
	// several times while it is read.
	maxLarge = 1
	// maxHeaderBytes bounds a request's header: ours are below 1 KiB, proxies
	// add some. net/http answers 431 over it.
	maxHeaderBytes = 16 << 10
	// maxDepth bounds the nesting of a JSON body: a product needs 6.
	maxDepth = 32
	// maxFaults bounds what is listed of a document's faults.
	maxFaults = 100
	// maxText bounds what of a request is repeated in an answer.
	maxText = 512

	// headerTimeout and readTimeout bound how long a request may trickle in.
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	// admitTimeout and handlerTimeout bound the work on a request, which is never
	// over 5 s in all; what is not done then is 503.
	admitTimeout   = 1 * time.Second
	handlerTimeout = 4 * time.Second
	// publishTimeout: signing every list takes longer, and is asked for by hand.
	publishTimeout = 30 * time.Second
	// largeReadTimeout is how long a manifest may trickle in: 256 MiB at 1 MB/s.
	largeReadTimeout = 4 * time.Minute
	// manifestTimeout: a million rows are read, checked and stored in one
	// transaction.
	manifestTimeout = 2 * time.Minute
	// writeTimeout is over publishTimeout, for slow readers.
	writeTimeout = 60 * time.Second
	// idleTimeout keeps connections of tools that poll each minute.
	idleTimeout = 120 * time.Second
	// maxStreams bounds the requests under way on one HTTP/2 connection.
	maxStreams = 32
	// maxInFlight bounds the requests under way on the node: the admin API must
	// leave the processor to enrolment.
	maxInFlight = 64

	// defaultLimit and maxLimit bound a page; maxLimit is store.MaxPage.
	defaultLimit = 100
	maxLimit     = 1000
	// chunk is read at once when a filter picks from what is read.
	chunk = 500
	// maxScanned bounds what one request reads when it filters: an empty page
	// with a cursor is better than a slow one.
	maxScanned = 10_000
	// maxCursor bounds a cursor: a device's name in base64.
	maxCursor = 512
	// maxLineage is how many certificates a device shows: the newest.
	maxLineage = 100

	// maxKeys and keepKeys bound the answers kept for Idempotency-Key, in number
	// and time; maxKept bounds them in bytes.
	maxKeys  = 10_000
	keepKeys = 24 * time.Hour
	maxKept  = 32 << 20
	// maxKeyLength bounds an Idempotency-Key: a UUID is 36.
	maxKeyLength = 128

	// maxTTL bounds a token's life: what lies around longer is a credential, not
	// a one-time secret. Factory operators have less.
	maxTTL        = 30 * 24 * time.Hour
	defaultTTL    = time.Hour
	maxFactoryTTL = 24 * time.Hour
	// maxUses bounds what one token pays for: a factory day.
	maxUses = 100_000
	// maxNames bounds the products and sites of a grant.
	maxNames = 100
	// maxSite bounds the name of a site or a line.
	maxSite = 64
	// maxNetworks bounds the networks of a station.
	maxNetworks = 32
	// maxRate bounds a station's requests an hour: over 1000 a second is no
	// station.
	maxRate = 3_600_000
	// maxQuota bounds a quota: ten years of a large line.
	maxQuota = 1_000_000_000
	// maxGrace bounds a recall's grace: longer is no recall.
	maxGrace = 365 * 24 * time.Hour
	// batchNonceBytes is a batch nonce's size: attestation.md wants 32.
	batchNonceBytes = 32
	// maxStationBatches bounds the batches that station.json lists.
	maxStationBatches = 100

	// deniedEvery: one audit event tells how often an operator was denied an
	// action since the last, so that a loop cannot fill the log.
	deniedEvery = time.Minute
	// maxDenied bounds the pairs of operator and action counted.
	maxDenied = 1000
	// retrySoon is the advice with 503.
	retrySoon = 5 * time.Second
)

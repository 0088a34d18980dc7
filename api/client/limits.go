package client

import "time"

const (
	// defaultTimeout bounds one request: the server answers within 5 s or not
	// at all, the rest is for slow links.
	defaultTimeout = 30 * time.Second
	// manifestTimeout bounds the request that brings a manifest: 256 MiB over a
	// slow link, and a million rows to store.
	manifestTimeout = 5 * time.Minute
	// maxAnswerBytes bounds an answer: a page of 1000 records with certificates
	// is below 8 MiB.
	maxAnswerBytes = 16 << 20
	// maxHeaderBytes bounds an answer's header: ours is below 2 KiB.
	maxHeaderBytes = 64 << 10
	// maxIdle connections are kept: a tool has few calls under way at once.
	maxIdle = 8
	// idleTimeout is below the server's, so that the client hangs up first.
	idleTimeout = 60 * time.Second
	// maxCredentialBytes bounds each file of a credential.
	maxCredentialBytes = 256 << 10
	// pageSize is asked for by iterators: few round trips, bounded memory.
	pageSize = 500
	// exportPageSize: leaves of the log may be several KiB each.
	exportPageSize = 1000
)

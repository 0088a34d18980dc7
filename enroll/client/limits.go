package client

import (
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

const (
	// defaultTimeout bounds one HTTP exchange: a server on a small board
	// behind a slow link answers well within it.
	defaultTimeout = 30 * time.Second
	// handshakeTimeout leaves the rest of the timeout to the exchange.
	handshakeTimeout = 15 * time.Second
	// defaultRetries is how often a busy server is asked again.
	defaultRetries = 4
	// maxRetryWait is the longest advice that is waited for here; a longer
	// one goes to the caller, who may have something better to do.
	maxRetryWait = 2 * time.Minute
	// maxAdvice cuts Retry-After: more is a mistake or malice.
	maxAdvice = 30 * 24 * time.Hour
	// maxHeaderBytes bounds the header of an answer.
	maxHeaderBytes = 16 << 10
	// maxRefusalText is what is read of the text of a refusal: the server
	// writes at most 1 KiB.
	maxRefusalText = 1 << 10
	// maxReason bounds a reason's code.
	maxReason = 64
	// idleConnections are kept to the one server there is, so that as many
	// goroutines as a load generator has reuse theirs.
	idleConnections = 256
	// idleTimeout is below the keep-alive of common servers and proxies.
	idleTimeout = 60 * time.Second
	// resumableSessions are TLS sessions kept: one server, few at a time.
	resumableSessions = 64
	// maxNonceAnswer bounds the JSON around it.
	maxNonceAnswer = 4 << 10
	// maxStatement bounds a station's statement in the header, before it
	// is base64 between two colons.
	maxStatement = (wire.MaxStationEvidence - 2) / 4 * 3
	// maxBatchField bounds the field Assay-Batch: a name of 32 and a number.
	maxBatchField = 256
)

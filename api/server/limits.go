package server

import "time"

const (
	// defaultConnections on each listener: well below the 65,536 descriptors of
	// a systemd unit, above what one node of two cores can serve.
	defaultConnections = 4096

	// drainTime is how long requests under way may take once the node was told
	// to stop; longer than the longest handler.
	drainTime = 10 * time.Second

	// renewEvery is how often the node looks after its own credentials.
	renewEvery = 24 * time.Hour

	// warmEvery is how often keys that can't be opened are tried again.
	warmEvery = time.Minute

	// markEvery is how often the clock learns the newest time on record.
	markEvery = 10 * time.Second

	// Timeouts of the plain listeners: small requests, answers of up to a CRL.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 5 * time.Minute
	idleTimeout       = 30 * time.Second
	maxHeaderBytes    = 16 << 10

	// probeTime bounds what /readyz and doctor ask of the store.
	probeTime = 2 * time.Second
)

package line

import "time"

const (
	// defaultWorkers keep a server of one node busy over a plant's network;
	// maxWorkers stays below the client's idle connections.
	defaultWorkers = 8
	maxWorkers     = 256
	// defaultPatience is how long nothing may succeed before a run gives up:
	// a restart of the server takes seconds, its move to another host minutes.
	defaultPatience = 10 * time.Minute
	// firstBackoff and maxBackoff bound the wait of a worker after a failure
	// that passes by itself, when the server gives no advice.
	firstBackoff = time.Second
	maxBackoff   = 30 * time.Second
	// maxFaults is how often in turn one unit may meet a fault of the server
	// (500) or an answer that is none before it is given up.
	maxFaults = 5

	// maxFile bounds a certificate, a key and station.json.
	maxFile = 1 << 20
	// maxCSRFile bounds a CSR: 48 KiB of DER in PEM.
	maxCSRFile = 72 << 10
	// maxUnits bounds a run: a batch's manifest has as many rows.
	maxUnits = 1_000_000
	// maxSerial bounds a serial, as the server does.
	maxSerial = 64
	// maxJournalLine bounds one line; a refusal's text is at most 1 KiB.
	maxJournalLine = 8 << 10
	// maxGroup bounds the lines that one fsync makes durable.
	maxGroup = 256
	// maxText is what is kept of a refusal's text.
	maxText = 256
)

package main

import "time"

const (
	// maxYAMLDepth bounds the nesting of a document: a Product has 5.
	maxYAMLDepth = 32
	// maxDocumentsBytes bounds one file of apply: a Product is a few kB.
	maxDocumentsBytes = 16 << 20
	// maxDocuments bounds the documents of one file.
	maxDocuments = 10_000
	// maxManifestBytes bounds a batch's manifest: a million rows.
	maxManifestBytes = 256 << 20
	// maxSmallFile bounds certificates, keys and CSRs read from disk.
	maxSmallFile = 1 << 20
	// maxCRLBytes bounds a CRL read from a file or URL: a million entries are 40 MB.
	maxCRLBytes = 256 << 20
	// maxOCSPBytes bounds an OCSP answer; ours have about 700 bytes.
	maxOCSPBytes = 64 << 10
	// requestTimeout bounds one call of the admin API; a bulk act answers sooner.
	requestTimeout = 60 * time.Second
	// probeTimeout bounds a look whether the server is there.
	probeTimeout = 3 * time.Second
	// defaultListLimit bounds a list on a person's screen; --limit changes it.
	defaultListLimit = 1000
	// maxDiffLines bounds the table of the line diff; longer ones show old and new.
	maxDiffLines = 2000
	// maxBenchConnections bounds the load generator below the usual open-file limit.
	maxBenchConnections = 4096
	// verifySamples is how many P-256 verifies make one measurement of v.
	verifySamples = 2000
)

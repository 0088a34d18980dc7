package evidence

const (
	// maxMeasurements, minNonce, maxNonce and maxText are what enroll/attest
	// accepts: it is better to fail on the device than at the server.
	maxMeasurements = 16
	minNonce        = 8
	maxNonce        = 64
	maxText         = 128
	maxComponent    = 32
	maxVersion      = 64
	maxSigner       = 64
	// maxStatements of one attribute.
	maxStatements = 8
)

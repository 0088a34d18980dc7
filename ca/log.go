package ca

// Keys of log attributes.
const (
	logError      = "error"
	logCredential = "credential"
	logNotAfter   = "not_after"
	logReason     = "reason"
)

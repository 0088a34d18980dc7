package ca

import (
	"time"

	"github.com/assay-pki/assay/ca/profile"
)

const (
	// backdate forgives relying parties' clocks. openssl has no tolerance.
	backdate = 10 * time.Minute
	// backdateCA is longer: the first device may be made on the day of founding,
	// in any time zone its clock was set to.
	backdateCA = 24 * time.Hour

	// issuerLife is that of devices and operations; the root and births end
	// with the calendar (RFC 5280 §4.1.2.5).
	issuerLife = 10 * profile.Year
	// localLife bounds certificates with loopback URLs: elsewhere their status
	// cannot be looked up.
	localLife = 7 * profile.Day

	// maxDeviceLife and maxOperationsLife are what issuers may sign at most.
	// Stations are the longest of operations; births end with their issuer.
	maxDeviceLife     = 825 * profile.Day
	maxOperationsLife = stationLife

	// stationLife, operatorLife, serverLife and responderLife are the longest, and the usual.
	// OCSP-10: a responder is trusted without a status check, so it is short.
	stationLife   = 2 * profile.Year
	operatorLife  = profile.Year
	serverLife    = 90 * profile.Day
	responderLife = 14 * profile.Day

	// verifyEvery: one in so many signatures of keys in this process is
	// verified; those of tokens all are.
	verifyEvery = 64

	// maxAuthorityName leaves room in 64 characters of a CN (RFC 5280 appendix
	// A) for the longest kind, a generation and "OCSP".
	maxAuthorityName = 40
	// maxHosts bounds the names of the TLS certificate.
	maxHosts = 32
	// maxBaseURL keeps CDP and AIA small in every certificate.
	maxBaseURL = 128
	// maxPEMBytes bounds a credential's certificate file: two certificates.
	maxPEMBytes = 64 << 10
)

// endOfTime is "no well-defined expiration date", RFC 5280 §4.1.2.5.
func endOfTime() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

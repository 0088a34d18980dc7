package wire

import (
	"errors"
	"strings"
	"time"
)

// Header fields that assay adds to EST.
const (
	// HeaderReason carries the code of a refusal.
	HeaderReason = "Assay-Reason"
	// HeaderRenew carries the advice when to renew; see FormatRenew.
	HeaderRenew = "Assay-Renew"
	// HeaderBatch tells a station what is left of its batch.
	HeaderBatch = "Assay-Batch"
)

// Path and operations (RFC 7030 §3.2.2).
const (
	PathPrefix = "/.well-known/est"

	OpCACerts        = "cacerts"
	OpSimpleEnroll   = "simpleenroll"
	OpSimpleReenroll = "simplereenroll"
	OpCSRAttrs       = "csrattrs"
	OpServerKeygen   = "serverkeygen"
	OpFullCMC        = "fullcmc"
)

// Media types and the encoding that accompanies them (RFC 7030 §4).
const (
	TypePKCS10   = "application/pkcs10"
	TypePKCS7    = "application/pkcs7-mime" // of /cacerts
	TypeCerts    = "application/pkcs7-mime; smime-type=certs-only"
	TypeCSRAttrs = "application/csrattrs"

	TransferEncodingField = "Content-Transfer-Encoding"
	TransferEncoding      = "base64"
)

// ErrRenewAdvice: the field is not two times with the later one last.
var ErrRenewAdvice = errors.New("renewal advice is not START/END in RFC 3339")

// FormatRenew is the value of HeaderRenew: the client draws a time from start
// to end, both in whole seconds of UTC.
func FormatRenew(start, end time.Time) string {
	return start.UTC().Format(time.RFC3339) + "/" + end.UTC().Format(time.RFC3339)
}

// ParseRenew reads what FormatRenew wrote. The error is ErrRenewAdvice.
func ParseRenew(s string) (start, end time.Time, err error) {
	from, until, ok := strings.Cut(s, "/")
	if !ok {
		return time.Time{}, time.Time{}, ErrRenewAdvice
	}
	start, err1 := time.Parse(time.RFC3339, from)
	end, err2 := time.Parse(time.RFC3339, until)
	if err1 != nil || err2 != nil || end.Before(start) {
		return time.Time{}, time.Time{}, ErrRenewAdvice
	}
	return start, end, nil
}

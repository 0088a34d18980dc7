package wire

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Header fields that assay adds to EST.
const (
	// HeaderReason carries the code of a refusal.
	HeaderReason = "Assay-Reason"
	// HeaderRenew carries the advice when to renew; see FormatRenew.
	HeaderRenew = "Assay-Renew"
	// HeaderBatch tells a station what is left of its batch; see FormatBatch.
	HeaderBatch = "Assay-Batch"
	// HeaderStationEvidence carries a station's statement about a CSR that is
	// signed already; see ParseStationEvidence.
	HeaderStationEvidence = "Assay-Station-Evidence"
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
	OpNonce          = "nonce" // draft-ietf-lamps-attestation-freshness
)

// Media types and the encoding that accompanies them (RFC 7030 §4).
const (
	TypePKCS10   = "application/pkcs10"
	TypePKCS7    = "application/pkcs7-mime" // of /cacerts
	TypeCerts    = "application/pkcs7-mime; smime-type=certs-only"
	TypeCSRAttrs = "application/csrattrs"
	TypeNonce    = "application/est-attestation-freshness+json"

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

// FormatBatch is the value of HeaderBatch: an RFC 9651 string with the
// parameter left. Names of batches need no escapes.
func FormatBatch(name string, left uint64) string {
	return `"` + name + `";left=` + strconv.FormatUint(left, 10)
}

// ErrStationEvidence: the field is not one RFC 9651 byte sequence of at most
// MaxStationEvidence octets.
var ErrStationEvidence = errors.New("station evidence is not a byte sequence")

// ParseStationEvidence reads HeaderStationEvidence, an RFC 9651 §3.3.5 byte
// sequence without parameters. The error is ErrStationEvidence.
func ParseStationEvidence(field string) ([]byte, error) {
	if len(field) > MaxStationEvidence {
		return nil, ErrStationEvidence
	}
	s, opened := strings.CutPrefix(strings.Trim(field, " "), ":")
	s, closed := strings.CutSuffix(s, ":")
	if !opened || !closed || s == "" || strings.ContainsAny(s, "\r\n") {
		return nil, ErrStationEvidence
	}
	statement, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, ErrStationEvidence
	}
	return statement, nil
}

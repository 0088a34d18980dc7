package attest

import (
	"fmt"
	"strings"
)

// Codes of docs/REASONS.md with which evidence is refused.
const (
	CodeBadEvidence      = "bad-evidence"
	CodeMissing          = "evidence-missing"
	CodeFormat           = "evidence-format"
	CodeUntrusted        = "evidence-untrusted"
	CodeKeyMismatch      = "evidence-key-mismatch"
	CodeDeviceMismatch   = "evidence-device-mismatch"
	CodeStale            = "evidence-stale"
	CodeTierTooLow       = "tier-too-low"
	CodeDebugEnabled     = "debug-enabled"
	CodeComponentMissing = "component-missing"
	CodeFirmwareUnknown  = "firmware-unknown"
	CodeFirmwareNot      = "firmware-not-approved"
	CodeFirmwareRecalled = "firmware-recalled"
	CodeFirmwareRollback = "firmware-rollback"
	incidentOtherDevice  = "evidence-of-another-device"
)

// Error is a refusal of evidence. What it says beyond Code is for operators
// alone: a stranger must not learn which firmware would be accepted.
type Error struct {
	// Code is one of docs/REASONS.md.
	Code string
	// Detail says what was found, for operators and logs.
	Detail string
	// Component that differs; Expected and Got are digests, versions or svns
	// of it; Nearest is the release (PRODUCT/VERSION) that comes closest. Empty
	// where it does not apply.
	Component, Expected, Got, Nearest string
	// Incident is the kind of incident that the refusal is, mostly none.
	Incident string
}

// Error is Code, then what is known.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Code)
	for _, part := range []struct{ word, text string }{
		{"", e.Detail}, {"component ", e.Component}, {"expected ", e.Expected}, {"got ", e.Got}, {"nearest release ", e.Nearest},
	} {
		if part.text != "" {
			b.WriteString(": " + part.word + part.text)
		}
	}
	return b.String()
}

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

func bad(format string, args ...any) error { return refuse(CodeBadEvidence, format, args...) }

// Fault is one thing wrong with a document.
type Fault struct {
	// At is the field's path: components[0].svn. Empty for the whole.
	At string `json:"at"`
	// Reason says what is wrong and what to write instead.
	Reason string `json:"reason"`
}

// FaultsError is everything that is wrong with a document, in its order; at
// most 100 are listed.
type FaultsError struct{ Faults []Fault }

// Error lists the faults on one line.
func (e *FaultsError) Error() string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		parts[i] = f.Reason
		if f.At != "" {
			parts[i] = f.At + ": " + f.Reason
		}
	}
	return strings.Join(parts, "; ")
}

type faults struct {
	list []Fault
	more int
}

func (f *faults) add(at, format string, args ...any) {
	if len(f.list) >= maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, Fault{At: at, Reason: fmt.Sprintf(format, args...)})
}

func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	list := f.list
	if f.more > 0 {
		list = append(list, Fault{Reason: fmt.Sprintf("and %d more", f.more)})
	}
	return &FaultsError{Faults: list}
}

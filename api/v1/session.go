package v1

import "time"

// Whoami says how the server knows the caller.
type Whoami struct {
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	Products []string `json:"products,omitempty" doc:"bound to these; absent: all"`
	Sites    []string `json:"sites,omitempty" doc:"bound to these; absent: all"`
	Actions  []string `json:"actions" nullable:"false" doc:"what the role allows, docs/ROLES.md"`
	// NotAfter is the end of the certificate that was presented.
	NotAfter time.Time `json:"not_after" doc:"end of the certificate presented"`
}

// Version is what runs.
type Version struct {
	Version string `json:"version"`
	Go      string `json:"go,omitempty" doc:"version of the Go toolchain"`
}

// Severities of a finding.
const (
	SeverityOK      = "ok"
	SeverityNote    = "note"
	SeverityWarning = "warning"
	SeverityError   = "error"
)

// Finding is one thing that doctor looked at.
type Finding struct {
	Code     string `json:"code" doc:"what was looked at, as clock or crl-fresh"`
	Severity string `json:"severity" enum:"ok,note,warning,error"`
	What     string `json:"what" doc:"what was found"`
	Next     string `json:"next,omitempty" doc:"the command that mends it"`
}

// Diagnosis is the answer of doctor.
type Diagnosis struct {
	Findings  []Finding `json:"findings" nullable:"false" doc:"the worst first"`
	CheckedAt time.Time `json:"checked_at"`
}

package v1

import "time"

// Refusal is an error that a person can act on: a reason, what exactly is
// wrong, and the next step. Rooms return it; each HTTP edge turns it into its
// own bytes by the one table of reasons.
type Refusal struct {
	Reason Reason
	// Detail says what is wrong here; empty: the reason's title does.
	Detail string
	// Next is the next step; empty: the reason's own.
	Next string
	// RetryAfter is when to try again; 0 for no advice.
	RetryAfter time.Duration
	// Faults lists what is wrong with a document, all at once.
	Faults []Fault
	// Err is the cause, for the log; never shown outside.
	Err error
}

// Fault is one fault of a document.
type Fault struct {
	At     string `json:"at" doc:"where: file:line or field path"`
	Reason string `json:"reason" doc:"what is wrong"`
}

// Refuse returns a refusal with a detail; the empty string means the title.
func Refuse(r Reason, detail string) *Refusal { return &Refusal{Reason: r, Detail: detail} }

// Error is "CODE: what".
func (r *Refusal) Error() string {
	what := r.Detail
	if what == "" {
		what = r.Reason.About().Title
	}
	return string(r.Reason) + ": " + what
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// NextStep is Next, or the reason's own.
func (r *Refusal) NextStep() string {
	if r.Next != "" {
		return r.Next
	}
	return r.Reason.About().Next
}

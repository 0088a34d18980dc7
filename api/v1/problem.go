package v1

import (
	"net/http"
	"strings"
	"time"
)

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"

// problemURN begins the type of every problem.
const problemURN = "urn:assay:reason:"

// Problem is how /v1 says no: RFC 9457 with our reason, next step and faults.
type Problem struct {
	Type   string  `json:"type" doc:"urn:assay:reason:CODE"`
	Title  string  `json:"title" doc:"what the reason means"`
	Status int     `json:"status" doc:"the HTTP status"`
	Detail string  `json:"detail,omitempty" doc:"what is wrong here"`
	Reason Reason  `json:"reason" doc:"code, docs/REASONS.md"`
	Next   string  `json:"next,omitempty" doc:"the next step"`
	Faults []Fault `json:"faults,omitempty" doc:"what is wrong with a document, all at once"`
}

// ContentType makes JSON into problem+json.
func (p Problem) ContentType(string) string { return ProblemType }

// ProblemOf is the problem that tells a refusal.
func ProblemOf(r *Refusal) Problem {
	about := r.Reason.About()
	return Problem{
		Type: problemURN + string(r.Reason), Title: about.Title, Status: about.Status,
		Detail: r.Detail, Reason: r.Reason, Next: r.NextStep(), Faults: r.Faults,
	}
}

// Refusal is the refusal that a problem tells; retryAfter comes from the
// header. A code that this version does not know is kept.
func (p Problem) Refusal(retryAfter time.Duration) *Refusal {
	reason := p.Reason
	if reason == "" {
		reason = Reason(strings.TrimPrefix(p.Type, problemURN))
	}
	detail := p.Detail
	if detail == "" {
		detail = p.Title
	}
	if detail == "" {
		detail = strings.ToLower(http.StatusText(p.Status))
	}
	return &Refusal{Reason: reason, Detail: detail, Next: p.Next, RetryAfter: retryAfter, Faults: p.Faults}
}

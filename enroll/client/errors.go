package client

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrUnreachable: no answer came: no route, refused, reset, timed out.
	// Repeating the same request is safe.
	ErrUnreachable = errors.New("server cannot be reached")
	// ErrUntrusted: who answered is not the server that the roots and the
	// URL name. Nothing secret was sent.
	ErrUntrusted = errors.New("server is not trusted")
	// ErrAnswer: what came is not an answer of RFC 7030, or too long.
	ErrAnswer = errors.New("answer of the server cannot be used")
	// ErrIssued: the certificate is not one that was asked for, or does not
	// chain to the server's CA certificates.
	ErrIssued = errors.New("issued certificate is not accepted")
)

// Refusal is an answer that is neither success nor pending.
type Refusal struct {
	// Status is that of HTTP.
	Status int
	// Reason is the code of an assay server, else empty.
	Reason string
	// Text is what the server says to people, in one line, printable.
	Text string
	// RetryAfter is the server's advice; 0 without one.
	RetryAfter time.Duration
}

// Error is status, reason and text.
func (r *Refusal) Error() string {
	switch {
	case r.Text != "":
		return fmt.Sprintf("server refused (%d): %s", r.Status, r.Text)
	case r.Reason != "":
		return fmt.Sprintf("server refused (%d): %s", r.Status, r.Reason)
	}
	return fmt.Sprintf("server refused (%d)", r.Status)
}

// Pending is the answer 202: somebody has to approve. The same request, after
// RetryAfter, fetches the outcome (RFC 7030 §4.2.3).
type Pending struct {
	RetryAfter time.Duration
	// Text is what the server says to people, in one line, printable.
	Text string
}

// Error says how long to wait.
func (p *Pending) Error() string {
	return fmt.Sprintf("request is pending, ask again in %v", p.RetryAfter)
}

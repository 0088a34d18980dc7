package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

// Exit codes: a promise to scripts.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitDenied      = 4
	exitConflict    = 5
	exitGuard       = 6
	exitPending     = 7
	exitPartial     = 8
	exitUnavailable = 9
	exitInterrupted = 130
)

// failure is an error with an exit code and the next step.
type failure struct {
	code   int
	what   string
	next   string
	faults []v1.Fault
	cause  error
	// quiet: everything was said already, only the code is left.
	quiet bool
}

func (f *failure) Error() string { return f.what }

func (f *failure) Unwrap() error { return f.cause }

// asFailure gives any error its exit code and next step.
func asFailure(ctx context.Context, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return &failure{code: exitInterrupted, what: "interrupted", quiet: true, cause: err}
	}
	if r, ok := errors.AsType[*v1.Refusal](err); ok {
		return &failure{
			code: exitOfReason(r.Reason), what: wordsOfRefusal(r), next: r.NextStep(),
			faults: r.Faults, cause: err,
		}
	}
	if unreachable(err) {
		return &failure{code: exitUnavailable, what: err.Error(), next: nextUnreachable, cause: err}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &failure{code: exitNotFound, what: err.Error(), next: nextCheckName, cause: err}
	}
	return &failure{code: exitFailure, what: err.Error(), cause: err}
}

// unreachable tells whether a network peer did not answer, or not in time.
func unreachable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, client.ErrUnavailable) {
		return true
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	u, ok := errors.AsType[*url.Error](err)
	return ok && u.Timeout()
}

// exitOfReason follows docs/REASONS.md.
func exitOfReason(r v1.Reason) int {
	switch r {
	case v1.GuardExceeded, v1.GuardCountMismatch:
		return exitGuard
	case v1.RateLimited:
		return exitUnavailable
	}
	return exitOfStatus(r.About().Status)
}

func exitOfStatus(status int) int {
	switch status {
	case 202:
		return exitPending
	case 401, 403:
		return exitDenied
	case 404:
		return exitNotFound
	case 409:
		return exitConflict
	case 412:
		return exitGuard
	case 429, 502, 503, 504:
		return exitUnavailable
	}
	return exitFailure
}

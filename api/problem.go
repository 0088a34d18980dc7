package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// sentinel is a row of the table of this edge: what a store's error is told as.
type sentinel struct {
	err    error
	reason v1.Reason
	detail string
	next   string
}

// sentinels is the table, in the order in which an error is held against it.
var sentinels = []sentinel{
	{store.ErrNotFound, v1.NotFound, "", ""},
	{store.ErrExists, v1.Exists, "", ""},
	{store.ErrChanged, v1.ChangedMeanwhile, "", ""},
	{store.ErrQuota, v1.WrongState, "more devices than that are made already", "read it again: assay batch show NAME"},
	{store.ErrLastAdmin, v1.WrongState, "nobody would be left with role admin", "add another admin first: assay operator add NAME --role admin --out DIR"},
	{store.ErrHeld, v1.DeviceHeld, "", ""},
	{store.ErrDecommissioned, v1.DeviceDecommissioned, "", ""},
	{store.ErrKeyBlocked, v1.KeyBlocked, "", "make a new key"},
	{store.ErrKeyOfAnother, v1.KeyOfAnotherDevice, "the key belongs to another holder", "make a new key"},
	{store.ErrIndexExhausted, v1.IndexExhausted, "", ""},
	{store.ErrConflict, v1.WrongState, "", ""},
	{store.ErrUnavailable, v1.StoreUnavailable, "whether it was done can be read when the store is back", ""},
	{context.DeadlineExceeded, v1.Overloaded, "it took too long; whether it was done can be read back", ""},
	{context.Canceled, v1.Overloaded, "the request was given up", ""},
}

// refusalOf turns any error into what a person is told. Unknown ones are a
// fault of ours: no detail outside, the whole of it in the log.
func refusalOf(err error) *v1.Refusal {
	if r, ok := errors.AsType[*v1.Refusal](err); ok {
		return r
	}
	if f, ok := errors.AsType[*profile.FaultsError](err); ok {
		return badDocument("", faultsOf(f)...)
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return &v1.Refusal{Reason: s.reason, Detail: s.detail, Next: s.next, Err: err}
		}
	}
	return &v1.Refusal{Reason: v1.Internal, Err: err}
}

// badDocument is a refusal with faults.
func badDocument(detail string, faults ...v1.Fault) *v1.Refusal {
	if detail == "" && len(faults) > 0 {
		detail = strings.TrimPrefix(faults[0].At+": "+faults[0].Reason, ": ")
	}
	return &v1.Refusal{Reason: v1.BadDocument, Detail: detail, Faults: faults}
}

func faultsOf(f *profile.FaultsError) []v1.Fault {
	faults := make([]v1.Fault, len(f.Faults))
	for i, fault := range f.Faults {
		at := "spec"
		switch fault.At {
		case "":
		case "name": // the document's own; no field of a spec is called so
			at = "name"
		default:
			at += "." + fault.At
		}
		faults[i] = v1.Fault{At: at, Reason: fault.Reason}
	}
	return faults
}

// problemError is a refusal on its way through huma.
type problemError struct {
	v1.Problem
	header http.Header
}

var (
	_ huma.StatusError       = (*problemError)(nil)
	_ huma.HeadersError      = (*problemError)(nil)
	_ huma.ContentTypeFilter = (*problemError)(nil)
)

func (p *problemError) Error() string           { return p.Detail }
func (p *problemError) GetStatus() int          { return p.Status }
func (p *problemError) GetHeaders() http.Header { return p.header }

// problemOf is the problem of an error, and its header fields.
func problemOf(err error) *problemError {
	r := refusalOf(err)
	p := &problemError{Problem: v1.ProblemOf(r), header: http.Header{}}
	p.Detail = printable(p.Detail)
	if len(p.Faults) > maxFaults {
		p.Faults = p.Faults[:maxFaults]
	}
	wait := r.RetryAfter
	if wait == 0 && p.Status == http.StatusServiceUnavailable {
		wait = retrySoon
	}
	if wait > 0 {
		p.header.Set("Retry-After", strconv.FormatInt(int64(wait.Seconds()), 10))
	}
	return p
}

// logProblem writes what is not said outside.
func (a *API) logProblem(ctx context.Context, err error) {
	r := refusalOf(err)
	switch {
	case r.Reason == v1.Internal:
		a.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String(keyError, err.Error()))
	case r.Err != nil && r.Reason.About().Status == http.StatusServiceUnavailable:
		a.log.LogAttrs(ctx, slog.LevelWarn, "request not served", slog.String(keyError, r.Err.Error()))
	}
}

// refuse answers with a problem outside of huma.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	a.logProblem(r.Context(), err)
	p := problemOf(err)
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", v1.ProblemType)
	w.WriteHeader(p.Status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(p.Problem)
}

// humaProblem is what huma's own error becomes.
func humaProblem(m *huma.ErrorModel) *problemError {
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		return problemOf(v1.Refuse(v1.TooLarge, ""))
	case http.StatusUnsupportedMediaType:
		return problemOf(v1.Refuse(v1.MediaType, "send application/json"))
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestTimeout:
		return problemOf(invalid(m))
	}
	return problemOf(&v1.Refusal{Reason: v1.Internal})
}

// invalid tells a bad body from bad parameters.
func invalid(m *huma.ErrorModel) *v1.Refusal {
	r := badDocument(m.Detail)
	inBody := true
	for _, e := range m.Errors {
		if len(r.Faults) == maxFaults {
			break
		}
		if !strings.HasPrefix(e.Location, "body") {
			inBody = false
		}
		at := strings.TrimPrefix(strings.TrimPrefix(e.Location, "body"), ".")
		r.Faults = append(r.Faults, v1.Fault{At: printable(at), Reason: printable(e.Message)})
	}
	if len(r.Faults) > 0 {
		r.Detail = strings.TrimPrefix(r.Faults[0].At+": "+r.Faults[0].Reason, ": ")
	}
	if !inBody {
		r.Reason, r.Next = v1.BadQuery, "see /v1/openapi.json"
	}
	return r
}

// printable keeps control characters and long echoes out of answers.
func printable(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	if utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

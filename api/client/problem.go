package client

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
)

// Refused is a refusal with the status that came with it. It unwraps to its
// *v1.Refusal.
type Refused struct {
	Status  int
	Refusal *v1.Refusal
}

// Error is the refusal's.
func (r *Refused) Error() string { return r.Refusal.Error() }

// Unwrap returns the *v1.Refusal.
func (r *Refused) Unwrap() error { return r.Refusal }

// problem reads an answer that is not 2xx. What is not a problem document (a
// proxy's page, net/http's bare 431) gets the reason of its status.
func problem(res *http.Response, body []byte) error {
	p := v1.Problem{Status: res.StatusCode}
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(mediaType) == v1.ProblemType {
		// A problem that does not parse still has its status.
		if err := json.Unmarshal(body, &p); err != nil {
			p = v1.Problem{}
		}
		p.Status = res.StatusCode
	}
	refusal := p.Refusal(retryAfter(res.Header))
	if refusal.Reason == "" {
		refusal.Reason = reasonOf(res.StatusCode)
	}
	return &Refused{Status: res.StatusCode, Refusal: refusal}
}

// reasonOf is the nearest reason of a status that came without one.
func reasonOf(status int) v1.Reason {
	switch status {
	case http.StatusBadRequest:
		return v1.BadQuery
	case http.StatusUnauthorized:
		return v1.CredentialMissing
	case http.StatusForbidden:
		return v1.NotAuthorized
	case http.StatusNotFound:
		return v1.NotFound
	case http.StatusMethodNotAllowed:
		return v1.MethodNotAllowed
	case http.StatusConflict:
		return v1.WrongState
	case http.StatusRequestEntityTooLarge:
		return v1.TooLarge
	case http.StatusUnsupportedMediaType:
		return v1.MediaType
	case http.StatusUnprocessableEntity:
		return v1.BadDocument
	case http.StatusTooManyRequests:
		return v1.RateLimited
	case http.StatusRequestHeaderFieldsTooLarge:
		return v1.HeaderTooLarge
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return v1.Overloaded
	}
	return v1.Internal
}

// retryAfter reads the field in seconds; a date is not ours.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

package ocsp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
)

const (
	path         = "/ocsp"
	typeRequest  = "application/ocsp-request"
	typeResponse = "application/ocsp-response"
	allow        = "GET, HEAD, POST"
)

// Header fields that never change; net/http only reads them.
var (
	responseField = []string{typeResponse}
	minuteField   = []string{cacheControl(maxAge)}
	noStoreField  = []string{"no-store"}
	nosniffField  = []string{"nosniff"}
)

// cacheControl is RFC 5019 §6.2.
func cacheControl(age time.Duration) string {
	return "max-age=" + strconv.Itoa(int(age/time.Second)) + ", public, no-transform, must-revalidate"
}

// ServeHTTP answers POST to /ocsp and GET and HEAD of /ocsp/BASE64 (RFC 6960
// appendix A.1). Requests that can't be answered have HTTP status 200 and a
// response status of OCSP; only faults of HTTP have others: 404, 405, 413, 415.
func (r *Responder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	below, ok := strings.CutPrefix(q.URL.Path, path)
	if !ok || below != "" && below[0] != '/' {
		refuse(w, v1.NotFound)
		return
	}
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		r.get(w, q, below)
	case http.MethodPost:
		if below != "" && below != "/" {
			refuse(w, v1.NotFound)
			return
		}
		r.post(w, q)
	default:
		w.Header().Set("Allow", allow)
		refuse(w, v1.MethodNotAllowed)
	}
}

// get takes the path below /ocsp as it came, percent-decoded once (OCSP-01). No
// request begins with "/" in base64, so those in front are a client's.
func (r *Responder) get(w http.ResponseWriter, q *http.Request, below string) {
	text := strings.TrimLeft(below, "/")
	if len(text) > maxGET {
		refuse(w, v1.TooLarge)
		return
	}
	// Some front turns "+" into a space; padding is often lost.
	if strings.IndexByte(text, ' ') >= 0 {
		text = strings.ReplaceAll(text, " ", "+")
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		r.send(w, q, refusal(malformedRequest, Malformed))
		return
	}
	r.send(w, q, r.answer(q.Context(), der))
}

func (r *Responder) post(w http.ResponseWriter, q *http.Request) {
	if !isRequest(q.Header.Get("Content-Type")) {
		refuse(w, v1.MediaType)
		return
	}
	if q.ContentLength > maxPOST {
		refuse(w, v1.TooLarge)
		return
	}
	der, err := io.ReadAll(http.MaxBytesReader(w, q.Body, maxPOST))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			refuse(w, v1.TooLarge)
			return
		}
		r.send(w, q, refusal(malformedRequest, Malformed))
		return
	}
	r.send(w, q, r.answer(q.Context(), der))
}

func isRequest(contentType string) bool {
	if contentType == typeRequest {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == typeRequest
}

// send writes a reply. Only cached answers have validators and may be kept
// (OCSP-13).
func (r *Responder) send(w http.ResponseWriter, q *http.Request, a reply) {
	if r.cfg.Observer != nil {
		r.cfg.Observer.Answered(a.outcome)
	}
	h := w.Header()
	h["Content-Type"] = responseField
	h["X-Content-Type-Options"] = nosniffField
	if a.cached == nil {
		h["Cache-Control"] = noStoreField
		if a.outcome == TryLater {
			h.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		}
	} else {
		r.cacheFields(h, a.cached)
		if q.Method != http.MethodPost && unchanged(q, a.cached) {
			delete(h, "Content-Type")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(a.der))}
	if q.Method != http.MethodHead {
		_, _ = w.Write(a.der) // a reader that went away needs no answer
	}
}

func (r *Responder) cacheFields(h http.Header, a *answer) {
	now := r.cfg.Now()
	age := maxAge
	h["Cache-Control"] = minuteField
	// max-age stays below nextUpdate - now.
	if left := a.nextUpdate.Sub(now) - time.Second; left < age {
		age = max(left, 0).Truncate(time.Second)
		h["Cache-Control"] = []string{cacheControl(age)}
	}
	h["Expires"] = r.expiresField(now.Add(age))
	h["Etag"] = a.etag
	if a.modified != nil {
		h["Last-Modified"] = a.modified
	}
}

// stamp is a date as a header field.
type stamp struct {
	unix  int64
	field []string
}

// expiresField formats a date once a second.
func (r *Responder) expiresField(at time.Time) []string {
	if s := r.expires.Load(); s != nil && s.unix == at.Unix() {
		return s.field
	}
	s := &stamp{unix: at.Unix(), field: []string{at.UTC().Format(http.TimeFormat)}}
	r.expires.Store(s)
	return s.field
}

// unchanged tells whether the reader has this answer (RFC 9110 §13.2.2).
func unchanged(q *http.Request, a *answer) bool {
	if match := q.Header.Get("If-None-Match"); match != "" {
		for tag := range strings.SplitSeq(match, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == "*" || tag == a.etag[0] {
				return true
			}
		}
		return false
	}
	date := q.Header.Get("If-Modified-Since")
	if date == "" || a.modified == nil {
		return false
	}
	since, err := http.ParseTime(date)
	return err == nil && !a.producedAt.After(since)
}

// refuse answers faults of HTTP with a reason of reasons.md as text.
func refuse(w http.ResponseWriter, reason v1.Reason) {
	about := reason.About()
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Assay-Reason", string(reason))
	w.WriteHeader(about.Status)
	fmt.Fprintf(w, "%s: %s. Next: %s.\n", reason, about.Title, about.Next)
}

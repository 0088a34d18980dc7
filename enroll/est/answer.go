package est

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/wire"
)

// answer is a whole answer, ready to be sent.
type answer struct {
	status      int
	contentType string
	body        []byte

	base64 bool // the body is
	secret bool // for this client alone, once
	renew  string
	batch  string
	reason v1.Reason
	retry  time.Duration
	allow  string
	etag   string
	maxAge time.Duration
}

// basicChallenge is what goes with a 401 (RFC 7617 §2).
const basicChallenge = `Basic realm="assay"`

// send writes headers and body. With an exact length and one Write, net/http
// puts both into its buffer and the connection gets one record.
func (a answer) send(w http.ResponseWriter) {
	h := w.Header()
	set := func(key, value string) {
		if value != "" {
			h[key] = []string{value}
		}
	}
	set("Content-Type", a.contentType)
	if a.base64 {
		set(wire.TransferEncodingField, wire.TransferEncoding)
	}
	if a.secret {
		set("Cache-Control", "no-store")
	}
	set(wire.HeaderRenew, a.renew)
	set(wire.HeaderBatch, a.batch)
	set(wire.HeaderReason, string(a.reason))
	set("Allow", a.allow)
	if a.retry > 0 {
		set("Retry-After", seconds(a.retry))
	}
	if a.status == http.StatusUnauthorized {
		set("Www-Authenticate", basicChallenge)
	}
	if a.etag != "" {
		set("Etag", a.etag)
		set("Cache-Control", "max-age="+seconds(a.maxAge))
		set("Vary", "User-Agent")
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body) // the client is gone: nobody left to tell
	}
}

// seconds rounds up, so that nobody comes too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// refusal is the answer that says why not: by the one table of reasons.
func refusal(why *v1.Refusal) answer {
	about := why.Reason.About()
	a := answer{
		status:      about.Status,
		contentType: "text/plain; charset=utf-8",
		body:        refusalText(why, about),
		reason:      why.Reason,
		retry:       why.RetryAfter,
	}
	if a.status == http.StatusServiceUnavailable && a.retry == 0 && why.Reason != v1.NonceLength {
		a.retry = retryOverload
	}
	return a
}

// refusalText is "CODE: what. Why. Next step.\n" in at most maxRefusal octets.
func refusalText(why *v1.Refusal, about v1.About) []byte {
	var b strings.Builder
	b.WriteString(string(why.Reason))
	b.WriteString(": ")
	b.WriteString(about.Title)
	b.WriteString(".")
	for _, s := range []string{why.Detail, why.NextStep()} {
		if s != "" {
			b.WriteString(" ")
			b.WriteString(sentence(s))
		}
	}
	text := b.String()
	if len(text) >= maxRefusal {
		text = text[:maxRefusal-1]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	return append([]byte(text), '\n')
}

// sentence begins with a capital, ends with a full stop and has no characters
// that forge lines (threats row 42).
func sentence(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

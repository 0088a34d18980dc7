package crl

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
)

const (
	prefix     = "/crl/"
	bundleName = "bundle"
	typeDER    = "application/pkix-crl"
	typePEM    = "application/x-pem-file"
)

// ServeHTTP answers GET and HEAD below /crl/: ISSUER.crl, ISSUER/SHARD.crl,
// root.crl, each also as .pem, and bundle.pem (RFC 2585 §4, RFC 9110 §13 and
// §14). Past nextUpdate it answers 503 with Retry-After.
func (p *Publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, v1.MethodNotAllowed)
		return
	}
	name, pem, ok := parsePath(r.URL.Path)
	if !ok {
		refuse(w, v1.NotFound)
		return
	}
	var a answer
	if pem && name == bundleName {
		a, ok = p.bundle()
	} else {
		a, ok = p.single(name, pem)
	}
	defer a.close()
	switch now := p.cfg.Now(); {
	case a.err != nil:
		p.cfg.Log.Error("list can't be read", logError, a.err)
		refuse(w, v1.StoreUnavailable)
	case !ok && !p.caughtUp.Load():
		refuse(w, v1.Starting)
	case !ok:
		refuse(w, v1.NotFound)
	case !now.Before(a.nextUpdate):
		refuse(w, v1.SignerUnavailable)
	default:
		a.serve(w, r, now)
	}
}

// parsePath reads "/crl/NAME.crl", and for PEM "/crl/NAME.pem" or
// "/crl/NAME.crl.pem".
func parsePath(path string) (name string, pem, ok bool) {
	name, ok = strings.CutPrefix(path, prefix)
	if !ok || len(name) > maxPath {
		return "", false, false
	}
	if der, isDER := strings.CutSuffix(name, ".crl"); isDER {
		return der, false, true
	}
	name, pem = strings.CutSuffix(name, ".pem")
	return strings.TrimSuffix(name, ".crl"), pem, pem
}

// answer is what is going to be served.
type answer struct {
	contentType string
	etag        string
	modified    time.Time
	period      time.Duration
	nextUpdate  time.Time
	content     io.ReaderAt
	size        int64
	closers     []io.Closer
	err         error
}

func (a *answer) close() {
	for _, c := range a.closers {
		_ = c.Close() // it was only read
	}
}

// single answers for one list, as DER or PEM.
func (p *Publisher) single(name string, pem bool) (answer, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	k, ok := p.paths[name]
	if !ok {
		return answer{}, false
	}
	pub := p.published[k]
	content, closer, err := pub.open()
	if err != nil {
		return answer{err: err}, true
	}
	a := answer{
		contentType: typeDER,
		etag:        pub.etag,
		modified:    pub.modified(p.cfg.Now()),
		period:      pub.period,
		nextUpdate:  pub.nextUpdate,
		content:     content,
		size:        pub.size,
		closers:     []io.Closer{closer},
	}
	if pem {
		reader := pemReader{der: content, size: pub.size}
		a.contentType, a.content, a.size = typePEM, reader, reader.length()
		a.etag += "-pem"
	}
	return a, true
}

// bundle answers with the complete lists of all issuers and the ARL, as one
// moment had them.
func (p *Publisher) bundle() (answer, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	a := answer{contentType: typePEM, period: completePeriod}
	now := p.cfg.Now()
	tags := sha256.New()
	var parts chain
	for _, pub := range sortedPublications(p.complete()) {
		content, closer, err := pub.open()
		if err != nil {
			a.err = err
			return a, true
		}
		a.closers = append(a.closers, closer)
		reader := pemReader{der: content, size: pub.size}
		parts = append(parts, io.NewSectionReader(reader, 0, reader.length()))
		fmt.Fprintf(tags, "%s %s\n", pub.path, pub.etag)
		if a.nextUpdate.IsZero() || pub.nextUpdate.Before(a.nextUpdate) {
			a.nextUpdate = pub.nextUpdate
		}
		a.period = min(a.period, pub.period)
	}
	a.etag = fmt.Sprintf("%x", tags.Sum(nil)[:16])
	a.modified = p.bundleModified(now)
	a.content, a.size = parts, parts.length()
	// A list that is not there would be taken for "nobody is revoked".
	return a, len(parts) > 0 && len(parts) == len(p.issuers)
}

// bundleModified is the newest of its parts' dates; unknown when that is in the
// future. Two parts of one second have one date: then it is not said either.
func (p *Publisher) bundleModified(now time.Time) time.Time {
	var newest time.Time
	for _, pub := range p.complete() {
		at := pub.modified(now)
		if at.IsZero() {
			return time.Time{}
		}
		if at.After(newest) {
			newest = at
		}
	}
	if now.Sub(newest) < 2*time.Second {
		return time.Time{}
	}
	return newest
}

func (p *Publisher) complete() map[key]*publication {
	all := map[key]*publication{}
	for id := range p.issuers {
		if pub := p.published[completeKey(id)]; pub != nil {
			all[pub.key] = pub
		}
	}
	return all
}

// serve writes the answer: caches may keep it for a minute, and never past
// nextUpdate (PUB-03, PUB-04).
func (a *answer) serve(w http.ResponseWriter, r *http.Request, now time.Time) {
	age := min(maxAge, a.period, a.nextUpdate.Sub(now)).Truncate(time.Second)
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("ETag", `"`+a.etag+`"`)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(age/time.Second)))
	h.Set("Expires", now.Add(age).UTC().Format(http.TimeFormat))
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", a.modified, io.NewSectionReader(a.content, 0, a.size))
}

// refuse answers with a reason of reasons.md as text.
func refuse(w http.ResponseWriter, reason v1.Reason) {
	about := reason.About()
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Assay-Reason", string(reason))
	if about.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	}
	w.WriteHeader(about.Status)
	fmt.Fprintf(w, "%s: %s. Next: %s.\n", reason, about.Title, about.Next)
}

var _ http.Handler = (*Publisher)(nil)

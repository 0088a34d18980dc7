package est

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/assay-pki/assay/enroll/wire"
)

// cacerts answers GET /cacerts (RFC 7030 §4.1), without authentication. Fleets
// poll it: an entity tag makes that cheap.
func (h *handler) cacerts(rt route, r *http.Request) answer {
	certs, err := h.service.CACerts(r.Context(), rt.label)
	if err != nil {
		return h.failed(err)
	}
	body := wire.EncodeBody(wire.CertsOnly(certs...), wantsLines(r))
	hash := sha256.Sum256(body)
	a := answer{
		status:      http.StatusOK,
		contentType: wire.TypePKCS7,
		body:        body,
		base64:      true,
		etag:        `"` + hex.EncodeToString(hash[:16]) + `"`,
		maxAge:      cacertsMaxAge,
	}
	if matches(r.Header.Get("If-None-Match"), a.etag) {
		return answer{status: http.StatusNotModified, etag: a.etag, maxAge: a.maxAge}
	}
	return a
}

// matches is the weak comparison of RFC 9110 §13.1.2.
func matches(field, etag string) bool {
	for tag := range strings.SplitSeq(field, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// csrattrs answers GET /csrattrs (RFC 7030 §4.5): 204 when there are none.
func (h *handler) csrattrs(rt route, r *http.Request) answer {
	der, err := h.service.CSRAttrs(r.Context(), rt.label)
	switch {
	case err != nil:
		return h.failed(err)
	case der == nil:
		return answer{status: http.StatusNoContent}
	}
	return answer{
		status:      http.StatusOK,
		contentType: wire.TypeCSRAttrs,
		body:        wire.EncodeBody(der, wantsLines(r)),
		base64:      true,
	}
}

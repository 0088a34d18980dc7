package est

import (
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
)

// enroll answers simpleenroll and simplereenroll (RFC 7030 §4.2).
func (h *handler) enroll(rt route, w http.ResponseWriter, r *http.Request) answer {
	body, why := readBody(w, r, wire.TypePKCS10, maxBody)
	if why != nil {
		return h.refused(rt, r, why)
	}
	user, password, hasBasic := r.BasicAuth()
	request := enroll.Request{
		Operation: rt.operation, Label: rt.label,
		Peer:     r.TLS.PeerCertificates,
		HasBasic: hasBasic, User: user, Password: password,
		Binding: func() []byte { return binding(r.TLS) },
		Source:  source(r),
	}
	var err error
	if request.CSR, err = wire.DecodeBody(body); err != nil {
		request.Fault = bodyFault(err)
	}
	if field := r.Header.Values(wire.HeaderStationEvidence); len(field) > 0 && request.Fault == nil {
		request.StationEvidence, request.Fault = stationEvidence(field)
	}
	made, err := h.service.Enroll(r.Context(), request)
	if err != nil {
		return h.failed(err)
	}
	a := answer{
		status:      http.StatusOK,
		contentType: wire.TypeCerts,
		body:        wire.EncodeBody(wire.CertsOnly(made.Certificate), wantsLines(r)),
		base64:      true,
	}
	if !made.RenewFrom.IsZero() {
		a.renew = wire.FormatRenew(made.RenewFrom, made.RenewUntil)
	}
	if made.Batch != "" {
		a.batch = wire.FormatBatch(made.Batch, made.Left)
	}
	return a
}

// stationEvidence reads the one field of a station's statement.
func stationEvidence(field []string) ([]byte, *v1.Refusal) {
	if len(field) > 1 {
		return nil, v1.Refuse(v1.BadEvidence, wire.HeaderStationEvidence+" stands there twice")
	}
	statement, err := wire.ParseStationEvidence(field[0])
	if err != nil {
		return nil, &v1.Refusal{
			Reason: v1.BadEvidence, Detail: wire.HeaderStationEvidence + " is :BASE64: of a statement, at most 8 KiB", Err: err,
		}
	}
	return statement, nil
}

// readBody checks size and media type, and reads. Content-Transfer-Encoding is
// ignored (RFC 8951 §3.1).
func readBody(w http.ResponseWriter, r *http.Request, mediaType string, limit int64) ([]byte, *v1.Refusal) {
	if r.ContentLength > limit {
		return nil, v1.Refuse(v1.TooLarge, "")
	}
	if !isMediaType(r.Header.Get("Content-Type"), mediaType) {
		return nil, &v1.Refusal{Reason: v1.MediaType, Next: "set Content-Type: " + mediaType}
	}
	limited := http.MaxBytesReader(w, r.Body, limit)
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(limited, body)
	} else {
		body, err = io.ReadAll(limited)
	}
	if err == nil {
		return body, nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, v1.Refuse(v1.TooLarge, "")
	}
	return nil, &v1.Refusal{Reason: v1.BadBase64, Detail: "the body ends early", Err: err}
}

// isMediaType compares the media type; parameters are tolerated.
func isMediaType(field, want string) bool {
	if field == want {
		return true
	}
	t, _, err := mime.ParseMediaType(field)
	return (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter)) && t == want
}

func bodyFault(err error) *v1.Refusal {
	reason := v1.BadBase64
	if errors.Is(err, wire.ErrSendBase64) {
		reason = v1.SendBase64
	}
	return &v1.Refusal{Reason: reason, Err: err}
}

// wantsLines tells whether the client reads base64 only in lines: libest does.
func wantsLines(r *http.Request) bool {
	return strings.HasPrefix(r.UserAgent(), "libest")
}

// binding is the channel binding of a connection: tls-unique of TLS 1.2 (RFC
// 5929 §3), tls-exporter of TLS 1.3 (RFC 9266). A resumed session without
// extended master secret has none.
func binding(c *tls.ConnectionState) []byte {
	if c.Version < tls.VersionTLS13 {
		return c.TLSUnique
	}
	b, err := c.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, bindingSize)
	if err != nil {
		return nil
	}
	return b
}

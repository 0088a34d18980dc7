package est

import (
	"net/http"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll"
	"github.com/assay-pki/assay/enroll/wire"
)

// nonce answers GET and POST of the nonce resource: a GET leaves the length to
// us. It is for everybody; a credential binds the nonce to its holder.
func (h *handler) nonce(rt route, w http.ResponseWriter, r *http.Request) answer {
	request := enroll.NonceRequest{Label: rt.label, Peer: r.TLS.PeerCertificates, Source: source(r)}
	request.User, request.Password, request.HasBasic = r.BasicAuth()
	if r.Method == http.MethodPost {
		body, why := readBody(w, r, wire.TypeNonce, wire.MaxNonceRequest)
		if why != nil {
			if why.Reason == v1.BadBase64 { // it ends early
				why.Reason = v1.BadNonceRequest
			}
			return h.refused(rt, r, why)
		}
		var err error
		if request.Length, err = wire.ParseNonceRequest(body); err != nil {
			return h.refused(rt, r, &v1.Refusal{Reason: v1.BadNonceRequest, Detail: err.Error(), Err: err})
		}
	}
	made, err := h.service.Nonce(r.Context(), request)
	if err != nil {
		return h.failed(err)
	}
	return answer{
		status:      http.StatusOK,
		contentType: wire.TypeNonce,
		body:        wire.NonceAnswer(made.Nonce, made.Expires),
		secret:      true,
	}
}

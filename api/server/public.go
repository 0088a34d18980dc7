package server

import (
	"bytes"
	"encoding/pem"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store"
)

// public is the plain http listener: what anybody may read. OCSP requests are
// told apart before any multiplexer, since base64 holds "//", which those clean
// away.
func (n *node) public(s *services, h *health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/crl/", n.publisher)
	mux.HandleFunc("/ca/{name}", n.certificate)
	mux.HandleFunc("/audit/checkpoint", n.checkpoint)
	mux.HandleFunc("GET /healthz", h.healthz)
	mux.HandleFunc("GET /readyz", h.readyz)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, v1.NotFound) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ocsp" || strings.HasPrefix(r.URL.Path, "/ocsp/") {
			s.ocsp.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// caMaxAge is how long a CA certificate may be cached: it never changes under
// its name.
const caMaxAge = 24 * time.Hour

// certificate serves /ca/{issuer}.cer (DER, RFC 5280 §4.2.2.1), .pem,
// .anchor.pem and /ca/roots.pem.
func (n *node) certificate(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	name := r.PathValue("name")
	der, err := n.published(&name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		refuse(w, v1.NotFound)
		return
	case err != nil:
		n.log.ErrorContext(r.Context(), "CA certificate not served", logError, err)
		refuse(w, v1.SignerUnavailable)
		return
	}
	body, kind := der, "application/pkix-cert"
	if strings.HasSuffix(name, ".pem") {
		body, kind = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), "application/x-pem-file"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(int(caMaxAge.Seconds())))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// published finds the certificate that a file name stands for.
func (n *node) published(name *string) ([]byte, error) {
	if *name == "roots.pem" {
		*name = store.KindRoot + ".pem"
	}
	for _, i := range n.authority.Issuers() {
		switch *name {
		case i.Name + ".cer", i.Name + ".pem":
			return i.Certificate.Raw, nil
		case i.Name + ".anchor.pem":
			if i.Kind == store.KindRoot {
				return i.Certificate.Raw, nil
			}
			return n.authority.Anchor(i.ID)
		}
	}
	return nil, store.ErrNotFound
}

// checkpoint serves the newest signed head of the audit log.
func (n *node) checkpoint(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	note, err := n.store.Checkpoint(r.Context())
	switch {
	case errors.Is(err, store.ErrNotFound):
		refuse(w, v1.Starting)
		return
	case err != nil:
		refuse(w, v1.StoreUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(note))
}

func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	refuse(w, v1.MethodNotAllowed)
	return false
}

func refuse(w http.ResponseWriter, reason v1.Reason) {
	about := reason.About()
	w.Header().Set("Assay-Reason", string(reason))
	answer(w, about.Status, string(reason)+": "+about.Title+". Next: "+about.Next+".")
}

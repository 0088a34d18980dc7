package clienttest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pki/assay/enroll/wire"
)

const (
	defaultValidity = 90 * 24 * time.Hour
	defaultNonce    = 32
)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, r.Clone(r.Context()))
	var h http.HandlerFunc
	if len(s.next) > 0 {
		h, s.next = s.next[0], s.next[1:]
	}
	s.mu.Unlock()
	if h != nil {
		h(w, r)
		return
	}
	operation := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if s.Gate != nil {
		if refuse := s.Gate(r, operation); refuse != nil {
			refuse(w, r)
			return
		}
	}
	switch {
	case !strings.HasPrefix(r.URL.Path, wire.PathPrefix+"/"):
		http.NotFound(w, r)
	case operation == wire.OpCACerts:
		s.ServeCACerts(w, r)
	case operation == wire.OpCSRAttrs && s.CSRAttrs != nil:
		write(w, wire.TypeCSRAttrs, s.CSRAttrs)
	case operation == wire.OpNonce && s.Nonces:
		s.ServeNonce(w, r)
	case operation == wire.OpSimpleEnroll:
		s.enroll(w, r, false)
	case operation == wire.OpSimpleReenroll:
		s.enroll(w, r, true)
	default:
		http.NotFound(w, r)
	}
}

func write(w http.ResponseWriter, mediaType string, der []byte) {
	body := wire.EncodeBody(der, false)
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set(wire.TransferEncodingField, wire.TransferEncoding)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// ServeCACerts answers /cacerts; queued with Next it lets the first request of
// a client through.
func (s *Server) ServeCACerts(w http.ResponseWriter, _ *http.Request) {
	list := [][]byte{s.Root.Certificate.Raw}
	for _, c := range s.Extra {
		list = append(list, c.Raw)
	}
	write(w, wire.TypePKCS7, wire.CertsOnly(append(list, s.Issuer.Certificate.Raw)...))
}

func (s *Server) enroll(w http.ResponseWriter, r *http.Request, renewal bool) {
	csr, refuse := s.read(r)
	if refuse == nil {
		refuse = s.admit(r, csr, renewal)
	}
	if refuse != nil {
		refuse(w, r)
		return
	}
	cert, lost, refuse, err := s.certify(csr)
	switch {
	case refuse != nil:
		refuse(w, r)
	case err != nil:
		Refuse(http.StatusInternalServerError, "internal", err.Error(), "")(w, r)
	case lost:
		panic(http.ErrAbortHandler) // the connection is cut
	default:
		if s.Renew != "" {
			w.Header().Set(wire.HeaderRenew, s.Renew)
		}
		if s.Batch != "" {
			w.Header().Set(wire.HeaderBatch, wire.FormatBatch(s.Batch, s.Left))
		}
		write(w, wire.TypeCerts, wire.CertsOnly(cert.Raw))
	}
}

func (s *Server) read(r *http.Request) (*wire.CSR, http.HandlerFunc) {
	if r.Header.Get("Content-Type") != wire.TypePKCS10 {
		return nil, Refuse(http.StatusUnsupportedMediaType, "media-type", "send "+wire.TypePKCS10, "")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxRequestBody))
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "bad-base64", err.Error(), "")
	}
	der, err := wire.DecodeBody(body)
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "bad-base64", err.Error(), "")
	}
	csr, err := wire.ParseCSR(der)
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "bad-csr", err.Error(), "")
	}
	key, err := csr.PublicKey()
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "bad-csr", err.Error(), "")
	}
	if err := csr.Verify(key); err != nil {
		return nil, Refuse(http.StatusBadRequest, "bad-signature", err.Error(), "")
	}
	return csr, nil
}

// admit wants the token, or a certificate of the issuer with the subject of
// the request.
func (s *Server) admit(r *http.Request, csr *wire.CSR, renewal bool) http.HandlerFunc {
	peers := r.TLS.PeerCertificates
	if len(peers) == 0 {
		_, password, _ := r.BasicAuth()
		if renewal || s.Token != "" && password != s.Token {
			return Refuse(http.StatusUnauthorized, "credential-rejected", "the token is not accepted.", "")
		}
		return nil
	}
	if err := peers[0].CheckSignatureFrom(s.Issuer.Certificate); err != nil {
		return Refuse(http.StatusForbidden, "certificate-unknown", "not ours.", "")
	}
	if renewal && !wire.EqualNames(peers[0].RawSubject, csr.RawSubject) {
		return Refuse(http.StatusForbidden, "subject-mismatch", "the subject differs.", "")
	}
	return nil
}

// certify issues once for each CSR.
func (s *Server) certify(csr *wire.CSR) (cert *x509.Certificate, lost bool, refuse http.HandlerFunc, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := sha256.Sum256(csr.Raw)
	if cert = s.byCSR[id]; cert == nil {
		if refuse = s.judge(csr, id); refuse != nil {
			return nil, false, refuse, nil
		}
		if cert, err = s.issue(csr); err != nil {
			return nil, false, nil, err
		}
		s.issued, s.byCSR[id] = append(s.issued, cert), cert
	}
	lost = s.lose > 0
	if lost {
		s.lose--
	}
	return cert, lost, nil, nil
}

// judge is what an assay server does with evidence, less the evidence itself:
// that holds a nonce somewhere.
func (s *Server) judge(csr *wire.CSR, id [sha256.Size]byte) http.HandlerFunc {
	if s.Decide != nil {
		if refuse := s.Decide(csr); refuse != nil {
			return refuse
		}
	}
	if !s.Evidence {
		return nil
	}
	values := csr.Attribute(wire.OIDAttestation)
	if len(values) == 0 {
		return Refuse(http.StatusForbidden, "evidence-missing", "send evidence.", "")
	}
	for nonce, redeemed := range s.nonces {
		switch {
		case !bytes.Contains(values[0], []byte(nonce)):
		case redeemed != [sha256.Size]byte{}:
			return Refuse(http.StatusForbidden, "nonce-reused", "another request had it.", "")
		default:
			s.nonces[nonce] = id
			return nil
		}
	}
	return Refuse(http.StatusForbidden, "nonce-invalid", "unknown or expired.", "")
}

func (s *Server) issue(csr *wire.CSR) (*x509.Certificate, error) {
	serial, err := csr.SubjectSerial()
	if err != nil {
		return nil, err
	}
	key, err := csr.PublicKey()
	if err != nil {
		return nil, err
	}
	validity, now := s.Validity, time.Now()
	if validity == 0 {
		validity = defaultValidity
	}
	if s.Now != nil {
		now = s.Now()
	}
	return s.Issuer.issue(&x509.Certificate{
		SerialNumber: big.NewInt(int64(len(s.issued)) + 1<<20),
		Subject:      pkix.Name{CommonName: serial, SerialNumber: serial},
		NotBefore:    now.Add(-10 * time.Minute), NotAfter: now.Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key)
}

// ServeNonce answers the nonce operation in 32 octets, or as many as a POST asks for.
func (s *Server) ServeNonce(w http.ResponseWriter, r *http.Request) {
	if peers := r.TLS.PeerCertificates; len(peers) > 0 && peers[0].CheckSignatureFrom(s.Issuer.Certificate) != nil {
		Refuse(http.StatusForbidden, "certificate-unknown", "not ours.", "")(w, r)
		return
	}
	ask := struct {
		Len int `json:"len"`
	}{defaultNonce}
	if r.Method == http.MethodPost && json.NewDecoder(io.LimitReader(r.Body, wire.MaxRequestBody)).Decode(&ask) != nil {
		Refuse(http.StatusBadRequest, "bad-nonce-request", "not JSON.", "")(w, r)
		return
	}
	nonce := make([]byte, ask.Len)
	rand.Read(nonce)
	s.mu.Lock()
	s.nonces[string(nonce)] = [sha256.Size]byte{}
	s.mu.Unlock()
	w.Header().Set("Content-Type", wire.TypeNonce)
	fmt.Fprintf(w, `{"nonce":%q,"expiry":600}`, base64.RawURLEncoding.EncodeToString(nonce))
}

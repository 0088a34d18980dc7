package client

import (
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/http"

	"github.com/assay-pki/assay/enroll/wire"
)

// Request is a request for a certificate that may carry evidence. It holds a
// key to make the CSR with, or the CSR alone when it was made elsewhere.
type Request struct {
	// Key signs the CSR; nil: CSR is all there is.
	Key crypto.Signer
	// Subject is that of a first certificate. Renews is the certificate to
	// renew, which must be the client's; then Subject is not read.
	Subject pkix.Name
	Renews  *x509.Certificate
	// CSR was made before and perhaps sent: it is sent again, octet by octet,
	// before anything new is made. nil: none yet.
	CSR []byte
	// Evidence makes the value of the attribute id-aa-attestation about the
	// nonce (nil when the server has none) and the DER of the CSR's
	// SubjectPublicKeyInfo; nil: no evidence.
	Evidence func(ctx context.Context, nonce, spki []byte) ([]byte, error)
	// Statement makes a station's statement about a CSR that is signed
	// already, for the field Assay-Station-Evidence; nil: none.
	Statement func(ctx context.Context, nonce, csr []byte) ([]byte, error)
	// Nonce is one for a whole batch; nil: one is fetched for each CSR.
	Nonce []byte
	// Save makes Key and each CSR durable before it is sent; its error stops
	// the request. nil: a lost answer stays lost when the process ends.
	Save func(csr []byte) error
}

// Obtain enrols, or renews when r.Renews is set. A CSR that the server refuses
// because its nonce or evidence is too old is made anew, once; after every
// other error the same CSR is right, also after a lost answer. Errors are
// those of Enroll, of Save and of the producers of evidence.
func (c *Client) Obtain(ctx context.Context, r Request) (*Answer, error) {
	csr, err := r.CSR, error(nil)
	if csr == nil {
		if csr, err = c.prepare(ctx, r); err != nil {
			return nil, err
		}
	}
	answer, err := c.present(ctx, r, csr)
	if !stale(err) || r.Nonce != nil {
		return answer, err
	}
	switch {
	case r.Key != nil && r.Evidence != nil:
		if csr, err = c.prepare(ctx, r); err != nil {
			return nil, err
		}
	case r.Statement == nil:
		return nil, err
	}
	return c.present(ctx, r, csr)
}

// stale says that only a new nonce can help. It was refused, so no answer is
// lost with the old one.
func stale(err error) bool {
	refusal, ok := errors.AsType[*Refusal](err)
	return ok && (refusal.Reason == "nonce-invalid" || refusal.Reason == "evidence-stale")
}

// prepare makes and saves a CSR.
func (c *Client) prepare(ctx context.Context, r Request) ([]byte, error) {
	if r.Key == nil {
		return nil, fmt.Errorf("%w: a request needs a key or a CSR", ErrConfig)
	}
	var attributes []wire.Attribute
	if r.Evidence != nil {
		spki, err := x509.MarshalPKIXPublicKey(r.Key.Public())
		if err != nil {
			return nil, fmt.Errorf("make certification request: %w", err)
		}
		nonce, err := c.nonceFor(ctx, r)
		if err != nil {
			return nil, err
		}
		value, err := r.Evidence(ctx, nonce, spki)
		if err != nil {
			return nil, fmt.Errorf("make evidence: %w", err)
		}
		attributes = append(attributes, EvidenceAttribute(value))
	}
	var csr []byte
	var err error
	if r.Renews != nil {
		csr, err = NewRenewalCSR(r.Key, r.Renews, attributes...)
	} else {
		csr, err = NewCSR(r.Key, r.Subject, attributes...)
	}
	if err != nil {
		return nil, err
	}
	if r.Save != nil {
		if err := r.Save(csr); err != nil {
			return nil, fmt.Errorf("save the request: %w", err)
		}
	}
	return csr, nil
}

// nonceFor is nil when the server knows no nonces: whether evidence without
// one is enough, it decides.
func (c *Client) nonceFor(ctx context.Context, r Request) ([]byte, error) {
	if r.Nonce != nil {
		return r.Nonce, nil
	}
	nonce, _, err := c.Nonce(ctx, 0)
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.Status == http.StatusNotFound {
		return nil, nil
	}
	return nonce, err
}

// present sends a CSR.
func (c *Client) present(ctx context.Context, r Request, csr []byte) (*Answer, error) {
	if r.Renews != nil {
		return c.Reenroll(ctx, csr)
	}
	if r.Statement == nil {
		return c.Enroll(ctx, csr)
	}
	nonce, err := c.nonceFor(ctx, r)
	if err != nil {
		return nil, err
	}
	statement, err := r.Statement(ctx, nonce, csr)
	if err != nil {
		return nil, fmt.Errorf("make evidence: %w", err)
	}
	if len(statement) > maxStatement {
		return nil, fmt.Errorf("make evidence: %d octets, servers take %d", len(statement), maxStatement)
	}
	return c.request(ctx, "enroll", wire.OpSimpleEnroll, csr, statement)
}

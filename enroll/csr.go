package enroll

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/enroll/keypolicy"
	"github.com/assay-pki/assay/enroll/wire"
	"github.com/assay-pki/assay/store"
)

// readCSR reads the request, once: its form, its key, its signature, in this
// order, so that nothing is computed with a key that was not judged (threats
// rows 7 to 13).
func (a *attempt) readCSR(ctx context.Context) error {
	if err := a.parseCSR(); err != nil {
		return err
	}
	if a.csr.AsksCA() || asksCRLSign(a.csr) {
		return v1.Refuse(v1.CSRAsksCA, "")
	}
	key, err := keypolicy.Parse(a.csr.SPKI)
	if err != nil {
		return err
	}
	if err := keypolicy.Check(key, a.csr.SPKI, a.product.Keys); err != nil {
		return err
	}
	if err := a.findOwner(ctx); err != nil {
		return err
	}
	a.key = key
	switch err := a.csr.Verify(key); {
	case errors.Is(err, wire.ErrSignatureAlgorithm):
		return &v1.Refusal{Reason: v1.BadSignature, Detail: "the signature algorithm is not accepted: use SHA-256 or better with the kind of key in the request", Err: err}
	case err != nil:
		return &v1.Refusal{Reason: v1.BadSignature, Err: err}
	}
	return a.checkBinding()
}

// findOwner finds the newest certificate of the key, and refuses a key that was
// compromised once: only one that was certified can have been.
func (a *attempt) findOwner(ctx context.Context) error {
	c, err := a.store.CertificateBySPKI(ctx, a.csr.SPKI)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look up the owner of a key: %w", err)
	}
	a.owner = &c
	switch blocked, err := a.store.KeyBlocked(ctx, a.csr.SPKI); {
	case err != nil:
		return fmt.Errorf("look up a blocked key: %w", err)
	case blocked:
		return v1.Refuse(v1.KeyBlocked, "")
	}
	return nil
}

// parseCSR reads the form only.
func (a *attempt) parseCSR() error {
	if a.Fault != nil {
		return a.Fault
	}
	csr, err := wire.ParseCSR(a.CSR)
	switch {
	case errors.Is(err, wire.ErrTooComplex):
		return &v1.Refusal{Reason: v1.CSRTooComplex, Err: err}
	case err != nil:
		return &v1.Refusal{Reason: v1.BadCSR, Err: err}
	}
	if hasControl(csr.Subject) {
		return v1.Refuse(v1.BadCSR, "the subject has control characters")
	}
	a.csr, a.hash = csr, sha256.Sum256(a.CSR)
	return nil
}

// hasControl looks for characters that would forge lines of a log or a terminal
// (threats row 42).
func hasControl(n wire.Name) bool {
	for _, rdn := range n {
		for _, v := range rdn {
			if strings.ContainsFunc(v.Text, unicode.IsControl) {
				return true
			}
		}
	}
	return false
}

// asksCRLSign tells whether keyUsage asks for cRLSign, bit 6, which only a CA
// has. The parser has checked the form.
func asksCRLSign(c *wire.CSR) bool {
	const cRLSign = 0x80 >> 6
	for _, e := range c.Extensions {
		if e.ID.Equal(wire.OIDKeyUsage) {
			// BIT STRING: tag, length, unused bits, first octet.
			return len(e.Value) > 3 && e.Value[3]&cRLSign != 0
		}
	}
	return false
}

// checkBinding holds a challengePassword against the connection, if one is
// there (RFC 7030 §3.5; RFC 9266 for TLS 1.3). A connection that has no binding
// cannot prove one: it is refused, not skipped.
func (a *attempt) checkBinding() error {
	if !a.csr.HasChallenge || a.csr.ChallengePassword == "" {
		return nil
	}
	var binding []byte
	if a.Binding != nil {
		binding = a.Binding()
	}
	want := base64.StdEncoding.EncodeToString(binding)
	if len(binding) == 0 || subtle.ConstantTimeCompare([]byte(want), []byte(a.csr.ChallengePassword)) != 1 {
		return v1.Refuse(v1.LinkingFailed, "")
	}
	return nil
}

package api

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/ca"
	"github.com/assay-pki/assay/ca/profile"
	"github.com/assay-pki/assay/store"
)

// pemCertificate is the type of a PEM block.
const pemCertificate = "CERTIFICATE"

type certifyIn struct {
	NamePath
	DryRun bool `query:"dry_run" doc:"check the request and issue nothing"`
	Body   v1.CSR
}

type credentialOut struct {
	Body v1.Credential
}

// certifyOperator signs, stores, and then answers: no byte of a certificate
// leaves before its record is durable.
func (a *API) certifyOperator(ctx context.Context, who *caller, in *certifyIn) (*credentialOut, error) {
	csr, err := parseCSR(in.Body.CSR, "assay operator add")
	if err != nil {
		return nil, err
	}
	o, err := a.store.Operator(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if !who.grant.Covers(grantOf(o)) {
		return nil, a.scopeDenied(ctx, who, "the operator's grant reaches beyond the caller's own")
	}
	if o.Removed {
		return nil, &v1.Refusal{
			Reason: v1.WrongState, Detail: "the operator was removed",
			Next: "add it again: assay operator add " + o.Name,
		}
	}
	if in.DryRun {
		return &credentialOut{Body: v1.Credential{DryRun: true}}, nil
	}
	made, err := a.ca.Operator(ctx, ca.OperatorRequest{Name: o.Name, SPKI: csr.RawSubjectPublicKeyInfo})
	if err != nil {
		return nil, signerTrouble(err)
	}
	by := a.actor(who)
	issued, err := a.store.Issue(ctx, store.Issuance{
		Certificate: store.Certificate{
			Ref: store.Ref{Issuer: store.IssuerID(made.IssuerID), Index: made.Index},
			DER: made.DER, Serial: made.Serial,
			Holder:    store.Holder{Kind: store.HolderOperator, Name: o.Name},
			Profile:   store.ProfileOperator,
			Operation: store.OpAdmin, Principal: by.Principal,
			CSRHash: sha256.Sum256(csr.Raw), IssuedAt: by.At,
		},
		By: by,
	})
	if err != nil {
		return nil, err
	}
	out := &credentialOut{}
	out.Body, err = a.credential(ctx, issued.Certificate)
	return out, err
}

// credential is what an operator's or a station's directory holds.
func (a *API) credential(ctx context.Context, c store.Certificate) (out v1.Credential, err error) {
	issuers, err := a.store.Issuers(ctx)
	if err != nil {
		return out, err
	}
	if out.Certificate, err = certificate(c, namesOf(issuers), a.now(), true); err != nil {
		return out, err
	}
	var chain, roots strings.Builder
	chain.WriteString(out.Certificate.PEM)
	for _, i := range issuers {
		switch {
		case i.ID == c.Issuer:
			chain.WriteString(pemOf(i.Certificate))
		case i.Kind == store.KindRoot:
			roots.WriteString(pemOf(i.Certificate))
		}
	}
	out.Chain, out.Roots = chain.String(), roots.String()
	return out, nil
}

// parseCSR reads a PKCS#10 request (RFC 2986) in PEM and verifies it. The key is
// judged before a signature is verified with it: an odd one can be made so that
// verifying takes long. maker is the command that makes a good one.
func parseCSR(text, maker string) (*x509.CertificateRequest, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || !strings.Contains(block.Type, "CERTIFICATE REQUEST") || strings.TrimSpace(string(rest)) != "" {
		return nil, v1.Refuse(v1.BadCSR, "the body's csr is not one PEM block CERTIFICATE REQUEST")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, &v1.Refusal{Reason: v1.BadCSR, Err: err}
	}
	if _, ok := profile.KeyTypeOf(csr.PublicKey); !ok {
		return nil, &v1.Refusal{
			Reason: v1.KeyTypeNotAllowed, Detail: "the key is to be ec-p256, ec-p384, ec-p521, ed25519 or rsa-2048 to rsa-4096",
			Next: "let " + maker + " make the key",
		}
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, &v1.Refusal{Reason: v1.BadSignature, Err: err}
	}
	return csr, nil
}

// signerTrouble: what the authority could not sign for a reason of its own.
func signerTrouble(err error) error {
	if _, ok := errors.AsType[*v1.Refusal](err); ok {
		return err
	}
	if errors.Is(err, ca.ErrKey) {
		return &v1.Refusal{Reason: v1.WeakKey, Err: err}
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return err
		}
	}
	return &v1.Refusal{Reason: v1.SignerUnavailable, Err: err}
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der}))
}

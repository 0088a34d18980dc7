package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ocsp"
)

func newOCSP(a *app) *cobra.Command {
	var issuer, url string
	check := &cobra.Command{
		Use:   "check (FILE|SERIAL|PRODUCT/SERIAL)",
		Short: "Ask the OCSP responder; exit 0 good, 1 revoked or unknown",
		Args:  wants("CERT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ocspCheck(cmd.Context(), args[0], issuer, url)
		},
	}
	check.Flags().StringVar(&issuer, "issuer", "", "CA certificate in this `FILE`; none: the authority's")
	check.Flags().StringVar(&url, "url", "", "ask this `URL`; none: the authority's http listener, else the certificate's")
	return group("ocsp", "Online certificate status", check)
}

// ocspView is an answer as JSON shows it.
type ocspView struct {
	Serial     string    `json:"serial"`
	Status     string    `json:"status"`
	Reason     string    `json:"reason,omitempty"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	ProducedAt time.Time `json:"produced_at"`
	Responder  string    `json:"responder"`
}

func (a *app) ocspCheck(ctx context.Context, id, issuerFile, url string) error {
	cert, err := a.certificateOf(ctx, id)
	if err != nil {
		return err
	}
	issuer, err := a.issuerOf(ctx, cert, issuerFile)
	if err != nil {
		return err
	}
	if url == "" {
		if url, err = a.responderOf(cert); err != nil {
			return err
		}
	}
	answer, err := a.askOCSP(ctx, url, cert, issuer)
	if err != nil {
		return err
	}
	view := ocspView{
		Serial: serialText(cert), Status: "unknown", ThisUpdate: answer.ThisUpdate,
		NextUpdate: answer.NextUpdate, ProducedAt: answer.ProducedAt, Responder: url,
	}
	switch answer.Status {
	case ocsp.Good:
		view.Status = "good"
	case ocsp.Revoked:
		view.Status, view.Reason, view.RevokedAt = "revoked", reasonName(answer.RevocationReason), answer.RevokedAt
	}
	err = a.show(object(
		view, view.Status, "status", view.Status, "reason", view.Reason, "revoked", when(view.RevokedAt),
		"serial", view.Serial, "this update", when(view.ThisUpdate), "next update", when(view.NextUpdate),
		"produced", when(view.ProducedAt), "responder", url,
	))
	if err == nil && view.Status != "good" {
		return &failure{code: exitFailure, what: view.Status, quiet: true}
	}
	return err
}

// askOCSP posts one question and verifies the answer: signature, responder's
// right and validity, the serial asked for, and the time.
func (a *app) askOCSP(ctx context.Context, url string, cert, issuer *x509.Certificate) (*ocsp.Response, error) {
	question, err := ocsp.CreateRequest(cert, issuer, &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		return nil, fmt.Errorf("make the OCSP request: %w", err)
	}
	body, err := a.fetch(ctx, http.MethodPost, url, "application/ocsp-request", question, maxOCSPBytes)
	if err != nil {
		return nil, err
	}
	answer, err := ocsp.ParseResponseForCert(body, cert, issuer)
	if refused, ok := errors.AsType[ocsp.ResponseError](err); ok {
		return nil, failOCSPRefused(url, refused)
	}
	if err != nil {
		return nil, failOCSPAnswer(url, err)
	}
	if err := checkAnswer(answer, a.now()); err != nil {
		return nil, failOCSPAnswer(url, err)
	}
	return answer, nil
}

// clockSkew is how far ahead the responder's clock may be.
const clockSkew = 5 * time.Minute

func checkAnswer(answer *ocsp.Response, now time.Time) error {
	if c := answer.Certificate; c != nil {
		if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
			return errors.New("the responder's certificate is not for signing OCSP answers")
		}
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return errors.New("the responder's certificate is out of date")
		}
	}
	if answer.ThisUpdate.After(now.Add(clockSkew)) {
		return errors.New("the answer is from the future: check the clock")
	}
	if !answer.NextUpdate.IsZero() && now.After(answer.NextUpdate) {
		return errors.New("the answer is out of date")
	}
	return nil
}

// certificateOf finds the certificate itself: a file, or by the API, for a
// device its newest one.
func (a *app) certificateOf(ctx context.Context, id string) (*x509.Certificate, error) {
	s, err := a.readSubject(id)
	if err != nil {
		return nil, err
	}
	if s.certificate != nil {
		return s.certificate, nil
	}
	api, err := a.connect()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	if s.device != "" {
		product, serial, _ := strings.Cut(s.device, "/")
		d, err := api.Device(ctx, product, serial)
		if err != nil {
			return nil, err
		}
		if len(d.Certificates) == 0 {
			return nil, failNoCertificates(s.device)
		}
		s.serial = d.Certificates[len(d.Certificates)-1].Serial
	}
	c, err := api.Certificate(ctx, s.serial)
	if err != nil {
		return nil, err
	}
	certs, err := parseCertificates([]byte(c.PEM))
	if err != nil {
		return nil, err
	}
	return certs[0], nil
}

// issuerOf finds the CA certificate: in the file, else among the authority's.
func (a *app) issuerOf(ctx context.Context, cert *x509.Certificate, file string) (*x509.Certificate, error) {
	var candidates []*x509.Certificate
	if file != "" {
		text, err := a.readSmall(file, maxSmallFile)
		if err != nil {
			return nil, err
		}
		if candidates, err = parseCertificates(text); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	} else {
		all, err := a.issuers(ctx)
		if err != nil {
			return nil, err
		}
		for _, i := range all {
			certs, err := parseCertificates([]byte(i.PEM))
			if err != nil {
				return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
			}
			candidates = append(candidates, certs...)
		}
	}
	for _, c := range candidates {
		if bytes.Equal(c.RawSubject, cert.RawIssuer) && cert.CheckSignatureFrom(c) == nil {
			return c, nil
		}
	}
	return nil, failIssuerOf(serialText(cert))
}

// responderOf is the authority's own listener when it is known, else the URL in
// the certificate.
func (a *app) responderOf(cert *x509.Certificate) (string, error) {
	base, err := a.publicURL()
	if err == nil {
		return base + "/ocsp", nil
	}
	if len(cert.OCSPServer) > 0 {
		return cert.OCSPServer[0], nil
	}
	return "", err
}

package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newCRL(a *app) *cobra.Command {
	return group("crl", "Certificate revocation lists", newCRLShow(a), newCRLPublish(a))
}

func newCRLShow(a *app) *cobra.Command {
	var issuer string
	c := &cobra.Command{
		Use:   "show [FILE|URL|NAME]",
		Short: "List what is published, or show one CRL",
		Long:  helpCRLShow,
		Args:  atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.crlList(cmd.Context())
			}
			return a.crlShow(cmd.Context(), args[0], issuer)
		},
	}
	c.Flags().StringVar(&issuer, "issuer", "", "verify the signature by the CA certificate in this `FILE`")
	return c
}

func crlColumns() []string {
	return []string{"issuer", "scope", "number", "this update", "signed", "url"}
}

func crlCells(c v1.CRLInfo) []string {
	return []string{c.Issuer, c.Scope, fmt.Sprint(c.Number), when(c.ThisUpdate), when(c.SignedAt), c.URL}
}

func (a *app) crlList(ctx context.Context) error {
	return a.withAPI(func(api *client.Client) error { return a.crlsAre(ctx, api) })
}

func (a *app) crlsAre(ctx context.Context, api *client.Client) error {
	return showList(a, api.CRLs(ctx), 0, crlColumns(), func(c v1.CRLInfo) (string, []string) {
		return c.Issuer + "/" + c.Scope, crlCells(c)
	})
}

func newCRLPublish(a *app) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use: "publish", Short: "Sign and publish every CRL now", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			if dryRun {
				return a.crlsAre(cmd.Context(), api)
			}
			published, err := api.PublishCRLs(cmd.Context())
			if err != nil {
				return err
			}
			s := sheet{columns: crlColumns()}
			for _, c := range published.CRLs {
				s.add(c, c.Issuer+"/"+c.Scope, crlCells(c)...)
			}
			return a.show(s)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show the lists as they are and sign nothing")
	return c
}

// crlView is a parsed CRL as JSON shows it.
type crlView struct {
	Issuer     string     `json:"issuer"`
	Number     string     `json:"number"`
	ThisUpdate time.Time  `json:"this_update"`
	NextUpdate time.Time  `json:"next_update"`
	Expired    bool       `json:"expired"`
	Verified   bool       `json:"verified"`
	Count      int        `json:"count"`
	Entries    []crlEntry `json:"entries"`
}

// crlEntry is one revoked certificate.
type crlEntry struct {
	Serial    string    `json:"serial"`
	RevokedAt time.Time `json:"revoked_at"`
	Reason    string    `json:"reason"`
}

func (a *app) crlShow(ctx context.Context, what, issuerFile string) error {
	der, err := a.readCRL(ctx, what)
	if err != nil {
		return err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return failNotACRL(what, err)
	}
	view := a.viewCRL(list)
	if issuerFile != "" {
		if err := a.checkCRL(list, issuerFile); err != nil {
			return err
		}
		view.Verified = true
	}
	err = a.show(object(
		view, what, "issuer", view.Issuer, "number", view.Number, "this update", when(view.ThisUpdate),
		"next update", when(view.NextUpdate), "expired", yesNo(view.Expired), "verified", yesNo(view.Verified),
		"revoked", fmt.Sprint(view.Count),
	))
	if err != nil || a.flags.output != "table" || view.Count == 0 {
		return err
	}
	s := sheet{columns: []string{"serial", "revoked at", "reason"}}
	for _, e := range view.Entries {
		s.add(e, e.Serial, e.Serial, when(e.RevokedAt), e.Reason)
	}
	a.blankLine()
	return a.show(s)
}

func (a *app) viewCRL(l *x509.RevocationList) crlView {
	view := crlView{
		Issuer: l.Issuer.String(), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate,
		Expired: a.now().After(l.NextUpdate), Count: len(l.RevokedCertificateEntries),
		Entries: make([]crlEntry, 0, len(l.RevokedCertificateEntries)),
	}
	if l.Number != nil {
		view.Number = l.Number.String()
	}
	for _, e := range l.RevokedCertificateEntries {
		view.Entries = append(view.Entries, crlEntry{
			Serial:    fmt.Sprintf("%032x", e.SerialNumber),
			RevokedAt: e.RevocationTime, Reason: reasonName(e.ReasonCode),
		})
	}
	return view
}

// readCRL reads a file, a URL, or a published list by its name: devices-1 is
// the complete CRL, devices-1/0 a shard.
func (a *app) readCRL(ctx context.Context, what string) ([]byte, error) {
	if isURL(what) {
		text, err := a.fetch(ctx, http.MethodGet, what, "", nil, maxCRLBytes)
		if err != nil {
			return nil, err
		}
		return derOf(text, "X509 CRL")
	}
	if what == "-" || exists(what) {
		text, err := a.readSmall(what, maxCRLBytes)
		if err != nil {
			return nil, err
		}
		return derOf(text, "X509 CRL")
	}
	if strings.Contains(what, ".") {
		return nil, failNoCRL(what)
	}
	base, err := a.publicURL()
	if err != nil {
		return nil, err
	}
	return a.fetch(ctx, http.MethodGet, base+"/crl/"+strings.TrimSuffix(what, "/complete")+".crl", "", nil, maxCRLBytes)
}

func (a *app) checkCRL(l *x509.RevocationList, file string) error {
	text, err := a.readSmall(file, maxSmallFile)
	if err != nil {
		return err
	}
	certs, err := parseCertificates(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, c := range certs {
		if err = l.CheckSignatureFrom(c); err == nil {
			return nil
		}
	}
	return failCRLSignature(file, err)
}

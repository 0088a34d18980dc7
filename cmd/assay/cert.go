package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newCert(a *app) *cobra.Command {
	return group("cert", "Issued certificates", newCertList(a), newCertShow(a), newCertExport(a))
}

func newCertList(a *app) *cobra.Command {
	var filter client.CertificateFilter
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List certificates", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			return showList(a, api.Certificates(cmd.Context(), filter), limit, certificateColumns(),
				func(c v1.Certificate) (string, []string) { return c.Serial, certificateCells(c) })
		},
	}
	c.Flags().StringVar(&filter.Product, "product", "", "of this `product`")
	c.Flags().StringVar(&filter.Device, "device", "", "of this device, `PRODUCT/SERIAL`")
	c.Flags().StringVar(&filter.Status, "status", "", "of this `status`: good, held, revoked, superseded, expired")
	c.Flags().StringVar(&filter.Issuer, "issuer", "", "of this `issuer`, as devices-1")
	limitFlag(c.Flags(), &limit)
	return c
}

func certificateColumns() []string {
	return []string{"serial", "status", "holder", "profile", "issuer", "not after", "reason"}
}

func certificateCells(c v1.Certificate) []string {
	return []string{c.Serial, c.Status, c.Holder, c.Profile, c.Issuer, when(c.NotAfter), c.Reason}
}

func newCertShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show (SERIAL|FILE)", Short: "Show a certificate and what became of it", Args: wants("SERIAL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.certificate(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.show(object(
				c, c.Serial,
				"serial", c.Serial, "status", c.Status, "reason", c.Reason,
				"revoked", when(c.RevokedAt), "invalid since", when(c.InvalidAt),
				"subject", c.Subject, "issuer", c.Issuer, "holder", c.HolderKind+" "+c.Holder,
				"profile", c.Profile, "product", productRevision(c.Product, c.Revision),
				"not before", when(c.NotBefore), "not after", when(c.NotAfter), "issued", when(c.IssuedAt),
				"asked for by", c.Principal, "presented", yesNo(c.Presented), "sha256", c.SHA256,
			))
		},
	}
}

func productRevision(product string, revision uint32) string {
	if product == "" || revision == 0 {
		return product
	}
	return fmt.Sprintf("%s@%d", product, revision)
}

// certificate reads what an argument names: a serial number or a file.
func (a *app) certificate(ctx context.Context, id string) (v1.Certificate, error) {
	s, err := a.readSubject(id)
	if err != nil {
		return v1.Certificate{}, err
	}
	if s.serial == "" {
		return v1.Certificate{}, failWantsCertificate(id)
	}
	api, err := a.connect()
	if err != nil {
		return v1.Certificate{}, err
	}
	defer api.Close()
	return api.Certificate(ctx, s.serial)
}

func newCertExport(a *app) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "export SERIAL", Short: "Write a certificate as PEM", Args: wants("SERIAL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.certificate(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.writePublic(out, c.PEM)
		},
	}
	c.Flags().StringVar(&out, "out", "", "write to `FILE`, not to standard output")
	return c
}

// writePublic writes PEM to a file, whole or not at all, or to standard output.
func (a *app) writePublic(path, text string) error {
	if path == "" || path == "-" {
		if _, err := io.WriteString(a.out, text); err != nil {
			return fmt.Errorf("write the output: %w", err)
		}
		return nil
	}
	if err := renameio.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	a.say.wrote(path)
	return nil
}

// blankLine stands between two tables.
func (a *app) blankLine() { fmt.Fprintln(a.out) }

// exists tells whether a path is there, whatever it is.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

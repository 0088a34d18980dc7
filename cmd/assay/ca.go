package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newCA(a *app) *cobra.Command {
	return group("ca", "The authority's own certificates", newCAList(a), newCAShow(a), newCAExport(a))
}

func newCAList(a *app) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List the root and the issuers", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			columns := []string{"name", "kind", "subject", "not after", "max validity", "crl"}
			return showList(a, api.Issuers(cmd.Context()), limit, columns, func(i v1.Issuer) (string, []string) {
				return i.Name, []string{i.Name, i.Kind, i.Subject, when(i.NotAfter), i.MaxValidity, i.CRL}
			})
		},
	}
	limitFlag(c.Flags(), &limit)
	return c
}

func newCAShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show the root or an issuer", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			i, err := api.Issuer(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.show(object(
				i, i.Name,
				"name", i.Name, "kind", i.Kind, "subject", i.Subject, "serial", i.Serial,
				"not before", when(i.NotBefore), "not after", when(i.NotAfter), "max validity", i.MaxValidity,
				"key id", i.KeyID, "sha256", i.SHA256, "url", i.URL, "crl", i.CRL,
			))
		},
	}
}

func newCAExport(a *app) *cobra.Command {
	var anchor, out string
	c := &cobra.Command{
		Use:   "export [NAME] [--anchor devices]",
		Short: "Write a CA certificate as PEM; --anchor is what brokers trust",
		Long:  helpCAExport,
		Args:  atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			if anchor != "" && len(args) > 0 {
				return failBoth("NAME", "--anchor")
			}
			name := "root"
			if len(args) == 1 {
				name = args[0]
			}
			return a.caExport(cmd.Context(), name, anchor, out)
		},
	}
	c.Flags().StringVar(&anchor, "anchor", "", "the anchor of this `kind` (its newest generation) or issuer: devices or devices-1")
	c.Flags().StringVar(&out, "out", "", "write to `FILE`, not to standard output")
	return c
}

func (a *app) caExport(ctx context.Context, name, anchor, out string) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	if anchor != "" {
		if name, err = newestIssuer(ctx, api, anchor); err != nil {
			return err
		}
	}
	i, err := api.Issuer(ctx, name)
	if err != nil {
		return err
	}
	text := i.PEM
	if anchor != "" {
		if text = i.Anchor; text == "" {
			return failNoAnchor(name)
		}
	}
	return a.writePublic(out, strings.TrimRight(text, "\n")+"\n")
}

// newestIssuer is the last generation of a kind; a name is itself.
func newestIssuer(ctx context.Context, api *client.Client, kind string) (string, error) {
	found, id := "", uint16(0)
	for i, err := range api.Issuers(ctx) {
		if err != nil {
			return "", fmt.Errorf("list the issuers: %w", err)
		}
		if i.Name == kind {
			return kind, nil
		}
		if i.Kind == kind && i.ID >= id {
			found, id = i.Name, i.ID
		}
	}
	if found == "" {
		return "", failNoIssuer(kind)
	}
	return found, nil
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	v1 "github.com/assay-pki/assay/api/v1"
)

func newToken(a *app) *cobra.Command {
	return group("token", "One-time enrolment secrets", newTokenCreate(a), newTokenList(a), newTokenVoid(a))
}

func newTokenCreate(a *app) *cobra.Command {
	var r v1.TokenRequest
	c := &cobra.Command{
		Use: "create --product P", Short: "Make a token; it is shown once", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.Product == "" {
				return failNeeds("token create", "--product P")
			}
			return a.tokenCreate(cmd.Context(), r)
		},
	}
	c.Flags().StringVar(&r.Product, "product", "", "the `product` it enrols")
	c.Flags().StringVar(&r.Serial, "serial", "", "the one device it enrols; none: any of the product")
	c.Flags().StringVar(&r.TTL, "ttl", "1h", "how long it may be used, as 1h or 7d")
	c.Flags().Uint32Var(&r.Uses, "uses", 1, "how many enrolments it pays for")
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "show what would be made and make nothing")
	return c
}

// tokenCreate prints the secret alone in a table or as a name, so that
// TOKEN=$(assay token create …) works, and everything as JSON.
func (a *app) tokenCreate(ctx context.Context, r v1.TokenRequest) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	t, err := api.CreateToken(ctx, r)
	if err != nil {
		return err
	}
	a.say.tokenMade(t)
	switch a.flags.output {
	case "table", "name":
		if t.DryRun {
			return nil
		}
		if _, err := io.WriteString(a.out, t.Token+"\n"); err != nil {
			return fmt.Errorf("write the token: %w", err)
		}
		return nil
	}
	return a.show(object(t, t.Token, append([]string{"token", t.Token}, tokenPairs(t)...)...))
}

func tokenPairs(t v1.Token) []string {
	return []string{
		"id", t.ID, "product", t.Product, "serial", t.Serial,
		"state", t.State, "uses", fmt.Sprintf("%d/%d", t.Used, t.Uses),
		"expires", when(t.ExpiresAt), "by", t.CreatedBy,
	}
}

func newTokenList(a *app) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List tokens; the secrets are not kept", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			columns := []string{"id", "product", "serial", "state", "uses", "expires", "by"}
			return showList(a, api.Tokens(cmd.Context()), limit, columns, func(t v1.Token) (string, []string) {
				pairs := tokenPairs(t)
				cells := make([]string, 0, len(columns))
				for i := 1; i < len(pairs); i += 2 {
					cells = append(cells, pairs[i])
				}
				return t.ID, cells
			})
		},
	}
	limitFlag(c.Flags(), &limit)
	return c
}

func newTokenVoid(a *app) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use: "void ID", Short: "End a token", Args: wants("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			t, err := api.VoidToken(cmd.Context(), args[0], dryRun)
			if err != nil {
				return err
			}
			return a.show(object(t, t.ID, append(tokenPairs(t), "dry run", yesNo(t.DryRun))...))
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and change nothing")
	return c
}

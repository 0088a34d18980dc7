package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newOperator(a *app) *cobra.Command {
	return group("operator", "Who may operate the authority",
		newOperatorAdd(a), newOperatorCertify(a), newOperatorList(a), newOperatorRemove(a))
}

func newOperatorAdd(a *app) *cobra.Command {
	var spec v1.OperatorSpec
	var out string
	var dryRun bool
	c := &cobra.Command{
		Use:   "add NAME --role ROLE --out DIR",
		Short: "Add an operator and make a credential here",
		Long:  helpOperatorAdd,
		Args:  wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if spec.Role == "" || (out == "" && !dryRun) {
				return failNeeds("operator add", "--role ROLE", "--out DIR")
			}
			return a.operatorAdd(cmd.Context(), args[0], spec, out, dryRun)
		},
	}
	f := c.Flags()
	f.StringVar(&spec.Role, "role", "", "admin, security, factory or auditor")
	f.StringSliceVar(&spec.Products, "product", nil, "bound to this `product`; none: all")
	f.StringSliceVar(&spec.Sites, "site", nil, "bound to this `site`; role factory must name them, * is all")
	f.StringVar(&out, "out", "", "new `directory` for operator.crt, operator.key, ca.crt")
	f.BoolVar(&dryRun, "dry-run", false, "show what would be added and add nothing")
	return c
}

func (a *app) operatorAdd(ctx context.Context, name string, spec v1.OperatorSpec, out string, dryRun bool) error {
	if !dryRun {
		if err := freeDirectory(out); err != nil {
			return err
		}
	}
	body, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("encode the operator: %w", err)
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	doc := v1.Document{APIVersion: v1.APIVersion, Kind: v1.KindOperator, Name: name, Spec: body}
	applied, err := api.Apply(ctx, doc, client.Expect{New: true, DryRun: dryRun})
	if err != nil {
		return err
	}
	if dryRun {
		return a.show(a.appliedSheet(applied))
	}
	if _, err := a.certifyOperator(ctx, api, name, out); err != nil {
		return failNoCertificateYet(name, err)
	}
	a.say.operatorMade(name, out)
	return a.show(a.appliedSheet(applied))
}

func newOperatorCertify(a *app) *cobra.Command {
	var out string
	var dryRun bool
	c := &cobra.Command{
		Use:   "certify NAME --out DIR",
		Short: "Make a new credential for an operator that is there",
		Args:  wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" && !dryRun {
				return failNeeds("operator certify", "--out DIR")
			}
			return a.operatorCertify(cmd.Context(), args[0], out, dryRun)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be issued and issue nothing")
	c.Flags().StringVar(&out, "out", "", "new `directory` for operator.crt, operator.key, ca.crt")
	return c
}

func (a *app) operatorCertify(ctx context.Context, name, out string, dryRun bool) error {
	if dryRun {
		out = ""
	} else if err := freeDirectory(out); err != nil {
		return err
	}
	return a.withAPI(func(api *client.Client) error {
		made, err := a.certifyOperator(ctx, api, name, out)
		if err != nil {
			return err
		}
		if !dryRun {
			a.say.operatorMade(name, out)
		}
		return a.show(object(made, name, "operator", name, "serial", made.Certificate.Serial,
			"not after", when(made.Certificate.NotAfter), "dry run", yesNo(made.DryRun)))
	})
}

// certifyOperator makes the key here and sends only a request for its
// certificate. Without a directory it is a dry run.
func (a *app) certifyOperator(ctx context.Context, api *client.Client, name, out string) (v1.Credential, error) {
	pair, err := newKey(name)
	if err != nil {
		return v1.Credential{}, err
	}
	made, err := api.CertifyOperator(ctx, name, pair.csr, out == "")
	if err != nil || out == "" {
		return made, err
	}
	return made, writeCredential(out, map[string][]byte{
		client.KeyFile:         pair.key,
		client.CertificateFile: []byte(made.Chain),
		client.RootsFile:       []byte(made.Roots),
	})
}

func newOperatorList(a *app) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List operators", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			columns := []string{"name", "role", "products", "sites", "certificates", "state", "changed"}
			return showList(a, api.Operators(cmd.Context()), limit, columns, func(o v1.Operator) (string, []string) {
				var spec v1.OperatorSpec
				// A spec of a newer server is shown as far as it is understood.
				_ = json.Unmarshal(o.Spec, &spec)
				state := "active"
				if o.Removed {
					state = "removed"
				}
				return o.Name, []string{
					o.Name, spec.Role, list(spec.Products), list(spec.Sites),
					fmt.Sprint(len(o.Certificates)), state, when(o.ChangedAt),
				}
			})
		},
	}
	limitFlag(c.Flags(), &limit)
	return c
}

func newOperatorRemove(a *app) *cobra.Command {
	var dryRun, yes bool
	c := &cobra.Command{
		Use: "remove NAME", Short: "End an operator's right and revoke the certificates", Args: wants("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !dryRun {
				if err := a.sure(yes, askRemoveOperator(args[0])); err != nil {
					return err
				}
			}
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			change, err := api.RemoveOperator(cmd.Context(), args[0], client.Expect{DryRun: dryRun})
			if err != nil {
				return err
			}
			return a.showChange(change)
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change and change nothing")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

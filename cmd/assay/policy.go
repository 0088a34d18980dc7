package main

import "github.com/spf13/cobra"

func newPolicy(a *app) *cobra.Command {
	show := &cobra.Command{
		Use: "show", Short: "Show the policy; -o yaml is what apply -f takes", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			defer api.Close()
			p, err := api.Policy(cmd.Context())
			if err != nil {
				return err
			}
			return a.showDeclared(p, p.Declared)
		},
	}
	return group("policy", "The authority's policy; change it with assay apply -f", show)
}

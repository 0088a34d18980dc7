package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newConfig(a *app) *cobra.Command {
	var origin bool
	view := &cobra.Command{
		Use:   "view",
		Short: "Show the node's effective settings",
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.configView(cmd, origin)
		},
	}
	view.Flags().BoolVar(&origin, "show-origin", false, "show where each value comes from")
	return group("config", "The node's settings: assay.yaml, ASSAY_* variables, flags", view)
}

// settingView is one setting as JSON shows it.
type settingView struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin,omitempty"`
}

func (a *app) configView(cmd *cobra.Command, origin bool) error {
	s, err := loadSettings(a.flags.dir, a.environ, cmd.Flags())
	if err != nil {
		return err
	}
	sh := sheet{columns: []string{"key", "value"}}
	if origin {
		sh.columns = append(sh.columns, "origin")
	}
	for _, k := range settingsTable() {
		item := settingView{Key: k.key, Value: s.values.Get(k.key)}
		cells := []string{k.key, fmt.Sprint(item.Value)}
		if origin {
			item.Origin = s.origin[k.key]
			cells = append(cells, item.Origin)
		}
		sh.add(item, k.key, cells...)
	}
	return a.show(sh)
}

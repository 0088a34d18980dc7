package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newIncident(a *app) *cobra.Command {
	return group("incident", "Anomalies and what was done about them",
		newIncidentList(a), newIncidentShow(a), newIncidentClose(a), newIncidentContain())
}

func newIncidentList(a *app) *cobra.Command {
	var filter client.IncidentFilter
	var open bool
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List incidents, the newest first", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if open && filter.State != "" {
				return failBoth("--open", "--state")
			}
			if open {
				filter.State = v1.IncidentOpen
			}
			return a.withAPI(func(api *client.Client) error {
				columns := []string{"id", "kind", "state", "object", "other", "actor", "count", "opened", "last"}
				return showList(a, api.Incidents(cmd.Context(), filter), limit, columns, func(i v1.Incident) (string, []string) {
					id := strconv.FormatUint(i.ID, 10)
					return id, []string{
						id, i.Kind, i.State, i.Object, i.Other, i.Actor, strconv.FormatUint(i.Count, 10), when(i.OpenedAt), when(i.LastAt),
					}
				})
			})
		},
	}
	c.Flags().BoolVar(&open, "open", false, "those that are open")
	c.Flags().StringVar(&filter.State, "state", "", "in this `state`: open, contained, closed")
	c.Flags().StringVar(&filter.Kind, "kind", "", "of this `kind`, as key-of-another-device")
	c.Flags().StringVar(&filter.Object, "object", "", "about this `object`, as PRODUCT/SERIAL")
	limitFlag(c.Flags(), &limit)
	return c
}

func incidentSheet(i v1.Incident) sheet {
	id := strconv.FormatUint(i.ID, 10)
	return object(i, id,
		"id", id, "kind", i.Kind, "state", i.State, "object", i.Object, "other", i.Other,
		"actor", i.Actor, "source", i.Source, "count", strconv.FormatUint(i.Count, 10),
		"opened", when(i.OpenedAt), "last", when(i.LastAt),
		"closed", when(i.ClosedAt), "by", i.ClosedBy, "comment", i.Comment, "dry run", yesNo(i.DryRun))
}

func newIncidentShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show an incident", Args: wants("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseIncident(args[0])
			if err != nil {
				return err
			}
			return a.withAPI(func(api *client.Client) error {
				i, err := api.Incident(cmd.Context(), id)
				if err != nil {
					return err
				}
				return a.show(incidentSheet(i))
			})
		},
	}
}

func newIncidentClose(a *app) *cobra.Command {
	var body v1.IncidentClose
	c := &cobra.Command{
		Use: "close ID", Short: "End an incident", Args: wants("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseIncident(args[0])
			if err != nil {
				return err
			}
			return a.withAPI(func(api *client.Client) error {
				i, err := api.CloseIncident(cmd.Context(), id, body)
				if err != nil {
					return err
				}
				return a.show(incidentSheet(i))
			})
		},
	}
	c.Flags().StringVar(&body.Comment, "comment", "", "what it was and what was done; it goes into the audit log")
	c.Flags().BoolVar(&body.DryRun, "dry-run", false, "show what would change and change nothing")
	return c
}

func newIncidentContain() *cobra.Command {
	return &cobra.Command{
		Use: "contain ID", Short: "Not available in this version", Hidden: true, Args: wants("ID"),
		RunE: func(*cobra.Command, []string) error {
			return failLater("incident contain", "assay device hold PRODUCT/SERIAL, or assay station revoke NAME")
		},
	}
}

func parseIncident(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, failIncident(text)
	}
	return id, nil
}

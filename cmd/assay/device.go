package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
)

func newDevice(a *app) *cobra.Command {
	return group("device", "Devices: look at them, hold, release, decommission, rework, scrap",
		newDeviceList(a), newDeviceShow(a), newDeviceTimeline(a),
		newDeviceAct(a, "hold", "Suspend a device and all its certificates", (*client.Client).Hold),
		newDeviceAct(a, "release", "Undo a hold", (*client.Client).Release),
		newDeviceAct(a, "decommission", "End a device for ever", (*client.Client).Decommission),
		newDeviceAct(a, "rework", "Let a station give a device a new key, once", (*client.Client).Rework),
		newDeviceAct(a, "scrap", "End a device that never left the factory", (*client.Client).Scrap),
	)
}

func newDeviceList(a *app) *cobra.Command {
	var filter client.DeviceFilter
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List devices", Long: helpDeviceList, Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.deviceList(cmd.Context(), filter, limit)
		},
	}
	c.Flags().StringVar(&filter.Product, "product", "", "of this `product`")
	c.Flags().StringVar(&filter.State, "state", "", "in this `state`: expected, active, held, decommissioned, scrapped")
	c.Flags().StringVar(&filter.Query, "query", "", "those that match this `query`")
	limitFlag(c.Flags(), &limit)
	return c
}

func (a *app) deviceList(ctx context.Context, filter client.DeviceFilter, limit int) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	columns := []string{"device", "state", "reason", "batch", "firmware", "tier", "certificates", "activated", "changed"}
	// An export has what is too wide for a table.
	export := a.flags.output == "csv"
	if export {
		columns = append(columns, "site", "line", "station", "vendor id", "attributes")
	}
	return showList(a, api.Devices(ctx, filter), limit, columns, func(d v1.Device) (string, []string) {
		cells := []string{
			d.ID, d.State, d.Reason, d.Batch, runs(d), d.Tier,
			strconv.Itoa(d.CertificateCount), when(d.ActivatedAt), when(d.ChangedAt),
		}
		if export {
			cells = append(cells, d.Site, d.Line, d.Station, d.VendorID, details(d.Attributes))
		}
		return d.ID, cells
	})
}

func newDeviceShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a device and its certificates", Long: helpID, Args: wants("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deviceShow(cmd.Context(), args[0])
		},
	}
}

func (a *app) deviceShow(ctx context.Context, id string) error {
	named, err := a.readSubject(id)
	if err != nil {
		return err
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	product, serial, err := resolveDevice(ctx, api, named)
	if err != nil {
		return err
	}
	d, err := api.Device(ctx, product, serial)
	if err != nil {
		return err
	}
	err = a.show(deviceSheet(d))
	if err != nil || a.flags.output != "table" || len(d.Certificates) == 0 {
		return err
	}
	s := sheet{columns: certificateColumns()}
	for _, c := range d.Certificates {
		s.add(c, c.Serial, certificateCells(c)...)
	}
	a.blankLine()
	return a.show(s)
}

func deviceSheet(d v1.Device) sheet {
	return object(
		d, d.ID,
		"device", d.ID, "state", d.State, "reason", d.Reason, "rework", yesNo(d.Rework),
		"batch", d.Batch, "site", d.Site, "line", d.Line, "station", d.Station,
		"vendor id", d.VendorID, "attributes", details(d.Attributes),
		"firmware", runs(d), "tier", tierText(d.Tier), "evidence", evidenceText(d),
		"activated", when(d.ActivatedAt), "renewed", when(d.RenewedAt), "seen", when(d.SeenAt), "changed", when(d.ChangedAt),
		"certificates", strconv.Itoa(d.CertificateCount),
	)
}

// runs is the firmware that the newest appraisal found: its version, and with
// several components their names too.
func runs(d v1.Device) string {
	words := make([]string, len(d.Firmware))
	for i, c := range d.Firmware {
		words[i] = c.Component + "=" + c.Version
		if len(d.Firmware) == 1 {
			words[i] = c.Version
		}
	}
	return list(words)
}

func evidenceText(d v1.Device) string {
	if d.Format == "" {
		return ""
	}
	return fmt.Sprintf("%s, fresh: %s", d.Format, d.Fresh)
}

func newDeviceTimeline(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "timeline ID", Short: "Show what happened to a device", Long: helpID, Args: wants("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			named, err := a.readSubject(args[0])
			if err != nil {
				return err
			}
			return a.withAPI(func(api *client.Client) error {
				product, serial, err := resolveDevice(cmd.Context(), api, named)
				if err != nil {
					return err
				}
				t, err := api.Timeline(cmd.Context(), product, serial)
				if r, ok := errors.AsType[*v1.Refusal](err); ok && r.Reason == v1.NotFound {
					return failNoTimeline(product+"/"+serial, r)
				}
				if err != nil {
					return err
				}
				return a.showTimeline(t)
			})
		},
	}
}

// showTimeline is a list of events, as audit log shows it.
func (a *app) showTimeline(t v1.Timeline) error {
	s := sheet{columns: eventColumns()}
	for _, e := range t.Events {
		name, cells := eventCells(e)
		s.add(e, name, cells...)
	}
	if t.More {
		a.say.olderEvents(t.ID)
	}
	return a.show(s)
}

// resolveDevice finds the device: that of a certificate is in its record.
func resolveDevice(ctx context.Context, api *client.Client, s subject) (product, serial string, err error) {
	if s.device == "" {
		c, err := api.Certificate(ctx, s.serial)
		if err != nil {
			return "", "", err
		}
		if c.Device == "" {
			return "", "", failNotADevice(s.serial, c.HolderKind, c.Holder)
		}
		s.device = c.Device
	}
	product, serial, _ = strings.Cut(s.device, "/")
	return product, serial, nil
}

// deviceAct is hold, release or decommission of the client.
type deviceAct func(*client.Client, context.Context, string, string, v1.Act, bool) (v1.StatusChange, error)

func newDeviceAct(a *app, verb, short string, act deviceAct) *cobra.Command {
	var body v1.Act
	var dryRun, yes bool
	c := &cobra.Command{
		Use: verb + " ID", Short: short, Long: helpID, Args: wants("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deviceAct(cmd.Context(), verb, args[0], act, body, dryRun, yes)
		},
	}
	actFlags(c, &body.Comment, &body.Ticket, &dryRun)
	if final(verb) {
		c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	}
	return c
}

// final tells whether an act can't be undone.
func final(verb string) bool { return verb == "decommission" || verb == "scrap" }

// actFlags are the flags of everything that changes a status.
func actFlags(c *cobra.Command, comment, ticket *string, dryRun *bool) {
	c.Flags().StringVar(comment, "comment", "", "why; it goes into the audit log")
	c.Flags().StringVar(ticket, "ticket", "", "reference to a ticket; it goes into the audit log")
	c.Flags().BoolVar(dryRun, "dry-run", false, "show what would change and change nothing")
}

func (a *app) deviceAct(ctx context.Context, verb, id string, act deviceAct, body v1.Act, dryRun, yes bool) error {
	named, err := a.readSubject(id)
	if err != nil {
		return err
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	product, serial, err := resolveDevice(ctx, api, named)
	if err != nil {
		return err
	}
	if final(verb) && !dryRun {
		if err := a.sure(yes, askEnd(verb, product+"/"+serial)); err != nil {
			return err
		}
	}
	change, err := act(api, ctx, product, serial, body, dryRun)
	if err != nil {
		return err
	}
	return a.showChange(change)
}

// sure asks before what can't be undone, when a person is there to ask.
func (a *app) sure(yes bool, question string) error {
	if yes || !a.say.asks {
		return nil
	}
	ok, err := a.say.confirm(question)
	if err != nil {
		return err
	}
	if !ok {
		return failNotConfirmed()
	}
	return nil
}

// showChange prints what an act on a status did.
func (a *app) showChange(change v1.StatusChange) error {
	name, state, reason, rework := "", "", "", ""
	if d := change.Device; d != nil {
		name, state, reason, rework = d.ID, d.State, d.Reason, yesNo(d.Rework)
	}
	serials := make([]string, len(change.Changed))
	for i, c := range change.Changed {
		serials[i] = c.Serial
	}
	if change.Device != nil && change.Device.Rework && len(change.Changed) == 0 {
		a.say.reworkOpened(change)
	} else {
		a.say.changedStatus(change)
	}
	if name == "" {
		name = list(serials)
	}
	return a.show(object(
		change, name,
		"device", deviceOf(change), "state", state, "reason", reason, "rework", rework,
		"changed", strconv.Itoa(len(change.Changed)), "serials", list(serials),
		"dry run", yesNo(change.DryRun),
	))
}

func deviceOf(change v1.StatusChange) string {
	if change.Device == nil {
		return ""
	}
	return change.Device.ID
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
